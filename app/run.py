"""From an experiment to a finished run: everything computed, everything written, whole or absent."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ..backtests import RunStore
from ..backtests.refusals import refusals_by_reason
from ..backtests.runs import OpenRun, Run
from ..core import QUIET, BacktestResult, ConfigError, Progress
from ..core.errors import near_names
from ..core.hashing import hash_frame, hash_json
from ..core.notes import Said
from ..forecasters.quality import longest_steps
from ..reports.panic_page import write_panic_page
from .about import about_run
from .config import Experiment
from .experiment import Outcome, compute
from .importance import importance_of
from .inputs import Inputs, ready_inputs
from .notes import about_cleaning, about_texts, notes_of
from .page import PANIC, read_about, write_page, write_sheets
from .panic import PanicReading
from .panic_page import panic_page_of
from .trials import trials_of_run
from .workspace import Workspace

QUALITY = ("model", "seed", "n", "accuracy", "base_rate", "p_value", "mcc", "relative_mae", "ic")
RETURNS = (
    "total_return",
    "cagr",
    "sharpe",
    "max_drawdown",
    "exposure",
    "round_trips",
    "refused",
    "costs",
    "excess_return",
)


@dataclass(frozen=True, eq=False)
class Finished:
    """What a command shows of a computed experiment; `folder` is None where nothing was written."""

    outcome: Outcome
    notes: tuple[Said, ...] = ()
    folder: Path | None = None
    check: pd.DataFrame = field(default_factory=pd.DataFrame)
    seconds: float = 0.0

    def quality_table(self) -> pd.DataFrame:
        """Forecast quality at the step that is traded, the columns that fit a terminal."""
        return longest_steps(self.outcome.quality)[list(QUALITY)]

    def returns_table(self) -> pd.DataFrame:
        """Strategies by total return, best first."""
        return by_return(self.outcome.performance)

    def refusals_table(self) -> pd.DataFrame:
        """Orders not, or not wholly, filled, by strategy and reason, and what that cost."""
        sent = {result.name: len(result.orders) for result in self.outcome.results}
        return refusals_by_reason(self.outcome.refusals, sent)

    def summary(self) -> dict[str, Any]:
        """Everything a machine may want to read, as JSON-like values."""
        figures = self.outcome.performance.rename_axis("strategy").reset_index()
        return {
            "report": None if self.folder is None else str(self.folder / "report.html"),
            "seconds": round(self.seconds, 1),
            "notes": [note.en for note in self.notes],
            "failures": [{"what": what, "why": why} for what, why in self.outcome.failures],
            "quality": self.outcome.quality.to_dict("records"),
            "performance": figures.to_dict("records"),
            "refusals": self.refusals_table().to_dict("records"),
            "panic_alignment": self.outcome.alignment.to_dict("records"),
            "classifier_check": self.check.to_dict("records"),
        }


def run_experiment(
    experiment: Experiment,
    workspace: Workspace | None = None,
    progress: Progress = QUIET,
    jobs: int = 1,
) -> Finished:
    """Run an experiment and write its run folder; returns what was found and where it lies.

    `jobs` models and seeds are fitted at once; what is found does not depend on it.  Interrupted, it
    leaves no run; folds and epochs already fitted are found again by the next call.
    """
    began, started = time.monotonic(), datetime.now(UTC)
    place = workspace or Workspace.default()
    inputs, ready = ready_inputs(experiment, place, progress)
    outcome = compute(experiment, inputs, place.checkpoints, progress, _archive(inputs, place), jobs)
    classifier = None if ready is None else ready.classifier
    notes = notes_of(experiment, outcome, inputs.texts, classifier)
    check = pd.DataFrame() if ready is None else ready.check
    data = _fingerprints(inputs) | {"rules": experiment.rules.book}
    settings = experiment.settings
    mark = hash_json([experiment.to_toml(), data])
    chosen = _chosen(outcome, settings.report.tear_sheets)
    with place.run_store.create(
        experiment.name, experiment.to_toml(), mark, data=data, seeds=settings.seeds
    ) as run:
        _write_tables(run, outcome, check)
        importance = importance_of(outcome.last_folds, progress)
        if not importance.empty:
            run.write_frame("importance", importance)
        sheets = write_sheets(chosen, outcome.benchmark, outcome.bars.calendar, run.folder, progress)
        seconds = time.monotonic() - began
        about = about_run(experiment, outcome, inputs, notes, sheets, data, seconds)
        run.write_json("about", about)
        run.record(description=settings.description, pipeline_seconds=seconds)
        if outcome.reading is not None and ready is not None:
            said = (*about_texts(inputs.texts, classifier), *about_cleaning(outcome.reading))
            read = PanicReading(outcome.reading, inputs, ready, said)
            write_panic_page(panic_page_of(experiment, read, progress=progress), run.folder / PANIC)
        write_page(run.folder)
    place.trials.record(trials_of_run(experiment, outcome, started))
    folder = place.run_store.show(f"{experiment.name}-{mark[:8]}").folder.resolve()
    return Finished(outcome, notes, folder, check, time.monotonic() - began)


def backtest_experiment(
    experiment: Experiment,
    workspace: Workspace | None = None,
    forecasts: str | None = None,
    progress: Progress = QUIET,
    jobs: int = 1,
) -> Finished:
    """Compute an experiment without writing a run; `forecasts` names a run or a file to trade on."""
    place = workspace or Workspace.default()
    if forecasts is not None:
        experiment = experiment.with_forecasts(_forecast_file(forecasts, place))
    inputs, ready = ready_inputs(experiment, place, progress)
    outcome = compute(experiment, inputs, place.checkpoints, progress, _archive(inputs, place), jobs)
    classifier = None if ready is None else ready.classifier
    return Finished(outcome, notes_of(experiment, outcome, inputs.texts, classifier))


def _archive(inputs: Inputs, place: Workspace) -> Any:
    return None if inputs.texts is None else place.archive


def _fingerprints(inputs: Inputs) -> dict[str, str]:
    found = {"bars": inputs.bars.fingerprint}
    if inputs.benchmark is not None:
        found["benchmark"] = hash_frame(inputs.benchmark.to_frame())
    found |= {f"series {one.name}": one.fingerprint for one in inputs.series}
    if inputs.texts is not None:
        found["texts"] = inputs.texts.fingerprint
    if inputs.classifier is not None:
        found["classifier"] = inputs.classifier.fingerprint
    return found | inputs.tables.fingerprints


def _chosen(outcome: Outcome, asked: str | tuple[str, ...]) -> list[BacktestResult]:
    """The results that get a tear sheet; `ConfigError` for a name that no result has."""
    if asked == "none":
        return []
    names = [result.name for result in outcome.results]
    if asked != "all":
        failed = {what for what, _ in outcome.failures}
        for name in asked:
            if name not in names and name not in failed:
                raise ConfigError(f"[report] tear_sheets: no result {name!r}: {near_names(name, names)}")
    return [r for r in outcome.results if asked == "all" or r.name in asked]


def _forecast_file(given: str, place: Workspace) -> Path:
    """The file itself, or the forecasts of a run of that name."""
    path = Path(given)
    if path.suffix in (".csv", ".parquet"):
        return path
    found = place.run_store.show(given).folder / "forecasts.parquet"
    if not found.is_file():
        raise ConfigError(f"the run {given!r} holds no forecasts: it traded without a model")
    return found


def _write_tables(run: OpenRun, outcome: Outcome, check: pd.DataFrame) -> None:
    run.write_results(outcome.results)
    run.write_json("metrics", outcome.performance.to_dict("index"))
    tables = {
        "bars": outcome.bars.frame.reset_index(),
        "benchmark": outcome.benchmark.rename("return").to_frame(),
        "quality": outcome.quality,
        "performance": outcome.performance,
        "alignment": outcome.alignment,
        "check": check,
        "refusals": outcome.refusals,
        "fits": outcome.fits,
    }
    if outcome.forecasts is not None:
        tables["forecasts"] = outcome.forecasts.frame
    if outcome.panic is not None:
        tables["panic"] = outcome.panic.frame
    if outcome.weights:
        parts = [
            weights.frame.rename_axis("session").reset_index().assign(strategy=name)
            for name, weights in outcome.weights.items()
        ]
        tables["weights"] = pd.concat(parts, ignore_index=True)
    for name, table in tables.items():
        run.write_frame(name, table)


def rewrite_report(store: RunStore, name: str, language: Literal["en", "zh"] | None = None) -> Path:
    """Draw a finished run's page again; returns its path."""
    return write_page(store.show(name).folder, language)


def stored_tables(store: RunStore, name: str) -> tuple[Run, dict[str, Any], pd.DataFrame, pd.DataFrame]:
    """A finished run, what it says of itself, its forecast quality and its strategies by return."""
    run = store.show(name)
    quality = pd.read_parquet(run.folder / "quality.parquet")
    performance = pd.read_parquet(run.folder / "performance.parquet")
    return run, read_about(run.folder), quality, by_return(performance)


def by_return(performance: pd.DataFrame) -> pd.DataFrame:
    """Strategies by total return, best first, the columns that fit a terminal."""
    if performance.empty:
        return performance
    table = performance[list(RETURNS)].sort_values("total_return", ascending=False)
    return table.rename_axis("strategy").reset_index()
