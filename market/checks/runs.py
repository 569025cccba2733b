"""Runs of consecutive rows that share something."""

from collections.abc import Iterator

import numpy as np


def runs(mask: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """First, last and length of every run of True.

    >>> list(runs(np.array([True, False, True, True])))
    [(0, 0, 1), (2, 3, 2)]
    """
    padded = np.r_[False, mask, False].astype(np.int8)
    edges = np.flatnonzero(np.diff(padded))
    for first, beyond in zip(edges[::2], edges[1::2], strict=True):
        yield int(first), int(beyond) - 1, int(beyond - first)
