"""Seasonal mean: the returns of the same position in a cycle, averaged over training.

The position of session t is the number of Mondays to Fridays since Monday 1969-12-29, modulo `period`:
with a period of 5 it is the day of the week (the weekday effect of French 1980), with 10 the fortnight.
It hangs on the date alone, so holidays do not shift it.  With y the labels of the training windows at
position k, m the mean of all labels and w the shrinkage,

    expected return = (sum(y) + w m) / (len(y) + w)
"""

from typing import ClassVar

import numpy as np
from pydantic import Field

from ...core import Progress
from ..base import Arrays, Prediction
from ..search import Choice, Range, Space, space
from ..windows import Int64Array, Windows
from ._learner import Learner, labels_of

_MONDAY = np.datetime64("1969-12-29", "D")


class Seasonal(Learner):
    """Expects the mean label of its position in the cycle, over all symbols together.

    NaN at a position that training never saw, where nothing is shrunk towards the mean.

    period
        Length of the cycle, in weekdays.
    shrinkage
        So many labels of the overall mean are added to each position.

    >>> Seasonal(period=10).kind
    'seasonal'
    """

    reads_features: ClassVar[bool] = False
    search: ClassVar[Space] = space(period=Choice(5, 10, 21, 63), shrinkage=Range(0.0, 200.0))

    period: int = Field(default=5, ge=2)
    shrinkage: float = Field(default=0.0, ge=0)

    def learn(self, train: Windows, valid: Windows, *, seed: int, progress: Progress) -> Arrays:
        """A mean a position; validation is not used."""
        labels = labels_of(train).astype(np.float64)
        at = self._positions(train)
        count = np.bincount(at, minlength=self.period) + self.shrinkage
        total = np.bincount(at, labels, minlength=self.period) + self.shrinkage * labels.mean()
        means = np.divide(total, count, out=np.full(self.period, np.nan), where=count > 0)
        return {"means": means}

    def answer(self, learned: Arrays, windows: Windows) -> Prediction:
        """The mean of each window's position."""
        means = learned["means"].astype(np.float64)
        return Prediction(value=means[self._positions(windows)])

    def _positions(self, windows: Windows) -> Int64Array:
        days = np.busday_count(_MONDAY, windows.sessions.astype("datetime64[D]"))
        return (days % self.period).astype(np.int64)
