"""QVIX: the fear that option prices of the mainland imply, as one site computes it.

The method is that of the VIX (the price of variance over 30 days, in percent a year), applied to the
options on one fund or index; the name says which: QVIX.510300.SH.  All of them stand in one file, which
akshare reads with `pandas.read_csv` and keeps for the life of the process.  Here it is fetched like any
other answer (time-out, pauses, tries, no page of a firewall), and anew for every source.

A bar has no volume: nobody trades QVIX.  The close of a session is computed from its closing prices.
"""

import sys
import warnings
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pandas as pd

from ...core import DataError, SourceError
from ...core.akshare_wire import Ask, lacking, library
from ...core.bars import PRICES
from ...core.errors import near_names

PREFIX = "QVIX."
FUNCTIONS = {
    "510050.SH": "index_option_50etf_qvix",
    "510300.SH": "index_option_300etf_qvix",
    "510500.SH": "index_option_500etf_qvix",
    "588000.SH": "index_option_kcb_qvix",
    "159915.SZ": "index_option_cyb_qvix",
    "159901.SZ": "index_option_100etf_qvix",
    "000016.SH": "index_option_50index_qvix",
    "000300.SH": "index_option_300index_qvix",
    "000852.SH": "index_option_1000index_qvix",
}
"""The options' underlying, and the function of akshare that has their QVIX."""

_MODULE = "akshare.index.index_option_qvix"


def qvix(symbol: str, ask: Ask, *, anew: bool) -> pd.DataFrame:
    """Open, high, low and close of every day that has a close, volume 0.

    `anew` fetches the file again, which otherwise serves all QVIX of a process.  `DataError` for an
    underlying without one, `SourceError` for an answer that is something else.
    """
    underlying = symbol.removeprefix(PREFIX)
    if underlying not in FUNCTIONS:
        known = [PREFIX + one for one in FUNCTIONS]
        raise DataError(f"there is no {symbol!r}: {near_names(symbol, known)}")
    akshare = library()
    module = sys.modules[_MODULE]
    module.pd = _Fetched()  # type: ignore[attr-defined]
    if anew:
        getattr(module, "__get_optbbs_daily").cache_clear()
    found = ask(symbol, lambda: _quietly(getattr(akshare, FUNCTIONS[underlying])))
    missing = lacking(found, ("date", *PRICES))
    if missing:
        raise SourceError(f"{symbol} lacks the column {missing!r}: akshare has changed its columns")
    days = pd.to_datetime(found["date"], errors="coerce")
    table = found[list(PRICES)].assign(symbol=symbol, session=days, volume=0.0)
    table = table[table["close"].notna()]
    if table.empty or table["session"].isna().any():
        raise SourceError(
            f"{symbol} came without prices or with days that are none: the site has changed"
        )
    return table.reset_index(drop=True)


def _quietly(read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Akshare writes into slices of the file's table, of which pandas warns at every column."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.SettingWithCopyWarning)
        return read()


class _Fetched:
    """Pandas as that module uses it, but for files at an address: those come through `requests`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(pd, name)

    @staticmethod
    def read_csv(address: str, **settings: Any) -> pd.DataFrame:
        import requests

        answer = requests.get(address)  # noqa: S113  the watch sets the time-out
        return pd.read_csv(BytesIO(answer.content), **settings)
