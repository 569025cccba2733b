"""Numbers and sessions as JSON that is short enough for a page."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def calendar_steps(calendar: pd.DatetimeIndex) -> dict[str, Any]:
    """First day and the days between sessions: a third of the size of dates.

    >>> calendar_steps(pd.DatetimeIndex(["2024-02-08", "2024-02-19", "2024-02-20"]))
    {'first': '2024-02-08', 'steps': [11, 1]}
    """
    days = calendar.to_numpy().astype("datetime64[D]").astype(int)
    return {"first": f"{calendar[0]:%Y-%m-%d}", "steps": np.diff(days).tolist()}


def rounded(values: pd.Series | npt.NDArray[np.float64], digits: int) -> list[float | int | None]:
    """Plain numbers, None for what is not finite, integers without their point.

    >>> rounded(np.array([1.0, np.nan, 0.126]), 2)
    [1, None, 0.13]
    """
    found: list[float | int | None] = []
    for value in np.asarray(values, dtype=float):
        if not math.isfinite(value):
            found.append(None)
            continue
        short = round(float(value), digits)
        found.append(int(short) if short == int(short) else short)
    return found
