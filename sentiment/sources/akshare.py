"""Chinese texts through akshare: news, flashes, announcements, reports, questions of investors.

`_akshare_feeds.py` declares what each function brings: who speaks, how exact its times are, how far
back it goes.  A function that brings only the newest few must be asked often; what was posted between
two fetches and pushed out is lost, and the archive shows a hole.
"""

import re
from collections.abc import Callable, Sequence
from typing import Self

import pandas as pd
from pydantic import Field, PrivateAttr, field_validator, model_validator

from ...core import ConfigError, SourceError, Texts
from ...core.akshare_wire import library, unknown_shapes
from ...core.manners import Manners, NotArrivedError
from . import _clock
from ._akshare_feeds import FEEDS, Feed, What
from ._akshare_rows import says_nothing, text_rows
from ._assembly import assembled, delayed, no_rows
from ._base import SHANGHAI, Declared, TextSource, moment, within

NEWEST = "newest"
_MAINLAND = re.compile(r"^\d{6}\.(SH|SZ|BJ)$")
_PATIENCE = 3
"""Parts in a row that may not arrive before the site is left alone: asking on prolongs a block."""

_SETTLING = pd.Timedelta(days=1)
"""How long after a day or year texts dated in it may still appear."""


class AkshareTexts(Manners, TextSource):
    """Texts of one function of akshare.

    what
        The function, as `stock_info_global_cls`.
    symbols
        Which shares (.SH, .SZ, .BJ), where the function is asked by share.
    delay
        Minutes after the stated time from which a text counts at the earliest.
    timeout
        Seconds to wait for each answer.

    Functions by day and by year need a `start`.  A day's part is settled a day after its end.

    >>> AkshareTexts(what="news_cctv").declared.precision
    'day'
    """

    what: What
    symbols: tuple[str, ...] = ()
    delay: float = Field(default=0.0, ge=0)
    timeout: float = Field(default=15.0, gt=0)

    _missed: int = PrivateAttr(default=0)

    @field_validator("symbols")
    @classmethod
    def _mainland(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        for symbol in symbols:
            if not _MAINLAND.match(symbol):
                raise ValueError(f"{symbol!r} is no mainland share: write it like 600519.SH")
        if len(set(symbols)) < len(symbols):
            raise ValueError(f"a symbol is named twice: {', '.join(symbols)}")
        return symbols

    @model_validator(mode="after")
    def _asked_by_share(self) -> Self:
        by_share = self._feed.by in ("symbol", "year")
        if by_share and not self.symbols:
            raise ValueError(f"{self.what} is asked by share: say which, as in symbols = ['600519.SH']")
        if self.symbols and not by_share:
            raise ValueError(f"{self.what} is of the whole market: leave symbols out")
        return self

    @property
    def _feed(self) -> Feed:
        return FEEDS[self.what]

    @property
    def _outside_key(self) -> tuple[str, ...]:
        return ("pause", "attempts", "first_wait", "timeout", "symbols")

    @property
    def declared(self) -> Declared:
        """What the function's declaration says, with the delay that was set."""
        return Declared(self._feed.audience, self._feed.precision, self.delay, self._feed.reach)

    def parts(self, start: str | None = None, end: str | None = None) -> Sequence[str]:
        """`newest`; or each symbol; or each symbol and year; or each day, oldest first."""
        if self._feed.by == "newest":
            return (NEWEST,)
        if self._feed.by == "symbol":
            return self.symbols
        days = self._days(start, end)
        if self._feed.by == "day":
            return tuple(f"{day:%Y-%m-%d}" for day in days)
        years = sorted({day.year for day in days})
        return tuple(f"{symbol} {year}" for year in years for symbol in self.symbols)

    def settled(self, part: str) -> bool:
        """Whether the part is a day or year that ended a day ago or more."""
        if self._feed.by not in ("day", "year"):
            return False
        last = part if self._feed.by == "day" else f"{part.split()[1]}-12-31"
        return bool(_clock.now() > moment(last, end=True) + _SETTLING)

    def fetch(
        self, start: str | None = None, end: str | None = None, symbol: str | None = None
    ) -> Texts:
        """The texts of all parts; `SourceError` where one of them did not arrive."""
        tables = [self._part(part) for part in self.parts(start, end)]
        return within(self._made(tables), start, end, symbol)

    def fetch_part(self, part: str) -> Texts:
        """The texts of one part; `SourceError` where it did not arrive."""
        return self._made([self._part(part)])

    def _days(self, start: str | None, end: str | None) -> pd.DatetimeIndex:
        if start is None:
            raise ConfigError(
                f"{self.what} is asked by date: give the first one, as start",
                key="start",
            )
        opens = pd.Timedelta(f"{self._feed.over}:00")
        ready = (_clock.now().tz_convert(SHANGHAI) - opens).tz_localize(None).normalize()
        first = moment(start).tz_convert(SHANGHAI).tz_localize(None).normalize()
        last = ready if end is None else moment(end, end=True).tz_convert(SHANGHAI).tz_localize(None)
        return pd.date_range(first, min(last.normalize(), ready))

    def _made(self, tables: list[tuple[pd.DataFrame, int]]) -> Texts:
        rows = sum(count for _, count in tables)
        table = pd.concat([table for table, _ in tables], ignore_index=True) if tables else no_rows()
        found = assembled(delayed(table, self.delay), rows, "XSHG")
        self._counts, self._gone = found.counts, {}
        return found.texts

    def _part(self, part: str) -> tuple[pd.DataFrame, int]:
        """The rows of a part, and how many the site had."""
        symbol, arguments = self._arguments(part)
        what = f"{self.what} ({part})"
        call = self._function(arguments)
        if self._missed >= _PATIENCE:
            raise NotArrivedError(f"{what} was left alone: {_PATIENCE} in a row did not arrive")
        shapes = unknown_shapes()
        try:
            found = self._ask_watched(what, call, self.timeout, shapes, pages=self._feed.pages)
        except NotArrivedError:
            self._missed += 1
            raise
        except SourceError:
            if not says_nothing(self._bodies, self._feed.nothing):
                raise
            found = None
        self._missed = 0
        if found is None:
            return no_rows(), 0
        if found.empty and self._feed.pages:
            raise SourceError(f"{what}: the page holds no texts, the site or akshare has changed")
        if found.empty:
            return no_rows(), 0
        unread = len(self._bodies) - 1 - len(found)
        if self._feed.pages and unread > 0:
            self.note(f"{what}: {unread} of {len(self._bodies) - 1} pages could not be read")
        return text_rows(found, self._feed, what, symbol), len(found)

    def _arguments(self, part: str) -> tuple[str | None, dict[str, str]]:
        """The symbol that a part is about, and what the function is called with."""
        fixed = dict(self._feed.arguments)
        if self._feed.by == "newest":
            return None, fixed
        if self._feed.by == "day":
            return None, {"date": part.replace("-", "")}
        symbol, _, year = part.partition(" ")
        code = symbol.partition(".")[0]
        if not year:
            return symbol, {"symbol": code}
        if self.what == "stock_individual_notice_report":
            return symbol, {"security": code, "begin_date": f"{year}-01-01", "end_date": f"{year}-12-31"}
        return symbol, {"symbol": code, "start_date": f"{year}0101", "end_date": f"{year}1231"}

    def _function(self, arguments: dict[str, str]) -> Callable[[], pd.DataFrame | None]:
        function = getattr(library(), self.what, None)
        if function is None:
            raise SourceError(f"this akshare has no {self.what}: update akshare")
        return lambda: function(**arguments)
