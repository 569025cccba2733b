"""The models of an experiment, fitted: each (model, seed) is a job, several at once where asked for.

Two processes of one thread beat two threads on small nets, so what runs in parallel are models and
seeds.  Nothing that is computed depends on how many run at once.  A model that fails becomes a row that
says why.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ..core import (
    QUIET,
    Bars,
    Features,
    FitError,
    Forecasts,
    PanicIndex,
    Progress,
    UserCodeError,
)
from ..forecasters import FeatureSet, Forecaster, LastFold, Walk, WalkForward
from ..forecasters._walker import FITS
from ..forecasters.series import ExternalSeries
from .config import Experiment
from .forecast_file import read_forecasts
from .user_code import somebodys

Job = tuple[str, Forecaster, int]
Done = tuple[str, int, Walk | str]


def no_fits() -> pd.DataFrame:
    """What was found while fitting where nothing was fitted: the columns of `Walk.fits`, no rows."""
    return pd.DataFrame(columns=list(FITS))


@dataclass(frozen=True, eq=False)
class Fitted:
    """Forecasts of all models that could be fitted, what was found on the way, and who failed why."""

    forecasts: Forecasts | None = None
    fits: pd.DataFrame = field(default_factory=no_fits)
    last_folds: Mapping[tuple[str, int], LastFold] = field(default_factory=dict)
    failures: tuple[tuple[str, str], ...] = ()


def fit_models(
    experiment: Experiment,
    bars: Bars,
    panic: PanicIndex | None,
    checkpoint: Path | None = None,
    progress: Progress = QUIET,
    jobs: int = 1,
    series: Sequence[ExternalSeries] = (),
) -> Fitted:
    """Walk every model and seed forward, or read the forecasts that the experiment names.

    Raises `FitError` where not one model could be fitted.
    """
    settings = experiment.settings
    if settings.forecasts is not None:
        return Fitted(read_forecasts(settings.forecasts.file, bars))
    todo = jobs_of(experiment)
    if not todo:
        return Fitted()
    features = settings.features.build(bars, panic, series)
    fit = _Fit(
        settings.walk_forward, settings.features, features, bars, checkpoint, settings.report.importance
    )
    walks: dict[tuple[str, int], Walk] = {}
    failures = []
    if jobs == 1 or len(todo) == 1:
        done: Iterator[Done] = (fit(job, progress) for job in todo)
    else:
        done = _parallel(todo, fit, progress, jobs)
    for name, seed, found in done:
        if isinstance(found, Walk):
            walks[name, seed] = found
        else:
            failures.append((f"{name} (seed {seed})", found))
            progress.note(f"{name} (seed {seed}) failed: {found}")
    if not walks:
        raise FitError("no model could be fitted: " + "; ".join(f"{n}: {why}" for n, why in failures))
    order = [(name, seed) for name, _, seed in todo if (name, seed) in walks]
    return Fitted(
        Forecasts.concat([walks[key].forecasts for key in order]),
        pd.concat([walks[key].fits for key in order], ignore_index=True),
        {key: last for key in order if (last := walks[key].last) is not None},
        tuple(failures),
    )


def jobs_of(experiment: Experiment) -> list[Job]:
    """Every model with every seed, a model without chance with the first only."""
    seeds = experiment.settings.seeds
    return [
        (name, forecaster, seed)
        for name, forecaster in experiment.forecasters
        for seed in (seeds if forecaster.stochastic else seeds[:1])
    ]


@dataclass(frozen=True, eq=False)
class _Fit:
    """What all jobs share; called with one of them."""

    walk: WalkForward
    feature_set: FeatureSet
    features: Features
    bars: Bars
    checkpoint: Path | None
    importance: bool

    def __call__(self, job: Job, progress: Progress) -> Done:
        name, forecaster, seed = job
        try:
            with somebodys(forecaster.kind, type(forecaster)):
                found = self.walk.walk(
                    name,
                    forecaster,
                    self.features,
                    self.bars,
                    seed=seed,
                    feature_set=self.feature_set,
                    checkpoint=self.checkpoint,
                    progress=progress,
                    keep_last=self.importance,
                )
        except (FitError, UserCodeError) as error:
            return name, seed, str(error)
        return name, seed, found


def _parallel(todo: list[Job], fit: _Fit, progress: Progress, jobs: int) -> Iterator[Done]:
    """The same in `jobs` processes, in the order in which they end."""
    from joblib import Parallel, delayed

    task = f"models, {jobs} at once"
    progress.begin(task, len(todo))
    run = Parallel(n_jobs=jobs, return_as="generator_unordered")
    for done in run(delayed(fit)(job, QUIET) for job in todo):
        progress.advance(task)
        yield done
