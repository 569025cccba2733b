"""One model on its way through the folds of a walk-forward: fit, forecast, keep, go on.

A fold is fitted in units: one for each group of steps that are answered together, and for each symbol
where every symbol has a model of its own.  A warm model goes on from its unit's weights of the fold
before, which are kept on disk with the fold, so that an interrupted run goes on as if it had not been.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..core import FitError, Forecasts, Progress
from ._checkpoints import FoldStore
from ._folds import Fold, Table, by_symbol, check_purged, check_scaler
from ._stated import stated
from .base import Forecaster, Prediction
from .scaling import Scaler
from .windows import Float64Array, Int64Array, Windows

if TYPE_CHECKING:
    from .walk_forward import WalkForward

GoOn = Callable[[Forecaster, Scaler, Int64Array], Prediction]
"""Answers for these rows of the table by going on from the model's own forecasts."""

FITS = (
    "model",
    "seed",
    "fold",
    "session",
    "symbol",
    "step",
    "epoch",
    "train_loss",
    "valid_loss",
    "best",
    "seconds",
    "windows",
)
"""Columns of `Walk.fits`."""


@dataclass(frozen=True, eq=False)
class LastFold:
    """The last fold's model and the windows that it forecast, to ask what the model looks at.

    label
        float64 [n], the model's first target at the last step, NaN where it is not yet known.
    """

    model: Forecaster
    windows: Windows
    label: Float64Array


@dataclass(frozen=True, eq=False)
class Walk:
    """What a walk-forward found.

    fits
        One row a fit and epoch, columns `FITS`: first session forecast, symbol ("" for one model of
        all), step (the horizon for one model of all steps), losses, whether its weights were kept, CPU
        seconds of the whole fit, training windows.  A model without epochs has one row without losses.
    last
        None unless asked for, and where each symbol has a model of its own.
    """

    forecasts: Forecasts
    fits: pd.DataFrame
    last: LastFold | None


class Walker:
    """One model and seed; what it fitted last is in `models`, by unit.

    `keeps` is the fold whose models are kept whatever they are; `go_on` makes forecasts recursive.
    """

    def __init__(
        self,
        settings: "WalkForward",
        forecaster: Forecaster,
        table: Table,
        seed: int,
        store: FoldStore | None,
        progress: Progress,
    ) -> None:
        self.settings, self.forecaster, self.table = settings, forecaster, table
        self.seed, self.store, self.progress = seed, store, progress
        self.models: dict[str, Forecaster] = {}
        self.keeps: int | None = None
        self.go_on: GoOn | None = None

    def fold(self, fold: Fold) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Forecasts and fits of a fold: those of an earlier call where they are kept, else new ones."""
        kept = self._kept(fold)
        if kept is not None:
            return kept
        if self.store and fold.number and self.forecaster.warm and not self.models:
            self.models = self.store.models(fold.number - 1)
        check_purged(self.table, fold, self.settings.embargo)
        check_knowledge(self.forecaster, fold)
        rows, fits, models = [], [], {}
        for name, symbol, which, part in self._units(fold):
            model, scaler, fitted = self._fit(name, symbol, which, part)
            rows.append(self._forecast(model, scaler, symbol, which, part))
            fits.append(fitted)
            models[name] = model
        self.models = models
        found = pd.concat(rows, ignore_index=True), pd.concat(fits, ignore_index=True)
        if self.store:
            wanted = self.forecaster.warm or fold.number == self.keeps
            self.store.write(fold.number, *found, models if wanted else {})
        return found

    def _kept(self, fold: Fold) -> tuple[pd.DataFrame, pd.DataFrame] | None:
        """What an earlier call kept of a fold; nothing where its model is wanted and was not kept."""
        if self.store is None:
            return None
        if fold.number == self.keeps and not self.store.has_models(fold.number):
            return None
        return self.store.read(fold.number)

    def _units(self, fold: Fold) -> Iterator[tuple[str, str | None, slice, Fold]]:
        """Name, symbol (None for all), steps and rows of everything that a fold fits."""
        count = len(self.table.steps)
        groups = [slice(i, i + 1) for i in range(count)]
        if self.forecaster.multi_output:
            groups = [slice(0, count)]
        parts: list[tuple[str | None, Fold]] = [(None, fold)]
        if self.settings.pool == "symbol":
            parts = [(symbol, part) for symbol, part in by_symbol(self.table, fold).items()]
        for symbol, part in parts:
            for group in groups:
                yield f"{symbol or 'all'}-{group.start}", symbol, group, part

    def _fit(
        self, name: str, symbol: str | None, which: slice, fold: Fold
    ) -> tuple[Forecaster, Scaler, pd.DataFrame]:
        lookback = self.settings.lookback
        scaler = fit_scaler(self.table, fold, self.settings, symbol)
        check_scaler(self.table, fold, scaler)
        known = self.table.panel(scaler, fold.known_until, symbol)
        train = known.windows(fold.train, lookback, which, with_targets=True)
        valid = known.windows(fold.valid, lookback, which, with_targets=True)
        before = self.models.get(name) if self.forecaster.warm else None
        model = (before or self.forecaster).model_copy(deep=True)
        scratch = self.store.scratch(fold.number, name) if self.store else None
        began = time.process_time()
        model.fit(train, valid, seed=self.seed, progress=self.progress, checkpoint=scratch)
        seconds = time.process_time() - began
        return model, scaler, _losses(model, train, fold, symbol, seconds)

    def _forecast(
        self, model: Forecaster, scaler: Scaler, symbol: str | None, which: slice, fold: Fold
    ) -> pd.DataFrame:
        """The fold's rows, from its windows, or from the model's own continuation of each."""
        windows = self.table.panel(scaler, fold.last, symbol).windows(
            fold.test, self.settings.lookback, which, with_targets=False
        )
        if self.go_on is None:
            answer = model.predict(windows)
        else:
            answer = self.go_on(model, scaler, fold.test)
            steps = tuple(range(1, self.settings.horizon + 1))
            windows = replace(windows, steps=steps, horizon=steps[-1])
        return stated(answer, windows, self.table, fold, self.forecaster)

    def last_fold(self, fold: Fold) -> LastFold | None:
        """The last fold's model, found again where its fit was kept, with what it forecast."""
        if self.settings.pool == "symbol":
            return None
        models = self.models
        if not models and self.store:
            models = self.store.models(fold.number)
        *_, (name, symbol, which, part) = self._units(fold)
        scaler = fit_scaler(self.table, part, self.settings)
        windows = self.table.panel(scaler, part.last, symbol).windows(
            part.test, self.settings.lookback, which, with_targets=False
        )
        return LastFold(models[name], windows, self.table.paths[part.test, -1, 0])


def _losses(
    model: Forecaster, train: Windows, fold: Fold, symbol: str | None, seconds: float
) -> pd.DataFrame:
    """The rows of one fit in `Walk.fits`, without the model's name."""
    history = model.history
    epochs = len(history.train) if history else 1
    return pd.DataFrame(
        {
            "fold": fold.number,
            "session": fold.first,
            "symbol": symbol or "",
            "step": train.horizon,
            "epoch": np.arange(epochs),
            "train_loss": history.train if history else np.nan,
            "valid_loss": history.valid if history else np.nan,
            "best": np.arange(epochs) == (history.best_epoch if history else 0),
            "seconds": seconds,
            "windows": len(train),
        }
    )


def check_knowledge(forecaster: Forecaster, fold: Fold) -> None:
    """Refuse to score a pre-trained model on sessions that it may have been trained on.

    `FitError`, unless the model is declared contaminated: then its rows are stamped.
    """
    until = forecaster.knows_until
    if until is None or getattr(forecaster, "contaminated", False):
        return
    if fold.first <= np.datetime64(until):
        raise FitError(
            f"{forecaster.kind} may have seen prices up to {until}, and would forecast "
            f"{pd.Timestamp(fold.first):%Y-%m-%d}: start the walk-forward after its knowledge cut-off, "
            "or set contaminated = true and its rows are stamped"
        )


def fit_scaler(table: Table, fold: Fold, settings: "WalkForward", symbol: str | None = None) -> Scaler:
    """The scaler of a fold: the rows of its training windows (of one symbol), and no later ones."""
    rows = table.rows_between(fold.fit_start, table.session[fold.train].max())
    if symbol is not None:
        rows &= table.symbol == symbol
    return Scaler.fit(
        table.unscaled[rows],
        table.names,
        table.session[rows],
        settings.scaling,
        overrides=settings.column_scaling,
        symbols=table.symbol[rows],
        lookback=int(table.length[fold.train].max()),
    )
