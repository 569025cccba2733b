"""Mainland bars through akshare, from Tencent, Sina or Eastmoney, with what companies paid and issued.

One symbol comes whole from one back end: their adjustments differ, and two of them spliced are a third
thing.  Which one served, and why those before it did not, is noted.

The factor follows from the corporate actions (see `core.actions`), which cninfo publishes.  Each back
end's own back-adjusted prices are fetched beside the traded ones, as a witness: where the actions do not
explain them, the actions count as not known, and the factor is the back end's.

No back end gives the exchange's reference price of a share.  Eastmoney's 涨跌额 looks like it and is
not: on an ex day it is the change from yesterday's close as traded (000066 on 2022-07-20).
"""

from typing import Literal

import pandas as pd
from pydantic import Field, PrivateAttr, field_validator

from ...core import Actions, Bars, DataError, Listing, SourceError
from ...core.akshare_wire import Ask, library, unknown_shapes
from ...core.bars import Adjustment
from ...core.calendar import calendar_of, sessions
from ...core.manners import NotArrivedError
from .. import clock
from ..instruments import board_of
from ._akshare_actions import listed_actions
from ._akshare_factors import chained, laid_out, steps, unexplained
from ._akshare_indices import members
from ._akshare_listings import listings, renamings, treated
from ._akshare_popularity import PREFIX as RANK
from ._akshare_popularity import popularity
from ._akshare_prices import Adjust, BackEnd, Window, in_shares, prices, refuse_unreachable
from ._akshare_qvix import PREFIX as QVIX
from ._akshare_qvix import qvix
from ._clean import OnRow, possible
from ._network import NetworkSource

_PATIENCE = 3
"""Symbols in a row that may not arrive before a site is left alone: asking on prolongs a block."""

_LEFT_ALONE = f"left alone after {_PATIENCE} symbols in a row did not arrive"


class Akshare(NetworkSource):
    """Daily bars of mainland shares, indices and funds, implied fear (QVIX) and popularity (RANK).

    adjust
        "raw": as traded, with a factor.  "qfq", "hfq": the back end's forward- or back-adjusted prices,
        marked adjusted; qfq changes the past at every dividend, and where dividends are added rather
        than multiplied (Eastmoney) early prices may be negative, which `Bars` refuses.
    backends
        Whom to ask, in this order, each only where those before it failed; one name pins it.  Eastmoney
        stands last because it blocks after some fifty requests, for hours (akshare's issues 6092, 6167,
        6232, 6364 of 2025).  akshare itself warns that Sina blocks who takes much, and users saw it
        answer the same question in two ways (6260).  Of Tencent no such report was found; it is slow,
        with one request a year of history.
    actions
        Fetch dividends, new shares and rights issues with raw prices.  Where their site does not
        answer, the symbol fails rather than lose its actions: `actions = false` goes without.
    timeout
        Seconds to wait for each answer.
    on_bad
        As in the file sources: "error", or "drop" with a note.

    Listing dates are known of shares, ST flags of Shenzhen's; a session without trade has no row.

    >>> Akshare(adjust="hfq", backends=["sina"]).backends
    ('sina',)
    """

    adjust: Literal["raw", "qfq", "hfq"] = "raw"
    backends: tuple[BackEnd, ...] = Field(default=("tencent", "sina", "eastmoney"), min_length=1)
    actions: bool = True
    timeout: float = Field(default=15.0, gt=0)
    on_bad: OnRow = "error"

    _lists: dict[str, dict[str, Listing]] = PrivateAttr(default_factory=dict)
    _renamings: pd.DataFrame | str | None = PrivateAttr(default=None)  # or why there are none
    _missed: dict[str, int] = PrivateAttr(default_factory=dict)
    _said_once: set[str] = PrivateAttr(default_factory=set)
    _qvix_there: bool = PrivateAttr(default=False)

    @field_validator("backends")
    @classmethod
    def _each_once(cls, backends: tuple[BackEnd, ...]) -> tuple[BackEnd, ...]:
        if len(set(backends)) < len(backends):
            raise ValueError(f"a back end is named twice: {', '.join(backends)}")
        return backends

    def fetch(self, symbol: str, start: str | None = None, end: str | None = None) -> Bars:
        """Bars of one mainland symbol; `SourceError` names each back end and why it has none."""
        if calendar_of(symbol) != "XSHG":
            raise DataError(f"akshare's bars are of the mainland (.SH, .SZ, .BJ), received {symbol!r}")
        if symbol.startswith((QVIX, RANK)):
            return self._untraded(symbol).between(start, end)
        refuse_unreachable(symbol)
        window = Window(symbol, start, end)
        acted: Actions | str = "they were not asked for"
        if self.actions and self.adjust == "raw":
            acted = self._actions(window)
        table, acted = self._served(window, acted)
        table = possible(table, self.on_bad, "the back end's answer", self.note)
        listing = self._listing(symbol)
        table = self._flagged(table, listing.name if listing is not None else "")
        self._say_where_it_ends(table, window, listing)
        # An index needs no adjustment, so it may stand among adjusted shares as well as among raw ones.
        adjustment: Adjustment = "raw" if self.adjust == "raw" else "adjusted"
        bars = Bars.from_frame(
            table,
            adjustment=adjustment,
            calendar="XSHG",
            actions=acted if isinstance(acted, Actions) else None,
            listings={symbol: listing} if listing is not None else {},
        )
        return bars.between(start, end)

    def constituents(self, index: str, on: str | None = None) -> tuple[str, ...]:
        """Symbols of an index on a day, sorted; without `on`, of the newest list.

        Of the indices of China Securities Index (000300.SH) only the newest list is published, of
        Shenzhen's (399001.SZ) that of each month's end.  `SourceError` for any other day.
        """
        return members(index, on, self._asked())

    def _untraded(self, symbol: str) -> Bars:
        """Implied fear and popularity, where there is no volume and nothing to adjust."""
        if symbol.startswith(RANK):
            table = popularity(symbol, self._asked())
        else:
            table = qvix(symbol, self._asked(), anew=not self._qvix_there)
            self._qvix_there = True
        table = self._finished(table, "XSHG", symbol)
        table = possible(table, self.on_bad, "the site's series", self.note)
        adjustment: Adjustment = "raw" if self.adjust == "raw" else "adjusted"
        return Bars.from_frame(table, adjustment=adjustment, actions=Actions.none([symbol]))

    def _asked(self) -> Ask:
        shapes = unknown_shapes()
        return lambda what, call: self._ask_watched(what, call, self.timeout, shapes)

    def _served(self, window: Window, acted: Actions | str) -> tuple[pd.DataFrame, Actions | str]:
        """The bars of the first back end that has them whole."""
        failed = []
        for back_end in self.backends:
            if self._missed.get(back_end, 0) >= _PATIENCE:
                failed.append(f"{back_end}: {_LEFT_ALONE}")
                continue
            try:
                table, known = self._from(back_end, window.with_run_up(), acted)
                table = window.cut(table, back_end)
            except SourceError as error:
                self._count(back_end, error)
                failed.append(
                    f"{back_end}: {error.brief if isinstance(error, NotArrivedError) else error}"
                )
                continue
            self._missed[back_end] = 0
            if failed:
                self.note(f"{window.symbol} is served by {back_end}; {'; '.join(failed)}")
            return table, known
        brief = f"no back end of akshare has {window.symbol}: {'; '.join(failed)}"
        unheard = any(self._missed.get(back_end) for back_end in self.backends)
        raise NotArrivedError(brief) if unheard else SourceError(brief)

    def _from(
        self, back_end: BackEnd, window: Window, acted: Actions | str
    ) -> tuple[pd.DataFrame, Actions | str]:
        ask = self._asked()
        board = board_of(window.symbol)
        what = f"{window.symbol} from {back_end}"
        adjust: Adjust = "" if self.adjust == "raw" or board == "index" else self.adjust
        table = prices(back_end, window, adjust, ask)
        # Adjusted prices say nothing about the unit of volume; Tencent's is worth asking twice.
        measured = table.assign(amount=float("nan")) if adjust else table
        if adjust and back_end == "tencent":
            measured = prices(back_end, window, "", ask)
        unit = in_shares(measured, back_end, window.symbol)
        table = self._finished(table.assign(volume=table["volume"] * unit), "XSHG", what)
        if self.adjust != "raw":
            return table.drop(columns="pre_close", errors="ignore"), acted
        if board == "index":
            return table, Actions.none([window.symbol])
        closes = table.set_index("session")["close"]
        back = self._back_adjusted(back_end, window, table).reindex(closes.index)
        if back.isna().any():
            raise SourceError(f"{what}: no back-adjusted close of {back.index[back.isna()][0]:%Y-%m-%d}")
        factor, known = self._factor(back_end, window.symbol, closes, back, acted)
        return table.assign(factor=factor.to_numpy()), known

    def _back_adjusted(self, back_end: BackEnd, window: Window, table: pd.DataFrame) -> pd.Series:
        """The witness: closes as the back end adjusts them."""
        closes = table.set_index("session")["close"]
        if back_end != "sina":
            return prices(back_end, window, "hfq", self._asked()).set_index("session")["close"]
        if board_of(window.symbol) == "fund":
            if "pre_close" not in table:
                raise SourceError(f"{window.symbol}: Sina says no longer how it adjusts funds")
            return chained(closes, table.set_index("session")["pre_close"])
        akshare = library()
        factors = self._asked()(
            f"the factors of {window.symbol} from Sina",
            lambda: akshare.stock_zh_a_daily(symbol=window.prefixed, adjust="hfq-factor"),
        )
        return closes * laid_out(factors, pd.DatetimeIndex(closes.index))

    def _factor(
        self,
        back_end: BackEnd,
        symbol: str,
        closes: pd.Series,
        back: pd.Series,
        acted: Actions | str,
    ) -> tuple[pd.Series, Actions | str]:
        """From the actions where they explain the witness, otherwise the witness's own."""
        tick = 0.001 if board_of(symbol) == "fund" else 0.01
        reason = str(acted)
        if isinstance(acted, Actions):
            try:
                first = unexplained(closes, acted, symbol, back, tick)
            except DataError as error:  # a dividend of more than the price
                reason = str(error)
            else:
                if first is None:
                    return acted.factor(symbol, closes), acted
                reason = (
                    f"those listed do not explain the close of {first:%Y-%m-%d} as {back_end} adjusts it"
                )
        factor = back / closes if back_end == "sina" else steps(closes, back, tick)
        if factor is None:
            raise SourceError(
                f"{symbol}: its corporate actions are not known ({reason}), and the back-adjusted "
                f"prices of {back_end} are no multiple of the traded ones, so there is no factor"
            )
        if self.actions:
            self.note(
                f"{symbol}: its corporate actions count as not known ({reason}); "
                f"the factor is that of {back_end}"
            )
        return factor, reason

    def _actions(self, window: Window) -> Actions | str:
        hint = "actions = false goes without"
        if self._missed.get("actions", 0) >= _PATIENCE:
            raise SourceError(
                f"{window.symbol}: the site of corporate actions was {_LEFT_ALONE}; {hint}"
            )
        try:
            found = listed_actions(window, self._asked())
        except SourceError as error:
            self._count("actions", error)
            raise SourceError(f"{error}; {hint}") from error
        self._missed["actions"] = 0
        return found

    def _count(self, site: str, error: SourceError) -> None:
        """A site that answers, whatever it says, is not blocked."""
        missed = self._missed.get(site, 0) + 1
        self._missed[site] = missed if isinstance(error, NotArrivedError) else 0

    def _listing(self, symbol: str) -> Listing | None:
        """Of shares; None, and said once, where the exchange's list cannot be had."""
        if board_of(symbol) in ("fund", "index"):
            return None
        code, _, exchange = symbol.rpartition(".")
        if exchange not in self._lists:
            try:
                self._lists[exchange] = listings(exchange, self._asked())
            except SourceError as error:
                self._lists[exchange] = {}
                self.note(f"listing dates of .{exchange} are not known: {error}")
        return self._lists[exchange].get(code)

    def _flagged(self, table: pd.DataFrame, name: str) -> pd.DataFrame:
        """With ST flags where names are dated; else without, which is said once an exchange."""
        symbol = str(table["symbol"].iloc[0])
        code, _, exchange = symbol.rpartition(".")
        if board_of(symbol) in ("fund", "index"):
            return table
        if exchange == "SZ":
            if self._renamings is None:
                try:
                    self._renamings = renamings(self._asked())
                except SourceError as error:
                    self._renamings = str(error)
            if isinstance(self._renamings, str):
                self._once(f"ST flags of .SZ are not known, all are left off: {self._renamings}")
                return table
            flags = treated(self._renamings, code, name, pd.DatetimeIndex(table["session"]))
            if flags is not None:
                return table.assign(st=flags.to_numpy())
        self._once(f"ST flags of .{exchange} are not known from akshare, all are left off")
        return table

    def _once(self, message: str) -> None:
        if message not in self._said_once:
            self._said_once.add(message)
            self.note(message)

    def _say_where_it_ends(self, table: pd.DataFrame, window: Window, listing: Listing | None) -> None:
        """A note where the newest session is missing: the answer may be yesterday's."""
        last = clock.last_finished("XSHG")
        wanted = last if window.end is None else min(last, pd.Timestamp(window.end))
        if listing is not None and listing.delisted is not None and listing.delisted <= wanted:
            return
        ends = table["session"].max()
        if len(sessions("XSHG", ends + pd.Timedelta(days=1), wanted)):
            self.note(
                f"{window.symbol} ends on {ends:%Y-%m-%d}, though {wanted:%Y-%m-%d} is over: "
                "suspended, or not yet there; a later fetch asks again"
            )
