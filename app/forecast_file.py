"""Forecasts made elsewhere: a CSV or Parquet table that strategies can trade on.

How they were fitted is unknown, so their fit window is NaT unless the table states it, and the report
warns.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ..core import Bars, DataError, Forecasts
from ..core.calendar import sessions
from ..core.errors import near_names
from ..core.forecasts import COLUMNS, KEY
from ..core.places import expand
from .tables import read_table


def read_forecasts(path: Path, bars: Bars) -> Forecasts:
    """Read `session, symbol, expected_return and/or p_up [, model, seed, horizon]`.

    Sessions before or after those of the bars are left out.  Raises `DataError` for a file that is not
    there, a missing column, a symbol without bars, a day without a session, a value that is no number.
    """
    path = expand(path)
    table = read_table(path, text=("symbol", "model"))
    for name in ("session", "symbol"):
        if name not in table.columns:
            raise DataError(
                f"{path}: forecasts lack the column {name!r}; received {list(table.columns)}"
            )
    if "expected_return" not in table.columns and "p_up" not in table.columns:
        raise DataError(f"{path}: give 'expected_return' or 'p_up'; received {list(table.columns)}")
    defaults = {"model": path.stem, "seed": 0, "horizon": 1, "fold": 0}
    for name, default in defaults.items():
        if name not in table.columns:
            table[name] = default
    for name in ("expected_return", "p_up"):
        table[name] = _numbers(table[name], path) if name in table.columns else np.nan
    for name in ("fit_start", "fit_end"):  # known where a run of ours made the forecasts
        table[name] = pd.to_datetime(table[name]) if name in table.columns else pd.NaT
    for symbol in table["symbol"].unique():
        if symbol not in bars.symbols:
            raise DataError(f"{path}: no bars for {symbol!r}: {near_names(str(symbol), bars.symbols)}")
    table["session"] = _sessions(table["session"], path, bars)
    table = table[table["session"].isin(bars.sessions)]
    try:
        return Forecasts(table[list(COLUMNS)].sort_values(list(KEY), ignore_index=True))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    wrong = column[numbers.isna() & column.notna()]
    if len(wrong):
        raise DataError(f"{path}: {wrong.iloc[0]!r} in {column.name!r} is not a number")
    return numbers


def _sessions(column: pd.Series, path: Path, bars: Bars) -> pd.Series:
    """Dates on the exchange's calendar, at least one of them within the bars."""
    found = pd.to_datetime(column, errors="coerce").astype("datetime64[ns]")
    if found.isna().any():
        raise DataError(f"{path}: {column[found.isna()].iloc[0]!r} in 'session' is not a date")
    off = found[~found.isin(sessions(bars.calendar))]
    if len(off):
        raise DataError(f"{path}: {off.iloc[0]:%Y-%m-%d} is not a session of {bars.calendar}")
    low, high = bars.sessions[0], bars.sessions[-1]
    if len(found) and not found.between(low, high).any():
        raise DataError(
            f"{path}: no forecast from {low:%Y-%m-%d} to {high:%Y-%m-%d}, where the bars are: "
            f"they run from {found.min():%Y-%m-%d} to {found.max():%Y-%m-%d}"
        )
    return found
