"""What a forecaster is: settings, and four methods.

The walk-forward runner does all slicing, purging and scaling; a forecaster gets windows that hold
nothing it may not know, learns from their targets and answers for windows without targets.  A model is
stored as a folder of JSON (kind and settings) and safetensors (what it learned): reading one never runs
code.
"""

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from ..core import QUIET, DataError, FitError, Progress, Settings
from .windows import Float64Array, Windows

Arrays = Mapping[str, npt.NDArray[np.generic]]

_MODELS = f"{__name__.rpartition('.')[0]}.models."
_DESCRIPTION = "forecaster.json"
_STATE = "state.safetensors"


@dataclass(frozen=True, eq=False)
class Prediction:
    """Answers for n windows; at least one of the two is given.

    expected_return
        float64 [n], log return from the open of t+1 to the open of t+1+h, NaN where there is none.
    p_up
        float64 [n], probability that this return is above 0.

    Raises `FitError` for infinite returns and for probabilities outside 0 ... 1.
    """

    expected_return: Float64Array | None = None
    p_up: Float64Array | None = None

    def __post_init__(self) -> None:
        if self.expected_return is None and self.p_up is None:
            raise FitError("a prediction needs an expected return or a probability")
        if self.expected_return is not None and np.isinf(self.expected_return).any():
            raise FitError("the model predicted an infinite return")
        if self.p_up is not None and ((self.p_up < 0) | (self.p_up > 1)).any():
            raise FitError(
                f"the model predicted probabilities from {np.nanmin(self.p_up):g} "
                f"to {np.nanmax(self.p_up):g}, outside 0 and 1"
            )


class Forecaster(Settings, ABC):
    """Base of all forecasters; a model of one's own is ten lines:

    >>> from pydantic import PrivateAttr
    >>> class MeanOfSign(Forecaster):
    ...     scale: float = 1.0
    ...     _mean: float = PrivateAttr(0.0)
    ...     def fit(self, train, valid, *, seed=0, progress=QUIET, checkpoint=None):
    ...         self._mean = float(np.mean(train.targets > 0))
    ...     def predict(self, windows):
    ...         return Prediction(p_up=np.full(len(windows), self._mean * self.scale))
    ...     def state(self):
    ...         return {"mean": np.array([self._mean])}
    ...     def restore(self, state):
    ...         self._mean = float(state["mean"][0])
    >>> MeanOfSign(scale=1.0).kind
    'qushi.forecasters.base:MeanOfSign'

    Same windows and same seed give the same answers.  What is learned lives in private attributes; the
    settings are frozen.

    stochastic
        Whether the seed changes the answers: such a model is run once a seed, others once.
    """

    stochastic: ClassVar[bool] = False

    @abstractmethod
    def fit(
        self,
        train: Windows,
        valid: Windows,
        *,
        seed: int = 0,
        progress: Progress = QUIET,
        checkpoint: Path | None = None,
    ) -> None:
        """Learn from `train`; `valid` comes later in time, may be empty, and is there to stop early.

        `checkpoint` is a folder for a fit that takes long: what is found there, from the same settings
        and windows, is resumed.  Raises `FitError` where nothing can be learned.
        """

    @abstractmethod
    def predict(self, windows: Windows) -> Prediction:
        """Answers for each window, from the window's own rows and earlier rows of its symbol."""

    def state(self) -> Arrays:
        """What was learned, as named arrays; empty for a model that learns nothing."""
        return {}

    def restore(self, state: Arrays) -> None:
        """Take over what another model of the same settings learned: the inverse of `state`."""
        if state:
            raise DataError(f"{self.kind} does not know how to restore {sorted(state)}")

    @property
    def kind(self) -> str:
        """The name in an experiment file: a file name, or `"package.module:Class"`."""
        cls = type(self)
        if cls.__module__.startswith(_MODELS):
            return cls.__module__.removeprefix(_MODELS)
        return f"{cls.__module__}:{cls.__qualname__}"

    def save(self, path: Path) -> None:
        """Write settings and state into the folder `path`, made where it is missing."""
        from safetensors.numpy import save

        path.mkdir(parents=True, exist_ok=True)
        # bytes come from a copy in C order: safetensors writes the memory as it lies.
        state = {k: np.array(v, order="C") for k, v in self.state().items()}
        settings = self.model_dump(mode="json", exclude_none=True)
        text = json.dumps({"kind": self.kind, "settings": settings}, ensure_ascii=False, indent=2)
        write_whole(path / _STATE, save(state))
        write_whole(path / _DESCRIPTION, text.encode())

    @classmethod
    def load(cls, path: Path) -> Self:
        """The model that `save` wrote into the folder `path`; called on its own class or a base.

        Raises `DataError` where the folder holds no model, or one of another class.
        """
        from safetensors.numpy import load

        from ..core.extensions import find

        try:
            description = json.loads((path / _DESCRIPTION).read_text(encoding="utf-8"))
            state = load((path / _STATE).read_bytes())
        except FileNotFoundError as error:
            raise DataError(f"{path} holds no forecaster: {error.filename} is missing") from error
        kind = str(description["kind"])
        found: type[Forecaster] = cls
        if cls is Forecaster:
            found = find(_MODELS.rstrip("."), kind, Forecaster)
        model = found.parse(description["settings"], f"{path / _DESCRIPTION}")
        if not isinstance(model, cls) or model.kind != kind:
            raise DataError(f"{path} holds a {kind!r}, not a {cls.__name__}")
        model.restore(state)
        return model


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is whole or absent."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    temporary.write_bytes(content)
    os.replace(temporary, path)
