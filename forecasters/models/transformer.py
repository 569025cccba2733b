"""Encoder-decoder transformer (Vaswani et al. 2017), for windows of different length and width.

The encoder reads the rows; the decoder asks it one question an output, and each sees those before it.
In translation the decoder is fed the words so far; here its inputs are learned, one vector an output
(Carion et al. 2020), so that all outputs come out of one pass.

Padding is NaN.  A row that is NaN throughout is masked: no attention looks at it.  A column that is NaN
in all other rows is left out of the row's embedding.  Any other NaN stays one and ends in a `FitError`.
Rows are numbered back from the last, so that a short window answers as it would without the padding in
front of it.  `WalkForward` pads nothing: short windows stand in batches of their own length.  A panel
of one's own may pad.
"""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..search import Choice, Range, Space, space
from ._attention import (
    Attention,
    EncoderLayer,
    FeedForward,
    Residual,
    TransformerForecaster,
    positions,
)


class Transformer(TransformerForecaster):
    """Encoder layers, as many decoder layers, then each output from its own vector.

    width
        Numbers that stand for a row inside the net; a multiple of `heads`.
    heads
        Attentions side by side in a layer.
    layers
        Encoder layers, and decoder layers.
    feed_forward
        Size of the hidden layer after each attention.
    dropout
        Share set to 0 while training: of attention weights, hidden layers and what is added up.

    >>> Transformer(width=16, heads=2).kind
    'transformer'
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


def padding(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Which rows [B, L] and which columns [B, F] of [B, L, F] are padding.

    >>> nan = float("nan")
    >>> rows, columns = padding(torch.tensor([[[nan, nan], [1.0, nan]]]))
    >>> rows.tolist(), columns.tolist()
    ([[True, False]], [[False, True]])
    """
    unknown = rows.isnan()
    return unknown.all(2), unknown.all(1)


class _Net(nn.Module):
    places: Tensor
    later: Tensor

    def __init__(self, features: int, lookback: int, outputs: int, sizes: TransformerForecaster) -> None:
        super().__init__()
        width, more = sizes.width, (sizes.heads, sizes.feed_forward, sizes.dropout)
        self.embed = nn.Linear(features, width)
        self.questions = nn.Parameter(torch.randn(outputs, width))
        self.register_buffer("places", positions(lookback, width).flip(0), persistent=False)
        later = torch.ones(outputs, outputs, dtype=torch.bool).triu(1)
        self.register_buffer("later", later, persistent=False)
        self.dropout = nn.Dropout(sizes.dropout)
        self.encoder = nn.ModuleList(
            EncoderLayer(width, *more, norm_first=False) for _ in range(sizes.layers)
        )
        self.decoder = nn.ModuleList(_DecoderLayer(width, *more) for _ in range(sizes.layers))
        self.out = nn.Linear(width, 1)

    def forward(self, rows: Tensor) -> Tensor:
        no_row, no_column = padding(rows)
        known = rows.masked_fill(no_row[:, :, None] | no_column[:, None, :], 0.0)
        read = self.dropout(self.embed(known) + self.places[-rows.shape[1] :])
        hidden = no_row[:, None, None, :]
        for layer in self.encoder:
            read = layer(read, hidden)
        asked = self.dropout(self.questions.expand(len(rows), -1, -1))
        for layer in self.decoder:
            asked = layer(asked, read, self.later, hidden)
        answer: Tensor = self.out(asked).squeeze(2)
        return answer


class _DecoderLayer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.own = Attention(width, heads, dropout)
        self.across = Attention(width, heads, dropout)
        self.feed_forward = FeedForward(width, inner, dropout)
        self.around = nn.ModuleList(Residual(width, dropout, norm_first=False) for _ in range(3))

    def forward(self, asked: Tensor, read: Tensor, later: Tensor, padded: Tensor) -> Tensor:
        parts: tuple[Callable[[Tensor], Tensor], ...] = (
            lambda x: self.own(x, x, later),
            lambda x: self.across(x, read, padded),
            self.feed_forward,
        )
        for around, part in zip(self.around, parts, strict=True):
            asked = around(asked, part)
        return asked
