"""Mainland bars through akshare, which asks Eastmoney.

Shares, indices and funds each have their own function there: `stock_zh_a_hist` sends every code that
does not start with 6 to Shenzhen, so an index or a fund asked through it would answer with another
instrument's prices.  Volume arrives in lots of 100.  With `adjust = "raw"` the back-adjusted (hfq)
series is fetched as well and factor = hfq close / raw close; Eastmoney anchors hfq at the listing, so
a later dividend leaves earlier factors as they are.
"""

from collections.abc import Callable
from typing import Literal

import pandas as pd
from pydantic import Field

from ...core import Bars, DataError, SourceError
from ...core.bars import Adjustment
from ...core.calendar import calendar_of
from ..instruments import board_of
from ._clean import OnRow, possible
from ._network import NetworkSource, compact

_CHINESE = {
    "日期": "session",
    "开盘": "open",
    "收盘": "close",
    "最高": "high",
    "最低": "low",
    "成交量": "volume",
    "成交额": "amount",
}
_WANTED = ("session", "open", "high", "low", "close", "volume", "amount")
_LOT = 100
_MAY_PASS = (OSError,)  # every requests error, an error page that is no JSON included
_IS_SHAPE = (KeyError, TypeError, ValueError, IndexError, AttributeError)
_FIRST, _LAST = "19900101", "20500101"


class Akshare(NetworkSource):
    """Daily bars of mainland shares, indices and funds.

    adjust
        "raw": as traded, with the back-adjustment factor.  "qfq", "hfq": Eastmoney's forward- or
        back-adjusted prices, marked adjusted; qfq changes the past at every dividend, and its early
        prices may be negative, which `Bars` refuses.
    timeout
        Seconds to wait for an answer about a share (akshare allows none to be set for the others).
    on_bad
        As in the file sources: "error", or "drop" with a note.

    >>> Akshare(adjust="hfq", pause=1).adjust
    'hfq'
    """

    adjust: Literal["raw", "qfq", "hfq"] = "raw"
    timeout: float = Field(default=15.0, gt=0)
    on_bad: OnRow = "error"

    def fetch(self, symbol: str, start: str | None = None, end: str | None = None) -> Bars:
        """Bars of one mainland symbol; `SourceError` where Eastmoney has none."""
        if calendar_of(symbol) != "XSHG":
            raise DataError(f"akshare's bars are of the mainland (.SH, .SZ, .BJ), received {symbol!r}")
        table = self._series(symbol, "" if self.adjust == "raw" else self.adjust, start, end)
        if self.adjust == "raw" and board_of(symbol) != "index":
            back = self._series(symbol, "hfq", start, end).set_index("session")["close"]
            factor = table["session"].map(back) / table["close"]
            if factor.isna().any():
                at = table.loc[factor.isna(), "session"].iloc[0]
                raise SourceError(f"{symbol}: Eastmoney has no back-adjusted close of {at:%Y-%m-%d}")
            table["factor"] = factor
        table = possible(table, self.on_bad, "Eastmoney's answer", self.note)
        # An index needs no adjustment, so it may stand among adjusted shares as well as among raw ones.
        adjustment: Adjustment = "raw" if self.adjust == "raw" else "adjusted"
        bars = Bars.from_frame(table, adjustment=adjustment, calendar="XSHG")
        return bars.between(start, end)

    def _series(self, symbol: str, adjust: str, start: str | None, end: str | None) -> pd.DataFrame:
        what = f"the {adjust or 'raw'} series of {symbol} from Eastmoney"
        found = self._ask(what, self._request(symbol, adjust, start, end), _MAY_PASS, _IS_SHAPE)
        if found.empty:
            raise SourceError(
                f"{symbol}: Eastmoney has no bars from {start or 'the first'} to {end or 'the last'}: "
                "is the code right, and was it listed then?"
            )
        table = found.rename(columns=_CHINESE).rename(columns={"date": "session"})
        missing = [name for name in _WANTED if name not in table.columns]
        if missing:
            raise SourceError(
                f"{what} lacks {missing[0]!r}; it has {', '.join(found.columns)}: "
                "akshare has changed its columns"
            )
        table = table[list(_WANTED)].copy()
        table["session"] = pd.to_datetime(table["session"]).astype("datetime64[ns]")
        table["volume"] = table["volume"] * _LOT
        table.insert(0, "symbol", symbol)
        return self._finished(table, "XSHG", what)

    def _request(
        self, symbol: str, adjust: str, start: str | None, end: str | None
    ) -> Callable[[], pd.DataFrame]:
        """The call of akshare that is right for this instrument."""
        import akshare

        code, _, exchange = symbol.rpartition(".")
        first, last = compact(start, _FIRST), compact(end, _LAST)
        board = board_of(symbol)
        if board == "index":
            return lambda: akshare.stock_zh_index_daily_em(
                symbol=f"{exchange.lower()}{code}", start_date=first, end_date=last
            )
        if board == "fund":
            return lambda: akshare.fund_etf_hist_em(
                symbol=code, start_date=first, end_date=last, adjust=adjust
            )
        if board == "bond" or (exchange == "SH" and not code.startswith("6")):
            raise DataError(f"akshare's daily bars cannot reach {symbol}: use another source")
        return lambda: akshare.stock_zh_a_hist(
            symbol=code, start_date=first, end_date=last, adjust=adjust, timeout=self.timeout
        )
