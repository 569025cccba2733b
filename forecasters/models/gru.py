"""Stacked GRU (Cho et al. 2014): an LSTM with two gates and no cell of its own.

    r = sigma(W_r x + U_r h + b_r)        z = sigma(W_z x + U_z h + b_z)
    n = tanh(W_n x + b_n + r * (U_n h + c_n))        h' = (1 - z) * n + z * h

Three quarters of the weights of an LSTM of the same size.  Dropout as in `lstm`.
"""

from pydantic import Field
from torch import nn

from ._recurrent import RecurrentForecaster, Sizes, VariationalNet, masked_gru, steps


class GRU(RecurrentForecaster):
    """GRU layers on top of each other, a dense layer, the outputs.

    hidden
        Size of each GRU layer, bottom first.
    dense
        Size of the layer between the last GRU and the output.
    dropout
        Share of each GRU layer's outputs set to 0 while training, a new mask each row.
    variational_dropout
        Share of each layer's inputs and recurrent state set to 0 while training, one mask a sequence.

    >>> GRU(hidden=[32]).hidden
    (32,)
    """

    hidden: Sizes = Field(default=(64, 64), min_length=1)
    variational_dropout: float = Field(default=0.0, ge=0, lt=1)

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        layers = [nn.GRU(*sizes, batch_first=True) for sizes in steps(n_features, self.hidden)]
        return VariationalNet(layers, masked_gru, self.variational_dropout, self, outputs)
