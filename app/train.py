"""Models trained on everything up to the newest bar, and kept in the store.

store/models/<experiment>-<model>-<seed>-<hash>/    the hash is of bars, features, settings and code, so
                                                    a model is trained again when any of them changes
"""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ..core import (
    QUIET,
    Bars,
    ConfigError,
    DataError,
    Features,
    FitError,
    PanicIndex,
    Progress,
    UserCodeError,
)
from ..core.errors import near_names
from ..forecasters import FeatureSet
from ..forecasters.fitted import FittedModel, key_of
from ..forecasters.series import ExternalSeries
from .config import Experiment
from .fitting import Job, jobs_of
from .inputs import load_inputs
from .panic import read_panic
from .user_code import somebodys
from .workspace import Workspace


@dataclass(frozen=True, eq=False)
class Known:
    """What is known at the close of the newest session (or of the day asked for)."""

    bars: Bars
    panic: PanicIndex | None
    series: tuple[ExternalSeries, ...] = ()
    _built: dict[FeatureSet, Features] = field(default_factory=dict, init=False, repr=False)

    def features(self, asked: FeatureSet) -> Features:
        """The features of all bars, built once."""
        if asked not in self._built:
            self._built[asked] = asked.build(self.bars, self.panic, self.series)
        return self._built[asked]


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model and where it lies; `found`: it lay there already."""

    model: FittedModel
    folder: Path
    found: bool


@dataclass(frozen=True, eq=False)
class Training:
    """The models that could be trained, and who failed why."""

    trained: tuple[Trained, ...]
    failures: tuple[tuple[str, str], ...]


def known_inputs(
    experiment: Experiment,
    place: Workspace,
    until: str | None = None,
    progress: Progress = QUIET,
    models: Sequence[FittedModel] = (),
) -> Known:
    """Bars up to `until` (a session; left out: all), panic index and series where they are features.

    `models` are trained ones that will be asked: their features count, else those of the experiment.
    """
    inputs = load_inputs(experiment, progress)
    bars = inputs.bars
    if until is not None:
        day = pd.Timestamp(until)
        earlier = bars.sessions[bars.sessions <= day]
        if not len(earlier) or earlier[-1] != day:
            nearest = f", the last one before it is {earlier[-1]:%Y-%m-%d}" if len(earlier) else ""
            raise DataError(f"{until} is no session of the bars{nearest}")
        bars = bars.between(None, day)
    panic = None
    asked = [model.features for model in models] or [experiment.settings.features]
    if any(features.panic for features in asked):
        panic = read_panic(experiment, place, progress).panic
    return Known(bars, panic, inputs.series)


def train_models(
    experiment: Experiment,
    known: Known,
    place: Workspace,
    model: str | None = None,
    out: Path | None = None,
    progress: Progress = QUIET,
) -> Training:
    """Train every model and seed (or those of one model) on all that is known, or find them trained.

    `out` is the folder to write instead of the store's; with several models each gets a folder in it.
    Interrupted, a fit goes on where it stopped.  A model that fails costs no other; raises `FitError`
    where none could be trained.
    """
    jobs = chosen_jobs(experiment, model)
    features = known.features(experiment.settings.features)
    trained, failures = [], []
    for name, forecaster, seed in jobs:
        key = key_of(forecaster, experiment.settings.walk_forward, features, known.bars, seed)
        folder = _folder(experiment, place, (name, seed), key, out, len(jobs))
        try:
            with somebodys(forecaster.kind, type(forecaster)):
                made = _found(folder, key) or _train(
                    experiment, known, features, place, (name, forecaster, seed), key, folder, progress
                )
            trained.append(made)
        except (FitError, UserCodeError) as error:
            failures.append((f"{name} (seed {seed})", str(error)))
    if not trained:
        raise FitError("no model could be trained: " + "; ".join(f"{n}: {why}" for n, why in failures))
    return Training(tuple(trained), tuple(failures))


def chosen_jobs(experiment: Experiment, model: str | None) -> Sequence[Job]:
    """The models and seeds to train; `ConfigError` where the experiment has none of that name."""
    jobs = jobs_of(experiment)
    if not jobs:
        raise ConfigError(f"the experiment {experiment.name!r} has no [[forecasters]] to train")
    names = [name for name, _ in experiment.forecasters]
    if model is not None and model not in names:
        raise ConfigError(f"no model {model!r} in the experiment: {near_names(model, names)}")
    return [job for job in jobs if model in (None, job[0])]


def _folder(
    experiment: Experiment,
    place: Workspace,
    which: tuple[str, int],
    key: str,
    out: Path | None,
    count: int,
) -> Path:
    plain, seed = re.sub(r"[^\w.-]", "_", which[0]), which[1]
    if out is None:
        return place.store / "models" / f"{experiment.name}-{plain}-{seed}-{key[:8]}"
    return out if count == 1 else out / f"{plain}-{seed}"


def _found(folder: Path, key: str) -> Trained | None:
    """The model that lies there, where it is the very one that would be trained."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return None
    model = FittedModel.load(folder)
    return Trained(model, folder, found=True) if model.key == key else None


def _train(
    experiment: Experiment,
    known: Known,
    features: Features,
    place: Workspace,
    job: Job,
    key: str,
    folder: Path,
    progress: Progress,
) -> Trained:
    name, forecaster, seed = job
    settings = experiment.settings
    unfinished = place.checkpoints / f"train-{folder.name}-{key[:16]}"
    model = FittedModel.fit(
        name,
        forecaster,
        settings.features,
        features,
        known.bars,
        settings.walk_forward,
        seed=seed,
        key=key,
        checkpoint=unfinished,
        progress=progress,
    )
    model.save(folder)
    shutil.rmtree(unfinished, ignore_errors=True)
    return Trained(model, folder, found=False)


def training_table(training: Training) -> pd.DataFrame:
    """One row a trained model: fit window, epochs, the epoch kept and its losses."""
    rows = []
    for one in training.trained:
        model = one.model
        kept = model.losses[model.losses["best"].astype(bool)]
        epochs = model.losses.groupby("part")["epoch"].max() + 1
        by_epochs = bool(model.losses["train_loss"].notna().any())
        rows.append(
            {
                "model": model.name,
                "seed": model.seed,
                "fit_start": model.fit_start,
                "fit_end": model.fit_end,
                "fits": len(model.parts),
                "epochs": int(epochs.sum()) if by_epochs else 0,
                "train_loss": kept["train_loss"].mean(),
                "valid_loss": kept["valid_loss"].mean(),
                "found": one.found,
                "folder": str(one.folder.resolve()),
            }
        )
    return pd.DataFrame(rows)
