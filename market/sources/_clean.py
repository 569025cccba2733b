"""Rows that are not bars: counted, named, and dropped only where the settings say so.

Left in, they are refused by `Bars` with symbol, session and value, which is the default everywhere.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd

from ...core.bars import PRICES
from ...core.calendar import sessions

OnRow = Literal["error", "drop"]
_TOLERANCE = 1e-6  # as in core.bars


def on_calendar(
    table: pd.DataFrame, calendar: str, mode: OnRow, where: str, note: Callable[[str], None]
) -> pd.DataFrame:
    """The rows that are sessions; the others are dropped and noted, or left for `Bars` to refuse."""
    if mode == "error":
        return table
    off = ~table["session"].isin(sessions(calendar))
    if not off.any():
        return table
    note(_counted(table, off, where, f"not a session of {calendar}"))
    return table[~off]


def possible(table: pd.DataFrame, mode: OnRow, where: str, note: Callable[[str], None]) -> pd.DataFrame:
    """The rows with possible prices and volume, each once; the others as in `on_calendar`.

    Two rows of one session that differ are never chosen between: `Bars` refuses them.
    """
    if mode == "error":
        return table
    prices = table[list(PRICES)]
    positive = (prices > 0).all(axis=1) & np.isfinite(prices).all(axis=1)
    inside = (prices.max(axis=1) <= table["high"] * (1 + _TOLERANCE)) & (
        prices.min(axis=1) >= table["low"] * (1 - _TOLERANCE)
    )
    counted = np.isfinite(table["volume"]) & (table["volume"] >= 0)
    sound = positive & inside
    if "suspended" in table:
        contradiction = table["suspended"] & (table["volume"] > 0)
    else:
        contradiction = pd.Series(data=False, index=table.index)
    repeated = table.duplicated()
    fine = sound & counted & ~contradiction
    for bad, why in (
        (~sound, "with impossible prices"),
        (sound & ~counted, "with an impossible volume"),
        (sound & counted & contradiction, "suspended but with volume"),
        (fine & repeated, "repeated word for word"),
    ):
        if bad.any():
            note(_counted(table, bad, where, why))
    return table[fine & ~repeated]


def _counted(table: pd.DataFrame, bad: pd.Series, where: str, why: str) -> str:
    at = table.loc[bad, "session"]
    return (
        f"{table['symbol'].iloc[0]}: dropped {int(bad.sum())} of {len(table)} rows of {where}, {why} "
        f"({at.min():%Y-%m-%d} to {at.max():%Y-%m-%d})"
    )
