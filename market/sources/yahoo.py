"""Bars from Yahoo through yfinance: the US, Taiwan, and a little of everything.

Yahoo's Close is already divided by every later split, and its Adj Close by later splits and dividends.
As-traded prices are recovered from the splits: raw = Close x (product of the ratios of later splits),
volume divided by the same; factor = Adj Close / raw, 1 in the first row.  For that the series is
always fetched up to today, whatever `end` is: a split after `end` has changed the prices before it.
yfinance hides failures behind empty frames; here they are errors.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from ...core import Bars, SourceError
from ...core.bars import PRICES
from ...core.calendar import ZONES, calendar_of
from ._clean import OnRow, on_calendar, possible
from ._network import NetworkSource

_WANTED = ("Open", "High", "Low", "Close", "Adj Close", "Volume", "Stock Splits")


class Yahoo(NetworkSource):
    """Daily bars by Yahoo's symbols, written our way: BRK.B, 0050.TW, 600519.SH, ^GSPC.

    adjust
        "raw": as traded, with a factor.  "adjusted": Yahoo's split- and dividend-adjusted prices.
    timeout
        Seconds to wait for an answer.
    off_calendar, on_bad
        Yahoo prints a few rows on days without a session: they are dropped with a note by default;
        rows with impossible prices are errors by default.

    >>> Yahoo(adjust="adjusted").attempts
    4
    """

    adjust: Literal["raw", "adjusted"] = "raw"
    timeout: float = Field(default=15.0, gt=0)
    off_calendar: OnRow = "drop"
    on_bad: OnRow = "error"

    def fetch(self, symbol: str, start: str | None = None, end: str | None = None) -> Bars:
        """Bars of one symbol; `SourceError` where Yahoo has none."""
        calendar = calendar_of(symbol)
        found = self._history(symbol, start)
        missing = [name for name in _WANTED if name not in found.columns]
        if missing:
            raise SourceError(
                f"Yahoo's answer for {symbol} lacks {missing[0]!r}; it has {', '.join(found.columns)}: "
                "yfinance has changed its columns"
            )
        table = self._as_traded(found) if self.adjust == "raw" else _as_adjusted(found)
        at = pd.DatetimeIndex(found.index)
        at = at.tz_convert(ZONES[calendar]).tz_localize(None) if at.tz is not None else at
        table["session"] = at.normalize().as_unit("ns")
        table["symbol"] = symbol
        table = table.reset_index(drop=True)
        empty = table[list(PRICES)].isna().all(axis=1)
        if empty.any():
            self.note(f"{symbol}: dropped {int(empty.sum())} rows of Yahoo without any price")
            table = table[~empty]
        table = on_calendar(table, calendar, self.off_calendar, "Yahoo's answer", self.note)
        table = possible(table, self.on_bad, "Yahoo's answer", self.note)
        table = self._finished(table, calendar, f"Yahoo's bars of {symbol}")
        adjustment: Literal["raw", "adjusted"] = self.adjust
        return Bars.from_frame(table, adjustment=adjustment, calendar=calendar).between(start, end)

    def _history(self, symbol: str, start: str | None) -> pd.DataFrame:
        import yfinance
        from yfinance.data import YfData
        from yfinance.exceptions import YFDataException, YFException, YFRateLimitError

        def request() -> pd.DataFrame:
            # yfinance keeps answers, error pages among them, in a cache that would defeat a retry.
            YfData.cache_get.cache_clear()
            window = {"period": "max"} if start is None else {"start": start}
            with _exceptions_shown(yfinance):
                return yfinance.Ticker(_theirs(symbol)).history(
                    **window, interval="1d", auto_adjust=False, actions=True, timeout=self.timeout
                )

        what = f"{symbol} from Yahoo"
        may_pass = (OSError, ValueError, YFRateLimitError, YFDataException)
        found = self._ask(what, request, may_pass, (YFException, KeyError, TypeError, IndexError))
        if found.empty:
            raise SourceError(
                f"{symbol}: Yahoo has no bars from {start or 'the first'} on: is the symbol right?"
            )
        return found

    @staticmethod
    def _as_traded(found: pd.DataFrame) -> pd.DataFrame:
        ratio = found["Stock Splits"].where(found["Stock Splits"] > 0, 1.0).to_numpy(dtype=float)
        later = np.append(np.cumprod(ratio[::-1])[::-1][1:], 1.0)
        table = pd.DataFrame({p: found[p.capitalize()].to_numpy() * later for p in PRICES})
        table["volume"] = found["Volume"].to_numpy(dtype=float) / later
        factor = found["Adj Close"].to_numpy(dtype=float) / table["close"].to_numpy()
        known = factor[np.isfinite(factor)]
        table["factor"] = factor / known[0] if len(known) else factor
        return table


def _as_adjusted(found: pd.DataFrame) -> pd.DataFrame:
    ratio = (found["Adj Close"] / found["Close"]).to_numpy(dtype=float)
    table = pd.DataFrame({p: found[p.capitalize()].to_numpy() * ratio for p in PRICES})
    table["volume"] = found["Volume"].to_numpy(dtype=float)
    return table


def _theirs(symbol: str) -> str:
    """Yahoo's spelling: Shanghai is .SS, and a class of share has a dash."""
    if calendar_of(symbol) == "XNYS":
        return symbol.replace(".", "-")
    code, _, suffix = symbol.rpartition(".")
    return f"{code}.SS" if suffix == "SH" else symbol


@contextmanager
def _exceptions_shown(yfinance: Any) -> Iterator[None]:
    """Yfinance logs a failure and returns an empty frame unless told otherwise."""
    debug = yfinance.config.debug
    before = debug.hide_exceptions
    debug.hide_exceptions = False
    try:
        yield
    finally:
        debug.hide_exceptions = before
