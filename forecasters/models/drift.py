"""Drift: the mean return of the training window goes on.

The best forecast of a random walk with drift; over all symbols together, as one global model.
"""

from pathlib import Path

import numpy as np
from pydantic import PrivateAttr

from ...core import QUIET, DataError, FitError, Progress
from ..base import Arrays, Forecaster, Prediction
from ..windows import Windows


class Drift(Forecaster):
    """Expects the mean label of the training windows, always.

    >>> Drift().kind
    'drift'
    """

    _mean: float | None = PrivateAttr(None)

    def fit(
        self,
        train: Windows,
        valid: Windows,
        *,
        seed: int = 0,
        progress: Progress = QUIET,
        checkpoint: Path | None = None,
    ) -> None:
        """The mean target; validation is not used."""
        if train.targets is None or len(train) == 0:
            raise FitError("drift needs training windows with targets")
        self._mean = float(np.mean(train.targets, dtype=np.float64))

    def predict(self, windows: Windows) -> Prediction:
        """The same mean for each window."""
        if self._mean is None:
            raise DataError("drift predicts after fit only: call fit or load first")
        return Prediction(expected_return=np.full(len(windows), self._mean))

    def state(self) -> Arrays:
        """The mean."""
        return {} if self._mean is None else {"mean": np.array([self._mean])}

    def restore(self, state: Arrays) -> None:
        """Take over a mean."""
        self._mean = float(state["mean"][0]) if state else None
