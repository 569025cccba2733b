"""A trained model with everything that it needs to forecast again: fitted once, stored, asked for later.

Training is the fold that the walk-forward would fit at the newest session s, and no other:

    train, valid:  as in `walk_forward.py`, on every label that has ended at the close of s
    forecast:      any session from `fit_end`, the end of the last label seen, on

so what a stored model says of s is, bit for bit, what a walk-forward that starts at s says.  A session
before `fit_end` is refused: the model has seen what came after it.
"""

import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from ..core import (
    QUIET,
    Bars,
    ConfigError,
    DataError,
    Features,
    Forecasts,
    LookAheadError,
    PanicIndex,
    Progress,
)
from ._checkpoints import _LIBRARIES, fit_key
from ._folds import Fold, Table, fold_table
from ._model_folder import FACTS, read_folder, write_folder
from ._parts import LOSSES, Part, fit_parts, last_fold
from ._stated import stated
from .base import Forecaster, check_lengths
from .features import FeatureSet
from .series import ExternalSeries
from .walk_forward import WalkForward
from .windows import Int64Array

_NONE = np.empty(0, dtype=np.int64)
_NEVER = np.datetime64("NaT", "ns")


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A trained model; `FittedModel.fit` makes one, `FittedModel.load` reads one.

    name, seed
        As in `Forecasts`.
    settings
        The protocol: horizon, lookback, steps, pool, scaling (`start` and `end` count for nothing).
    features
        What the windows are made of.
    parts
        The fits: one, or one for each step and symbol that asks for one of its own.
    symbols, calendar
        Of the bars it was trained on.
    fit_start, fit_end
        First session in a training window, last label end in training or validation.
    key
        Hash of everything that the fit depends on: same bars and settings, same key.
    versions
        Of Python, qushi and the libraries that fit.
    losses
        One row a part and epoch, columns `LOSSES`; NaN for models without epochs.
    """

    name: str
    seed: int
    settings: WalkForward
    features: FeatureSet
    parts: tuple[Part, ...]
    symbols: tuple[str, ...]
    calendar: str
    fit_start: pd.Timestamp
    fit_end: pd.Timestamp
    key: str
    versions: Mapping[str, str] = field(default_factory=dict)
    losses: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(LOSSES)))

    @classmethod
    def fit(
        cls,
        name: str,
        forecaster: Forecaster,
        feature_set: FeatureSet,
        features: Features,
        bars: Bars,
        settings: WalkForward,
        *,
        seed: int = 0,
        key: str | None = None,
        checkpoint: Path | None = None,
        progress: Progress = QUIET,
    ) -> Self:
        """Train on everything up to the newest bar; `features` are those that `feature_set` built.

        `forecaster` itself stays as it is.  With `checkpoint`, a folder, a fit that was interrupted goes
        on where it stopped.  `key` is that of `key_of`, where it is known already.  Raises `DataError`
        where history is too short, `FitError` from the model and where a pre-trained one may have seen
        the newest session.
        """
        if settings.steps == "recursive":
            raise ConfigError(
                'a trained model answers for the next close: train with horizon = 1 and steps = "last", '
                "and go on from it with recursive_forecasts",
                key="steps",
            )
        asked = without_window(settings)
        check_lengths(forecaster, asked.needed_rows, asked.lookback)
        table = _table(features, bars, asked, forecaster)
        fold = last_fold(table, asked)
        parts = fit_parts(table, fold, forecaster, asked, seed, checkpoint, progress)
        return cls(
            name,
            seed,
            asked,
            feature_set,
            parts,
            bars.symbols,
            bars.calendar,
            pd.Timestamp(fold.fit_start),
            pd.Timestamp(fold.fit_end),
            key or key_of(forecaster, settings, features, bars, seed),
            _versions(),
            pd.concat([part.losses for part in parts], ignore_index=True),
        )

    @property
    def steps(self) -> tuple[int, ...]:
        """The horizons that it answers for, ascending."""
        return self.settings.fitted_steps

    @property
    def forecaster(self) -> Forecaster:
        """The model, or the first of several with the same settings."""
        return self.parts[0].forecaster

    def predict(
        self,
        bars: Bars,
        panic: PanicIndex | None = None,
        series: Sequence[ExternalSeries] = (),
        *,
        sessions: Iterable[pd.Timestamp] | None = None,
    ) -> Forecasts:
        """Forecasts decided at the close of `sessions`, by default of the newest in `bars`.

        A symbol without a complete window there has no row.  Nothing after the last of `sessions` is
        looked at.  Raises `LookAheadError` for a session before `fit_end`, `DataError` for one without
        bars, for bars of another exchange, and where no symbol has a complete window.
        """
        wanted = self.wanted(bars, sessions)
        known = bars.between(None, wanted[-1])
        return self.answer(self.table(self.features.build(known, panic, series), known), wanted)

    def wanted(self, bars: Bars, sessions: Iterable[pd.Timestamp] | None = None) -> pd.DatetimeIndex:
        """The sessions to decide at, ascending; refused as `predict` says."""
        if bars.calendar != self.calendar:
            raise DataError(
                f"{self.name} was trained on bars of {self.calendar}, received bars of {bars.calendar}"
            )
        asked = bars.sessions[-1:] if sessions is None else pd.DatetimeIndex(list(sessions))
        asked = asked.unique().sort_values()
        if not len(asked):
            raise DataError("no session to forecast: name one, or leave them out for the newest")
        if asked[0] < self.fit_end:
            raise LookAheadError(
                f"{self.name} was trained on prices up to {self.fit_end:%Y-%m-%d} and cannot forecast "
                f"{asked[0]:%Y-%m-%d} honestly: choose a later session, or train on bars that end there"
            )
        off = asked.difference(bars.sessions)
        if len(off):
            raise DataError(
                f"no bars on {off[0]:%Y-%m-%d}: they run from {bars.sessions[0]:%Y-%m-%d} to "
                f"{bars.sessions[-1]:%Y-%m-%d}, on days with trade"
            )
        return asked

    def table(self, features: Features, bars: Bars) -> Table:
        """The rows that its windows look at; `DataError` where the features are not its own."""
        known = self.parts[0].scaler.names
        if features.names != known:
            raise DataError(
                f"{self.name} was trained on the features {', '.join(known)}; received "
                f"{', '.join(features.names)}"
            )
        return _table(features, bars, self.settings, self.forecaster)

    def answer(self, table: Table, sessions: pd.DatetimeIndex) -> Forecasts:
        """The forecasts of all complete windows that end at `sessions`, which `wanted` has checked."""
        frames = []
        for part in self.parts:
            rows = self.rows(part, table, sessions)
            if not len(rows):
                continue
            panel = table.panel(part.scaler, sessions[-1].to_datetime64(), part.symbol)
            steps = slice(part.first, part.stop)
            windows = panel.windows(rows, self.settings.lookback, steps, with_targets=False)
            answer = part.forecaster.predict(windows)
            frames.append(stated(answer, windows, table, self.fold(rows, sessions), part.forecaster))
        if not frames:
            raise DataError(
                f"nothing to forecast on {sessions[-1]:%Y-%m-%d}: no symbol has a complete window there"
            )
        frame = pd.concat(frames, ignore_index=True).assign(model=self.name, seed=self.seed)
        return Forecasts.concat([Forecasts(frame)])

    def rows(self, part: Part, table: Table, sessions: pd.DatetimeIndex) -> Int64Array:
        """Rows of the table that a part can answer for."""
        keep = table.complete & np.isin(table.session, sessions.to_numpy())
        if part.symbol is not None:
            keep &= table.symbol == part.symbol
        return np.flatnonzero(keep)

    def fold(self, rows: Int64Array, sessions: pd.DatetimeIndex) -> Fold:
        """These rows as the test rows of a fold that was fitted as this model was."""
        first, last = sessions[0].to_datetime64(), sessions[-1].to_datetime64()
        start, end = self.fit_start.to_datetime64(), self.fit_end.to_datetime64()
        return Fold(0, _NONE, _NONE, rows, first, last, last, _NEVER, start, end)

    def save(self, folder: Path) -> None:
        """Write a folder of JSON and safetensors, whole or not at all; a trained model is replaced.

        Raises `DataError` where something else is in the way.
        """
        facts = {
            "name": self.name,
            "seed": self.seed,
            "walk_forward": self.settings.model_dump(mode="json", exclude_none=True),
            "features": self.features.model_dump(mode="json", exclude_none=True),
            "symbols": list(self.symbols),
            "calendar": self.calendar,
            "fit_start": f"{self.fit_start:%Y-%m-%d}",
            "fit_end": f"{self.fit_end:%Y-%m-%d}",
            "key": self.key,
            "versions": dict(self.versions),
            "losses": [_plain(row) for row in self.losses.to_dict("records")],
        }
        write_folder(folder, self.parts, facts)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model that `save` wrote; `DataError` where the folder holds none that can be read."""
        parts, facts = read_folder(folder)
        losses = pd.DataFrame(facts["losses"], columns=list(LOSSES))
        return cls(
            facts["name"],
            facts["seed"],
            WalkForward.parse(facts["walk_forward"], f"{folder / FACTS}"),
            FeatureSet.parse(facts["features"], f"{folder / FACTS}"),
            parts,
            tuple(facts["symbols"]),
            facts["calendar"],
            pd.Timestamp(facts["fit_start"]).as_unit("ns"),
            pd.Timestamp(facts["fit_end"]).as_unit("ns"),
            facts["key"],
            facts["versions"],
            losses.astype({"train_loss": float, "valid_loss": float}),
        )

    @property
    def stale(self) -> tuple[str, ...]:
        """What has another version now than when it was trained, as `torch 2.13.0, now 2.14.0`."""
        now = _versions()
        return tuple(
            f"{name} {was}, now {now.get(name, 'missing')}"
            for name, was in self.versions.items()
            if now.get(name) != was
        )


def key_of(
    forecaster: Forecaster, settings: WalkForward, features: Features, bars: Bars, seed: int
) -> str:
    """Hash of everything that a fit on these bars depends on."""
    return fit_key(forecaster, without_window(settings), features, bars, seed)


def without_window(settings: WalkForward) -> WalkForward:
    """The same protocol without the window to forecast, which a trained model has none of."""
    return settings.model_copy(update={"start": None, "end": None})


def _table(features: Features, bars: Bars, settings: WalkForward, forecaster: Forecaster) -> Table:
    return fold_table(
        features,
        bars,
        settings.horizon,
        settings.lookback,
        forecaster.targets,
        settings.fitted_steps,
        settings.shortest,
    )


def _versions() -> dict[str, str]:
    named = {name: version(name) for name in ("qushi", *_LIBRARIES)}
    return {"python": platform.python_version(), **named}


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of a table as JSON knows it, which has no NaN."""
    return {str(k): None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
