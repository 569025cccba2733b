"""Texts as batches of token ids whose shape a text decides alone.

A text is cut to `max_length` tokens and padded to the next multiple of `STEP`, its width.  A batch
holds texts of one width, always as many as the token budget allows: where there are too few left, the
last batch is filled up with repeats.  So the arithmetic that a text goes through (a library may choose
another order of summation for another shape) does not depend on the other texts, and a score is the
same to the last bit in any order and company.  The budget is small on a CPU, where four texts of 64
tokens are as fast a text as sixty-four, and less is repeated.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ...core import DataError

STEP = 8
"""Texts are padded to multiples of so many tokens."""
TOKENS = 8
"""Tokens in a batch for each unit of `batch_size`, on a CPU."""
TOKENS_GPU = 256
"""The same on a GPU, which is idle where a batch is small."""

Encoded = Mapping[str, Sequence[Sequence[int]]]
Inputs = dict[str, npt.NDArray[np.int64]]


def encode(tokenizer: Any, contents: list[str], max_length: int) -> dict[str, list[list[int]]]:
    """Token ids of each text, cut to `max_length`, not padded."""
    return dict(tokenizer(contents, truncation=True, max_length=max_length, padding=False))


def batches(
    encoded: Encoded, max_length: int, budget: int
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], int]]:
    """(positions, positions with repeats to fill the batch, width), shortest texts first."""
    lengths = np.array([len(row) for row in encoded["input_ids"]])
    widths = np.clip(-(-lengths // STEP) * STEP, 1, max_length)
    for width in np.unique(widths):
        same = np.flatnonzero(widths == width)
        size = max(1, budget // int(width))
        for first in range(0, len(same), size):
            rows = same[first : first + size]
            yield rows, np.resize(rows, size), int(width)


def padded(encoded: Encoded, rows: Sequence[int], width: int, tokenizer: Any) -> Inputs:
    """The chosen texts as one rectangle a model input; padding is masked.

    Raises `DataError` for a tokenizer without a padding token.
    """
    if tokenizer.pad_token_id is None:
        raise DataError("the model's tokenizer has no padding token: texts cannot be scored in batches")
    fill = {"input_ids": tokenizer.pad_token_id, "token_type_ids": tokenizer.pad_token_type_id}
    left = tokenizer.padding_side == "left"
    found: Inputs = {}
    for name, values in encoded.items():
        table = np.full((len(rows), width), fill.get(name, 0), dtype=np.int64)
        for at, row in enumerate(rows):
            ids = values[row]
            table[at, slice(width - len(ids), None) if left else slice(len(ids))] = ids
            if name == "attention_mask" and not ids:
                table[at, 0] = 1  # a text without a token reads one padding: nothing at all is no number
        found[name] = table
    return found
