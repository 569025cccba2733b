"""Forecasts made elsewhere: a CSV or Parquet table that strategies can trade on.

How they were fitted is unknown, so their fit window is stated as unknown (NaT) and the report warns.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from ..core import Bars, DataError, Forecasts
from ..core.errors import near_names
from ..core.forecasts import COLUMNS, KEY


def read_forecasts(path: Path, bars: Bars) -> Forecasts:
    """Read `session, symbol, expected_return and/or p_up [, model, seed, horizon]`.

    Raises `DataError` for a file that is not there, a missing column, a symbol without bars.
    """
    if not path.is_file():
        raise DataError(f"no forecast file {str(path)!r}: check the path")
    text = {"symbol": str, "model": str}
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype=text)
    for name in ("session", "symbol"):
        if name not in table.columns:
            raise DataError(
                f"{path}: forecasts lack the column {name!r}; received {list(table.columns)}"
            )
    if "expected_return" not in table.columns and "p_up" not in table.columns:
        raise DataError(f"{path}: give 'expected_return' or 'p_up'; received {list(table.columns)}")
    table["session"] = pd.to_datetime(table["session"]).astype("datetime64[ns]")
    defaults = {"model": path.stem, "seed": 0, "horizon": 1, "fold": 0}
    for name, default in defaults.items():
        if name not in table.columns:
            table[name] = default
    for name in ("expected_return", "p_up"):
        if name not in table.columns:
            table[name] = np.nan
    for name in ("fit_start", "fit_end"):
        table[name] = pd.NaT
    for symbol in table["symbol"].unique():
        if symbol not in bars.symbols:
            raise DataError(f"{path}: no bars for {symbol!r}: {near_names(symbol, bars.symbols)}")
    return Forecasts(table[list(COLUMNS)].sort_values(list(KEY), ignore_index=True))
