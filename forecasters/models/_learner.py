"""The base of plain models that learn: a fit finds a few named arrays, an answer is made of them.

What they owe alike stands here once: they ask for training windows with targets, refuse to answer before
a fit or about other features, and their state is what they learned.
"""

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import PrivateAttr

from ...core import QUIET, DataError, FitError, Progress
from ..base import Arrays, Forecaster, Prediction
from ..windows import Float32Array, Windows

_FEATURES = "n_features"


class Learner(Forecaster):
    """A forecaster whose file says what is learned and how that answers.

    reads_features
        Whether it looks at the features; it then answers for as many as it learned from only.
    """

    reads_features: ClassVar[bool] = True

    _learned: Arrays = PrivateAttr(default_factory=dict)

    @abstractmethod
    def learn(self, train: Windows, valid: Windows, *, seed: int, progress: Progress) -> Arrays:
        """What the training windows teach, as named arrays; at least one."""

    @abstractmethod
    def answer(self, learned: Arrays, windows: Windows) -> Prediction:
        """Answers for each window, from what `learn` gave."""

    def fit(
        self,
        train: Windows,
        valid: Windows,
        *,
        seed: int = 0,
        progress: Progress = QUIET,
        checkpoint: Path | None = None,
    ) -> None:
        """Learn from `train`; a fit is short, so nothing is kept in `checkpoint`."""
        if train.targets is None or valid.targets is None or len(train) == 0:
            raise FitError(f"{self.kind} needs training windows with targets")
        learned = dict(self.learn(train, valid, seed=seed, progress=progress))
        if self.reads_features:
            learned[_FEATURES] = np.array([train.n_features])
        self._learned = learned

    def predict(self, windows: Windows) -> Prediction:
        """Answers for each window; NaN as the model's own file says."""
        if not self._learned:
            raise DataError(f"{self.kind} predicts after fit only: call fit or load first")
        if self.reads_features:
            features = int(self._learned[_FEATURES][0])
            if windows.n_features != features:
                raise DataError(f"fitted on {features} features, asked about {windows.n_features}")
        return self.answer(self._learned, windows)

    def state(self) -> Arrays:
        """What was learned."""
        return dict(self._learned)

    def restore(self, state: Arrays) -> None:
        """Take over what was learned."""
        self._learned = dict(state)


def labels_of(windows: Windows) -> Float32Array:
    """The first target at the last step, [n]; `FitError` for windows without targets."""
    if windows.targets is None:
        raise FitError("these windows have no targets")
    return windows.targets


def paths_of(windows: Windows) -> Float32Array:
    """Every target at every step, [n, steps, outputs]; `FitError` for windows without targets."""
    if windows.paths is None:
        raise FitError("these windows have no targets")
    return windows.paths
