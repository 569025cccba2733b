"""Temporal convolutional net (Bai, Kolter & Koltun 2018): causal, dilated convolutions.

Block i has two convolutions of `kernel` rows, 2^i rows apart, padded on the left only:

    y[t] = sum_j W_j x[t - j * 2^i],  j = 0 ... kernel - 1;   block(x) = relu(x + F(x))

so that no row sees a later one, and n blocks see 1 + 2 (kernel - 1) (2^n - 1) rows.  Weights are
normalised (Salimans & Kingma 2016); the answer is read from the last row.
"""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from ..search import Choice, Range, Space, space
from ._torch import TorchForecaster


class TCN(TorchForecaster):
    """Blocks of causal convolutions, dilation doubling from block to block.

    channels
        Channels of each block, first to last; three blocks of kernel 3 see 29 rows.
    kernel
        Rows that one convolution looks at.
    dropout
        Share of each convolution's outputs set to 0 while training.

    >>> TCN(channels=[16, 16]).receptive_field
    13
    """

    any_length: ClassVar[bool] = True
    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        channels=Choice((16, 16), (32, 32, 32), (32, 32, 32, 32)),
        kernel=Choice(2, 3, 5),
        dropout=Range(0.0, 0.5),
    )

    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(32, 32, 32), min_length=1)
    kernel: int = Field(default=3, ge=2)
    dropout: float = Field(default=0.2, ge=0, lt=1)

    @property
    def receptive_field(self) -> int:
        """Rows, the last one included, that the answer can depend on."""
        return 1 + 2 * (self.kernel - 1) * ((1 << len(self.channels)) - 1)

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        return _Net(n_features, self.channels, self.kernel, self.dropout, outputs)


class _Net(nn.Module):
    def __init__(
        self, inputs: int, channels: tuple[int, ...], kernel: int, dropout: float, outputs: int
    ) -> None:
        super().__init__()
        sizes = (inputs, *channels)
        self.blocks = nn.Sequential(
            *(
                _Block(before, after, kernel, 2**level, dropout)
                for level, (before, after) in enumerate(zip(sizes, channels, strict=False))
            )
        )
        self.out = nn.Linear(channels[-1], outputs)

    def forward(self, rows: Tensor) -> Tensor:
        answer: Tensor = self.out(self.blocks(rows.transpose(1, 2))[:, :, -1])
        return answer


class _Block(nn.Module):
    def __init__(self, before: int, after: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.padding = (kernel - 1) * dilation
        self.first = weight_norm(nn.Conv1d(before, after, kernel, dilation=dilation))
        self.second = weight_norm(nn.Conv1d(after, after, kernel, dilation=dilation))
        self.dropout = nn.Dropout(dropout)
        self.shortcut = nn.Identity() if before == after else nn.Conv1d(before, after, 1)

    def forward(self, steps: Tensor) -> Tensor:
        inner = steps
        for convolution in (self.first, self.second):
            padded = functional.pad(inner, (self.padding, 0))
            inner = self.dropout(torch.relu(convolution(padded)))
        return torch.relu(self.shortcut(steps) + inner)
