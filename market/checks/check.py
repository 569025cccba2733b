"""Whether bars that are possible are also plausible.

`Bars` refuses what cannot be; this finds what can be but is probably wrong: sessions without a row,
bars without trade, returns beyond what the board allows (a missed adjustment, a false print), prices
that stand still, volumes in another unit, and facts that contradict each other.  Runs of the same fault
are one finding, named by their first session.  Nothing is mended.

A return counts as a jump beyond 1.15 x the board's limit + 1 % (the slack is for rounded adjusted
prices), an index beyond the same limit as its shares, and where there is no limit beyond 35 %.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ...core import Bars, DataError
from ...core.bars import PRICES
from ...core.calendar import calendar_of, sessions
from ..instruments import Board, board_of
from ..rules import rules_for
from ..rules.limits import limit_rows
from .facts import FactKind, facts
from .runs import runs

FindingKind = (
    Literal[
        "gap", "suspension", "no_trade", "zero_volume", "jump", "stale", "copied", "body_outside", "unit"
    ]
    | FactKind
)

LONG_SUSPENSION = 20
STALE = 10
_FREE_SESSIONS = 5  # after a listing there is no limit
_UNLIMITED = 0.35
_SLACK = (1.15, 0.01)


@dataclass(frozen=True)
class Finding:
    """Something that a person should look at: in which symbol, from which session, what, and why."""

    symbol: str
    session: pd.Timestamp
    kind: FindingKind
    detail: str


def check_bars(bars: Bars) -> tuple[Finding, ...]:
    """Everything implausible, by symbol and session; empty where all is well.

    gap: sessions of the calendar without a row.  suspension: flagged for 20 sessions or more.
    no_trade: flat bars without volume, not flagged suspended.  zero_volume: prices moved without
    volume.  jump: a return beyond the board's limit.  stale: one close for 10 sessions and more.
    copied: a bar equal to the one before in all prices and volume.  body_outside: open or close outside
    low to high by rounding.  unit: amount / volume is far from the prices.  action: factor and known
    corporate actions disagree.  reference: the exchange's reference price does not follow from the close
    before.  band: a price beyond the day's limits (raw shares and funds).  listing: rows before the
    listing, or from the delisting on.

    >>> from qushi.market.sources.sample import Sample
    >>> [f.kind for f in check_bars(Sample().fetch("000300.SH"))]
    []
    """
    found: list[Finding] = []
    for symbol in bars.symbols:
        rows = bars.one(symbol)
        for session, kind, detail in _findings(rows, symbol, bars):
            found.append(Finding(symbol, session, kind, detail))
    return tuple(sorted(found, key=lambda f: (f.symbol, f.session, f.kind)))


_Found = Iterator[tuple[pd.Timestamp, FindingKind, str]]


def _findings(rows: pd.DataFrame, symbol: str, bars: Bars) -> _Found:
    at = pd.DatetimeIndex(rows.index)
    yield from _gaps(at, bars.calendar)
    suspended = rows["suspended"].to_numpy()
    for first, last, n in runs(suspended):
        if n >= LONG_SUSPENSION:
            yield at[first], "suspension", f"suspended for {n} sessions to {at[last]:%Y-%m-%d}"
    idle = (rows["volume"] == 0).to_numpy() & ~suspended
    flat = (rows["high"] == rows["low"]).to_numpy()
    yield from _without_volume(rows, at, idle, flat)
    jumps = list(_jumps(rows, at, symbol, bars.calendar))
    yield from jumps
    limits = _board(symbol, bars.calendar) is not None
    told = {session for session, _, _ in jumps}
    yield from facts(rows, symbol, bars, limits=limits, told=told)
    yield from _standing(rows, at, ~suspended & ~(idle & flat))
    yield from _bodies(rows, at)
    # Adjusted prices and points of an index have no unit in common with what was paid.
    if bars.adjustment == "raw" and _board(symbol, bars.calendar) != "index":
        yield from _units(rows, at)


def _gaps(at: pd.DatetimeIndex, calendar: str) -> _Found:
    expected = sessions(calendar, at[0], at[-1])
    absent = ~expected.isin(at)
    for first, last, n in runs(absent):
        if n == 1:
            yield expected[first], "gap", "no row for this session"
        else:
            yield expected[first], "gap", f"no row for {n} sessions, to {expected[last]:%Y-%m-%d}"


def _without_volume(
    rows: pd.DataFrame, at: pd.DatetimeIndex, idle: np.ndarray, flat: np.ndarray
) -> _Found:
    faults: tuple[tuple[np.ndarray, FindingKind, str], ...] = (
        (idle & flat, "no_trade", "flat and without volume, not marked suspended"),
        (idle & ~flat, "zero_volume", "prices moved without volume"),
    )
    for mask, kind, what in faults:
        for first, last, n in runs(mask):
            to = f", {n} sessions to {at[last]:%Y-%m-%d}" if n > 1 else ""
            yield at[first], kind, f"{what} (close {rows['close'].iloc[first]:g}){to}"


def _jumps(rows: pd.DataFrame, at: pd.DatetimeIndex, symbol: str, calendar: str) -> _Found:
    close = (rows["close"] * rows["factor"]).to_numpy()
    change = np.full(len(close), 0.0)
    change[1:] = close[1:] / close[:-1] - 1
    allowed = _allowed(symbol, at, rows["st"].to_numpy(), calendar)
    if (allowed != _UNLIMITED).any():
        change[: min(_FREE_SESSIONS + 1, len(change))] = 0.0
    every = sessions(calendar, at[0], at[-1])
    place = every.searchsorted(at)
    for i in np.flatnonzero(np.abs(change) > allowed):
        skipped = int(place[i] - place[i - 1] - 1)
        after = f" after {skipped} sessions without a row" if skipped else ""
        yield (
            at[i],
            "jump",
            f"close {close[i - 1]:g} to {close[i]:g}, {change[i]:+.1%}{after}, beyond {allowed[i]:.1%}: "
            "a missed adjustment or a false print?",
        )


def _board(symbol: str, calendar: str) -> Board | None:
    try:
        # A name without suffix on the mainland's calendar says nothing either.
        return board_of(symbol) if calendar_of(symbol) == calendar else None
    except DataError:  # a code in no known range: nothing is known of its rules
        return None


def _allowed(symbol: str, at: pd.DatetimeIndex, st: np.ndarray, calendar: str) -> np.ndarray:
    """How far a close may move from the one before, session by session."""
    board = _board(symbol, calendar)
    allowed = np.full(len(at), _UNLIMITED)
    if board is None:
        return allowed
    rules = rules_for(calendar, boards={symbol: "main"} if board == "index" else {})
    limits, which = limit_rows(symbol, at, st, rules)
    for i, limit in enumerate(limits):
        if limit.widths is not None:
            allowed[which == i] = _SLACK[0] * float(max(limit.widths)) + _SLACK[1]
    return allowed


def _standing(rows: pd.DataFrame, at: pd.DatetimeIndex, traded: np.ndarray) -> _Found:
    close = rows["close"].to_numpy()
    same = np.r_[False, close[1:] == close[:-1]] & traded
    for first, last, n in runs(same):
        if n + 1 >= STALE:
            yield (
                at[first - 1],
                "stale",
                f"close {close[first]:g} unchanged for {n + 1} sessions to {at[last]:%Y-%m-%d}",
            )
    table = rows[[*PRICES, "volume"]].to_numpy()
    copied = np.r_[False, (table[1:] == table[:-1]).all(axis=1)] & traded & (table[:, -1] > 0)
    for first, last, n in runs(copied):
        to = f", {n} sessions to {at[last]:%Y-%m-%d}" if n > 1 else ""
        yield at[first], "copied", f"equal to the bar before in every price and in volume{to}"


def _bodies(rows: pd.DataFrame, at: pd.DatetimeIndex) -> _Found:
    body = rows[["open", "close"]]
    dust = 1e-12
    outside = (body.max(axis=1) > rows["high"] * (1 + dust)) | (
        body.min(axis=1) < rows["low"] * (1 - dust)
    )
    bad = np.flatnonzero(outside.to_numpy())
    if len(bad):
        yield (
            at[bad[0]],
            "body_outside",
            f"open or close outside low to high by rounding, {len(bad)} rows",
        )


def _units(rows: pd.DataFrame, at: pd.DatetimeIndex) -> _Found:
    known = (rows["amount"] > 0) & (rows["volume"] > 0)
    if not known.any():
        return
    paid = rows.loc[known, "amount"] / rows.loc[known, "volume"]
    ratio = float((paid / rows.loc[known, "close"]).median())
    if not 0.5 < ratio < 2:
        yield (
            at[int(np.flatnonzero(known)[0])],
            "unit",
            f"amount / volume is {ratio:.3g} times the close: volume in lots, amount in thousands?",
        )
