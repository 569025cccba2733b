"""The base of forecasts that are a rule: nothing is learned, nothing stored."""

from pathlib import Path

from ...core import QUIET, Progress
from ..base import Forecaster
from ..windows import Windows


class Untrained(Forecaster):
    """A forecaster whose `fit` does nothing."""

    def fit(
        self,
        train: Windows,
        valid: Windows,
        *,
        seed: int = 0,
        progress: Progress = QUIET,
        checkpoint: Path | None = None,
    ) -> None:
        """Nothing to learn."""
