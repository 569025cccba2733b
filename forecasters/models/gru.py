"""Stacked GRU (Cho et al. 2014): an LSTM with two gates and no cell of its own.

    r = sigma(W_r x + U_r h + b_r)        z = sigma(W_z x + U_z h + b_z)
    n = tanh(W_n x + b_n + r * (U_n h + c_n))        h' = (1 - z) * n + z * h

Three quarters of the weights of an LSTM of the same size.  Dropout as in `lstm`.
"""

from typing import ClassVar

from pydantic import Field
from torch import nn

from ..search import Choice, Range, Space, space
from ._recurrent import RollingForecaster, Sizes, VariationalNet, masked_gru, steps


class GRU(RollingForecaster):
    """GRU layers on top of each other, a dense layer, the outputs.

    hidden
        Size of each GRU layer, bottom first.
    dense
        Size of the layer between the last GRU and the output.
    dropout
        Share of each GRU layer's outputs set to 0 while training, a new mask each row.
    variational_dropout
        Share of each layer's inputs and recurrent state set to 0 while training, one mask a sequence.
    supervise, stretch, stretches, context
        Taught at the last row of each window or at every row of a stretch; forecasts from a window or
        from the state carried through all rows: see `RollingForecaster`.

    >>> GRU(hidden=[32]).hidden
    (32,)
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        hidden=Choice((32,), (64,), (64, 64), (128, 128)),
        dropout=Range(0.0, 0.5),
        variational_dropout=Range(0.0, 0.5),
    )

    hidden: Sizes = Field(default=(64, 64), min_length=1)
    variational_dropout: float = Field(default=0.0, ge=0, lt=1)

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        layers = [nn.GRU(*sizes, batch_first=True) for sizes in steps(n_features, self.hidden)]
        return VariationalNet(layers, masked_gru, self.variational_dropout, self, outputs)
