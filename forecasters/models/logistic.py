"""Logistic regression on the last row of each window: the plain model that nets must beat.

p_up = 1 / (1 + exp(-(w x + b))), and for three classes exp(w[k] x + b[k]) over the sum of all three,
fitted by scikit-learn's L-BFGS with an L2 penalty.
"""

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from ...core import Progress
from ..base import Arrays, Prediction, Targeted
from ..search import Range, Space, space
from ..windows import Windows
from ._classes import classes_of, prediction, varied
from ._learner import Learner, labels_of
from ._linear import fit_logistic, shares


class Logistic(Targeted, Learner):
    """Gives p_up from the features of the decision's session.

    target
        "trend" asks whether the return is above 0, "direction" for up, flat and down.
    band
        Dead band of "direction", a log return.
    inverse_penalty
        scikit-learn's C: smaller is stronger shrinkage towards "no effect".

    >>> Logistic(inverse_penalty=0.01).kind
    'logistic'
    """

    search: ClassVar[Space] = space(inverse_penalty=Range(1e-4, 10.0, log=True))

    target: Literal["trend", "direction"] = "trend"
    inverse_penalty: float = Field(default=0.1, gt=0)
    max_iterations: int = Field(default=500, ge=1)

    def learn(self, train: Windows, valid: Windows, *, seed: int, progress: Progress) -> Arrays:
        """Weights [classes, features + 1], the intercept last; validation is not used."""
        classes = varied(classes_of(labels_of(train), self.target, self.band))
        rows = train.last().astype(np.float64)
        return {"weights": fit_logistic(rows, classes, self.inverse_penalty, self.max_iterations)}

    def answer(self, learned: Arrays, windows: Windows) -> Prediction:
        """Probability of each class."""
        rows = windows.last().astype(np.float64)
        return prediction(shares(rows, learned["weights"].astype(np.float64)), self.target)
