"""`qushi tune`: search a model's settings on validation alone.

    bars --cut before the first out-of-sample forecast--> inner walk-forward --score--> Optuna

The cut comes first, so no setting can be chosen by what the experiment will be judged on.  Every trial
goes into the registry of trials, pruned and failed ones too: the best of many looks better than it is.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import tomli_w

from ..backtests.trials import Trial
from ..core import QUIET, Bars, ConfigError, Features, FitError, PanicIndex, Progress
from ..core.errors import near_names
from ..core.hashing import hash_json
from ..forecasters import Forecaster
from ..forecasters.search import Choice, Space, read_space
from ..forecasters.validation import Validation, first_forecast
from ..market import load_bars
from .config import Experiment
from .experiment_file import TuneSettings
from .panic import read_panic
from .series import load_series
from .study import Evaluate, Study, TrialRow
from .trials import model_settings
from .user_code import somebodys
from .workspace import Workspace


@dataclass(frozen=True, eq=False)
class Tuned:
    """What a search found.

    rows
        Finished trials in the order in which they ran; the settings of each are there once.
    best
        The model with the settings of the least score.
    window
        First and last session of the validation; all of it lies before `before`, the first session that
        the experiment forecasts.
    tried
        Different configurations that the registry counts on this data and window, other models too.
    """

    name: str
    study: str
    rows: tuple[TrialRow, ...]
    best: Forecaster
    table: Mapping[str, Any]
    window: tuple[date, date]
    before: date
    tried: int

    @property
    def score(self) -> float:
        """The least score of the trials."""
        return min(row.score for row in self.rows if row.score is not None)

    @property
    def warning(self) -> str:
        """The sentence that belongs to the best of many."""
        first, last = self.window
        return (
            f"the best of {self.tried} configurations tried from {first} to {last} is flattered by "
            "having been chosen: expect less of it out of sample"
        )

    def to_toml(self) -> str:
        """The best settings as a `[[forecasters]]` table to paste."""
        text = tomli_w.dumps({"forecasters": [dict(self.table)]})
        if text.startswith("[["):
            return text
        return "[[forecasters]]\n" + tomli_w.dumps(self.table)

    def trials(self) -> pd.DataFrame:
        """One row a trial, the best first: `trial`, `score`, `state`, its settings, `seconds`, `why`."""
        rows = [
            {"trial": r.number, "score": r.score, "state": r.state, **_shown(r.settings)}
            | {"seconds": r.seconds, "why": r.why}
            for r in self.rows
        ]
        table = pd.DataFrame(rows).astype({"score": float})
        return table.sort_values(["score", "trial"], ignore_index=True)

    def summary(self) -> dict[str, Any]:
        """Everything, as JSON-like values."""
        return {
            "model": self.name,
            "best": dict(self.table),
            "score": self.score,
            "toml": self.to_toml(),
            "validation": {"first": self.window[0], "last": self.window[1], "before": self.before},
            "tried": self.tried,
            "warning": self.warning,
            "trials": self.trials().to_dict("records"),
            "study": self.study,
        }


def tune_experiment(
    experiment: Experiment,
    workspace: Workspace | None = None,
    *,
    model: str | None = None,
    trials: int | None = None,
    seconds: float | None = None,
    progress: Progress = QUIET,
) -> Tuned:
    """Search the settings of one model of an experiment; what is left out stands in its `[tune]`.

    Interrupted, it goes on with the next call: finished trials lie in the store.  Raises `FitError`
    where no trial came to its end.
    """
    place = workspace or Workspace.default()
    asked = experiment.settings.tune or TuneSettings()
    name, forecaster = _chosen(experiment, model or asked.model)
    space = read_space(asked.space, type(forecaster).search, type(forecaster))
    known, before = _known(experiment, place, progress)
    validation = Validation.plan(experiment.settings.walk_forward, *known, asked.folds)
    seed = experiment.settings.seeds[0]
    mark = hash_json([validation.key(forecaster, seed), _plain(space), asked.folds, asked.pruner])
    study = Study(
        place.tuning,
        mark,
        space,
        folds=asked.folds,
        seed=seed,
        pruner=asked.pruner,
        start={key: getattr(forecaster, key) for key in space},
    )
    with closing(study):
        rows = study.run(
            _evaluate(forecaster, validation, seed, progress),
            trials=trials or asked.trials,
            seconds=seconds if seconds is not None else asked.seconds,
            finished=_keeper(experiment, place, name, forecaster, validation, seed),
            progress=progress,
        )
    done = [row for row in rows if row.score is not None]
    if not done:
        why = next((row.why for row in rows if row.why), "the time was over before the first one ended")
        raise FitError(f"no trial of {name} came to its end, of {len(rows)} begun: {why}")
    best = _with(forecaster, min(done, key=lambda row: (row.score, row.number)).settings)
    return Tuned(
        name=name,
        study=mark,
        rows=_once(rows),
        best=best,
        table=_pasted(experiment, name, best),
        window=validation.window,
        before=before,
        tried=place.trials.count(validation.bars.fingerprint, validation.window, "forecaster"),
    )


def _chosen(experiment: Experiment, name: str | None) -> tuple[str, Forecaster]:
    """The model to tune: the one that is named, or the only one."""
    known = dict(experiment.forecasters)
    if not known:
        raise ConfigError(f"the experiment {experiment.name!r} has no [[forecasters]] to tune")
    if name is None and len(known) == 1:
        return next(iter(known.items()))
    if name is None:
        raise ConfigError(f"say with --model which one to tune: {', '.join(known)}")
    if name not in known:
        raise ConfigError(f"no model {name!r} in the experiment: {near_names(name, known)}", key="model")
    return name, known[name]


def _known(
    experiment: Experiment, place: Workspace, progress: Progress
) -> tuple[tuple[Features, Bars], date]:
    """Features and bars before the first out-of-sample forecast, and the session of that forecast."""
    settings = experiment.settings
    with somebodys(type(experiment.source).__qualname__, type(experiment.source)):
        bars = load_bars(experiment.source, experiment.symbols, *experiment.window, progress=progress)
    panic = read_panic(experiment, place, progress).panic if settings.features.panic else None
    series = load_series(experiment, bars, progress)
    features = settings.features.build(bars, panic, series)
    before = first_forecast(settings.walk_forward, features, bars)
    cut = bars.between(None, before - timedelta(days=1))
    if panic is not None:
        panic = PanicIndex(panic.frame[panic.frame["session"] < before].reset_index(drop=True))
    return (settings.features.build(cut, panic, series), cut), before.date()


def _evaluate(forecaster: Forecaster, validation: Validation, seed: int, progress: Progress) -> Evaluate:
    def scores(settings: Mapping[str, Any]) -> Iterator[float]:
        with somebodys(forecaster.kind, type(forecaster)):
            tried = _with(forecaster, settings)
            yield from validation.scores(tried, seed=seed, progress=progress)

    return scores


def _keeper(
    experiment: Experiment,
    place: Workspace,
    name: str,
    forecaster: Forecaster,
    validation: Validation,
    seed: int,
) -> Callable[[TrialRow], None]:
    """What puts a finished trial into the registry."""
    tables = tomllib.loads(experiment.to_toml())
    base = model_settings(tables, name)
    data, registry = validation.bars.fingerprint, place.trials

    def keep(row: TrialRow) -> None:
        settings = base | {"forecaster": base["forecaster"] | dict(row.settings)}
        trial = Trial(
            experiment=experiment.name,
            data_hash=data,
            window=validation.window,
            part="forecaster",
            kind=forecaster.kind,
            settings=settings,
            what="tune",
            started=datetime.now(UTC) - timedelta(seconds=row.seconds),
            seed=seed,
            score=row.score,
            seconds=row.seconds,
        )
        registry.record([trial])

    return keep


def _with(forecaster: Forecaster, settings: Mapping[str, Any]) -> Forecaster:
    """The same model with other settings; what nobody set stays unset."""
    stated = {key: getattr(forecaster, key) for key in forecaster.model_fields_set}
    return type(forecaster).parse({**stated, **settings}, f"the settings {dict(settings)}")


def _once(rows: list[TrialRow]) -> tuple[TrialRow, ...]:
    """The rows without those whose settings were drawn before."""
    found: dict[str, TrialRow] = {}
    for row in rows:
        found.setdefault(hash_json(row.settings), row)
    return tuple(found.values())


def _pasted(experiment: Experiment, name: str, best: Forecaster) -> dict[str, Any]:
    """The table of a model with what was stated or tuned, and no defaults."""
    text = replace(experiment, forecasters=((name, best),)).to_toml()
    table = tomllib.loads(text)["forecasters"][0]
    return {k: v for k, v in table.items() if k in ("kind", "name") or k in best.model_fields_set}


def _plain(space: Space) -> dict[str, Any]:
    """A space as something that can be hashed; its order counts, as settings are drawn in it."""
    return {
        "names": list(space),
        "parts": [list(v.values) if isinstance(v, Choice) else vars(v) for v in space.values()],
    }


def _shown(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, list | tuple) else v for k, v in settings.items()}
