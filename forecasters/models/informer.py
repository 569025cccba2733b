"""Informer's encoder (Zhou et al. 2021), as the `transformers` library builds it.

Attention of every row to every row costs rows^2.  Here only the u = factor ln(1 + rows) queries that
stand out most are answered in full, all others get the mean of the values; how much a query stands out,

    M(q) = max over k of q k / sqrt(d) - mean over k of q k / sqrt(d),

is measured on keys drawn at random.  Between two layers a convolution and a maximum halve the
rows.  The paper's decoder forecasts the series from itself; here the label is none of the features, so
the answer is read from the last state.  Keys are drawn by the seed in training, and always alike in
prediction, so that an answer is a function of the window.  The library numbers rows from the first, so
in a window of fewer rows the row of the decision would have another number: such are refused.
"""

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ..search import Choice, Range, Space, space
from ._attention import TransformerForecaster


class Informer(TransformerForecaster):
    """Encoder layers with sparse attention, which halve the rows from one to the next.

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
    factor
        How many queries are answered in full, as a multiple of the rows' logarithm (rounded up);
        where that is as many as there are rows, attention is full: with 5, up to 20 rows.
    halving
        Whether the rows are halved between two layers.

    >>> Informer(width=16, heads=2, factor=3).kind
    'informer'
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        width=Choice(16, 32, 64),
        layers=Range(1, 3),
        feed_forward=Choice(32, 64, 128),
        dropout=Range(0.0, 0.5),
        factor=Choice(1, 3, 5),
    )

    factor: int = Field(default=5, ge=1)
    halving: bool = True

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The library's encoder with random weights, and a linear layer on its last state."""
        from transformers import InformerConfig
        from transformers.models.informer.modeling_informer import InformerEncoder

        config = InformerConfig(
            context_length=lookback,
            prediction_length=1,
            d_model=self.width,
            encoder_layers=self.layers,
            encoder_attention_heads=self.heads,
            encoder_ffn_dim=self.feed_forward,
            encoder_layerdrop=0.0,
            dropout=self.dropout,
            attention_dropout=self.dropout,
            activation_dropout=self.dropout,
            attention_type="prob",
            sampling_factor=self.factor,
            distil=self.halving,
        )
        # The library adds lags, ages and scales to the series; here a row is its features.
        config.feature_size = n_features
        return _Net(InformerEncoder(config), self.width, outputs)


class _Net(nn.Module):
    def __init__(self, body: Any, width: int, outputs: int) -> None:
        super().__init__()
        self.body = body
        self.out = nn.Linear(width, outputs)

    def forward(self, rows: Tensor) -> Tensor:
        if self.training:
            return self._answer(rows)
        # The library draws keys in prediction too, from torch's global randomness, on the CPU.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self._answer(rows)

    def _answer(self, rows: Tensor) -> Tensor:
        answer: Tensor = self.out(self.body(inputs_embeds=rows).last_hidden_state[:, -1])
        return answer
