"""PatchTST (Nie, Nguyen, Sinthong & Kalagnanam 2023), as the `transformers` library builds it.

A window of each feature is cut into patches of `patch_length` rows, `stride` rows apart and counted back
from its last row; each patch becomes one token, so attention costs (rows / stride)^2 instead of rows^2,
and a token says more than one day does:

    x_p = W_patch rows_p + b + position_p,   states = encoder(x_1 ... x_P)

All features share these weights; what becomes of their states is said in `_hugging_face.py`.
"""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from torch import nn

from ..search import Choice, Range, Space, space
from ._hugging_face import PatchForecaster, PatchNet


class PatchTST(PatchForecaster):
    """A transformer over patches of each feature.

    patch_length
        Rows in a patch; a window must be longer.
    stride
        Rows from the start of one patch to that of the next; `patch_length` leaves no overlap.
    width
        Numbers that stand for a patch inside the net; a multiple of `heads`.
    layers, heads, feed_forward
        Encoder layers, attentions side by side in each, size of the hidden layer after them.
    dropout
        Share set to 0 while training: of attention weights, hidden layers, states before the head.
    norm
        "batch" as in the paper, or "layer".
    channel_attention
        Whether the features of a patch attend to each other in every layer; else none sees another
        before the head, as in the paper.
    window_scaling
        "std" or "mean" scales each feature by its own window; "none" leaves it as it comes.

    >>> PatchTST(width=16, heads=2).kind
    'patchtst'
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        patch_length=Choice(4, 8, 16),
        width=Choice(16, 32, 64),
        layers=Range(1, 3),
        dropout=Range(0.0, 0.5),
    )

    heads: int = Field(default=4, ge=1)
    feed_forward: int = Field(default=64, ge=1)
    norm: Literal["batch", "layer"] = "batch"
    channel_attention: bool = False

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.width % self.heads:
            raise ValueError(
                f"a width of {self.width} cannot be shared by {self.heads} heads: "
                "choose a multiple of heads"
            )
        return self

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The library's model with random weights, and the head."""
        patches = self.patches(lookback)
        from transformers import PatchTSTConfig, PatchTSTModel

        config = PatchTSTConfig(
            **self.shared_config(n_features, lookback),
            num_attention_heads=self.heads,
            ffn_dim=self.feed_forward,
            norm_type=f"{self.norm}norm",
            channel_attention=self.channel_attention,
            attention_dropout=self.dropout,
            positional_dropout=self.dropout,
            ff_dropout=self.dropout,
        )
        body = PatchTSTModel(config)
        return PatchNet(body, n_features, patches * self.width, outputs, self.dropout)
