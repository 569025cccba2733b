"""Drift: the mean return of the training window goes on.

The best forecast of a random walk with drift; over all symbols together, as one global model.
"""

from typing import ClassVar

import numpy as np

from ...core import Progress
from ..base import Arrays, Prediction
from ..windows import Windows
from ._learner import Learner, labels_of


class Drift(Learner):
    """Expects the mean label of the training windows, always.

    >>> Drift().kind
    'drift'
    """

    reads_features: ClassVar[bool] = False

    def learn(self, train: Windows, valid: Windows, *, seed: int, progress: Progress) -> Arrays:
        """The mean target; validation is not used."""
        return {"mean": np.array([np.mean(labels_of(train), dtype=np.float64)])}

    def answer(self, learned: Arrays, windows: Windows) -> Prediction:
        """The same mean for each window."""
        return Prediction(value=np.full(len(windows), float(learned["mean"][0])))
