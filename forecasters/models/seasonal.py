"""Seasonal mean: the returns of the same position in a cycle, averaged over training.

The position of session t is the number of Mondays to Fridays since Monday 1969-12-29, modulo `period`:
with a period of 5 it is the day of the week (the weekday effect of French 1980), with 10 the fortnight.
It hangs on the date alone, so holidays do not shift it.  With y the labels of the training windows at
position k, m the mean of all labels and w the shrinkage,

    expected return = (sum(y) + w m) / (len(y) + w)
"""

from pathlib import Path

import numpy as np
from pydantic import Field, PrivateAttr

from ...core import QUIET, DataError, FitError, Progress
from ..base import Arrays, Forecaster, Prediction
from ..windows import Float64Array, Int64Array, Windows

_MONDAY = np.datetime64("1969-12-29", "D")


class Seasonal(Forecaster):
    """Expects the mean label of its position in the cycle, over all symbols together.

    NaN at a position that training never saw, where nothing is shrunk towards the mean.

    period
        Length of the cycle, in weekdays.
    shrinkage
        So many labels of the overall mean are added to each position.

    >>> Seasonal(period=10).kind
    'seasonal'
    """

    period: int = Field(default=5, ge=2)
    shrinkage: float = Field(default=0.0, ge=0)
    _means: Float64Array | None = PrivateAttr(None)

    def fit(
        self,
        train: Windows,
        valid: Windows,
        *,
        seed: int = 0,
        progress: Progress = QUIET,
        checkpoint: Path | None = None,
    ) -> None:
        """A mean a position; validation is not used."""
        if train.targets is None or len(train) == 0:
            raise FitError("the seasonal mean needs training windows with targets")
        targets = train.targets.astype(np.float64)
        at = self._positions(train)
        count = np.bincount(at, minlength=self.period) + self.shrinkage
        total = np.bincount(at, targets, minlength=self.period) + self.shrinkage * targets.mean()
        self._means = np.divide(total, count, out=np.full(self.period, np.nan), where=count > 0)

    def predict(self, windows: Windows) -> Prediction:
        """The mean of each window's position."""
        if self._means is None:
            raise DataError("the seasonal mean predicts after fit only: call fit or load first")
        return Prediction(expected_return=self._means[self._positions(windows)])

    def state(self) -> Arrays:
        """The means, by position."""
        return {} if self._means is None else {"means": self._means}

    def restore(self, state: Arrays) -> None:
        """Take over means."""
        self._means = np.asarray(state["means"], dtype=np.float64) if state else None

    def _positions(self, windows: Windows) -> Int64Array:
        days = np.busday_count(_MONDAY, windows.sessions.astype("datetime64[D]"))
        return (days % self.period).astype(np.int64)
