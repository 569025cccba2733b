"""DLinear (Zeng, Chen, Zhang & Xu 2023): two linear maps over time, which beat many transformers.

Each feature of the window is split into a trend, its moving average with the ends repeated, and the
rest, and each part is mapped from the window's rows to the outputs:

    trend[t] = mean of x[t - k/2 ... t + k/2],  rest = x - trend,  z = W_trend trend + W_rest rest + b

The average is centred, but on rows inside the window.  In the paper each series forecasts itself; here
the label is none of the features, so a last linear map weighs the features' z.
"""

from typing import ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional

from ..search import Choice, Range, Space, space
from ._torch import TorchForecaster


class DLinear(TorchForecaster):
    """Moving-average decomposition and two linear maps over time.

    kernel
        Rows of the moving average, an odd number; 5 is a trading week.
    per_channel
        Whether each feature has maps over time of its own; else all features share them.

    >>> DLinear(kernel=7, per_channel=True).kind
    'dlinear'
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        kernel=Choice(3, 5, 9, 15),
        per_channel=Choice(True, False),
    )

    kernel: int = Field(default=5, ge=1)
    per_channel: bool = False

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int) -> int:
        if kernel % 2 == 0:
            raise ValueError(f"a centred average needs an odd number of rows, received {kernel}")
        return kernel

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        return _Net(n_features, lookback, outputs, self.kernel, self.per_channel)


def trend_of(steps: Tensor, kernel: int) -> Tensor:
    """Centred moving average of [B, F, rows] over `kernel` rows; the first and last row are repeated.

    >>> trend_of(torch.tensor([[[0.0, 3.0, 6.0]]]), 3).tolist()
    [[[1.0, 3.0, 5.0]]]
    """
    beside = kernel // 2
    return functional.avg_pool1d(functional.pad(steps, (beside, beside), mode="replicate"), kernel, 1)


class _Net(nn.Module):
    def __init__(
        self, features: int, lookback: int, outputs: int, kernel: int, per_channel: bool
    ) -> None:
        super().__init__()
        self.kernel = kernel
        maps = features if per_channel else 1
        self.trend = _OverTime(maps, lookback, outputs)
        self.rest = _OverTime(maps, lookback, outputs)
        self.channels = nn.Linear(features, 1)

    def forward(self, rows: Tensor) -> Tensor:
        steps = rows.transpose(1, 2)
        trend = trend_of(steps, self.kernel)
        found = self.trend(trend) + self.rest(steps - trend)
        answer: Tensor = self.channels(found.transpose(1, 2)).squeeze(2)
        return answer


class _OverTime(nn.Module):
    """A linear map [B, F, lookback] -> [B, F, outputs], one for all features or one each."""

    def __init__(self, maps: int, lookback: int, outputs: int) -> None:
        super().__init__()
        bound = lookback**-0.5  # as nn.Linear starts
        self.weight = nn.Parameter(torch.empty(maps, lookback, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(maps, 1, outputs).uniform_(-bound, bound))

    def forward(self, steps: Tensor) -> Tensor:
        return (steps.transpose(0, 1) @ self.weight + self.bias).transpose(0, 1)
