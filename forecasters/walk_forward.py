"""Walk-forward: fit on the past, forecast the next sessions, move on; the only way to a forecast here.

Sessions are counted on the union of the symbols' trading sessions.  A fold forecasts `refit_every`
sessions from s on; with c = s - embargo (the close of the decision session is known when deciding)

    train:  the rows whose label ends at or before the first validation session
    valid:  the last `valid` sessions whose labels end at or before c

so a label, which ends h + 1 rows after its decision (`labels.py`), is purged by its end, not its start
(López de Prado 2018, chapter 7).  The scaler is fitted on training rows only.  What the fit saw is
recorded in each row (`fit_end` counts validation too: early stopping looks at it) and asserted.
Fold boundaries depend on the past only, so bars cut short give the same forecasts up to the cut.
"""

from datetime import date
from pathlib import Path
from typing import Literal, Self

import pandas as pd
from pydantic import Field, model_validator

from ..core import QUIET, Bars, ConfigError, Features, Forecasts, Progress, Settings
from ._checkpoints import FoldStore, fit_key
from ._folds import Fold, Table, fold_table, purge_of
from ._walker import FITS, GoOn, Walk, Walker
from .base import Forecaster, Prediction, check_lengths
from .features import FeatureSet
from .scaling import Scaler, ScalingName
from .windows import Int64Array


class WalkForward(Settings):
    """How forecasts are made out of sample; all lengths are sessions.

    horizon
        The label is the log return from the open of t+1 to the open of t+1+horizon.
    lookback
        Rows in a window.
    shortest
        Rows that a window needs at least: a symbol's first rows, and those after a hole in its features,
        then have windows of fewer rows.  Left out: `lookback`.  Refused by models that read a fixed
        number of rows (`Forecaster.any_length`).
    train
        Length of a rolling training window; left out: expanding, from the first complete window on.
    min_train
        Training sessions that the first fold needs.
    valid
        Sessions kept for early stopping, after the training sessions; 0 for none.
    refit_every
        Sessions between refits.
    embargo
        Sessions kept free between the last label's end and the first forecast.
    start, end
        First and last session to forecast; left out: as early as `min_train` allows, to the last bar.
    steps
        "last": forecasts for the horizon alone.  "all": for every horizon 1 ... h; a model that answers
        for all of them at once is fitted once, any other once a step.  "recursive": for every horizon
        as well, by a model of the next close (target "close") that is asked again after a made-up bar
        at its own forecast (`recursion.py`, with what to beware of).
    pool
        "all": one model learns from all symbols.  "symbol": each symbol has a model of its own.
    scaling, column_scaling
        How features are brought to size (`scaling.py`), fitted on training rows only; single columns
        may have a method of their own.

    >>> WalkForward(horizon=5, train=750, start="2018-01-01").start
    datetime.date(2018, 1, 1)
    """

    horizon: int = Field(default=1, ge=1)
    lookback: int = Field(default=20, ge=1)
    shortest: int | None = Field(default=None, ge=1)
    train: int | None = Field(default=None, ge=2)
    min_train: int = Field(default=500, ge=2)
    valid: int = Field(default=120, ge=0)
    refit_every: int = Field(default=120, ge=1)
    embargo: int = Field(default=0, ge=0)
    start: date | None = None
    end: date | None = None
    steps: Literal["last", "all", "recursive"] = "last"
    pool: Literal["all", "symbol"] = "all"
    scaling: ScalingName = "z"
    column_scaling: dict[str, ScalingName] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.shortest is not None and self.shortest > self.lookback:
            raise ValueError(
                f"a window needs at least {self.shortest} rows and has {self.lookback} at most: lower "
                "shortest or raise lookback"
            )
        if self.train is not None and self.train < self.min_train:
            raise ValueError(
                f"a rolling training window of {self.train} sessions is below min_train "
                f"{self.min_train}: lower min_train or lengthen train"
            )
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError(f"the forecasts end on {self.end}, before they start on {self.start}")
        return self

    def run(
        self,
        name: str,
        forecaster: Forecaster,
        features: Features,
        bars: Bars,
        *,
        seed: int = 0,
        checkpoint: Path | None = None,
        progress: Progress = QUIET,
    ) -> Forecasts:
        """Forecasts of one model and seed, for every complete window from the first fold on.

        `forecaster` itself stays as it is: each fold fits a copy.  With `checkpoint`, a folder, finished
        folds are kept and found again, so an interrupted run goes on where it stopped.  Rows after the
        last label are forecast too.  Raises `DataError` where history is too short, `FitError` from the
        model, `LookAheadError` where a fit would reach past its forecast (a defect).
        """
        return self.walk(
            name, forecaster, features, bars, seed=seed, checkpoint=checkpoint, progress=progress
        ).forecasts

    def walk(
        self,
        name: str,
        forecaster: Forecaster,
        features: Features,
        bars: Bars,
        *,
        seed: int = 0,
        feature_set: FeatureSet | None = None,
        checkpoint: Path | None = None,
        progress: Progress = QUIET,
        keep_last: bool = False,
    ) -> Walk:
        """As `run`, with what was found while fitting; `keep_last` also keeps the last fold's model.

        `feature_set` is what built `features`: recursive forecasts build those of made-up bars with it.
        Raises `ConfigError` for recursive forecasts without it, or from a model of another target, and
        for `shortest` where the model reads a fixed number of rows.
        """
        check_lengths(forecaster, self.needed_rows, self.lookback)
        if forecaster.state():  # what it learned elsewhere, it may have learned from what it forecasts
            forecaster = type(forecaster).model_validate(forecaster.model_dump())
        table = fold_table(
            features,
            bars,
            self.horizon,
            self.lookback,
            forecaster.targets,
            self.fitted_steps,
            self.shortest,
        )
        folds = self.folds(table)
        store = None
        if checkpoint is not None:
            store = FoldStore(checkpoint, name, fit_key(forecaster, self, features, bars, seed))
        walker = Walker(self, forecaster, table, seed, store, progress)
        walker.keeps = folds[-1].number if keep_last else None
        if self.steps == "recursive":
            walker.go_on = self._recursion(forecaster, feature_set, table, bars)
        task = f"{name} (seed {seed})"
        progress.begin(task, len(folds))
        parts, fits = [], []
        for fold in folds:
            rows, fitted = walker.fold(fold)
            parts.append(rows)
            fits.append(fitted)
            progress.advance(task)
        frame = pd.concat(parts, ignore_index=True).assign(model=name, seed=seed)
        known = pd.concat(fits, ignore_index=True).assign(model=name, seed=seed)
        last = walker.last_fold(folds[-1]) if keep_last else None
        return Walk(Forecasts.concat([Forecasts(frame)]), known[list(FITS)], last)

    @property
    def needed_rows(self) -> int:
        """Rows that a window needs at least."""
        return self.shortest or self.lookback

    @property
    def fitted_steps(self) -> tuple[int, ...]:
        """The steps that models are fitted for, ascending."""
        if self.steps == "recursive":
            return (1,)
        return tuple(range(1, self.horizon + 1)) if self.steps == "all" else (self.horizon,)

    def _recursion(
        self, forecaster: Forecaster, feature_set: FeatureSet | None, table: Table, bars: Bars
    ) -> GoOn:
        from ._made_up_bars import check_one_step, recursive_prediction

        check_one_step(forecaster, 1)
        if feature_set is None:
            raise ConfigError("recursive forecasts build features of made-up bars: give feature_set")

        def go_on(model: Forecaster, scaler: Scaler, rows: Int64Array) -> Prediction:
            return recursive_prediction(
                model, scaler, feature_set, table, bars, rows, self.horizon, self.lookback
            )

        return go_on

    def folds(self, table: Table) -> tuple[Fold, ...]:
        """The folds, in time order; `DataError` where the bars are too short for the first."""
        first = self._first_position(table)
        last = len(table.sessions) - 1
        if self.end is not None:
            last = int(table.sessions.searchsorted(pd.Timestamp(self.end), side="right")) - 1
        found = []
        for number, at in enumerate(range(first, last + 1, self.refit_every)):
            stop = min(at + self.refit_every - 1, last)
            fold = Fold.plan(table, self, number, at, stop)
            if len(fold.test):
                found.append(fold)
        if not found:
            raise table.nothing_to_forecast(first, last)
        return tuple(found)

    def _first_position(self, table: Table) -> int:
        """Position of the first forecast among the sessions."""
        purge = purge_of(self.horizon)
        spared = self.embargo + purge - 1
        if self.valid:
            spared += self.valid + purge - 1
        earliest = table.first_complete + self.min_train + spared
        wanted = earliest
        if self.start is not None:
            wanted = int(table.sessions.searchsorted(pd.Timestamp(self.start)))
        if wanted < earliest or wanted >= len(table.sessions):
            raise table.too_short(self, earliest, wanted)
        return wanted
