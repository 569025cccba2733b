"""Bars from Yahoo through yfinance: the US, Taiwan, and a little of everything.

Yahoo's Close is already divided by every later split, its dividends too.  As-traded prices are recovered
from the splits: raw = Close x (product of the ratios of later splits), volume divided by the same, a
dividend multiplied by it and by a split of its own day, since it is paid on the shares held before.
For that the series is always fetched up to today, whatever `end` is: a split after `end` has changed
the prices before it.  Taiwan's stock dividends arrive as splits.

The factor follows from these corporate actions (`Actions.factor`), not from Adj Close: what a holder
receives and what adjusted prices show are then the same thing.  Where Adj Close tells another story, a
note says where.  Yahoo gives no pay dates, so cash counts at the ex session; its first trade date is
where its own data begin, often years after the listing, so nothing is said of that.
yfinance hides failures behind empty frames; here they are errors.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from ...core import Actions, Bars, SourceError
from ...core.bars import PRICES
from ...core.calendar import ZONES, calendar_of
from ._actions import gathered
from ._clean import OnRow, on_calendar, possible
from ._network import NetworkSource

_WANTED = ("Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends", "Stock Splits")
_SAME_CHANGE = 1e-3  # relative: Adj Close and the events are printed with few digits


class Yahoo(NetworkSource):
    """Daily bars by Yahoo's symbols, written our way: BRK.B, 0050.TW, 600519.SH, ^GSPC.

    adjust
        "raw": as traded, with corporate actions and the factor that follows from them.  "adjusted":
        Yahoo's split- and dividend-adjusted prices.
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
        found.index = _days(found, calendar)
        raw = self.adjust == "raw"
        actions = _actions(found, symbol, calendar) if raw else Actions.none()
        table = _as_traded(found) if raw else _as_adjusted(found)
        table = self._cleaned(table.assign(symbol=symbol).rename_axis("session").reset_index(), symbol)
        if raw:
            closes = table.set_index("session")["close"]
            factor = actions.factor(symbol, closes)
            self._compare(symbol, factor, table.set_index("session").pop("adjusted") / closes)
            table = table.drop(columns="adjusted").assign(factor=factor.to_numpy())
        bars = Bars.from_frame(table, adjustment=self.adjust, calendar=calendar, actions=actions)
        return bars.between(start, end)

    def _cleaned(self, table: pd.DataFrame, symbol: str) -> pd.DataFrame:
        """The rows that are bars of sessions that are over, in order."""
        calendar = calendar_of(symbol)
        empty = table[list(PRICES)].isna().all(axis=1)
        if empty.any():
            self.note(f"{symbol}: dropped {int(empty.sum())} rows of Yahoo without any price")
            table = table[~empty]
        table = on_calendar(table, calendar, self.off_calendar, "Yahoo's answer", self.note)
        table = possible(table, self.on_bad, "Yahoo's answer", self.note)
        return self._finished(table, calendar, f"Yahoo's bars of {symbol}").sort_values("session")

    def _compare(self, symbol: str, ours: pd.Series, theirs: pd.Series) -> None:
        """Note where Adj Close changes by something else than the dividends and splits explain."""
        gap = (ours.pct_change() - theirs.pct_change()).abs()
        if (gap > _SAME_CHANGE).any():
            at = gap.gt(_SAME_CHANGE).idxmax()
            more = int(gap.gt(_SAME_CHANGE).sum()) - 1
            self.note(
                f"{symbol}: on {at:%Y-%m-%d} Yahoo's Adj Close is adjusted by "
                f"{theirs.pct_change()[at]:.2%}, by its dividends and splits it would be "
                f"{ours.pct_change()[at]:.2%}{f' ({more} more such sessions)' if more else ''}: the "
                "dividends and splits count"
            )

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


def _days(found: pd.DataFrame, calendar: str) -> pd.DatetimeIndex:
    at = pd.DatetimeIndex(found.index)
    at = at.tz_convert(ZONES[calendar]).tz_localize(None) if at.tz is not None else at
    return at.normalize().as_unit("ns")


def _ratios(found: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The split of each row, 1 where there is none, and the product of all later ones."""
    ratio = found["Stock Splits"].where(found["Stock Splits"] > 0, 1.0).to_numpy(dtype=float)
    return ratio, np.append(np.cumprod(ratio[::-1])[::-1][1:], 1.0)


def _actions(found: pd.DataFrame, symbol: str, calendar: str) -> Actions:
    """From every row, those without a price among them: an event needs no trade."""
    ratio, later = _ratios(found)
    cash = found["Dividends"].fillna(0.0).to_numpy(dtype=float) * ratio * later
    listed = pd.DataFrame({"session": found.index, "cash": cash, "split": ratio - 1})
    return gathered(listed, symbol, calendar)


def _as_traded(found: pd.DataFrame) -> pd.DataFrame:
    _, later = _ratios(found)
    columns = {p: found[p.capitalize()].to_numpy(dtype=float) * later for p in PRICES}
    columns["volume"] = found["Volume"].to_numpy(dtype=float) / later
    columns["adjusted"] = found["Adj Close"].to_numpy(dtype=float)
    return pd.DataFrame(columns, index=found.index)


def _as_adjusted(found: pd.DataFrame) -> pd.DataFrame:
    ratio = (found["Adj Close"] / found["Close"]).to_numpy(dtype=float)
    columns = {p: found[p.capitalize()].to_numpy(dtype=float) * ratio for p in PRICES}
    columns["volume"] = found["Volume"].to_numpy(dtype=float)
    return pd.DataFrame(columns, index=found.index)


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
