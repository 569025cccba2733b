"""Convolution, LSTM, attention: short patterns first, then their order, then which of them count.

The order of Sainath et al. (2015), convolutions below an LSTM, and for stock prices of Lu et al. (2021),
who add attention on top (here additive: `attention_lstm`).  The convolutions are causal,

    y(t) = relu(b + sum over k < kernel of w(k) x(t - k)),    x = 0 before the window

so every row goes on to the LSTM, and a kernel may be longer than the window.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ..search import Choice, Range, Space, space
from ._recurrent import AdditiveAttention, RecurrentForecaster, RecurrentNet, Sizes, steps


class CNNLSTM(RecurrentForecaster):
    """Causal convolutions, LSTM layers, attention over their rows, a dense layer, the outputs.

    channels
        Channels of each convolution, bottom first.
    kernel
        Rows that a convolution sees at once.
    hidden
        Size of each LSTM layer, bottom first.
    attention
        Size of the layer that scores the rows.
    dense
        Size of the layer between the attention and the output.
    dropout
        Share of each LSTM layer's outputs set to 0 while training.

    >>> CNNLSTM(channels=[16], kernel=5).channels
    (16,)
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        hidden=Choice((32,), (64,), (64, 64)),
        dropout=Range(0.0, 0.5),
        channels=Choice((16,), (32,), (32, 32)),
        kernel=Choice(3, 5),
    )

    channels: Sizes = Field(default=(32,), min_length=1)
    kernel: int = Field(default=3, ge=1)
    attention: int = Field(default=32, ge=1)

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        return _Net(self, n_features, outputs)


class _Net(RecurrentNet):
    def __init__(self, settings: CNNLSTM, inputs: int, outputs: int) -> None:
        widths, size = settings.channels, settings.hidden[-1]
        layers = [nn.LSTM(*sizes, batch_first=True) for sizes in steps(widths[-1], settings.hidden)]
        super().__init__(layers, 2 * size, settings, outputs)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, settings.kernel) for before, after in steps(inputs, widths)
        )
        self.attention = AdditiveAttention(size, settings.attention)
        self.kernel = settings.kernel

    def patterns(self, rows: Tensor) -> Tensor:
        """What the convolutions find, [B, rows, channels]."""
        found = rows.transpose(1, 2)
        for convolution in self.convolutions:
            found = torch.relu(convolution(functional.pad(found, (self.kernel - 1, 0))))
        return found.transpose(1, 2)

    def states(self, rows: Tensor) -> Tensor:
        return super().states(self.patterns(rows))

    def read(self, states: Tensor) -> Tensor:
        found: Tensor = self.attention(states)
        return found
