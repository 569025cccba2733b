"""Two sources of one symbol: where they differ, and why.

Vendors disagree in few ways, and each has its own signature.  Prices adjusted to another day differ by
one constant; an event that only one of them adjusts for changes that constant on its day; a false print
is one session beside neighbours that agree; lots are a volume of exactly 1/100; dates off by one make
the returns agree on the session beside.  So every difference is named by its signature, and what two
sources merely print with other decimals is not called a disagreement.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core import Bars, DataError
from ...core.calendar import sessions
from .prices import DifferenceKind, Mark, compare_prices
from .rest import compare_actions, compare_flags, compare_references, compare_turnover
from .runs import runs

_MOVES = 1e-3  # a return that is large enough to be told from its neighbours
_MATCHES = 5e-4
_ENOUGH = 10
_ALIKE, _UNLIKE = 0.8, 0.5


@dataclass(frozen=True)
class Difference:
    """One way in which two sources differ: from which session to which, on how many, and why."""

    kind: DifferenceKind
    first: pd.Timestamp
    last: pd.Timestamp
    count: int
    detail: str


@dataclass(frozen=True, eq=False)
class Comparison:
    """What two sources of one symbol have in common, and what not.

    `common`: sessions that both have.  `agreed`: those of them on which prices (up to rounding and the
    constant of their stretch), volume and amount (up to their unit), reference price, factor and flags
    are the same.
    """

    symbol: str
    names: tuple[str, str]
    differences: tuple[Difference, ...]
    common: pd.DatetimeIndex
    agreed: pd.DatetimeIndex


def compare_bars(a: Bars, b: Bars, names: tuple[str, str] = ("A", "B")) -> Comparison:
    """Every difference between two sources of one symbol; none where all agrees.

    What only one of them knows (amounts, reference prices, actions, a listing) is no difference.
    `DataError` where they are not of one symbol and calendar.

    >>> from qushi.market.sources.sample import Sample
    >>> bars = Sample().fetch("000300.SH", "2024-01-01", "2024-12-31")
    >>> compare_bars(bars, bars).differences
    ()
    """
    symbol = _one_symbol(a, b, names)
    x, y = a.one(symbol), b.one(symbol)
    found: list[Difference] = []
    lag = _lag(x, y, a.calendar)
    if lag:
        found.append(_shifted(y.index, lag, names))
        y = _moved(y, lag, a.calendar)
    found.extend(_only_in_one(x, y, names, a.calendar))
    common = pd.DatetimeIndex(x.index.intersection(y.index), name="session")
    agreed = np.ones(len(common), dtype=bool)
    if len(common):
        for mark in _marks(x.loc[common], y.loc[common], (a, b), names):
            at = common[mark.at]
            found.append(Difference(mark.kind, at[0], at[-1], len(at), mark.detail))
            agreed &= ~(mark.at & mark.disagrees)
    for session, detail in compare_actions(a.actions, b.actions, symbol, names):
        found.append(Difference("actions", session, session, 1, detail))
    found.extend(_listings(a, b, symbol, names))
    return Comparison(symbol, names, tuple(found), common, common[agreed])


def _one_symbol(a: Bars, b: Bars, names: tuple[str, str]) -> str:
    if len(a.symbols) != 1 or a.symbols != b.symbols or a.calendar != b.calendar:
        raise DataError(
            f"two sources of one symbol can be compared, received {', '.join(a.symbols)} of "
            f"{a.calendar} ({names[0]}) and {', '.join(b.symbols)} of {b.calendar} ({names[1]})"
        )
    return a.symbols[0]


def _marks(
    x: pd.DataFrame, y: pd.DataFrame, bars: tuple[Bars, Bars], names: tuple[str, str]
) -> Iterator[Mark]:
    yield from compare_prices(x, y, bars, names)
    yield from compare_turnover(x, y, names)
    yield from compare_flags(x, y, names)
    yield from compare_references(x, y, bars, names)


def _lag(x: pd.DataFrame, y: pd.DataFrame, calendar: str) -> int:
    """By how many sessions y's dates must be moved so that its returns fall on x's: 0, 1 or -1."""
    known = sessions(calendar)
    ours, theirs = (
        pd.Series(np.diff(np.log(rows["close"].to_numpy())), known.searchsorted(rows.index[1:]))
        for rows in (x, y)
    )
    ours = ours[ours.abs() > _MOVES]

    def alike(lag: int) -> float:
        both = pd.concat([ours, theirs.set_axis(theirs.index + lag)], axis=1, join="inner")
        if len(both) < _ENOUGH:
            return 0.0
        return float(((both.iloc[:, 0] - both.iloc[:, 1]).abs() < _MATCHES).mean())

    if alike(0) > _UNLIKE:
        return 0
    return next((lag for lag in (1, -1) if alike(lag) > _ALIKE), 0)


def _moved(rows: pd.DataFrame, lag: int, calendar: str) -> pd.DataFrame:
    known = sessions(calendar)
    place = known.searchsorted(rows.index) + lag
    inside = (place >= 0) & (place < len(known))
    return rows[inside].set_axis(known[place[inside]])


def _shifted(at: pd.Index, lag: int, names: tuple[str, str]) -> Difference:
    which = "before" if lag > 0 else "after"
    return Difference(
        "shifted",
        at[0],
        at[-1],
        len(at),
        f"{names[1]}'s dates are one session {which} {names[0]}'s: a time zone, or the date of the "
        "order instead of the trade; compared with the dates moved",
    )


def _only_in_one(
    x: pd.DataFrame, y: pd.DataFrame, names: tuple[str, str], calendar: str
) -> Iterator[Difference]:
    """Sessions that only one of them has: before the other begins, after it ends, or in between."""
    for rows, other, name, against in ((x, y, *names), (y, x, *reversed(names))):
        alone = rows.loc[rows.index.difference(other.index)]
        begins, ends = other.index[0], other.index[-1]
        yield from _span(
            alone[alone.index < begins], f"only {name}: {against} begins on {begins:%Y-%m-%d}"
        )
        yield from _span(alone[alone.index > ends], f"only {name}: {against} ends on {ends:%Y-%m-%d}")
        within = alone[(alone.index > begins) & (alone.index < ends)]
        idle = (within["suspended"] | (within["volume"] == 0)).to_numpy()
        said = f"only {name}, without trade: {against} has no rows while a symbol is suspended"
        yield from _span(within[idle], said, "suspension")
        yield from _holes(within[~idle], name, against, calendar)


def _span(rows: pd.DataFrame, detail: str, kind: DifferenceKind = "sessions") -> Iterator[Difference]:
    if len(rows):
        yield Difference(kind, rows.index[0], rows.index[-1], len(rows), detail)


def _holes(traded: pd.DataFrame, name: str, against: str, calendar: str) -> Iterator[Difference]:
    """One difference a run of sessions that one of them has traded and the other not at all."""
    if traded.empty:
        return
    expected = sessions(calendar, traded.index[0], traded.index[-1])
    for first, last, count in runs(expected.isin(traded.index)):
        said = f"only {name}, with trade: a gap in {against}"
        yield Difference("sessions", expected[first], expected[last], count, said)


def _listings(a: Bars, b: Bars, symbol: str, names: tuple[str, str]) -> Iterator[Difference]:
    if symbol not in a.listings or symbol not in b.listings:
        return
    ours, theirs = a.listings[symbol], b.listings[symbol]
    for what, mine, other in (
        ("listed", ours.listed, theirs.listed),
        ("delisted", ours.delisted, theirs.delisted),
    ):
        if mine is not None and other is not None and mine != other:
            said = f"{what} on {mine:%Y-%m-%d} in {names[0]} and on {other:%Y-%m-%d} in {names[1]}"
            yield Difference("listing", min(mine, other), max(mine, other), 1, said)
