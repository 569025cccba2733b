"""PatchTSMixer (Ekambaram et al. 2023), as the `transformers` library builds it: no attention at all.

A window of each feature is cut into patches as in PatchTST.  Each layer mixes with small perceptrons,
first along the patches, then along the numbers of a patch, and with `channel_mixing` along the
features before both:

    x' = x + gate(MLP(norm(x))),   gate(y) = y softmax(W y)

The cost grows with the number of patches, not with its square.  What becomes of the states is said in
`_hugging_face.py`.
"""

from typing import ClassVar, Literal

from pydantic import Field
from torch import nn

from ..search import Choice, Range, Space, space
from ._hugging_face import PatchForecaster, PatchNet


class PatchTSMixer(PatchForecaster):
    """Perceptrons that mix patches of each feature.

    patch_length
        Rows in a patch; a window must be longer.
    stride
        Rows from the start of one patch to that of the next; `patch_length` leaves no overlap.
    width
        Numbers that stand for a patch inside the net.
    layers
        Mixer layers.
    expansion
        Size of the perceptrons' hidden layer, as a multiple of what they mix.
    dropout
        Share set to 0 while training: of hidden layers and of states before the head.
    gated
        Whether what a perceptron adds is weighed by a softmax gate.
    norm
        "layer" or "batch".
    channel_mixing
        Whether a perceptron mixes the features in every layer; else none sees another before the head.
    window_scaling
        "std" or "mean" scales each feature by its own window; "none" leaves it as it comes.

    >>> PatchTSMixer(channel_mixing=True).kind
    'patchtsmixer'
    """

    search: ClassVar[Space] = space(
        learning_rate=Range(1e-4, 1e-2, log=True),
        patch_length=Choice(4, 8, 16),
        width=Choice(16, 32, 64),
        layers=Range(1, 3),
        dropout=Range(0.0, 0.5),
    )

    expansion: int = Field(default=2, ge=1)
    gated: bool = True
    norm: Literal["batch", "layer"] = "layer"
    channel_mixing: bool = False

    def network(self, n_features: int, lookback: int, outputs: int) -> nn.Module:
        """The library's model with random weights, and the head."""
        patches = self.patches(lookback)
        from transformers import PatchTSMixerConfig, PatchTSMixerModel

        config = PatchTSMixerConfig(
            **self.shared_config(n_features, lookback),
            expansion_factor=self.expansion,
            dropout=self.dropout,
            mode="mix_channel" if self.channel_mixing else "common_channel",
            gated_attn=self.gated,
            norm_mlp="LayerNorm" if self.norm == "layer" else "BatchNorm",
        )
        body = PatchTSMixerModel(config)
        return PatchNet(body, n_features, patches * self.width, outputs, self.dropout)
