"""Logistic regression on the last row of each window: the plain model that nets must beat.

p_up = 1 / (1 + exp(-(w x + b))), fitted by scikit-learn's L-BFGS with an L2 penalty.  The answer is
computed here, row by row, so that it does not depend on how many rows are asked for together.
"""

import warnings
from pathlib import Path

import numpy as np
from pydantic import Field, PrivateAttr

from ...core import QUIET, DataError, FitError, Progress
from ..base import Arrays, Forecaster, Prediction
from ..windows import Float64Array, Windows


class Logistic(Forecaster):
    """Gives p_up from the features of the decision's session.

    inverse_penalty
        scikit-learn's C: smaller is stronger shrinkage towards "no effect".

    >>> Logistic(inverse_penalty=0.01).kind
    'logistic'
    """

    inverse_penalty: float = Field(default=0.1, gt=0)
    max_iterations: int = Field(default=500, ge=1)
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
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        if train.targets is None or len(train) == 0:
            raise FitError("the logistic regression needs training windows with targets")
        up = train.targets > 0
        if up.all() or not up.any():
            raise FitError("all training labels point the same way: use a longer training window")
        model = LogisticRegression(C=self.inverse_penalty, max_iter=self.max_iterations)
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                model.fit(train.last().astype(np.float64), up)
            except ConvergenceWarning as error:
                raise FitError(
                    f"the logistic regression did not converge in {self.max_iterations} iterations: "
                    "raise max_iterations or lower inverse_penalty"
                ) from error
        self._weights = np.concatenate([model.coef_[0], model.intercept_])

    def predict(self, windows: Windows) -> Prediction:
        """Probability that the return is above 0."""
        if self._weights is None:
            raise DataError("the logistic regression predicts after fit only: call fit or load first")
        rows = windows.last().astype(np.float64)
        if rows.shape[1] != len(self._weights) - 1:
            raise DataError(f"fitted on {len(self._weights) - 1} features, asked about {rows.shape[1]}")
        score = (rows * self._weights[:-1]).sum(axis=1) + self._weights[-1]
        return Prediction(p_up=0.5 * (1 + np.tanh(score / 2)))

    def state(self) -> Arrays:
        """Weights, the intercept last."""
        return {} if self._weights is None else {"weights": self._weights}

    def restore(self, state: Arrays) -> None:
        """Take over weights."""
        self._weights = np.asarray(state["weights"], dtype=np.float64) if state else None
