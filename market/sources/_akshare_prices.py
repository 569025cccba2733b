"""Daily prices of one mainland symbol from each of the sites behind akshare.

| back end  | shares               | funds              | indices                 | volume counts |
|-----------|----------------------|--------------------|-------------------------|---------------|
| tencent   | stock_zh_a_hist_tx   | the same           | the same                | lots or shares |
| sina      | stock_zh_a_daily     | fund_etf_hist_sina | stock_zh_index_daily    | shares |
| eastmoney | stock_zh_a_hist      | fund_etf_hist_em   | stock_zh_index_daily_em | lots of 100 |

Tencent counts STAR shares one by one and most others in lots; akshare multiplies by a list of prefixes
that is wrong for some (Shenzhen's 000 codes).  So its unit is measured: amount / volume is the mean
price paid, and only one unit puts that inside the day's prices.  The other two are checked the same way.

`stock_zh_a_hist` sends every code that does not start with 6 to Shenzhen, so an index or a fund asked
through it would answer with another instrument's prices.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from ...core import DataError, SourceError
from ...core.akshare_wire import Ask, lacking, library
from ..instruments import board_of
from ._network import compact

BackEnd = Literal["tencent", "sina", "eastmoney"]
Adjust = Literal["", "qfq", "hfq"]
_CHINESE = {
    "日期": "date",
    "开盘": "open",
    "收盘": "close",
    "最高": "high",
    "最低": "low",
    "成交量": "volume",
    "成交额": "amount",
}
_WANTED = ("date", "open", "high", "low", "close", "volume")
_FIRST, _LAST = "19900101", "20500101"
_UNITS: dict[BackEnd, tuple[float, ...]] = {
    "tencent": (1.0, 100.0, 0.01),
    "sina": (1.0,),
    "eastmoney": (100.0,),
}
_MEAN_PRICE = (2.0, 200.0)
"""Yuan a share, over all shares of an index: wide, and still narrower than a mistake of 100."""
_RUN_UP = pd.Timedelta(days=20)
_NEAR = (0.8, 1.25)  # the mean price paid over the middle of the day's


@dataclass(frozen=True)
class Window:
    """What is asked for: a symbol, and its sessions from `start` to `end`, None for all."""

    symbol: str
    start: str | None
    end: str | None

    @property
    def prefixed(self) -> str:
        """Code with the exchange in front: sh600519."""
        code, _, exchange = self.symbol.rpartition(".")
        return f"{exchange.lower()}{code}"

    @property
    def code(self) -> str:
        """The bare code."""
        return self.symbol.rpartition(".")[0]

    def with_run_up(self) -> "Window":
        """The same with some sessions in front: how a site adjusts cannot be told from one or two."""
        start = None if self.start is None else f"{pd.Timestamp(self.start) - _RUN_UP:%Y-%m-%d}"
        return Window(self.symbol, start, self.end)

    def cut(self, table: pd.DataFrame, back_end: BackEnd) -> pd.DataFrame:
        """The rows inside; `SourceError` where there are none."""
        inside = pd.Series(data=True, index=table.index)
        if self.start is not None:
            inside &= table["session"] >= pd.Timestamp(self.start)
        if self.end is not None:
            inside &= table["session"] <= pd.Timestamp(self.end)
        if not inside.any():
            raise self.none_from(back_end)
        return table[inside]

    def none_from(self, back_end: BackEnd) -> SourceError:
        """The error that says so."""
        return SourceError(
            f"{self.symbol}: {back_end.title()} has no bars from {self.start or 'the first'} to "
            f"{self.end or 'the last'}: is the code right, and was it listed then?"
        )


def refuse_unreachable(symbol: str) -> None:
    """`DataError` for what no back end has: bonds, and what Shanghai quotes in dollars."""
    board = board_of(symbol)
    if board == "bond" or (symbol.endswith(".SH") and symbol.startswith("900")):
        raise DataError(f"akshare's daily bars cannot reach {symbol}: use another source")


def prices(back_end: BackEnd, window: Window, adjust: Adjust, ask: Ask) -> pd.DataFrame:
    """Sessions of the window with open, high, low, close, volume in shares, and amount in yuan.

    `amount` is NaN where the back end has none.  A fund at Sina has `pre_close` as well.
    """
    what = f"the {adjust or 'raw'} series of {window.symbol} from {back_end.title()}"
    found = ask(what, _REQUESTS[back_end](library(), window, adjust))
    if found.empty:
        raise window.none_from(back_end)
    table = found.rename(columns=_CHINESE)
    missing = lacking(table, _WANTED)
    if missing:
        raise SourceError(
            f"{what} lacks {missing!r}; it has {', '.join(map(str, found.columns))}: "
            "akshare has changed its columns"
        )
    if "prevclose" in table and board_of(window.symbol) == "fund":
        # Said only where it is not the close of the row before.
        table["pre_close"] = table["prevclose"].fillna(table["close"].shift())
    kept = [*_WANTED, *(name for name in ("amount", "pre_close") if name in table)]
    table = table[kept].rename(columns={"date": "session"})
    table["session"] = pd.to_datetime(table["session"]).astype("datetime64[ns]")
    table = window.cut(table, back_end).sort_values("session", ignore_index=True)
    if "amount" not in table:
        table["amount"] = np.nan
    table.insert(0, "symbol", window.symbol)
    return table


def in_shares(table: pd.DataFrame, back_end: BackEnd, symbol: str) -> float:
    """What volume must be multiplied with to count shares, measured where there is an amount.

    `table` must hold raw prices.  `SourceError` where no unit of that back end fits the prices.
    """
    units = _UNITS[back_end]
    traded = table[(table["volume"] > 0) & (table["amount"] > 0)]
    if traded.empty:
        if len(units) > 1:
            raise SourceError(
                f"{symbol}: {back_end.title()} gives no amount, so nothing says whether its volume "
                "counts lots or shares"
            )
        return units[0]
    paid = traded["amount"] / traded["volume"]
    if board_of(symbol) == "index":
        ratio, (low, high) = paid.median(), _MEAN_PRICE
    else:
        ratio, (low, high) = (paid / ((traded["high"] + traded["low"]) / 2)).median(), _NEAR
    fitting = [unit for unit in units if low <= ratio / unit < high]
    if not fitting:
        raise SourceError(
            f"{symbol}: amount / volume of {back_end.title()} is {paid.median():.4g} yuan, the price of "
            "neither lots nor shares: its units have changed"
        )
    return fitting[0]


def _tencent(akshare: Any, window: Window, adjust: Adjust) -> Callable[[], pd.DataFrame]:
    # It cuts years out of these texts, so they must be written with dashes.
    span = (window.start or _FIRST, window.end or _LAST)
    first, last = (f"{pd.Timestamp(day):%Y-%m-%d}" for day in span)
    return lambda: akshare.stock_zh_a_hist_tx(
        symbol=window.prefixed, start_date=first, end_date=last, adjust=adjust
    )


def _sina(akshare: Any, window: Window, adjust: Adjust) -> Callable[[], pd.DataFrame]:
    # The whole series comes in any case; cut by akshare, it may begin with a row that was carried
    # forward from before the window.
    board = board_of(window.symbol)
    if board == "index":
        return lambda: akshare.stock_zh_index_daily(symbol=window.prefixed)
    if board == "fund":
        if adjust:
            raise SourceError(f"{window.symbol}: Sina has no adjusted prices of funds")
        return lambda: akshare.fund_etf_hist_sina(symbol=window.prefixed)
    return lambda: akshare.stock_zh_a_daily(symbol=window.prefixed, adjust=adjust)


def _eastmoney(akshare: Any, window: Window, adjust: Adjust) -> Callable[[], pd.DataFrame]:
    span = {"start_date": compact(window.start, _FIRST), "end_date": compact(window.end, _LAST)}
    board = board_of(window.symbol)
    if board == "index":
        return lambda: akshare.stock_zh_index_daily_em(symbol=window.prefixed, **span)
    if board == "fund":
        return lambda: akshare.fund_etf_hist_em(symbol=window.code, **span, adjust=adjust)
    return lambda: akshare.stock_zh_a_hist(symbol=window.code, **span, adjust=adjust)


_REQUESTS = {"tencent": _tencent, "sina": _sina, "eastmoney": _eastmoney}
