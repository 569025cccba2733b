"""Stacked LSTM (Hochreiter & Schmidhuber 1997), the net that most of the price-forecast literature uses.

By default three layers of 128, then 16, then the outputs, read from the last row of the window.  With
`variational_dropout`, one mask a sequence for the inputs and the recurrent state of each layer and for
what the dense layer reads (Gal & Ghahramani 2016); it is computed row by row, so a fit takes longer.
"""

from typing import ClassVar

from pydantic import Field
from torch import nn

from ..search import Choice, Range, Space, space
from ._recurrent import RollingForecaster, Sizes, VariationalNet, masked_lstm, steps


class LSTM(RollingForecaster):
    """LSTM layers on top of each other, a dense layer, the outputs.

    hidden
        Size of each LSTM layer, bottom first.
    dense
        Size of the layer between the last LSTM and the output.
    dropout
        Share of each LSTM layer's outputs set to 0 while training, a new mask each row.
    variational_dropout
        Share of each layer's inputs and recurrent state set to 0 while training, one mask a sequence.
    supervise, stretch, stretches, context
        Taught at the last row of each window or at every row of a stretch; forecasts from a window or
        from the state carried through all rows: see `RollingForecaster`.

    >>> LSTM(hidden=[32, 16], target="trend").hidden
    (32, 16)
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        hidden=Choice((32,), (64,), (64, 64), (128, 128, 128)),
        dropout=Range(0.0, 0.5),
        variational_dropout=Range(0.0, 0.5),
    )

    hidden: Sizes = Field(default=(128, 128, 128), min_length=1)
    variational_dropout: float = Field(default=0.0, ge=0, lt=1)

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        layers = [nn.LSTM(*sizes, batch_first=True) for sizes in steps(n_features, self.hidden)]
        return VariationalNet(layers, masked_lstm, self.variational_dropout, self, outputs)
