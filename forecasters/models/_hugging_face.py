"""What the nets of the `transformers` library share: they are built from a config, with random weights.

The library's patch models map a window to hidden states [B, features, patches, width].  In the papers
each series forecasts itself from its own states; here the label is none of the features, so

    z[f] = W flatten(states of feature f) + b,   answer = sum over f of v[f] z[f] + c

with one W for all features, as in the papers' flattened head, and a weight v a feature.

The library's scaling inside a window (its mean and spread, Kim et al. 2022) only sees the window's own
rows.  It is off unless asked for: the walk-forward has standardised the features already, and scaling
them again by their window hides their level, which is what an RSI of 80 says.
"""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field
from torch import Tensor, nn

from ...core import ConfigError
from ._torch import TorchForecaster


class PatchForecaster(TorchForecaster):
    """Settings that the library's patch models share; what they mean is said in their classes."""

    patch_length: int = Field(default=8, ge=1)
    stride: int = Field(default=4, ge=1)
    width: int = Field(default=32, ge=1)
    layers: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    window_scaling: Literal["none", "std", "mean"] = "none"

    def patches(self, lookback: int) -> int:
        """Patches in a window; `ConfigError` where the window is not longer than one."""
        if lookback <= self.patch_length:
            raise ConfigError(
                f"{self.kind} cuts windows into patches of {self.patch_length} rows, but a window has "
                f"{lookback}: raise lookback or lower patch_length",
                key="patch_length",
            )
        return (lookback - self.patch_length) // self.stride + 1

    def shared_config(self, n_features: int, lookback: int) -> dict[str, Any]:
        """What the configs of all patch models call the same."""
        return {
            "num_input_channels": n_features,
            "context_length": lookback,
            "patch_length": self.patch_length,
            "patch_stride": self.stride,
            "d_model": self.width,
            "num_hidden_layers": self.layers,
            "head_dropout": 0.0,
            "scaling": None if self.window_scaling == "none" else self.window_scaling,
        }


class PatchNet(nn.Module):
    """One of the library's patch models, and the head that is described above."""

    def __init__(
        self, body: Callable[..., Any], features: int, numbers: int, outputs: int, dropout: float
    ) -> None:
        """`numbers` is how many the states of one feature are."""
        super().__init__()
        self.body = body
        self.dropout = nn.Dropout(dropout)
        self.own = nn.Linear(numbers, outputs)
        self.channels = nn.Linear(features, 1)

    def forward(self, rows: Tensor) -> Tensor:
        """[B, lookback, F] -> [B, outputs]."""
        states = self.body(past_values=rows).last_hidden_state.flatten(2)
        found = self.own(self.dropout(states))
        answer: Tensor = self.channels(found.transpose(1, 2)).squeeze(2)
        return answer
