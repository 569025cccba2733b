"""Random small markets that obey their exchange, made without any of qushi's rules.

Prices are whole numbers of ten-thousandths, amounts of an action are fractions, so every tick, limit and
reference price here is exact; qushi must find the same numbers with its own arithmetic.  Rare things are
made common: days at the limit, suspensions, thin volume, listings, delistings, corporate actions.
"""

import random
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

import numpy as np
import pandas as pd

from exchange_oracle import SHARES, UNIT, band_of, half_up, tick_of, widths
from qushi.core import Actions, Bars, Listing
from qushi.core.actions import COLUMNS as ACTIONS
from qushi.core.bars import COLUMNS as BARS
from qushi.core.calendar import sessions

WINDOWS = {
    "XSHG": (
        *("2014-06-03", "2015-07-20", "2015-08-25", "2020-08-07", "2022-04-15", "2023-03-28"),
        *("2023-08-14", "2024-01-02", "2026-06-22"),
    ),
    "XNYS": ("2024-05-10", "2025-05-01", "2025-12-15"),
    "XTAI": ("2015-05-18", "2024-03-01"),
}
POOL: dict[str, tuple[tuple[str, str, str], ...]] = {
    "XSHG": (
        ("600101.SH", "main", ""),
        ("000102.SZ", "main", ""),
        ("002103.SZ", "main", ""),
        ("300104.SZ", "chinext", ""),
        ("301105.SZ", "chinext", ""),
        ("688106.SH", "star", "2019-07-22"),
        ("920107.BJ", "bse", "2021-11-15"),
        ("510108.SH", "fund", ""),
        ("513109.SH", "fund", ""),  # cross-border: may be sold the same day
        ("588110.SH", "fund", "2020-11-16"),  # on STAR shares: 20 %
        ("000300.SH", "index", ""),
    ),
    "XNYS": (("AAA", "us", ""), ("BBB", "us", ""), ("CCC", "us", ""), ("DDD", "us", "")),
    "XTAI": (
        ("2101.TW", "tw", ""),
        ("2102.TW", "tw", ""),
        ("3103.TW", "tw", ""),
        ("0050.TW", "tw_fund", ""),
    ),
}


@dataclass(frozen=True)
class Day:
    """One row: prices in ten-thousandths; `reference` and `band` as far as they can be known."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    suspended: bool = False
    st: bool = False
    reference: int | None = None
    band: tuple[int, int] | None = None

    @property
    def tradable(self) -> bool:
        return self.volume > 0 and not self.suspended


@dataclass(frozen=True)
class Action:
    """What one share brings at an ex session, in currency; `pays` is a calendar position."""

    cash: Fraction = Fraction(0)
    bonus: Fraction = Fraction(0)
    split: Fraction = Fraction(0)
    rights: Fraction = Fraction(0)
    rights_price: Fraction = Fraction(0)
    pays: int | None = None

    def reference(self, price: Fraction) -> Fraction:
        worth = price - UNIT * (self.cash - self.rights * self.rights_price)
        return worth / (1 + self.bonus + self.split + self.rights)


@dataclass(frozen=True)
class Stock:
    """One symbol, days and actions by position; `known`: its actions are, else only its factor."""

    symbol: str
    board: str
    days: dict[int, Day]
    actions: dict[int, Action]
    ratios: dict[int, Fraction]  # previous close over unrounded reference, at rows where they differ
    known: bool
    published: bool
    listed: int | None = None
    delisted: int | None = None


@dataclass(frozen=True)
class Market:
    """Some symbols of one exchange; `bars` may begin before the days that are traded."""

    calendar: str
    dates: list[date]
    stocks: tuple[Stock, ...]
    bars: Bars

    def since(self, position: int) -> "Market":
        """The same market, traded from a calendar position on."""
        later = [
            replace(stock, days={at: day for at, day in stock.days.items() if at >= position})
            for stock in self.stocks
        ]
        return replace(self, stocks=tuple(stock for stock in later if stock.days))

    @property
    def start(self) -> pd.Timestamp:
        """The first session that is traded."""
        return pd.Timestamp(self.dates[min(at for stock in self.stocks for at in stock.days)])


def random_market(seed: int, length: int = 20, symbols: int = 3, calendar: str = "") -> Market:
    """The market of a seed; most are of the mainland."""
    draw = random.Random(seed)
    calendar = calendar or draw.choice(["XSHG"] * 8 + ["XNYS", "XTAI"])
    start = draw.choice(WINDOWS[calendar])
    dates = [day.date() for day in _calendar(calendar, start)[: length + 8]]
    pool = [(symbol, board) for symbol, board, since in POOL[calendar] if since <= start]
    chosen = sorted(draw.sample(pool, min(symbols, len(pool))))
    made = [_Maker(draw, symbol, board, dates, length).make() for symbol, board in chosen]
    stocks = tuple(stock for stock in made if stock.days)
    return Market(calendar, dates, stocks, _bars(calendar, dates, stocks))


def _calendar(calendar: str, start: str) -> pd.DatetimeIndex:
    return sessions(calendar, start, str(pd.Timestamp(start) + pd.Timedelta(days=70)))


class _Maker:
    """Draws one symbol, session by session."""

    def __init__(self, draw: random.Random, symbol: str, board: str, dates: list[date], length: int):
        self.draw, self.symbol, self.board, self.dates, self.length = draw, symbol, board, dates, length
        self.share = board in SHARES
        self.known = draw.random() < 0.7
        self.published = draw.random() < 0.5
        self.thin = draw.random() < 0.2
        self.first = draw.randrange(1, length // 2) if draw.random() < 0.25 else 0
        self.last = draw.randrange(length // 2, length - 2) if draw.random() < 0.15 else length - 1
        says = draw.random() < 0.75 and board != "index"
        self.listed = self.first if says and self.first else None
        self.delisted = self.last + 1 if says and self.last < length - 1 else None
        self.st = range(0)
        if board in ("main", "chinext", "star", "bse") and draw.random() < 0.25:
            begin = draw.randrange(length)
            self.st = range(begin, begin + draw.randrange(3, 15))
        self.actions = self._draw_actions()

    def make(self) -> Stock:
        close = self._first_price()
        days: dict[int, Day] = {}
        ratios: dict[int, Fraction] = {}
        halted, pending, previous = "", Fraction(close), None
        for at in range(self.first, self.last + 1):
            if at in self.actions:
                pending = self._apply(at, pending, previous)
            halted = self._halted(halted, at)
            if halted == "missing":
                continue
            reference = half_up(self.board, pending)
            seen = previous is not None or self.published
            if previous is not None and pending != previous:
                ratios[at] = Fraction(previous) / (pending if self.known else reference)
            day = self._day(at, reference, reference if seen else None, halted)
            days[at] = day
            previous, pending = day.close, Fraction(day.close)
        actions = {at: a for at, a in self.actions.items() if days and min(days) < at}
        return Stock(
            *(self.symbol, self.board, days, actions, ratios, self.known, self.published),
            *(self.listed, self.delisted),
        )

    def _first_price(self) -> int:
        low, high = {"us": (0.4, 300), "tw": (8, 1300), "tw_fund": (30, 80), "fund": (0.5, 5)}.get(
            self.board, (2, 60)
        )
        if self.share and self.draw.random() < 0.15:
            low, high = self.draw.choice([(0.06, 0.4), (300, 1800)])
        if self.board == "index":
            low, high = 2500, 4000
        return half_up(self.board, Fraction(int(UNIT * low * (high / low) ** self.draw.random())))

    def _apply(self, at: int, price: Fraction, previous: int | None) -> Fraction:
        """The price after the action; an action that asks too much of the price is dropped."""
        action = self.actions[at]
        after = action.reference(price)
        if previous is None or after < price / 6 or after < 20 * tick_of(self.board, after):
            del self.actions[at]
            return price
        return after

    def _halted(self, before: str, at: int) -> str:
        if at == self.first:
            return ""
        if before and self.draw.random() < 0.6:
            return before
        return self.draw.choice(["missing", "flagged", "zero"]) if self.draw.random() < 0.07 else ""

    def _day(self, at: int, reference: int, known: int | None, halted: str) -> Day:
        st = at in self.st
        age = None if self.listed is None else at - self.listed + 1
        listed = None if self.listed is None else self.dates[self.listed]
        band = band_of(
            self.board, reference, widths(self.board, self.symbol, self.dates[at], st, age, listed)
        )
        seen = None if known is None else band
        if halted:
            flat = (reference,) * 4
            return Day(*flat, 0, halted == "flagged", st, known, seen)
        return Day(*self._prices(reference, band), self._volume(), False, st, known, seen)

    def _prices(self, reference: int, band: tuple[int, int] | None) -> tuple[int, int, int, int]:
        draw = self.draw
        low, high = band or (reference * 3 // 4, reference * 4 // 3)
        low = max(low, 5 * tick_of(self.board, reference)) if low < high else low
        shape = draw.random() if band else 1.0
        path = [min(max(self._near(reference), low), high) for _ in range(4)]
        if shape < 0.12:  # one price all day
            path = [draw.choice([low, high])] * 4
        elif shape < 0.24:  # opens at a limit
            path[0] = draw.choice([low, high])
        elif shape < 0.34:  # closes at a limit
            path[3] = draw.choice([low, high])
        elif shape < 0.44:  # touches a limit
            path[1] = draw.choice([low, high])
        if not band:
            path = [half_up(self.board, p) for p in path]
        return path[0], max(path), min(path), path[3]

    def _near(self, reference: int) -> int:
        move = max(-0.25, min(0.3, self.draw.gauss(0, 0.03)))
        return half_up(self.board, int(reference * (1 + move)))

    def _volume(self) -> int:
        if self.board == "index":
            return 10**9
        if self.thin or self.draw.random() < 0.1:
            return self.draw.randrange(1, 4_000)
        return self.draw.randrange(50_000, 5_000_000)

    def _draw_actions(self) -> dict[int, Action]:
        draw = self.draw
        if self.board == "index" or draw.random() < 0.4:
            return {}
        count = draw.choice([1, 1, 2, 3])
        at = sorted({draw.randrange(self.first + 1, self.last + 1) for _ in range(count)})
        if draw.random() < 0.3 and at[0] < self.last:  # one on the heels of another
            at = sorted({*at, at[0] + 1})
        return {day: self._draw_action(day) for day in at}

    def _draw_action(self, at: int) -> Action:
        draw = self.draw
        mainland = self.share
        kind = draw.choice(
            ["cash", "cash", "split", "reverse", *(["bonus", "both", "rights", "rights"] * mainland)]
        )
        cash = Fraction(draw.randrange(1, 900), 10_000) if draw.random() < 0.3 else None
        if cash is None:
            cash = Fraction(draw.randrange(1, 60), 100)
        pays = draw.choice([None, at, at + 1, at + draw.randrange(2, 7)])
        tenths = Fraction(draw.randrange(1, 11), 10)
        if kind == "cash":
            return Action(cash=cash, pays=pays)
        if kind == "both":
            return Action(cash=cash, bonus=tenths, split=Fraction(draw.randrange(0, 4), 10), pays=pays)
        if kind == "bonus":
            return Action(bonus=tenths)
        if kind == "split":
            return Action(split=draw.choice([Fraction(1), Fraction(1, 2), Fraction(3, 10), Fraction(2)]))
        if kind == "reverse":
            return Action(split=draw.choice([Fraction(-1, 2), Fraction(-3, 4), Fraction(-9, 10)]))
        return Action(rights=tenths * 3 / 10, rights_price=Fraction(draw.randrange(50, 1500), 100))


def _bars(calendar: str, dates: list[date], stocks: tuple[Stock, ...]) -> Bars:
    """The market as qushi's value."""
    rows, actions, listings = [], [], {}
    stamps = [pd.Timestamp(day) for day in dates]
    for stock in stocks:
        factor = Fraction(1)
        for at, day in stock.days.items():
            factor *= stock.ratios.get(at, 1)
            prices = [p / UNIT for p in (day.open, day.high, day.low, day.close)]
            before = day.reference / UNIT if stock.published and day.reference else np.nan
            flags = (day.suspended, day.st)
            beside = (float(day.volume), np.nan, float(factor), *flags, before)
            rows.append((stock.symbol, stamps[at], *prices, *beside))
        if stock.known:
            actions += [
                (stock.symbol, stamps[at], *_amounts(a), pd.NaT if a.pays is None else stamps[a.pays])
                for at, a in sorted(stock.actions.items())
            ]
        if stock.listed is not None or stock.delisted is not None:
            ends = [None if at is None else stamps[at] for at in (stock.listed, stock.delisted)]
            listings[stock.symbol] = Listing(*ends)
    known = frozenset(stock.symbol for stock in stocks if stock.known)
    return Bars(
        _table(rows, BARS),
        calendar,
        "raw",
        Actions(_table(actions, ACTIONS), known) if actions else Actions.none(known),
        listings,
    )


def _amounts(action: Action) -> tuple[float, ...]:
    amounts = (action.cash, action.bonus, action.split, action.rights, action.rights_price)
    return tuple(float(amount) for amount in amounts)


def _table(rows: list[tuple], columns: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["symbol", "session", *columns])
    return frame.set_index(["symbol", "session"])
