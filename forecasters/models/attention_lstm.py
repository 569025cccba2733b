"""LSTM with additive attention over its states (Bahdanau, Cho & Bengio 2015).

    e(t) = v · tanh(W h(T) + U h(t)),    a = softmax(e),    context = sum of a(t) h(t)

The paper's query is the decoder's state; here is no decoder, so the state of the last row, T, asks.  The
dense layer reads the context beside that state.
"""

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from ..search import Choice, Range, Space, space
from ._recurrent import AdditiveAttention, RecurrentForecaster, RecurrentNet, steps


class AttentionLSTM(RecurrentForecaster):
    """LSTM layers, attention over the rows of the top one, a dense layer, the outputs.

    hidden
        Size of each LSTM layer, bottom first.
    attention
        Size of the layer that scores the rows.
    dense
        Size of the layer between the attention and the output.
    dropout
        Share of each LSTM layer's outputs set to 0 while training.

    >>> AttentionLSTM(hidden=[32], attention=8).attention
    8
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        hidden=Choice((32,), (64,), (64, 64)),
        dropout=Range(0.0, 0.5),
        attention=Choice(16, 32, 64),
    )

    attention: int = Field(default=32, ge=1)

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        return _Attentive(self, n_features, outputs)


class _Attentive(RecurrentNet):
    def __init__(self, settings: AttentionLSTM, inputs: int, outputs: int) -> None:
        size = settings.hidden[-1]
        layers = [nn.LSTM(*sizes, batch_first=True) for sizes in steps(inputs, settings.hidden)]
        super().__init__(layers, 2 * size, settings, outputs)
        self.attention = AdditiveAttention(size, settings.attention)

    def read(self, states: Tensor) -> Tensor:
        found: Tensor = self.attention(states)
        return found
