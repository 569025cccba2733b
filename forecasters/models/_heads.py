"""Heads: what a net's numbers mean, and which loss teaches it that.

A net answers [B, parameters x targets x steps] numbers, steps side by side (N-HiTS draws lines through
neighbours).  With z the label standardised by step and target, s = softmax, and q a level:

    point       z^                              Huber, squared or absolute error
    quantile    z^_q of each level              mean over q of max(q (z - z^_q), (q - 1) (z - z^_q))
    gaussian    m, log v                        (log v + (z - m)^2 / v) / 2
    trend       l, p_up = 1 / (1 + e^-l)        logistic loss of (label > 0)
    direction   p_down, p_flat, p_up = s(l)     cross-entropy of the three classes

Pinball loss: Koenker & Bassett 1978.  Quantiles that crossed are sorted, which never adds to the loss
(Chernozhukov, Fernandez-Val & Galichon 2010).  Gaussian: Nix & Weigend 1994; log v is kept within
-6 ... 6 by 6 tanh(l / 6), so that no single label can make the variance run away.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, field_validator, model_validator
from torch import Tensor
from torch.nn import functional

from ...core import FitError
from ..base import Prediction, Targeted
from ..labels import CLASSES, TargetName
from ..windows import Float32Array, Float64Array

Targets = tuple[TargetName, ...]
LossName = Literal["huber", "mse", "mae"]
_LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "huber": functional.huber_loss,
    "mse": functional.mse_loss,
    "mae": functional.l1_loss,
}
_WIDEST = 6.0


class Headed(Targeted):
    """Settings of a model whose answers come from a head.

    head
        "point" answers with a value, "quantile" with the quantiles at the levels `quantiles`, whose
        median is the value; "gaussian" with mean and variance, the quantiles being those of the normal.
        "trend" and "direction" go with "point" only: they are probabilities already.
    quantiles
        Levels, ascending.  Their range holds 0.5, so that the median (between two levels on a straight
        line) is never extrapolated.  The quantiles of the first target are reported.
    loss
        Of the head "point" on values; the other heads have their own.
    """

    head: Literal["point", "quantile", "gaussian"] = "point"
    quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
    loss: LossName = "huber"

    @field_validator("quantiles")
    @classmethod
    def _levels(cls, quantiles: tuple[float, ...]) -> tuple[float, ...]:
        if any(b <= a for a, b in pairwise(quantiles)):
            raise ValueError("name the levels in ascending order, each once")
        if not quantiles or not quantiles[0] <= 0.5 <= quantiles[-1]:
            raise ValueError("the value is the median: name levels on both sides of 0.5, or 0.5 itself")
        return quantiles

    @model_validator(mode="after")
    def _head_fits(self) -> Self:
        if self.targets[0] in CLASSES:
            if self.head != "point":
                raise ValueError(
                    f"the head {self.head!r} forecasts values, and the target {self.targets[0]!r} is "
                    'answered with probabilities: choose head = "point" or another target'
                )
            what = f"the target {self.targets[0]!r}"
        else:
            what = f"the head {self.head!r}"
        if self.loss != "huber" and (self.head != "point" or self.targets[0] in CLASSES):
            raise ValueError(f"{what} has a loss of its own: leave out loss, received {self.loss!r}")
        return self

    def make_head(self) -> "Head":
        """The head that these settings ask for."""
        if self.targets[0] == "trend":
            return Trend()
        if self.targets[0] == "direction":
            return Direction(self.band)
        if self.head == "quantile":
            return Quantiles(self.quantiles)
        if self.head == "gaussian":
            return Gaussian(self.quantiles)
        return Point(self.loss)


@dataclass(frozen=True, eq=False)
class Scale:
    """Mean and deviation of training labels, float64 [steps, targets] each."""

    mean: Float64Array
    deviation: Float64Array

    @classmethod
    def fit(cls, paths: Float32Array) -> Self:
        """From labels [n, steps, targets]; `FitError` where one is NaN, or where they do not vary."""
        if not np.isfinite(paths).all():
            raise FitError("a training label is not a finite number: leave such windows out")
        mean = np.asarray(np.mean(paths, axis=0, dtype=np.float64))
        deviation = np.asarray(np.std(paths, axis=0, dtype=np.float64))
        if (deviation == 0).any():
            raise FitError("all training labels are the same: use a longer training window")
        return cls(mean, deviation)

    @classmethod
    def none(cls, paths: Float32Array) -> Self:
        """The scale that changes nothing, for labels that become classes."""
        return cls(np.zeros(paths.shape[1:]), np.ones(paths.shape[1:]))


class Head(ABC):
    """Labels into what a loss compares, and the net's numbers into a `Prediction`.

    A loss takes float32 tensors, the net's [B, parameters x k] and the labels [B, k] with
    k = targets x steps; `predict` takes float64 [n, parameters, targets, steps].
    """

    classes: ClassVar[bool] = False

    @property
    @abstractmethod
    def parameters(self) -> int:
        """Numbers that the net gives for each target and step."""

    @abstractmethod
    def labels(self, paths: Float32Array, scale: Scale) -> Float32Array:
        """float32 [n, k], from labels [n, steps, targets]."""

    @abstractmethod
    def loss(self, found: Tensor, wanted: Tensor) -> Tensor:
        """Mean loss of a batch."""

    @abstractmethod
    def predict(self, raw: Float64Array, scale: Scale, targets: Targets) -> Prediction:
        """The forecasts; a volatility below 0 is answered with 0, its nearest possible value."""


class _Values(Head):
    """Heads of values: they learn standardised labels, and give the scale back."""

    def labels(self, paths: Float32Array, scale: Scale) -> Float32Array:
        standard = ((paths - scale.mean) / scale.deviation).astype(np.float32)
        return np.ascontiguousarray(standard.transpose(0, 2, 1)).reshape(len(paths), -1)


@dataclass(frozen=True)
class Point(_Values):
    """One number a target and step."""

    kind: LossName = "huber"

    @property
    def parameters(self) -> int:
        return 1

    def loss(self, found: Tensor, wanted: Tensor) -> Tensor:
        return _LOSSES[self.kind](found, wanted)

    def predict(self, raw: Float64Array, scale: Scale, targets: Targets) -> Prediction:
        return Prediction(value=_value(raw[:, 0], scale, targets))


@dataclass(frozen=True)
class Quantiles(_Values):
    """A quantile for each level: the net's answer on top of that of the normal distribution.

    A fresh net then starts with the intervals of normal labels, not with all quantiles in one point,
    from where a short training would leave them too narrow.  p_up is left out: beyond its outermost
    levels a quantile function gives a bound, not a probability.
    """

    levels: tuple[float, ...]

    @property
    def parameters(self) -> int:
        return len(self.levels)

    def loss(self, found: Tensor, wanted: Tensor) -> Tensor:
        found = found.reshape(len(found), self.parameters, -1)
        start = torch.tensor(_normal(self.levels), dtype=found.dtype, device=found.device)
        return pinball(found + start[:, None], wanted, self.levels)

    def predict(self, raw: Float64Array, scale: Scale, targets: Targets) -> Prediction:
        ordered = np.sort(raw + _normal(self.levels)[:, None, None], axis=1)
        after = int(np.searchsorted(self.levels, 0.5))
        middle = ordered[:, after]
        if self.levels[after] > 0.5:
            low, high = self.levels[after - 1 : after + 1]
            share = (0.5 - low) / (high - low)
            middle = (1 - share) * ordered[:, after - 1] + share * middle
        return Prediction(
            value=_value(middle, scale, targets),
            quantiles=_quantiles(ordered[:, :, 0], scale, targets),
            levels=self.levels,
        )


@dataclass(frozen=True)
class Gaussian(_Values):
    """Mean and variance; for the target "return" also p_up = Phi(mean / deviation)."""

    levels: tuple[float, ...]

    @property
    def parameters(self) -> int:
        return 2

    def loss(self, found: Tensor, wanted: Tensor) -> Tensor:
        mean, logit = found.reshape(len(found), 2, -1).unbind(1)
        return gaussian_nll(mean, _WIDEST * torch.tanh(logit / _WIDEST), wanted)

    def predict(self, raw: Float64Array, scale: Scale, targets: Targets) -> Prediction:
        mean, spread = raw[:, 0], np.exp(0.5 * _WIDEST * np.tanh(raw[:, 1] / _WIDEST))
        p_up = None
        if "return" in targets:  # p_up is about the tradable return, whatever else is forecast
            at = targets.index("return")
            middle = mean[:, at] * scale.deviation[:, at] + scale.mean[:, at]
            ratio = middle / (spread[:, at] * scale.deviation[:, at])
            p_up = _last_step(torch.special.ndtr(torch.from_numpy(ratio)).numpy())
        found = mean[:, None, 0] + _normal(self.levels)[:, None] * spread[:, None, 0]
        return Prediction(
            value=_value(mean, scale, targets),
            p_up=p_up,
            quantiles=_quantiles(found, scale, targets),
            levels=self.levels,
        )


@dataclass(frozen=True)
class Trend(Head):
    """One logit a step."""

    classes = True

    @property
    def parameters(self) -> int:
        return 1

    def labels(self, paths: Float32Array, scale: Scale) -> Float32Array:
        return (paths[:, :, 0] > 0).astype(np.float32)

    def loss(self, found: Tensor, wanted: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(found, wanted)

    def predict(self, raw: Float64Array, scale: Scale, targets: Targets) -> Prediction:
        return Prediction(p_up=_last_step(0.5 * (1 + np.tanh(raw[:, 0, 0] / 2))))


@dataclass(frozen=True)
class Direction(Head):
    """Three logits a step: down, flat, up; flat is within the dead band, its ends included."""

    band: float = 0.0
    classes = True

    @property
    def parameters(self) -> int:
        return 3

    def labels(self, paths: Float32Array, scale: Scale) -> Float32Array:
        path = paths[:, :, 0]
        return 1 + (path > self.band).astype(np.float32) - (path < -self.band).astype(np.float32)

    def loss(self, found: Tensor, wanted: Tensor) -> Tensor:
        return functional.cross_entropy(found.reshape(len(found), 3, -1), wanted.long())

    def predict(self, raw: Float64Array, scale: Scale, targets: Targets) -> Prediction:
        share = np.exp(raw[:, :, 0] - raw[:, :, 0].max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        return Prediction(p_up=_last_step(share[:, 2]), p_down=_last_step(share[:, 0]))


def pinball(found: Tensor, wanted: Tensor, levels: tuple[float, ...]) -> Tensor:
    """Mean pinball loss of quantiles [B, levels, k] of labels [B, k].

    >>> pinball(torch.zeros(1, 2, 1), torch.ones(1, 1), (0.25, 0.75)).item()
    0.5
    """
    level = torch.tensor(levels, dtype=found.dtype, device=found.device)[:, None]
    short = wanted[:, None] - found
    return torch.maximum(level * short, (level - 1) * short).mean()


def gaussian_nll(mean: Tensor, log_variance: Tensor, wanted: Tensor) -> Tensor:
    """Mean negative log likelihood of normals, without its constant ln(2 pi) / 2; all [B, k].

    >>> gaussian_nll(torch.zeros(1, 1), torch.zeros(1, 1), torch.full((1, 1), 2.0)).item()
    2.0
    """
    return 0.5 * (log_variance + (wanted - mean) ** 2 * torch.exp(-log_variance)).mean()


def _normal(levels: tuple[float, ...]) -> Float64Array:
    """Quantiles of the standard normal distribution."""
    return np.array([NormalDist().inv_cdf(level) for level in levels])


def _value(standard: Float64Array, scale: Scale, targets: Targets) -> Float64Array:
    """Standardised values [n, targets, steps] in their units, without the axes that are of length 1."""
    found = standard.transpose(0, 2, 1) * scale.deviation + scale.mean
    if "volatility" in targets:
        at = targets.index("volatility")
        found[:, :, at] = np.maximum(found[:, :, at], 0.0)
    return found if len(targets) > 1 else _last_step(found[:, :, 0])


def _quantiles(standard: Float64Array, scale: Scale, targets: Targets) -> Float64Array:
    """Quantiles of the first target [n, levels, steps] in its unit, [n, steps, levels]."""
    found = standard.transpose(0, 2, 1) * scale.deviation[:, :1] + scale.mean[:, :1]
    return np.maximum(found, 0.0) if targets[0] == "volatility" else found


def _last_step(found: Float64Array) -> Float64Array:
    """[n, steps] as it is, and [n] where there is one step."""
    return found[:, 0] if found.shape[1] == 1 else found
