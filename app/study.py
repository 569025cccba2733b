"""One search by Optuna (Akiba et al. 2019) in a SQLite file, repeatable and resumable.

Settings are drawn by the tree-structured Parzen estimator (Bergstra et al. 2011).  Its seed for a trial
comes from the study's seed and the number of trials finished before, so a study that was killed goes on
to the same trials as one that was not.  A trial that was under way is begun anew; a finished one is
never run again, and settings that were drawn twice are judged once.
"""

import json
import math
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from sqlalchemy import Engine
from sqlalchemy.pool import QueuePool

from ..core import QUIET, LookAheadError, Progress, QushiError
from ..forecasters.search import Choice, Range, Space

if TYPE_CHECKING:
    from optuna.study import Study as OptunaStudy
    from optuna.trial import FrozenTrial, Trial

State = Literal["done", "pruned", "failed"]
Pruner = Literal["median", "none"]
Evaluate = Callable[[Mapping[str, Any]], Iterator[float]]

_DIGITS = 4
"""Significant digits of a drawn number: enough to tell trials apart, few enough to be pasted."""


@dataclass(frozen=True)
class TrialRow:
    """A finished trial: what was tried and what came of it.

    score
        None where the trial was pruned or failed.
    why
        The reason of a failure, else empty.
    """

    number: int
    state: State
    score: float | None
    settings: Mapping[str, Any]
    seconds: float
    why: str = ""


class Study:
    """A search whose trials are kept under `name` in the SQLite file `path`.

    `folds` is how many scores a trial has, `start` the settings to begin with, where they lie in the
    space.  One command a study at a time.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        space: Space,
        *,
        folds: int,
        seed: int = 0,
        pruner: Pruner = "median",
        start: Mapping[str, Any] | None = None,
    ) -> None:
        self._space, self._folds, self._seed = space, folds, seed
        self._engine, self._study = _open(path, name, pruner)
        waiting = self._drop_unfinished()
        fits = start and all(space[k].holds(v) for k, v in start.items())
        if start and fits and not waiting and not self.rows():
            self._study.enqueue_trial({k: _stored(space[k], v) for k, v in start.items()})

    def close(self) -> None:
        """Give the file back."""
        self._engine.dispose()

    def rows(self) -> list[TrialRow]:
        """The finished trials, in order; those that a killed command left are not among them."""
        kept = [trial for trial in self._study.get_trials(deepcopy=False) if _is_finished(trial)]
        return [_row(number, trial) for number, trial in enumerate(kept)]

    def run(
        self,
        evaluate: Evaluate,
        *,
        trials: int,
        seconds: float | None = None,
        finished: Callable[[TrialRow], None] = lambda _: None,
        progress: Progress = QUIET,
    ) -> list[TrialRow]:
        """Go on until the study has `trials` finished trials, or the space has no more settings.

        No trial is begun after `seconds`.  `evaluate` gives the score after each fold, lazily; where it
        raises an error of qushi's, the trial has failed.  `finished` is called before a trial is kept,
        so twice for one that was killed between the two.
        """
        began = time.monotonic()
        rows = self.rows()
        progress.begin("trials", trials)
        progress.advance("trials", min(len(rows), trials))
        while len(rows) < trials and len({_key(r.settings) for r in rows}) < self._size():
            if seconds is not None and time.monotonic() - began >= seconds:
                progress.note(f"{seconds:g} seconds are over: {len(rows)} of {trials} trials are done")
                break
            row = self._one(evaluate, rows, finished)
            if row.state == "failed":
                progress.note(f"trial {row.number} failed: {row.why}")
            rows.append(row)
            progress.advance("trials")
        return rows

    def _one(
        self, evaluate: Evaluate, rows: list[TrialRow], finished: Callable[[TrialRow], None]
    ) -> TrialRow:
        from optuna.samplers import TPESampler
        from optuna.trial import TrialState

        entropy = np.random.SeedSequence([self._seed % 2**32, len(rows)])
        self._study.sampler = TPESampler(seed=int(entropy.generate_state(1)[0]))
        trial = self._study.ask()
        settings = {name: _draw(trial, name, part) for name, part in self._space.items()}
        began = time.monotonic()
        twin = next((row for row in rows if _key(row.settings) == _key(settings)), None)
        state, score, why = self._judge(trial, evaluate, settings) if twin is None else (
            twin.state, twin.score, twin.why,
        )  # fmt: skip
        row = TrialRow(len(rows), state, score, settings, time.monotonic() - began, why)
        finished(row)
        trial.set_user_attr("row", {"settings": settings, "why": why, "seconds": row.seconds})
        states = {
            "done": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL
        }  # fmt: skip
        self._study.tell(trial, score, state=states[state], skip_if_finished=True)
        return row

    def _judge(
        self, trial: "Trial", evaluate: Evaluate, settings: Mapping[str, Any]
    ) -> tuple[State, float | None, str]:
        """Run a trial fold by fold; after the last one there is nothing left to prune."""
        score = math.nan
        try:
            for fold, score in enumerate(evaluate(settings), start=1):
                trial.report(score, fold)
                if fold < self._folds and trial.should_prune():
                    return "pruned", None, ""
        except LookAheadError:
            raise
        except QushiError as error:
            return "failed", None, str(error)
        if not math.isfinite(score):
            return "failed", None, f"its score is {score}"
        return "done", score, ""

    def _size(self) -> float:
        """How many settings the space holds."""
        return math.prod(part.size for part in self._space.values())

    def _drop_unfinished(self) -> bool:
        """Put away what a killed command left: its trial is drawn again, from the same seed.

        Whether a trial waits to be begun.
        """
        from optuna.trial import TrialState

        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        return bool(self._study.get_trials(states=(TrialState.WAITING,)))


def _open(path: Path, name: str, pruner: Pruner) -> tuple[Engine, "OptunaStudy"]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path.parent.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.RDBStorage(
        "sqlite://", engine_kwargs={"creator": lambda: _connect(path), "poolclass": QueuePool}
    )
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        load_if_exists=True,
        direction="minimize",
        pruner=optuna.pruners.MedianPruner() if pruner == "median" else optuna.pruners.NopPruner(),
    )
    return storage.engine, study


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that waits for other writers, and for the disk only when the log is folded in."""
    connection = sqlite3.connect(path, timeout=60, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _draw(trial: "Trial", name: str, part: Choice | Range) -> Any:
    """The value of a setting in a trial."""
    if isinstance(part, Choice):
        return json.loads(trial.suggest_categorical(name, [json.dumps(v) for v in part.values]))
    high = part.high
    if part.step is not None:
        high = part.low + part.step * (part.size - 1)
    if part.whole:
        step = int(part.step or 1)
        return trial.suggest_int(name, int(part.low), int(high), step=step, log=part.log)
    drawn = trial.suggest_float(name, part.low, high, step=part.step, log=part.log)
    return min(max(float(f"{drawn:.{_DIGITS}g}"), part.low), part.high)


def _stored(part: Choice | Range, value: Any) -> Any:
    """A value as Optuna keeps it."""
    if isinstance(part, Range):
        return value
    return json.dumps(next(v for v in part.values if Choice(v).holds(value)))


def _is_finished(trial: "FrozenTrial") -> bool:
    if trial.state.name == "FAIL":
        return bool(trial.user_attrs.get("row", {}).get("why"))
    return trial.state.is_finished()


def _row(number: int, trial: "FrozenTrial") -> TrialRow:
    states: dict[str, State] = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}
    state, kept = states[trial.state.name], trial.user_attrs["row"]
    score = trial.value if state == "done" else None
    return TrialRow(number, state, score, kept["settings"], kept["seconds"], kept["why"])


def _key(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)
