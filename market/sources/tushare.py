"""Bars of the mainland from Tushare Pro: raw, with the exchange's reference price and the factor beside.

Every session has its own factor, anchored at the listing, so a later dividend leaves it as it is.  The
dividends that were carried out must explain the reference prices (see `_actions`): rights issues are not
in Tushare, so the actions of a company that had one count as not known.  ST flags follow the names
that a share bore, by date.  Tushare leaves suspended sessions out and lists whole-day suspensions apart:
they become rows of the last close (put through the factor), without volume, so that a suspension is not
taken for a hole.

An answer holds some thousand rows at most and does not say when it was cut: long windows are asked for
in parts.  The library turns an error page into an empty table and a refusal into a bare `Exception`;
here they are errors.  It sends the token unencrypted.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from pydantic import Field

from ...core import Actions, Bars, DataError, Listing, SourceError
from ...core.bars import PRICES
from ...core.calendar import calendar_of, sessions
from .. import clock
from ..instruments import board_of
from ._actions import contradiction, explained, gathered
from ._answers import dates, numbers
from ._clean import OnRow, possible
from ._network import NetworkSource, compact
from ._tushare_wire import TooOftenError, call, client

_FIRST = "19901219"
_YEARS = 7  # about 1,700 sessions: the tightest limit of an answer is 2,000 rows
_LOT, _THOUSAND = 100, 1000
_TICK = {"fund": 0.001}
_DAILY = ("trade_date", *PRICES, "pre_close", "vol", "amount")
_SHARE = {"prices": "daily", "factors": "adj_factor", "dividends": "dividend"}
_FUND = {"prices": "fund_daily", "factors": "fund_adj", "dividends": "fund_div"}
_OTHER_CODE = {"000300.SH": "399300.SZ", "000905.SH": "399905.SZ"}
_SPECIAL = r"S?\*?ST"  # ST, *ST, SST, S*ST
_A_LIST_IS_OLD = pd.Timedelta(days=45)  # lists are monthly

Ask = Callable[..., pd.DataFrame]


class Tushare(NetworkSource):
    """Daily bars of mainland shares, funds and indices, as traded; needs the extra `tushare`.

    The token is read from the environment variable TUSHARE_TOKEN and from nowhere else.  Each of the
    following costs a request a symbol and may need more points than a token has; what is left out is
    not known, never guessed.

    actions
        Corporate actions; without, the factor alone tells of them.
    listing
        Name, first and last day on the exchange.
    st
        ST flags by date; without, no session is flagged.
    suspensions
        Rows for suspended sessions; without, they have no row.
    timeout
        Seconds to wait for each answer.
    on_bad
        As in the file sources: "error", or "drop" with a note.

    >>> Tushare(st=False).attempts
    6
    """

    attempts: int = Field(default=6, ge=1, le=20)
    """Six tries outlast a minute, after which a limit on calls a minute is over."""
    actions: bool = True
    listing: bool = True
    st: bool = True
    suspensions: bool = True
    timeout: float = Field(default=30.0, gt=0)
    on_bad: OnRow = "error"

    def fetch(self, symbol: str, start: str | None = None, end: str | None = None) -> Bars:
        """Bars of one symbol; `SourceError` where Tushare has none or refuses."""
        if calendar_of(symbol) != "XSHG" or board_of(symbol) == "bond":
            raise DataError(
                f"tushare's bars are of mainland shares, funds and indices, received {symbol!r}"
            )
        ask = self._asker(symbol)
        board = board_of(symbol)
        listings = self._listings(ask, symbol)
        born = listings[symbol].listed if symbol in listings else None
        first = compact(start, _FIRST if born is None else f"{born:%Y%m%d}")
        last = compact(end, f"{clock.last_finished('XSHG'):%Y%m%d}")
        table = self._prices(ask, symbol, first, last)
        table = possible(table, self.on_bad, "tushare's answer", self.note)
        table = self._finished(table, "XSHG", f"{symbol} from tushare")
        table["st"] = self._special(ask, symbol, table)
        wrong = contradiction(symbol, table, _TICK.get(board, 0.01))
        if wrong:
            self.note(wrong)
        bars = Bars.from_frame(
            table, calendar="XSHG", actions=self._actions(ask, symbol, table), listings=listings
        )
        return bars.between(start, end)

    def constituents(self, index: str, on: str | None = None) -> tuple[str, ...]:
        """An index as of its last list up to `on`, which a note dates: the lists are monthly."""
        ask = self._asker(index)
        day = clock.last_finished("XSHG") if on is None else pd.Timestamp(on)
        window = {"start_date": f"{day - _A_LIST_IS_OLD:%Y%m%d}", "end_date": f"{day:%Y%m%d}"}
        found = pd.DataFrame()
        for code in (index, *filter(None, [_OTHER_CODE.get(index)])):
            if found.empty:
                found = ask("index_weight", ("con_code", "trade_date"), index_code=code, **window)
        known = found[found["trade_date"].astype(str) <= window["end_date"]]
        if known.empty:
            raise SourceError(
                f"tushare has no constituents of {index} in the {_A_LIST_IS_OLD.days} days up to "
                f"{day:%Y-%m-%d}: is the code right, and was there such an index then?"
            )
        newest = known["trade_date"].max()
        self.note(f"the constituents of {index} are those of {pd.Timestamp(newest):%Y-%m-%d}")
        return tuple(sorted(set(known.loc[known["trade_date"] == newest, "con_code"])))

    def _asker(self, symbol: str) -> Ask:
        """A function that asks one question of Tushare about `symbol`, patiently."""
        api = client(self.timeout)

        def ask(name: str, fields: tuple[str, ...], **params: str) -> pd.DataFrame:
            what = f"{name} of {symbol} from tushare"

            def once() -> pd.DataFrame:
                return self._ask_watched(
                    what,
                    lambda: call(api, name, fields, params),
                    self.timeout,
                    (LookupError, TypeError, ValueError),
                )

            with self._explained(what, (TooOftenError,), ()):
                return self._patiently(once, (TooOftenError,))

        return ask

    def _prices(self, ask: Ask, symbol: str, first: str, last: str) -> pd.DataFrame:
        """Traded and suspended sessions with their factors, in order."""
        index = board_of(symbol) == "index"
        named = _names(symbol)
        found = _in_parts(ask, "index_daily" if index else named["prices"], _DAILY, symbol, first, last)
        halted = pd.DatetimeIndex([])
        if self.suspensions and board_of(symbol) not in ("index", "fund"):
            halted = _halted(ask, symbol, first, last).difference(_days(found))
        if len(halted) and (found.empty or halted[0] < _days(found).min()):
            # What a share was worth when it was suspended was printed before the window.
            day_before = f"{halted[0] - pd.Timedelta(days=1):%Y%m%d}"
            earlier = ask(named["prices"], _DAILY, ts_code=symbol, end_date=day_before, limit="1")
            found = pd.concat([earlier[_days(earlier) < halted[0]], found])
        if found.empty:
            raise SourceError(
                f"{symbol}: tushare has no bars from {first} to {last}: is the code right, and was it "
                "listed then?"
            )
        table = _table(found, symbol)
        if index:
            return table.assign(factor=1.0)
        start = f"{table['session'].iloc[0]:%Y%m%d}"
        wanted = ("trade_date", "adj_factor")
        factors = _in_parts(ask, named["factors"], wanted, symbol, start, last)
        return _with_halts(table, _factors(factors), halted)

    def _special(self, ask: Ask, symbol: str, table: pd.DataFrame) -> np.ndarray:
        """Whether the name of the day said ST; one name a day, that of the last change up to it."""
        flags = np.zeros(len(table), dtype=bool)
        if not self.st or board_of(symbol) in ("index", "fund"):
            return flags
        found = ask("namechange", ("name", "start_date"), ts_code=symbol)
        if found.empty:
            self.note(f"{symbol}: tushare lists no names, so ST flags are not known")
            return flags
        since = dates(found, "start_date", "%Y%m%d", "tushare")
        names = found.assign(since=since).dropna(subset="since").sort_values("since", kind="stable")
        at = np.searchsorted(names["since"], table["session"], side="right")
        special = names["name"].astype(str).str.match(_SPECIAL).to_numpy()
        return np.asarray(np.append(np.False_, special)[at])

    def _listings(self, ask: Ask, symbol: str) -> dict[str, Listing]:
        board = board_of(symbol)
        if not self.listing or board == "index":
            return {}
        fields = ("name", "list_date", "delist_date")
        if board == "fund":
            found = ask("fund_basic", fields, ts_code=symbol, market="E")
        else:
            found = pd.DataFrame()
            for status in ("L", "D", "P"):  # left to itself it answers for listed shares only
                if found.empty:
                    found = ask("stock_basic", fields, ts_code=symbol, list_status=status)
        if found.empty:
            return {}
        listed, delisted = (
            dates(found, name, "%Y%m%d", "tushare").iloc[0] for name in ("list_date", "delist_date")
        )
        return {
            symbol: Listing(
                None if pd.isna(listed) else listed,
                None if pd.isna(delisted) else delisted,
                str(found["name"].iloc[0] or ""),
            )
        }

    def _actions(self, ask: Ask, symbol: str, table: pd.DataFrame) -> Actions:
        """The dividends that were carried out, where they explain the reference prices."""
        board = board_of(symbol)
        if board == "index":
            return Actions.none([symbol])
        if not self.actions:
            return Actions.none()
        fund = board == "fund"
        amounts = ("div_cash",) if fund else ("cash_div_tax", "stk_div", "stk_bo_rate", "stk_co_rate")
        fields = ("div_proc", "ex_date", "pay_date", *amounts)
        found = ask(_names(symbol)["dividends"], fields, ts_code=symbol)
        found = found[found["div_proc"] == "实施"].drop_duplicates()
        listed = pd.DataFrame({"session": dates(found, "ex_date", "%Y%m%d", "tushare")})
        listed["pay_session"] = dates(found, "pay_date", "%Y%m%d", "tushare")
        listed["cash"] = numbers(found, amounts[0], "tushare")
        bonus = numbers(found, "stk_bo_rate", "tushare").fillna(0.0)
        listed["bonus"] = bonus
        # Old rows have only the sum of both kinds of new shares.
        rest = numbers(found, "stk_div", "tushare").fillna(0.0) - bonus
        listed["split"] = numbers(found, "stk_co_rate", "tushare").fillna(rest.clip(lower=0.0))
        actions = gathered(listed, symbol, "XSHG")
        return explained(actions, symbol, table, _TICK.get(board, 0.01), self.note)


def _names(symbol: str) -> dict[str, str]:
    return _FUND if board_of(symbol) == "fund" else _SHARE


def _windows(first: str, last: str) -> Iterator[tuple[str, str]]:
    """Parts of a window that an answer can hold, in order.

    >>> list(_windows("20100601", "20190101"))
    [('20100601', '20170531'), ('20170601', '20190101')]
    """
    start, end = pd.Timestamp(first), pd.Timestamp(last)
    while start <= end:
        following = start + pd.DateOffset(years=_YEARS)
        yield f"{start:%Y%m%d}", f"{min(following - pd.Timedelta(days=1), end):%Y%m%d}"
        start = following


def _in_parts(
    ask: Ask, name: str, fields: tuple[str, ...], symbol: str, first: str, last: str
) -> pd.DataFrame:
    parts = [
        ask(name, fields, ts_code=symbol, start_date=start, end_date=end)
        for start, end in _windows(first, last)
    ]
    filled = [part for part in parts if not part.empty]
    return pd.concat(filled) if filled else pd.DataFrame(columns=list(fields))


def _days(found: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(dates(found, "trade_date", "%Y%m%d", "tushare"))


def _halted(ask: Ask, symbol: str, first: str, last: str) -> pd.DatetimeIndex:
    """Sessions suspended from open to close; those with a time of day were traded in part."""
    window = {"start_date": first, "end_date": last}
    fields = ("trade_date", "suspend_timing")
    found = ask("suspend_d", fields, ts_code=symbol, suspend_type="S", **window)
    timing = found["suspend_timing"]
    whole = _days(found[timing.isna() | (timing == "")])
    return sessions("XSHG").intersection(whole).sort_values()


def _table(found: pd.DataFrame, symbol: str) -> pd.DataFrame:
    columns = {name: numbers(found, name, "tushare") for name in (*PRICES, "pre_close")}
    columns["volume"] = numbers(found, "vol", "tushare") * _LOT
    columns["amount"] = numbers(found, "amount", "tushare") * _THOUSAND
    table = pd.DataFrame(columns).assign(symbol=symbol, suspended=False)
    table["pre_close"] = table["pre_close"].where(table["pre_close"] > 0)
    table["session"] = _days(found)
    return table.sort_values("session", ignore_index=True)


def _factors(found: pd.DataFrame) -> pd.Series:
    values = numbers(found, "adj_factor", "tushare").to_numpy()
    factors = pd.Series(values, _days(found)).sort_index()
    return factors[~factors.index.duplicated()]


def _with_halts(table: pd.DataFrame, factors: pd.Series, halted: pd.DatetimeIndex) -> pd.DataFrame:
    """Every session's factor, and rows of the last close for suspended sessions."""
    symbol = table["symbol"].iloc[0]
    missing = ~table["session"].isin(factors.index)
    if missing.any():
        at = table.loc[missing, "session"].iloc[0]
        raise SourceError(f"{symbol}: tushare has no adjustment factor of {at:%Y-%m-%d}")
    table["factor"] = table["session"].map(factors)
    halted = halted[halted > table["session"].iloc[0]]
    if halted.empty:
        return table
    last = table.iloc[table["session"].searchsorted(halted, side="left") - 1]
    known = factors.reindex(factors.index.union(halted)).ffill().loc[halted].to_numpy()
    price = (last["close"] * last["factor"]).to_numpy() / known
    rows = pd.DataFrame({name: np.round(price, 3) for name in PRICES}).assign(
        symbol=symbol, session=halted, volume=0.0, amount=0.0, factor=known, suspended=True
    )
    return pd.concat([table, rows]).sort_values("session", ignore_index=True)
