"""What the transformers are made of (Vaswani et al. 2017), in plain matrix products.

    attention(Q, K, V) = softmax(Q K' / sqrt(d)) V,   d = width / heads

Written out rather than called from torch, whose attention takes another path in training than in
evaluation; windows are short, so the products cost little.
"""

import math
from collections.abc import Callable
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from ._torch import TorchForecaster


class AttentionForecaster(TorchForecaster):
    """Sizes that all nets with heads share; what they mean is said in their classes."""

    width: int = Field(default=32, ge=1)
    heads: int = Field(default=4, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.width % self.heads:
            raise ValueError(
                f"a width of {self.width} cannot be shared by {self.heads} heads: "
                "choose a multiple of heads"
            )
        return self


class TransformerForecaster(AttentionForecaster):
    """Sizes that the transformers share."""

    layers: int = Field(default=2, ge=1)
    feed_forward: int = Field(default=64, ge=1)


def positions(rows: int, width: int) -> Tensor:
    """[rows, width]: sin(p / 10000^(2i / width)) in column 2i, the cosine in column 2i + 1.

    >>> positions(2, 2)[0].tolist()
    [0.0, 1.0]
    """
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angle = torch.arange(rows)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)[:, :width]


class Attention(nn.Module):
    """Multi-head attention of [B, Q, width] to [B, K, width]."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, asking: Tensor, asked: Tensor, hidden: Tensor | None = None) -> Tensor:
        """`hidden` is True where a query may not look: a boolean that broadcasts to [B, heads, Q, K]."""
        query, key, value = self.query(asking), self.key(asked), self.value(asked)
        query, key, value = self._split(query), self._split(key), self._split(value)
        score = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
        if hidden is not None:
            score = score.masked_fill(hidden, -math.inf)
        found = self.dropout(score.softmax(3)) @ value
        answer: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return answer

    def _split(self, rows: Tensor) -> Tensor:
        """[B, rows, width] -> [B, heads, rows, width / heads]."""
        return rows.view(*rows.shape[:2], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Sequential):
    """Two linear layers on each row alone, with a ReLU between them."""

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__(
            nn.Linear(width, inner), nn.ReLU(), nn.Dropout(dropout), nn.Linear(inner, width)
        )


class Residual(nn.Module):
    """x + f(norm(x)) with the norm first, else norm(x + f(x)) as in the paper."""

    def __init__(self, width: int, dropout: float, *, norm_first: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.norm_first = norm_first

    def forward(self, rows: Tensor, inner: Callable[[Tensor], Tensor]) -> Tensor:
        if self.norm_first:
            after: Tensor = rows + self.dropout(inner(self.norm(rows)))
        else:
            after = self.norm(rows + self.dropout(inner(rows)))
        return after


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward layer, [B, rows, width] to the same."""

    def __init__(self, width: int, heads: int, inner: int, dropout: float, *, norm_first: bool) -> None:
        super().__init__()
        self.attention = Attention(width, heads, dropout)
        self.feed_forward = FeedForward(width, inner, dropout)
        self.around_attention = Residual(width, dropout, norm_first=norm_first)
        self.around_feed_forward = Residual(width, dropout, norm_first=norm_first)

    def forward(self, rows: Tensor, hidden: Tensor | None = None) -> Tensor:
        rows = self.around_attention(rows, lambda x: self.attention(x, x, hidden))
        after: Tensor = self.around_feed_forward(rows, self.feed_forward)
        return after
