"""Multilayer perceptron (Rumelhart, Hinton & Williams 1986): the plain net that knows no order of rows.

The window is laid out as one long row, x of lookback * features numbers:

    h_1 = relu(W_1 x + b_1),  h_2 = relu(W_2 h_1 + b_2),  ...,  answer = W h_n + b

What a recurrent or convolutional net is worth shows against this one.
"""

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from ..search import Choice, Range, Space, space
from ._perceptron import hidden_layers
from ._torch import TorchForecaster


class MLP(TorchForecaster):
    """Hidden layers on the whole window, then the outputs.

    hidden
        Size of each hidden layer, first to last: (128,) is one, (128, 64) are two.
    dropout
        Share of each hidden layer's outputs set to 0 while training.

    >>> MLP(hidden=[128, 64]).hidden
    (128, 64)
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        hidden=Choice((32,), (128,), (64, 32), (128, 64)),
        dropout=Range(0.0, 0.5),
    )

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(128,), min_length=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        hidden = hidden_layers(lookback * n_features, self.hidden, self.dropout)
        return nn.Sequential(nn.Flatten(), *hidden, nn.Linear(self.hidden[-1], outputs))
