"""Bars of the mainland from baostock: free, without a token, with suspensions and ST flags by date.

Raw prices come with the exchange's reference price (`preclose`).  The factor is baostock's own, anchored
at the listing, so that a later dividend leaves it as it is.  Dividends are asked for in the years in
which a factor or a reference price moves, and must explain it (see `_actions`): rights issues are not
in baostock, so the actions of a company that had one count as not known.  A suspended session is a row
of the last close, without volume.

The library speaks a protocol of its own over one connection for the whole process, waits for ever when
the other side hangs up, drops the rest of a long answer when a page fails, and prints; see `_line`.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
from pydantic import Field

from ...core import Actions, Bars, DataError, Listing, SourceError
from ...core.bars import PRICES
from .. import clock
from ..instruments import board_of
from ._actions import contradiction, explained, gathered
from ._answers import dates, numbers
from ._baostock_line import conversation
from ._clean import OnRow, possible
from ._network import NetworkSource

_FIRST = "1990-12-19"  # left to itself the library begins in 2015
_FLAGS = ("tradestatus", "isST")
_OF_AN_INDEX = ("date", *PRICES, "preclose", "volume", "amount")
_DIVIDEND = (
    "dividOperateDate",
    "dividPayDate",
    "dividCashPsBeforeTax",
    "dividStocksPs",
    "dividReserveToStockPs",
)
_INDICES = {
    "000016.SH": "query_sz50_stocks",
    "000300.SH": "query_hs300_stocks",
    "399300.SZ": "query_hs300_stocks",
    "000905.SH": "query_zz500_stocks",
    "399905.SZ": "query_zz500_stocks",
}
_TICK = 0.01
_ANY_STEP = 0.0005  # currency: half of the smallest tick

T = TypeVar("T")
Ask = Callable[..., pd.DataFrame]


class _Answers(NamedTuple):
    """What baostock said of one symbol, as text."""

    prices: pd.DataFrame
    factors: pd.DataFrame
    dividends: pd.DataFrame
    basic: pd.DataFrame


class Baostock(NetworkSource):
    """Daily bars of Shanghai and Shenzhen: shares, funds and indices, as traded.

    timeout
        Seconds to wait for each piece of an answer.
    actions
        Ask for corporate actions too, one request a year that has any; without, the factor alone
        tells of them, and what they brought counts as reinvested.
    on_bad
        As in the file sources: "error", or "drop" with a note.

    Every fetch logs in and out again.  One at a time in a process: the library has one connection.

    >>> Baostock(actions=False).timeout
    15.0
    """

    pause: float = Field(default=0.1, ge=0)
    timeout: float = Field(default=15.0, gt=0)
    actions: bool = True
    on_bad: OnRow = "error"

    def fetch(self, symbol: str, start: str | None = None, end: str | None = None) -> Bars:
        """Bars of one symbol; `SourceError` where baostock has none."""
        code = _theirs(symbol)
        what = f"{symbol} from baostock"
        said = self._talk(what, lambda ask: self._answers(ask, symbol, code, start, end))
        if said.prices.empty:
            raise SourceError(
                f"{symbol}: baostock has no bars from {start or 'the first'} to {end or 'the last'}: "
                "is the code right, and was it listed then?"
            )
        table = _table(said.prices, symbol)
        table["factor"] = _factor(table, said.factors)
        table = possible(table, self.on_bad, "baostock's answer", self.note)
        table = self._finished(table, "XSHG", what)
        wrong = contradiction(symbol, table, _TICK)
        if wrong:
            self.note(wrong)
        bars = Bars.from_frame(
            table,
            calendar="XSHG",
            actions=self._actions(said.dividends, symbol, table),
            listings=_listings(said.basic, symbol),
        )
        return bars.between(start, end)

    def constituents(self, index: str, on: str | None = None) -> tuple[str, ...]:
        """CSI 300, SSE 50 and CSI 500, as baostock had them at its last update up to `on`."""
        if index not in _INDICES:
            raise SourceError(
                f"baostock has the constituents of {', '.join(sorted(_INDICES))}, not of {index!r}"
            )
        day = f"{clock.last_finished('XSHG') if on is None else pd.Timestamp(on):%Y-%m-%d}"
        what = f"the constituents of {index} on {day} from baostock"
        found = self._talk(what, lambda ask: ask(_INDICES[index], ("updateDate", "code"), date=day))
        if found.empty:
            raise SourceError(f"{what}: there are none; was {day} before the index, or in the future?")
        if (found["updateDate"] > day).any():
            raise SourceError(f"{what}: it answered with the list of {found['updateDate'].max()}")
        return tuple(sorted(_ours(code) for code in found["code"]))

    def _talk(self, what: str, work: Callable[[Ask], T]) -> T:
        """One conversation, tried again as a whole: a broken line loses its login."""

        def once() -> T:
            with conversation(self.timeout) as talk:
                return work(lambda *of, **params: self._politely(lambda: talk.ask(*of, **params)))

        return self._ask(what, once, (OSError,), ())

    def _answers(self, ask: Ask, symbol: str, code: str, start: str | None, end: str | None) -> _Answers:
        today = f"{clock.last_finished('XSHG'):%Y-%m-%d}"
        index = board_of(symbol) == "index"
        fields = _OF_AN_INDEX if index else (*_OF_AN_INDEX, *_FLAGS)
        window = {"start_date": _day(start, _FIRST), "end_date": _day(end, today)}
        prices = ask(
            "query_history_k_data_plus",
            fields,
            code=code,
            fields=",".join(fields),
            frequency="d",
            adjustflag="3",
            **window,
        )
        nothing = pd.DataFrame()
        if index or prices.empty:
            return _Answers(prices, nothing, nothing, nothing)
        factors = ask(
            "query_adjust_factor",
            ("dividOperateDate", "backAdjustFactor"),
            code=code,
            start_date=_FIRST,
            end_date=today,
        )
        years = _years(prices, factors) if self._asks_for_actions(symbol) else ()
        dividends = [
            ask("query_dividend_data", _DIVIDEND, code=code, year=str(year), yearType="operate")
            for year in years
        ]
        basic = ask("query_stock_basic", ("code_name", "ipoDate", "outDate"), code=code)
        return _Answers(prices, factors, pd.concat(dividends) if dividends else nothing, basic)

    def _asks_for_actions(self, symbol: str) -> bool:
        return self.actions and board_of(symbol) not in ("fund", "index")

    def _actions(self, dividends: pd.DataFrame, symbol: str, table: pd.DataFrame) -> Actions:
        """What the dividends say, where they explain the reference prices."""
        if board_of(symbol) == "index":
            return Actions.none([symbol])
        if not self._asks_for_actions(symbol):
            return Actions.none()
        listed = pd.DataFrame(
            {
                "session": _dates(dividends, "dividOperateDate"),
                "pay_session": _dates(dividends, "dividPayDate"),
                "cash": _numbers(dividends, "dividCashPsBeforeTax"),
                "bonus": _numbers(dividends, "dividStocksPs"),
                "split": _numbers(dividends, "dividReserveToStockPs"),
            }
        )
        found = gathered(listed.drop_duplicates(), symbol, "XSHG")
        return explained(found, symbol, table, _TICK, self.note)


def _theirs(symbol: str) -> str:
    code, _, exchange = symbol.rpartition(".")
    if exchange not in ("SH", "SZ"):
        raise DataError(f"baostock's bars are of Shanghai and Shenzhen (.SH, .SZ), received {symbol!r}")
    if board_of(symbol) == "bond":
        raise DataError(f"baostock has no daily bars of bonds, received {symbol!r}: use another source")
    return f"{exchange.lower()}.{code}"


def _ours(code: str) -> str:
    exchange, _, digits = code.partition(".")
    return f"{digits}.{exchange.upper()}"


def _day(date: str | None, otherwise: str) -> str:
    return otherwise if date is None else f"{pd.Timestamp(date):%Y-%m-%d}"


def _dates(found: pd.DataFrame, column: str) -> pd.Series:
    return dates(found, column, "%Y-%m-%d", "baostock")


def _numbers(found: pd.DataFrame, column: str) -> pd.Series:
    return numbers(found, column, "baostock")


def _table(prices: pd.DataFrame, symbol: str) -> pd.DataFrame:
    """The price rows as numbers and flags, in order."""
    theirs = {**{name: name for name in PRICES}, "volume": "volume", "amount": "amount"}
    table = pd.DataFrame({ours: _numbers(prices, name) for ours, name in theirs.items()})
    table.insert(0, "session", _dates(prices, "date"))
    table.insert(0, "symbol", symbol)
    before = _numbers(prices, "preclose")
    table["pre_close"] = before.where(before > 0)
    flagged = "tradestatus" in prices
    table["suspended"] = (prices["tradestatus"] == "0") if flagged else False
    table["st"] = (prices["isST"] == "1") if flagged else False
    for name in ("volume", "amount"):
        table[name] = table[name].mask(table["suspended"] & table[name].isna(), 0.0)
    for name in ("open", "high", "low"):
        # Older suspended rows have no other price than the last close.
        missing = table["suspended"] & ~(table[name] > 0)
        table[name] = table[name].mask(missing, table["close"])
    return table.sort_values("session", ignore_index=True)


def _factor(table: pd.DataFrame, factors: pd.DataFrame) -> pd.Series:
    """Baostock's factor at each session; where it lists none, what the reference prices make of it."""
    if not factors.empty:
        steps = pd.Series(
            _numbers(factors, "backAdjustFactor").to_numpy(), _dates(factors, "dividOperateDate")
        ).sort_index()
        at = np.searchsorted(steps.index, table["session"], side="right")
        return pd.Series(np.append(1.0, steps.to_numpy())[at], table.index)
    step = (table["close"].shift() / table["pre_close"]).where(_moves(table), 1.0)
    return step.cumprod()


def _moves(table: pd.DataFrame) -> pd.Series:
    """Whether the reference price of a row is another than the close before."""
    return (table["pre_close"] - table["close"].shift()).abs() > _ANY_STEP


def _years(prices: pd.DataFrame, factors: pd.DataFrame) -> tuple[int, ...]:
    """The years in which something happened to the shares, between the first and the last row."""
    table = _table(prices, "")
    at = _dates(factors, "dividOperateDate")
    inside = at[(at >= table["session"].iloc[0]) & (at <= table["session"].iloc[-1])]
    days = pd.concat([inside, table.loc[_moves(table), "session"]])
    return tuple(sorted(set(days.dt.year)))


def _listings(basic: pd.DataFrame, symbol: str) -> dict[str, Listing]:
    if basic.empty:
        return {}
    listed, delisted = (_dates(basic, name).iloc[0] for name in ("ipoDate", "outDate"))
    return {
        symbol: Listing(
            None if pd.isna(listed) else listed,
            None if pd.isna(delisted) else delisted,
            basic["code_name"].iloc[0],
        )
    }
