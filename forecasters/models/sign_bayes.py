"""Naive Bayes of signs: the directions of the last n daily returns, taken as independent, give p_up.

With u[i] whether the return i sessions back was above 0, and y whether the label is,

    log odds = ln (N[y=1] + a) / (N[y=0] + a) + sum over i of ln P(u[i] | y=1) / P(u[i] | y=0)
    P(u[i] = 1 | y) = (N[u[i]=1, y] + a) / (N[y] + 2 a)

counted over all training windows, with Laplace's smoothing a (Bernoulli naive Bayes; Domingos & Pazzani
1997 say why it works where the signs are not independent).
"""

from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from ...core import FitError, Progress
from ..base import Arrays, Prediction
from ..search import Range, Space, space
from ..windows import Windows
from ._learner import Learner, labels_of


class SignBayes(Learner):
    """Gives p_up from the signs of the last daily returns of the close.

    A return of 0 counts as not up.  NaN where history is shorter than `signs` + 1 closes.

    signs
        How many returns are looked at.
    smoothing
        Laplace's: so many windows are added to each count.

    >>> SignBayes(signs=3).kind
    'sign_bayes'
    """

    reads_features: ClassVar[bool] = False
    search: ClassVar[Space] = space(signs=Range(1, 10), smoothing=Range(0.1, 10.0, log=True))

    signs: int = Field(default=5, ge=1)
    smoothing: float = Field(default=1.0, gt=0)

    def learn(self, train: Windows, valid: Windows, *, seed: int, progress: Progress) -> Arrays:
        """Count signs by label: [label not up, label up] x [windows, returns above 0, oldest first]."""
        signs, known = self._signs(train)
        if not known.any():
            raise FitError(f"no training window has {self.signs} returns before it: lower signs")
        up = labels_of(train) > 0
        by_label = [signs[known & ~up], signs[known & up]]
        counts = [[len(rows), *rows.sum(axis=0)] for rows in by_label]
        return {"counts": np.array(counts, dtype=np.float64)}

    def answer(self, learned: Arrays, windows: Windows) -> Prediction:
        """Probability that the return is above 0."""
        counts = learned["counts"].astype(np.float64)
        signs, known = self._signs(windows)
        seen, above = counts[:, :1], counts[:, 1:]
        likely = (above + self.smoothing) / (seen + 2 * self.smoothing)
        prior = np.log((seen[1, 0] + self.smoothing) / (seen[0, 0] + self.smoothing))
        if_up, if_not = np.log(likely[1] / likely[0]), np.log((1 - likely[1]) / (1 - likely[0]))
        score = prior + np.where(signs, if_up, if_not).sum(axis=1)
        return Prediction(p_up=np.where(known, 0.5 * (1 + np.tanh(score / 2)), np.nan))

    def _signs(self, windows: Windows) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Whether each return was above 0, [n, signs], and the windows that know them all."""
        steps = np.diff(windows.closes(self.signs + 1), axis=1)
        return steps > 0, windows.ends - windows.panel.first[windows.ends] >= self.signs
