"""Hidden layers of perceptrons, shared by the feed-forward nets."""

from collections.abc import Iterator

from torch import nn


def hidden_layers(inputs: int, sizes: tuple[int, ...], dropout: float) -> Iterator[nn.Module]:
    """A linear layer, a ReLU and dropout for each size, the first on `inputs` numbers."""
    for before, after in zip((inputs, *sizes), sizes, strict=False):
        yield nn.Linear(before, after)
        yield nn.ReLU()
        yield nn.Dropout(dropout)
