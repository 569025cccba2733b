"""Temporal fusion transformer (Lim, Arik, Loeff & Pfister 2021): features chosen by row, gated parts.

    GRN(a)   = norm(a + GLU(W_1 elu(W_2 a))),  GLU(x) = W x * sigmoid(V x)
    chosen_t = sum_f v_tf GRN_f(x_tf),  v_t = softmax(GRN(all x_t)),  x_tf an embedding of feature f
    read_t   = norm(chosen_t + GLU(LSTM(chosen)_t))
    answer   from read_T, through attention of the last row T to all rows, its heads sharing their values

What else the paper feeds in has no counterpart here: features of a symbol that never change, and inputs
known ahead.  The paper answers with quantiles: that is the head "quantile" of all nets.
"""

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ..search import Choice, Range, Space, space
from ._attention import AttentionForecaster


class TemporalFusion(AttentionForecaster):
    """Feature selection, an LSTM, one interpretable attention, then the outputs.

    width
        Numbers that stand for a feature or a row inside the net; a multiple of `heads`.
    heads
        Attentions side by side, which share their values.
    dropout
        Share set to 0 while training: of attention weights, and before each gate.

    >>> TemporalFusion(width=8, heads=2).kind
    'temporal_fusion'
    """

    any_length: ClassVar[bool] = True
    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        width=Choice(8, 16, 32),
        dropout=Range(0.0, 0.5),
    )

    width: int = Field(default=16, ge=1)

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The layers."""
        return _Net(n_features, outputs, self.width, self.heads, self.dropout)


class _Net(nn.Module):
    def __init__(self, features: int, outputs: int, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.choice = _Selection(features, width, dropout)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.after_lstm = _Gate(width, dropout)
        self.enriched = _ResidualGate(width, width, dropout)
        self.attention = _SharedValueAttention(width, heads, dropout)
        self.after_attention = _Gate(width, dropout)
        self.thought = _ResidualGate(width, width, dropout)
        self.last = _Gate(width, dropout)
        self.out = nn.Linear(width, outputs)

    def forward(self, rows: Tensor) -> Tensor:
        chosen = self.choice(rows)
        read = self.after_lstm(self.lstm(chosen)[0], chosen)
        rich = self.enriched(read)
        seen = self.after_attention(self.attention(rich[:, -1:], rich), rich[:, -1:])
        answer: Tensor = self.out(self.last(self.thought(seen), read[:, -1:])[:, 0])
        return answer


class _Gate(nn.Module):
    """norm(beside + GLU(x)): lets the net close a part that does not help."""

    def __init__(self, width: int, dropout: float, *, many: int = 0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.gate = _linear(width, 2 * width, many)
        self.norm = nn.LayerNorm(width)

    def forward(self, inner: Tensor, beside: Tensor) -> Tensor:
        after: Tensor = self.norm(beside + functional.glu(self.gate(self.dropout(inner)), -1))
        return after


class _ResidualGate(nn.Module):
    """The paper's GRN on the last dimension; with `many`, one for each place in the first dimension.

    Such many share the scale and shift of their norm, nothing else.
    """

    def __init__(self, before: int, after: int, dropout: float, *, many: int = 0) -> None:
        super().__init__()
        self.first = _linear(before, after, many)
        self.second = _linear(after, after, many)
        self.beside = nn.Identity() if before == after else _linear(before, after, many)
        self.gate = _Gate(after, dropout, many=many)

    def forward(self, rows: Tensor) -> Tensor:
        inner = self.second(functional.elu(self.first(rows)))
        after: Tensor = self.gate(inner, self.beside(rows))
        return after


class _Selection(nn.Module):
    """[B, L, F] to [B, L, width]: each feature through a net of its own, weighed anew in each row."""

    def __init__(self, features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.embed = _Linears(features, 1, width)
        self.score = _ResidualGate(features * width, features, dropout)
        self.each = _ResidualGate(width, width, dropout, many=features)

    def weights(self, embedded: Tensor) -> Tensor:
        """[F, n], from [F, n, width]: what each feature counts in each row; those of a row sum to 1."""
        scores: Tensor = self.score(embedded.transpose(0, 1).flatten(1))
        return scores.softmax(1).T

    def forward(self, rows: Tensor) -> Tensor:
        # features stand first, all rows of the batch second: so each feature's net is one product.
        embedded = self.embed(rows.flatten(0, 1).T[:, :, None])
        chosen: Tensor = (self.weights(embedded)[:, :, None] * self.each(embedded)).sum(0)
        return chosen.view(*rows.shape[:2], -1)


class _SharedValueAttention(nn.Module):
    """Attention of [B, Q, width] to [B, K, width]; heads share values, so weights may be averaged."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width // heads)
        self.out = nn.Linear(width // heads, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, asking: Tensor, asked: Tensor) -> Tensor:
        query, key = (
            part.view(*part.shape[:2], self.heads, -1).transpose(1, 2)
            for part in (self.query(asking), self.key(asked))
        )
        score = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])
        weights = self.dropout(score.softmax(3)).mean(1)
        answer: Tensor = self.out(weights @ self.value(asked))
        return answer


class _Linears(nn.Module):
    """A linear layer for each of `many` places: [many, n, before] to [many, n, after]."""

    def __init__(self, many: int, before: int, after: int) -> None:
        super().__init__()
        bound = before**-0.5  # as nn.Linear starts
        self.weight = nn.Parameter(torch.empty(many, before, after).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(many, 1, after).uniform_(-bound, bound))

    def forward(self, places: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, places, self.weight)


def _linear(before: int, after: int, many: int) -> nn.Module:
    """One linear layer, or one for each of `many` places."""
    return _Linears(many, before, after) if many else nn.Linear(before, after)
