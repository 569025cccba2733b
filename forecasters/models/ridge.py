"""Ridge regression on the last row of each window (Hoerl & Kennard 1970): the plain model of returns.

    w = argmin  mean (y - b - w x)^2 + penalty |w|^2        expected return = b + w x

in closed form, through scikit-learn's Cholesky solver.  Features are standardised, so a penalty of 1
halves the weight of a feature that is alone.  The answer is computed here, row by row, so that it does
not depend on how many rows are asked for together.
"""

from pathlib import Path

import numpy as np
from pydantic import Field, PrivateAttr

from ...core import QUIET, DataError, FitError, Progress
from ..base import Arrays, Forecaster, Prediction
from ..windows import Float64Array, Windows


class Ridge(Forecaster):
    """Gives the expected return from the features of the decision's session.

    penalty
        scikit-learn's alpha over the number of training windows: larger shrinks more, whatever the
        length of training.

    >>> Ridge(penalty=1.0).kind
    'ridge'
    """

    penalty: float = Field(default=0.1, gt=0)
    _weights: Float64Array | None = PrivateAttr(None)

    def fit(
        self,
        train: Windows,
        valid: Windows,
        *,
        seed: int = 0,
        progress: Progress = QUIET,
        checkpoint: Path | None = None,
    ) -> None:
        """Fit on `train`; there is nothing to stop early, so validation is not used."""
        from sklearn.linear_model import Ridge as Regression

        if train.targets is None or len(train) == 0:
            raise FitError("the ridge regression needs training windows with targets")
        model = Regression(alpha=self.penalty * len(train), solver="cholesky")
        model.fit(train.last().astype(np.float64), train.targets.astype(np.float64))
        self._weights = np.append(model.coef_, model.intercept_)

    def predict(self, windows: Windows) -> Prediction:
        """The expected return."""
        if self._weights is None:
            raise DataError("the ridge regression predicts after fit only: call fit or load first")
        rows = windows.last().astype(np.float64)
        if rows.shape[1] != len(self._weights) - 1:
            raise DataError(f"fitted on {len(self._weights) - 1} features, asked about {rows.shape[1]}")
        answer = (rows * self._weights[:-1]).sum(axis=1) + self._weights[-1]
        return Prediction(expected_return=answer)

    def state(self) -> Arrays:
        """Weights, the intercept last."""
        return {} if self._weights is None else {"weights": self._weights}

    def restore(self, state: Arrays) -> None:
        """Take over weights."""
        self._weights = np.asarray(state["weights"], dtype=np.float64) if state else None
