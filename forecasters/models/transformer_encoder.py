"""Encoder-only transformer (Vaswani et al. 2017), norms first (Xiong et al. 2020).

    x_0 = W row + b + position,   a = x + attention(norm(x)),   x' = a + feed_forward(norm(a))

Each row of the window attends to all of its rows; the answer is read from the last one.  Norms come
first because such a net trains without a warm-up of the learning rate.  A short window takes the last
positions, so that the row of the decision always has the same one.
"""

from typing import ClassVar

from torch import Tensor, nn

from ..search import Choice, Range, Space, space
from ._attention import EncoderLayer, TransformerForecaster, positions


class TransformerEncoder(TransformerForecaster):
    """Encoder layers on top of each other, then the outputs.

    width
        Numbers that stand for a row inside the net; a multiple of `heads`.
    heads
        Attentions side by side in a layer.
    layers
        Encoder layers.
    feed_forward
        Size of the hidden layer after each attention.
    dropout
        Share set to 0 while training: of attention weights, hidden layers and what is added up.

    >>> TransformerEncoder(width=16, heads=2).kind
    'transformer_encoder'
    """

    any_length: ClassVar[bool] = True
    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        width=Choice(16, 32, 64),
        layers=Range(1, 3),
        feed_forward=Choice(32, 64, 128),
        dropout=Range(0.0, 0.5),
    )

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        return _Net(n_features, lookback, outputs, self)


class _Net(nn.Module):
    places: Tensor

    def __init__(self, features: int, lookback: int, outputs: int, sizes: TransformerForecaster) -> None:
        super().__init__()
        width = sizes.width
        self.embed = nn.Linear(features, width)
        self.register_buffer("places", positions(lookback, width), persistent=False)
        self.dropout = nn.Dropout(sizes.dropout)
        self.layers = nn.ModuleList(
            EncoderLayer(width, sizes.heads, sizes.feed_forward, sizes.dropout, norm_first=True)
            for _ in range(sizes.layers)
        )
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, outputs)

    def forward(self, rows: Tensor) -> Tensor:
        inner = self.dropout(self.embed(rows) + self.places[-rows.shape[1] :])
        for layer in self.layers:
            inner = layer(inner)
        answer: Tensor = self.out(self.norm(inner[:, -1]))
        return answer
