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
from datetime import date
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from ..core import QUIET, ConfigError, DataError, FitError, Progress, Settings
from .labels import CLASSES, TargetName
from .search import Space, space
from .windows import Float64Array, Windows

Arrays = Mapping[str, npt.NDArray[np.generic]]

_MODELS = f"{__name__.rpartition('.')[0]}.models."
_DESCRIPTION = "forecaster.json"
_STATE = "state.safetensors"


@dataclass(frozen=True, eq=False)
class Prediction:
    """Answers for n windows; at least a value or a probability is given.

    value
        float64 [n], [n, steps] or [n, steps, outputs]: forecast of each target in its own unit
        (`labels.py`: a log return, or a volatility), NaN where there is none.  Without a steps axis it
        is the last step's.
    p_up
        float64 [n] or [n, steps], probability that the tradable return is above 0 (for "direction":
        above the dead band).
    p_down
        Probability that it is below (below the dead band); left out: 1 - p_up.
    quantiles
        float64 [n, steps, levels]: quantiles of the first target, ascending along the last axis.
    levels
        The probabilities that `quantiles` belong to.

    Raises `FitError` for infinite values, probabilities outside 0 ... 1 and quantiles that cross.
    """

    value: Float64Array | None = None
    p_up: Float64Array | None = None
    p_down: Float64Array | None = None
    quantiles: Float64Array | None = None
    levels: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.value is None and self.p_up is None:
            raise FitError("a prediction needs a value or a probability")
        if self.value is not None and np.isinf(self.value).any():
            raise FitError("the model predicted an infinite value")
        for p in (self.p_up, self.p_down):
            if p is not None and ((p < 0) | (p > 1)).any():
                raise FitError(
                    f"the model predicted probabilities from {np.nanmin(p):g} to {np.nanmax(p):g}, "
                    "outside 0 and 1"
                )
        if self.quantiles is not None:
            if self.quantiles.shape[-1] != len(self.levels):
                raise FitError(f"{self.quantiles.shape[-1]} quantiles for {len(self.levels)} levels")
            if (np.diff(self.quantiles, axis=-1) < 0).any():
                raise FitError("the quantiles that the model predicted cross each other")


class Losses(Protocol):
    """What a fit by epochs leaves: mean losses (validation NaN without windows), the epoch kept."""

    @property
    def train(self) -> tuple[float, ...]:
        """Mean training loss of each epoch."""

    @property
    def valid(self) -> tuple[float, ...]:
        """Mean validation loss of each epoch."""

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were kept, from 0."""


class Targeted(Settings):
    """Settings of a model that learns whatever target it is asked for.

    target
        What is forecast: `labels.py` says what each name means.  "trend" and "direction" are answered
        with probabilities, all others with a value.  A list asks for several values at once, of models
        that can; the first one that is a return or a price is what is traded on.
    band
        Dead band of "direction", a log return: up above it, down below minus it, else flat.
    """

    target: TargetName | tuple[TargetName, ...] = "return"
    band: float = Field(default=0.0, ge=0)

    @field_validator("target")
    @classmethod
    def _targets(
        cls, target: TargetName | tuple[TargetName, ...]
    ) -> TargetName | tuple[TargetName, ...]:
        if isinstance(target, str):
            return target
        if not target or len(set(target)) < len(target):
            raise ValueError("name every target once, and at least one")
        classes = [name for name in target if name in CLASSES]
        if classes and len(target) > 1:
            raise ValueError(f"{classes[0]!r} is answered with probabilities and stands alone")
        many = issubclass(cls, Forecaster) and cls.multi_output
        if len(target) > 1 and not many:
            raise ValueError(f"this model answers one target at a time, received {len(target)}")
        return target if len(target) > 1 else target[0]

    @property
    def targets(self) -> tuple[TargetName, ...]:
        """The targets, in the order of the answers."""
        return (self.target,) if isinstance(self.target, str) else self.target


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
    multi_output
        Whether it answers for all steps and several targets at once, from `Windows.paths`; another model
        learns `Windows.targets` and is fitted once a step.
    any_length
        Whether it takes windows of fewer rows than the look-back.
    search
        What `qushi tune` may change, unless an experiment says otherwise.
    """

    stochastic: ClassVar[bool] = False
    multi_output: ClassVar[bool] = False
    any_length: ClassVar[bool] = True
    search: ClassVar[Space] = space()

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
    def targets(self) -> tuple[TargetName, ...]:
        """What its answers are about; a rule answers for the tradable return."""
        return ("return",)

    @property
    def warm(self) -> bool:
        """Whether a fit goes on from what the model learned in the fold before."""
        return False

    @property
    def rests_on(self) -> str:
        """Hash of what the answers depend on beside settings and windows: pre-trained weights, or ""."""
        return ""

    @property
    def history(self) -> Losses | None:
        """Losses of the last fit by epoch; None for a model without epochs."""
        return None

    @property
    def knows_until(self) -> date | None:
        """Last day that a pre-trained model may have seen; None for a model that only `fit` teaches."""
        return None

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


def check_lengths(forecaster: Forecaster, shortest: int, lookback: int) -> None:
    """`ConfigError` where a model is to read windows of fewer rows than it is made for."""
    if shortest < lookback and not forecaster.any_length:
        raise ConfigError(
            f"{forecaster.kind} reads exactly lookback = {lookback} rows, and windows of {shortest} are "
            "asked for: leave shortest out, or take a net of any length, such as lstm or transformer",
            key="shortest",
        )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is whole or absent."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.partial")
    temporary.write_bytes(content)
    os.replace(temporary, path)
