"""Bidirectional LSTM (Schuster & Paliwal 1997; Graves & Schmidhuber 2005).

Each layer reads the window twice, forwards and backwards, and passes both states on side by side.  This
is no look-ahead: the window ends with the row of the decision, and backwards begins there.  Read are the
two final states: the forward one of the last row and the backward one of the first.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from ..search import Choice, Range, Space, space
from ._recurrent import RecurrentForecaster, RecurrentNet


class BidirectionalLSTM(RecurrentForecaster):
    """Bidirectional LSTM layers on top of each other, a dense layer, the outputs.

    hidden
        Size of each layer in one direction, bottom first; what it passes on is twice as wide.
    dense
        Size of the layer between the last LSTM and the output.
    dropout
        Share of each layer's outputs set to 0 while training.

    >>> BidirectionalLSTM(hidden=[32]).kind
    'bidirectional_lstm'
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        hidden=Choice((32,), (64,), (64, 64)),
        dropout=Range(0.0, 0.5),
    )

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        return _TwoWays(self, n_features, outputs)


class _TwoWays(RecurrentNet):
    def __init__(self, settings: BidirectionalLSTM, inputs: int, outputs: int) -> None:
        hidden = settings.hidden
        widths = (inputs, *(2 * size for size in hidden[:-1]))
        layers = [
            nn.LSTM(before, size, batch_first=True, bidirectional=True)
            for before, size in zip(widths, hidden, strict=True)
        ]
        super().__init__(layers, 2 * hidden[-1], settings, outputs)

    def read(self, states: Tensor) -> Tensor:
        size = states.shape[2] // 2
        return torch.cat([states[:, -1, :size], states[:, 0, size:]], dim=1)
