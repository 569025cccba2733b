"""Linear layers in 8-bit integers, each token by itself.

Each row of the weights W (one output) has a scale s_w = max|W_row| / 127, each token's activations x a
scale s_x = max|x| / 127, taken when they arrive, and

    y = (round(x / s_x) . round(W / s_w)) * s_x * s_w + b

with the product in integers, which is exact.  torch's own dynamic quantisation takes one scale for a
whole batch, so that a text's score changes with its neighbours (by 0.006 in a logit, measured); a scale
a token costs the same time, is as accurate, and leaves a text alone with its score.  Attention, norms,
embeddings and the head stay in float32.
Source: Dettmers et al. (2022), "LLM.int8()", section 2, vector-wise quantisation.

Loads torch: import it where a model is loaded already.
"""

import torch

from ...core import ConfigError
from ._precision import SATURATES

_NARROW = 32  # a layer with fewer inputs or outputs, the head above all, stays as it is


class Int8Linear(torch.nn.Module):
    """A `torch.nn.Linear` in 8 bits; takes and gives float32, any shape x features."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach()
        scale = _scale(weight)
        self.scale = scale[:, 0]
        self.weight = (weight / scale).round().to(torch.int8).t()
        self.bias = linear.bias

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """The layer's output for each row of features."""
        rows = given.reshape(-1, given.shape[-1])
        scale = _scale(rows)
        whole = torch._int_mm((rows / scale).round().to(torch.int8), self.weight)
        found = whole.float().mul_(scale).mul_(self.scale)
        if self.bias is not None:
            found = found.add_(self.bias)
        return found.reshape(*given.shape[:-1], -1)


def quantise(model: torch.nn.Module) -> None:
    """Put 8-bit layers in the place of the wide linear ones, in place.

    Raises `ConfigError` on a processor that does not multiply 8-bit integers exactly.
    """
    largest = torch.full((32, 256), 127, dtype=torch.int8)
    if not bool((torch._int_mm(largest, largest.t()) == 256 * 127**2).all()):
        raise ConfigError(SATURATES)
    _replace(model)


def _replace(module: torch.nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, torch.nn.Linear) and min(child.weight.shape) >= _NARROW:
            setattr(module, name, Int8Linear(child))
        else:
            _replace(child)


def _scale(rows: torch.Tensor) -> torch.Tensor:
    """Each row's largest size as 127; a row of zeros keeps a scale that can be divided by."""
    return rows.abs().amax(dim=1, keepdim=True).clamp_min(1e-12) / 127
