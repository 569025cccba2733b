"""What ensembles share: members, seeds, and what they may be asked together.

Members are tables as in `[[forecasters]]`.  All of them learn from the same windows, so they answer for
the same target; "trend" and "direction" learn the label of "return" and may stand beside it.  With n
seeds, a member whose answers depend on the seed is fitted n times, with seeds n s, ..., n s + n - 1,
where s is the ensemble's own.  A member counts once, however many fits it has.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, PrivateAttr, model_validator

from ...core import QUIET, ConfigError, DataError, FitError, Progress
from ...core.extensions import build
from ..base import Arrays, Forecaster, Prediction
from ..labels import CLASSES, TargetName
from ..windows import Float64Array, Windows

Fitted = Sequence[Sequence[Forecaster]]
"""The fits of each member."""

_SECOND = "second."


class Ensemble(Forecaster):
    """A forecaster made of others; a kind says how their answers become one.

    members
        Tables as in `[[forecasters]]`: `kind` and its settings.  An ensemble may be a member.
    seeds
        Fits of each member whose answers depend on the seed.
    """

    members: tuple[dict[str, Any], ...] = Field(min_length=1)
    seeds: int = Field(default=1, ge=1)
    _models: tuple[Forecaster, ...] = PrivateAttr(())
    _fitted: Fitted = PrivateAttr(())
    _second: Arrays = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _written_out(cls, data: Any) -> Any:
        tables = data.get("members") if isinstance(data, Mapping) else None
        if not isinstance(tables, (list, tuple)):
            return data
        return {**data, "members": [_written_out(t, n) for n, t in enumerate(tables, start=1)]}

    @model_validator(mode="after")
    def _built(self) -> Self:
        self._models = tuple(_built(t, n) for n, t in enumerate(self.members, start=1))
        for number, model in enumerate(self._models[1:], start=2):
            if _labels(model) != _labels(self._models[0]):
                raise ValueError(
                    f"{self._name(number - 1)} forecasts {_listed(model)}, {self._name(0)} "
                    f"{_listed(self._models[0])}: members of an ensemble learn the same target"
                )
        if len(self._questions()) > 1:
            asked = " and ".join(f"{name!r} with a band of {band:g}" for name, band in self._questions())
            raise ValueError(f"members answer {asked}: their probabilities do not go together")
        return self

    @property
    def stochastic(self) -> bool:  # type: ignore[override]  # of the members, so not of the class
        """Whether any member's answers depend on the seed."""
        return any(model.stochastic for model in self._models)

    @property
    def multi_output(self) -> bool:  # type: ignore[override]  # of the members, so not of the class
        """Whether all members answer for all steps and targets at once."""
        return all(model.multi_output for model in self._models)

    @property
    def any_length(self) -> bool:  # type: ignore[override]  # of the members, so not of the class
        """Whether all members take windows of fewer rows than the look-back."""
        return all(model.any_length for model in self._models)

    @property
    def targets(self) -> tuple[TargetName, ...]:
        """The members' targets; classes only where no member answers with a value."""
        values = [model.targets for model in self._models if model.targets[0] not in CLASSES]
        return values[0] if values else self._models[0].targets

    @property
    def band(self) -> float:
        """Dead band of the members that answer for "direction"; 0 where there are none."""
        return max((band for _, band in self._questions()), default=0.0)

    @property
    def parts(self) -> tuple[Forecaster, ...]:
        """The members, as they are before any fit."""
        return self._models

    @property
    def warm(self) -> bool:
        """Whether any member goes on from the fold before."""
        return any(model.warm for model in self._models)

    @property
    def knows_until(self) -> date | None:
        """Latest knowledge cut-off among the members."""
        known = [m.knows_until for m in self._models if m.knows_until is not None]
        return max(known, default=None)

    @property
    def contaminated(self) -> bool:
        """Whether every pre-trained member is declared so."""
        trained = [model for model in self._models if model.knows_until is not None]
        return bool(trained) and all(getattr(model, "contaminated", False) for model in trained)

    def fit(
        self,
        train: Windows,
        valid: Windows,
        *,
        seed: int = 0,
        progress: Progress = QUIET,
        checkpoint: Path | None = None,
    ) -> None:
        """Fit every member, as it would be fitted alone, after what `second_level` asks for."""

        def cold(train: Windows, valid: Windows) -> Fitted:
            folder = checkpoint and checkpoint / "first"
            return self._fit_members(train, valid, (), seed, progress, folder)

        second = self.second_level(train, valid, cold)
        self._fitted = self._fit_members(train, valid, self._fitted, seed, progress, checkpoint)
        self._second = second

    def second_level(
        self, train: Windows, valid: Windows, members: Callable[[Windows, Windows], Fitted]
    ) -> Arrays:
        """What a kind learns of its members, as named arrays; nothing here.

        `members` fits them on some of the windows, and never from those of the fold before.
        """
        return {}

    def _fit_members(
        self,
        train: Windows,
        valid: Windows,
        before: Fitted,
        seed: int,
        progress: Progress,
        checkpoint: Path | None,
    ) -> Fitted:
        found: list[list[Forecaster]] = []
        for i, model in enumerate(self._models):
            copies = self.seeds if model.stochastic else 1
            fits = []
            for k in range(copies):
                start = before[i][k] if before and model.warm else model
                one = start.model_copy(deep=True)
                name = self._name(i) + (f", seed {k + 1} of {copies}" if copies > 1 else "")
                try:
                    one.fit(
                        train,
                        valid,
                        seed=seed * self.seeds + k,
                        progress=_Within(progress, name),
                        checkpoint=checkpoint and checkpoint / f"member-{i + 1}" / f"seed-{k + 1}",
                    )
                except FitError as error:
                    raise FitError(f"{name}: {error}") from error
                fits.append(one)
            found.append(fits)
        return found

    def answers(self, windows: Windows) -> list[list[Prediction]]:
        """The prediction of each fit of each member."""
        if not self._fitted:
            raise DataError(f"{self.kind} predicts after fit only: call fit or load first")
        return answers_of(self._fitted, windows)

    def state(self) -> Arrays:
        """Number of fits of each member; under `member-i.seed-k.`, what it learned; the second level."""
        if not self._fitted:
            return {}
        found = {_SECOND + name: value for name, value in self._second.items()}
        found["fits"] = np.array([len(fits) for fits in self._fitted])
        for i, fits in enumerate(self._fitted, start=1):
            for k, fit in enumerate(fits, start=1):
                found |= {f"member-{i}.seed-{k}.{name}": v for name, v in fit.state().items()}
        return found

    def restore(self, state: Arrays) -> None:
        """Take over what each fit learned, and the second level."""
        if not state:
            return
        found: list[list[Forecaster]] = []
        for i, (model, count) in enumerate(zip(self._models, state["fits"].tolist(), strict=True), 1):
            fits = [model.model_copy(deep=True) for _ in range(count)]
            for k, fit in enumerate(fits, start=1):
                fit.restore(_under(f"member-{i}.seed-{k}.", state))
            found.append(fits)
        self._fitted, self._second = found, _under(_SECOND, state)

    def _name(self, i: int) -> str:
        table = self.members[i]
        return f"member {i + 1} ({table.get('name', table['kind'])})"

    def _questions(self) -> list[tuple[str, float]]:
        """The questions that members answer with probabilities, each once, in order."""
        asked = [m for m in self._models if m.targets[0] in CLASSES]
        bands = [getattr(m, "band", 0.0) if m.targets == ("direction",) else 0.0 for m in asked]
        return list(dict.fromkeys(zip((m.targets[0] for m in asked), bands, strict=True)))


class _Within:
    """Progress of a member's fit: its tasks carry the member's name."""

    def __init__(self, outer: Progress, name: str) -> None:
        self._outer, self._name = outer, name

    def begin(self, task: str, total: int) -> None:
        self._outer.begin(f"{self._name}, {task}", total)

    def advance(self, task: str, steps: int = 1) -> None:
        self._outer.advance(f"{self._name}, {task}", steps)

    def note(self, message: str) -> None:
        self._outer.note(f"{self._name}: {message}")


def answers_of(fitted: Fitted, windows: Windows) -> list[list[Prediction]]:
    """The prediction of each fit of each member."""
    return [[fit.predict(windows) for fit in fits] for fits in fitted]


def _under(prefix: str, state: Arrays) -> Arrays:
    """The arrays whose name starts with a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def paths_like(values: Float64Array | None, windows: Windows, outputs: int = 1) -> Float64Array:
    """A prediction's values as [n, steps, outputs]; NaN where it does not answer."""
    found = np.full((len(windows), len(windows.steps), outputs), np.nan)
    if values is None:
        return found
    if values.ndim == 1:
        found[:, -1, 0] = values
    elif values.ndim == 2:
        found[:, :, 0] = values
    else:
        found[:] = values
    return found


def without_axes(paths: Float64Array) -> Float64Array:
    """[n] where there is one step and one output, [n, steps] where there is one output."""
    if paths.ndim == 3 and paths.shape[2] == 1:
        paths = paths[:, :, 0]
    return paths[:, 0] if paths.ndim == 2 and paths.shape[1] == 1 else paths


def weighted_mean(parts: Sequence[Float64Array], weights: Sequence[float] | None = None) -> Float64Array:
    """Mean over those parts that are not NaN, element by element; NaN where all are."""
    weights = [1.0] * len(parts) if weights is None else weights
    total, weight = np.zeros(parts[0].shape), np.zeros(parts[0].shape)
    for part, share in zip(parts, weights, strict=True):
        known = ~np.isnan(part)
        total += np.where(known, share * part, 0.0)
        weight += share * known
    found: Float64Array = np.full(total.shape, np.nan)
    np.divide(total, weight, out=found, where=weight > 0)
    return found


def _written_out(table: object, number: int) -> dict[str, Any]:
    """A member's table with every default; `ConfigError` names the member that is wrong."""
    if isinstance(table, Forecaster):
        table = {"kind": table.kind, **table.model_dump(mode="json", exclude_none=True)}
    if not isinstance(table, Mapping):
        raise ConfigError(f"member {number} must be a table with a 'kind', received {table!r}")
    model = _built(table, number)
    named = {"name": str(table["name"])} if "name" in table else {}
    return {"kind": model.kind, **named, **model.model_dump(mode="json", exclude_none=True)}


def _built(table: Mapping[str, Any], number: int) -> Forecaster:
    rest = {key: value for key, value in table.items() if key != "name"}
    return build(__package__ or "", rest, Forecaster, f"member {number}")


def _labels(model: Forecaster) -> tuple[str, ...]:
    """The targets by the labels that they are learned from."""
    return tuple("return" if name in CLASSES else name for name in model.targets)


def _listed(model: Forecaster) -> str:
    return ", ".join(repr(name) for name in model.targets)
