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
from typing import Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from ..core import QUIET, Bars, Features, Forecasts, Progress, Settings
from ._checkpoints import FoldStore, fit_key
from ._folds import Fold, Table, check_purged, check_scaler, fold_table, purge_of
from .base import Forecaster
from .scaling import Scaler
from .windows import Windows


class WalkForward(Settings):
    """How forecasts are made out of sample; all lengths are sessions.

    horizon
        The label is the log return from the open of t+1 to the open of t+1+horizon.
    lookback
        Rows in a window.
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

    >>> WalkForward(horizon=5, train=750, start="2018-01-01").start
    datetime.date(2018, 1, 1)
    """

    horizon: int = Field(default=1, ge=1)
    lookback: int = Field(default=20, ge=1)
    train: int | None = Field(default=None, ge=2)
    min_train: int = Field(default=500, ge=2)
    valid: int = Field(default=120, ge=0)
    refit_every: int = Field(default=120, ge=1)
    embargo: int = Field(default=0, ge=0)
    start: date | None = None
    end: date | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
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
        table = fold_table(features, bars, self.horizon, self.lookback)
        folds = self.folds(table)
        store = None
        if checkpoint is not None:
            store = FoldStore(checkpoint, name, fit_key(forecaster, self, features, bars, seed))
        task = f"{name} (seed {seed})"
        progress.begin(task, len(folds))
        parts = []
        for fold in folds:
            part = store.read(fold.number) if store else None
            if part is None:
                part = _run_fold(forecaster, table, fold, self, seed, store, progress)
                if store:
                    store.write(fold.number, part)
            parts.append(part)
            progress.advance(task)
        frame = pd.concat(parts, ignore_index=True)
        frame = frame.assign(model=name, seed=seed, horizon=self.horizon)
        return Forecasts.concat([Forecasts(frame)])

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


def _run_fold(
    forecaster: Forecaster,
    table: Table,
    fold: Fold,
    settings: WalkForward,
    seed: int,
    store: FoldStore | None,
    progress: Progress,
) -> pd.DataFrame:
    """Fit a copy of the forecaster on what the fold may know, and forecast the fold's sessions."""
    check_purged(table, fold, settings.embargo)
    scaler = fit_scaler(table, fold)
    check_scaler(table, fold, scaler)
    known = table.panel(scaler, fold.known_until)
    train = known.windows(fold.train, settings.lookback, with_targets=True)
    valid = known.windows(fold.valid, settings.lookback, with_targets=True)
    model = forecaster.model_copy(deep=True)
    scratch = store.scratch(fold.number) if store else None
    model.fit(train, valid, seed=seed, progress=progress, checkpoint=scratch)
    test = table.panel(scaler, fold.last).windows(fold.test, settings.lookback, with_targets=False)
    return _rows(model, test, fold)


def fit_scaler(table: Table, fold: Fold) -> Scaler:
    """The scaler of a fold: the rows of its training windows, and no later ones."""
    rows = table.rows_between(fold.fit_start, table.session[fold.train].max())
    return Scaler.fit(table.unscaled[rows], table.names, table.session[rows])


def _rows(model: Forecaster, test: Windows, fold: Fold) -> pd.DataFrame:
    found = model.predict(test)
    empty = np.full(len(test), np.nan)
    return pd.DataFrame(
        {
            "symbol": test.symbols,
            "session": test.sessions,
            "fold": fold.number,
            "expected_return": empty if found.expected_return is None else found.expected_return,
            "p_up": empty if found.p_up is None else found.p_up,
            "fit_start": fold.fit_start,
            "fit_end": fold.fit_end,
        }
    )
