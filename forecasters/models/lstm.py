"""Stacked LSTM (Hochreiter & Schmidhuber 1997), the net that most of the price-forecast literature uses.

By default three layers of 128, then 16, then 1, read from the last row of the window.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from ._torch import TorchForecaster


class LSTM(TorchForecaster):
    """LSTM layers on top of each other, a dense layer, one output.

    hidden
        Size of each LSTM layer, bottom first.
    dense
        Size of the layer between the last LSTM and the output.
    dropout
        Share of each LSTM layer's outputs set to 0 while training.

    >>> LSTM(hidden=[32, 16], target="trend").hidden
    (32, 16)
    """

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(128, 128, 128), min_length=1)
    dense: int = Field(default=16, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    def network(self, n_features: int, lookback: int) -> nn.Module:
        """The layers."""
        return _Stack(n_features, self.hidden, self.dense, self.dropout)


class _Stack(nn.Module):
    def __init__(self, inputs: int, hidden: tuple[int, ...], dense: int, dropout: float) -> None:
        super().__init__()
        sizes = (inputs, *hidden)
        self.layers = nn.ModuleList(
            nn.LSTM(before, after, batch_first=True)
            for before, after in zip(sizes, hidden, strict=False)
        )
        self.dropout = nn.Dropout(dropout)
        self.dense = nn.Linear(hidden[-1], dense)
        self.out = nn.Linear(dense, 1)

    def forward(self, rows: Tensor) -> Tensor:
        for layer in self.layers:
            rows, _ = layer(rows)
            rows = self.dropout(rows)
        answer: Tensor = self.out(torch.relu(self.dense(rows[:, -1])))
        return answer.squeeze(-1)
