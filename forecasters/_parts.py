"""The fits that make up a trained model: one, or one for each step and symbol.

They are those of the walk-forward's fold at the newest session, with the same rows, scaler and seed.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..core import Progress
from ._folds import Fold, Table, by_symbol, check_purged, check_scaler
from ._walker import check_knowledge, fit_scaler
from .base import Forecaster
from .scaling import Scaler
from .walk_forward import WalkForward

LOSSES = ("part", "epoch", "train_loss", "valid_loss", "best")
"""Columns of `FittedModel.losses`."""


@dataclass(frozen=True, eq=False)
class Part:
    """One fit of a trained model.

    symbol
        Whose rows it learned from and answers for; None for all.
    first, stop
        Which of the steps it answers for, as positions.
    """

    forecaster: Forecaster
    scaler: Scaler
    symbol: str | None
    first: int
    stop: int

    @property
    def name(self) -> str:
        """`all-0`, `000300.SH-0`: the symbol, and the position of the first step."""
        return f"{self.symbol or 'all'}-{self.first}"

    @property
    def losses(self) -> pd.DataFrame:
        """One row an epoch, columns `LOSSES`; a model without epochs has one row without losses."""
        history = self.forecaster.history
        epochs = len(history.train) if history else 1
        columns = {
            "part": self.name,
            "epoch": np.arange(epochs),
            "train_loss": np.array(history.train) if history else np.nan,
            "valid_loss": np.array(history.valid) if history else np.nan,
            "best": np.arange(epochs) == (history.best_epoch if history else 0),
        }
        return pd.DataFrame(columns)[list(LOSSES)]


def last_fold(table: Table, settings: WalkForward) -> Fold:
    """The fold that forecasts the newest session; `DataError` where history is too short for it."""
    newest = pd.Timestamp(table.sessions[-1]).date()
    asked = settings.model_copy(update={"start": newest, "end": None, "refit_every": 1})
    (fold,) = asked.folds(table)
    return fold


def fit_parts(
    table: Table,
    fold: Fold,
    forecaster: Forecaster,
    settings: WalkForward,
    seed: int,
    checkpoint: Path | None,
    progress: Progress,
) -> tuple[Part, ...]:
    """Fit a copy of the forecaster for each step and symbol that asks for one of its own.

    `checkpoint` is a folder where unfinished fits are kept.
    """
    check_purged(table, fold, settings.embargo)
    check_knowledge(forecaster, fold)
    count = len(table.steps)
    groups = [(0, count)] if forecaster.multi_output else [(i, i + 1) for i in range(count)]
    owners: list[tuple[str | None, Fold]] = [(None, fold)]
    if settings.pool == "symbol":
        owners = list(by_symbol(table, fold).items())
    parts = []
    for symbol, own in owners:
        scaler = fit_scaler(table, own, settings, symbol)
        check_scaler(table, own, scaler)
        known = table.panel(scaler, own.known_until, symbol)
        for first, stop in groups:
            which, lookback = slice(first, stop), settings.lookback
            train = known.windows(own.train, lookback, which, with_targets=True)
            valid = known.windows(own.valid, lookback, which, with_targets=True)
            part = Part(forecaster.model_copy(deep=True), scaler, symbol, first, stop)
            scratch = None if checkpoint is None else checkpoint / part.name
            part.forecaster.fit(train, valid, seed=seed, progress=progress, checkpoint=scratch)
            parts.append(part)
    return tuple(parts)
