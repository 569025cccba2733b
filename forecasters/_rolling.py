"""Rolling windows that are computed from their own rows and nothing else.

Running sums (as in `pandas.rolling`) carry rounding errors from the start of the history into each
window; a sum that should be 0 is then 1e-17, and a ratio of two such sums is noise.  Here each window of
n rows is reduced by itself: equal rows give an equal answer, whatever lies before them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RollingSet:
    """A named set of many features over the same window lengths.

    names, warm_up
        Of the window lengths in rows: the columns, and the rows at the head that are incomplete.
    compute
        Of the back-adjusted open, high, low, close and volume of one symbol, and the lengths: rows x
        columns, NaN where a window is not complete.
    """

    names: Callable[[tuple[int, ...]], tuple[str, ...]]
    warm_up: Callable[[tuple[int, ...]], int]
    compute: Callable[[pd.DataFrame, tuple[int, ...]], Float64Array]


def rolled(values: npt.NDArray[np.generic], n: int) -> Float64Array:
    """Every run of n rows, oldest first, as [rows - n + 1, n]; no row where there are fewer than n.

    >>> rolled(np.array([1.0, 2.0, 4.0]), 2)
    array([[1., 2.],
           [2., 4.]])
    """
    if len(values) < n:
        return np.empty((0, n))
    # a copy in C order: reductions then add each window up in one and the same order.
    windows = np.lib.stride_tricks.sliding_window_view(values, n)
    return np.array(windows, dtype=np.float64, order="C")


def to_rows(values: npt.NDArray[np.generic], rows: int) -> Float64Array:
    """The values as the last of `rows` rows, NaN before them.

    >>> to_rows(np.array([1.0, 2.0]), 3)
    array([nan,  1.,  2.])
    """
    whole = np.full(rows, np.nan)
    if len(values):
        whole[-len(values) :] = values
    return whole
