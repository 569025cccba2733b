"""N-HiTS (Challu et al. 2023): stacks that look at the window, and answer, at several resolutions.

Stack s pools what is left of the window over `pooling[s]` rows; a perceptron gives a few knots, and both
its part of the window (the backcast) and its part of the answer are straight lines between knots:

    x_1 = window,  x_(s+1) = x_s - backcast_s,  answer = sum of forecast_s

with one knot for `downsample[s]` rows or outputs, evenly spread from first to last.  The paper's net
forecasts the series it sees; here all features are pooled and backcast, and the label is forecast.  With
one output there is one knot: only pooling and backcast differ by stack then.
"""

from typing import Annotated, ClassVar, Self

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from ..search import Choice, Range, Space, space
from ._perceptron import hidden_layers
from ._torch import TorchForecaster

Rows = Annotated[int, Field(ge=1)]


class NHiTS(TorchForecaster):
    """Stacks of one block each, coarse to fine.

    pooling
        Rows over which each stack takes the maximum, first to last.
    downsample
        Rows or outputs for one knot of each stack's lines; as many numbers as `pooling`.
    hidden
        Size of each hidden layer of a stack's perceptron.
    dropout
        Share of each hidden layer's outputs set to 0 while training.

    >>> NHiTS(pooling=[8, 1], downsample=[8, 1]).pooling
    (8, 1)
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        hidden=Choice((32,), (64, 64), (128, 128)),
        dropout=Range(0.0, 0.5),
    )

    pooling: tuple[Rows, ...] = Field(default=(4, 2, 1), min_length=1)
    downsample: tuple[Rows, ...] = Field(default=(4, 2, 1), min_length=1)
    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(64, 64), min_length=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.pooling) != len(self.downsample):
            raise ValueError(
                f"pooling names {len(self.pooling)} stacks and downsample {len(self.downsample)}: "
                "give one number of each for a stack"
            )
        return self

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        blocks = [
            _Block(n_features, lookback, outputs, pool, every, self.hidden, self.dropout)
            for pool, every in zip(self.pooling[:-1], self.downsample[:-1], strict=True)
        ]
        last = _Block(
            n_features,
            lookback,
            outputs,
            self.pooling[-1],
            self.downsample[-1],
            self.hidden,
            self.dropout,
            backcast=False,  # nothing comes after it that would read one
        )
        return _Net([*blocks, last])


def line_weights(knots: int, steps: int) -> Tensor:
    """[knots, steps]: what each knot, spread evenly from first step to last, counts at each step.

    >>> line_weights(2, 3).tolist()
    [[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]]
    """
    at = np.linspace(0, steps - 1, knots)
    lines = [np.interp(np.arange(steps), at, one) for one in np.eye(knots)]
    return torch.tensor(np.array(lines), dtype=torch.float32)


class _Net(nn.Module):
    def __init__(self, blocks: list["_Block"]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, rows: Tensor) -> Tensor:
        left = rows.transpose(1, 2)
        parts = []
        for block in self.blocks:
            backcast, forecast = block(left)
            parts.append(forecast)
            if backcast is not None:
                left = left - backcast
        return torch.stack(parts).sum(0)


class _Block(nn.Module):
    into_rows: Tensor
    into_outputs: Tensor

    def __init__(
        self,
        features: int,
        lookback: int,
        outputs: int,
        pooling: int,
        downsample: int,
        hidden: tuple[int, ...],
        dropout: float,
        *,
        backcast: bool = True,
    ) -> None:
        super().__init__()
        self.features = features
        self.pooling = min(pooling, lookback)
        pooled = features * _parts(lookback, self.pooling)
        self.layers = nn.Sequential(*hidden_layers(pooled, hidden, dropout))
        self.register_buffer(
            "into_outputs", line_weights(_parts(outputs, downsample), outputs), persistent=False
        )
        self.register_buffer(
            "into_rows", line_weights(_parts(lookback, downsample), lookback), persistent=False
        )
        self.forecast = nn.Linear(hidden[-1], len(self.into_outputs))
        self.backcast = nn.Linear(hidden[-1], features * len(self.into_rows)) if backcast else None

    def forward(self, steps: Tensor) -> tuple[Tensor | None, Tensor]:
        pooled = functional.max_pool1d(steps, self.pooling, self.pooling, ceil_mode=True)
        inner = self.layers(pooled.flatten(1))
        forecast = self.forecast(inner) @ self.into_outputs
        if self.backcast is None:
            return None, forecast
        knots = self.backcast(inner).view(len(steps), self.features, -1)
        return knots @ self.into_rows, forecast


def _parts(steps: int, size: int) -> int:
    """How many parts of `size` steps, the last one perhaps shorter, make `steps`."""
    return -(-steps // size)
