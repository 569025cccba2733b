"""LSTM with peepholes: the gates see the cell as well (Gers & Schmidhuber 2000).

    i = sigma(W_i x + U_i h + p_i * c + b_i)        f = sigma(W_f x + U_f h + p_f * c + b_f)
    c' = f * c + i * tanh(W_g x + U_g h + b_g)
    o = sigma(W_o x + U_o h + p_o * c' + b_o)       h' = o * tanh(c')

The output gate peeps at the new cell, the others at the old one; peepholes are diagonal.  The squashing
is tanh, as in Graves (2013).  Forget gates start with a bias of 1 (Gers, Schmidhuber & Cummins 2000).
torch has no such layer: it runs row by row, slower than `lstm`.
"""

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ..search import Choice, Range, Space, space
from ._recurrent import RecurrentForecaster, RecurrentNet, Sizes, steps


class PeepholeLSTM(RecurrentForecaster):
    """Peephole LSTM layers on top of each other, a dense layer, the outputs.

    hidden
        Size of each LSTM layer, bottom first.
    dense
        Size of the layer between the last LSTM and the output.
    dropout
        Share of each LSTM layer's outputs set to 0 while training.

    >>> PeepholeLSTM(hidden=[16]).kind
    'peephole_lstm'
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        hidden=Choice((16,), (32,), (64,)),
        dropout=Range(0.0, 0.5),
    )

    hidden: Sizes = Field(default=(32,), min_length=1)

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        return RecurrentNet(
            [_Layer(*sizes) for sizes in steps(n_features, self.hidden)],
            self.hidden[-1],
            self,
            outputs,
        )


class _Layer(nn.Module):
    """One layer; gates in torch's order: input, forget, cell, output."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.weight_input = nn.Parameter(torch.empty(4 * size, inputs))
        self.weight_state = nn.Parameter(torch.empty(4 * size, size))
        self.bias = nn.Parameter(torch.empty(4 * size))
        self.peephole = nn.Parameter(torch.empty(3, size))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(size), 1 / math.sqrt(size))
        with torch.no_grad():
            self.bias[size : 2 * size] = 1.0

    def forward(self, rows: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        size = self.weight_state.shape[1]
        to_input, to_forget, to_output = self.peephole
        state = cell = rows.new_zeros(len(rows), size)
        found = []
        for row in functional.linear(rows, self.weight_input, self.bias).unbind(dim=1):
            gates = row + functional.linear(state, self.weight_state)
            entry, forget, new, out = gates.chunk(4, dim=1)
            entry = torch.sigmoid(entry + to_input * cell)
            forget = torch.sigmoid(forget + to_forget * cell)
            cell = forget * cell + entry * torch.tanh(new)
            state = torch.sigmoid(out + to_output * cell) * torch.tanh(cell)
            found.append(state)
        return torch.stack(found, dim=1), (state, cell)
