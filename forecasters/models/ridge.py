"""Ridge regression on the last row of each window (Hoerl & Kennard 1970): the plain model of values.

    w = argmin  mean (y - b - w x)^2 + penalty |w|^2        answer = b + w x

in closed form, through scikit-learn's Cholesky solver, for every target and step at once.  Features are
standardised, so a penalty of 1 halves the weight of a feature that is alone.
"""

from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from ...core import DataError, Progress
from ..base import Arrays, Prediction, Targeted
from ..labels import CLASSES
from ..search import Range, Space, space
from ..windows import Windows
from ._learner import Learner, paths_of
from ._linear import fit_ridge, scores


class Ridge(Targeted, Learner):
    """Gives the value of each target from the features of the decision's session.

    penalty
        scikit-learn's alpha over the number of training windows: larger shrinks more, whatever the
        length of training.

    "trend" and "direction" are refused, and with them a band: they are asked of `logistic`.

    >>> Ridge(target=["open", "close"], penalty=1.0).targets
    ('open', 'close')
    """

    multi_output: ClassVar[bool] = True
    search: ClassVar[Space] = space(penalty=Range(1e-3, 100.0, log=True))

    penalty: float = Field(default=0.1, gt=0)

    @model_validator(mode="after")
    def _value(self) -> Self:
        if self.targets[0] in CLASSES:
            raise ValueError(f"ridge answers with values: ask logistic for {self.targets[0]!r}")
        if self.band:
            raise ValueError("band belongs to 'direction', which ridge does not answer: leave it out")
        return self

    def learn(self, train: Windows, valid: Windows, *, seed: int, progress: Progress) -> Arrays:
        """Weights [steps, outputs, features + 1], the intercept last; validation is not used."""
        paths = paths_of(train).astype(np.float64)
        weights = fit_ridge(train.last().astype(np.float64), paths.reshape(len(train), -1), self.penalty)
        return {"weights": weights.reshape(*paths.shape[1:], -1)}

    def answer(self, learned: Arrays, windows: Windows) -> Prediction:
        """Each target at each step."""
        weights = learned["weights"].astype(np.float64)
        steps, outputs, columns = weights.shape
        if steps != len(windows.steps):
            raise DataError(f"fitted on {steps} steps, asked about {len(windows.steps)}")
        found = scores(windows.last().astype(np.float64), weights.reshape(-1, columns))
        shape = (-1,) if steps == outputs == 1 else (-1, steps, outputs)
        return Prediction(value=found.reshape(shape))
