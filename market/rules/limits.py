"""Price limits of whole `Bars` at once: the reference price and the band of every session.

    reference(t) = the exchange's own, where the bars have it (`pre_close`)
                   else the close before, after the corporate actions of t
                   else the close before x factor(t-1) / factor(t)
    band(t)      = reference(t) x (1 - down, 1 + up), on ticks

In whole numbers of the finest tick, so that it equals `MarketRules.price_band` exactly.  Reference and
band of t are public before the open of t.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd

from ...core import Bars
from .dated import session_numbers
from .market_rules import MarketRules
from .rows import PriceLimit, Steps, Tick
from .ticks import DUST, Towards, exact, to_tick


def reference_prices(bars: Bars, rules: MarketRules) -> pd.DataFrame:
    """The price from which limits are counted, sessions x symbols.

    Raw bars: on a tick, half a tick up.  Adjusted bars: the close before, as it is.  NaN where a symbol
    has no row, and in its first row unless the exchange's own is known.
    """
    found = [_references(bars, rules, *part) for part in _by_symbol(bars)]
    return _wide(bars, np.concatenate(found))


def price_bands(bars: Bars, rules: MarketRules) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Lowest and highest price of each session, each sessions x symbols; NaN where there is no limit.

    Uses the flags for special treatment and the listings of the bars; `rules.listed` goes before those.
    Adjusted bars: reference x width without rounding, as their prices stand on no tick.
    """
    low, high = [], []
    for symbol, rows in _by_symbol(bars):
        reference = _references(bars, rules, symbol, rows)
        down, up = _band(bars, rules, symbol, rows, reference)
        low.append(down)
        high.append(up)
    return _wide(bars, np.concatenate(low)), _wide(bars, np.concatenate(high))


def limit_rows(
    symbol: str, at: pd.DatetimeIndex, st: np.ndarray, rules: MarketRules, listed: date | None = None
) -> tuple[list[PriceLimit], np.ndarray]:
    """The price limits of a symbol's sessions: the rows that occur, and which one each session has.

    `st` says for each session whether the share is under special treatment.  -1 where there is no row.
    """
    days = at.to_numpy().astype("datetime64[D]")
    rows: list[PriceLimit] = []
    which = np.full(len(at), -1)
    for flag in np.unique(st):
        timeline = rules.limits(symbol, bool(flag))
        starts = np.array(timeline.starts, dtype="datetime64[D]")
        piece = starts.searchsorted(days, side="right")
        for i in np.unique(piece[st == flag]):
            row = timeline.rows[i]
            if row is not None:
                which[(piece == i) & (st == flag)] = len(rows)
                rows.append(row)
    first = rules.listed.get(symbol, listed)
    if first is not None:
        number = session_numbers(rules.calendar, first, days)
        for row in rules.first_sessions(symbol, first):
            if row.sessions is not None:
                which[(number >= row.sessions[0]) & (number <= row.sessions[1])] = len(rows)
                rows.append(row)
    return rows, which


def _by_symbol(bars: Bars) -> Iterator[tuple[str, pd.DataFrame]]:
    for symbol, rows in bars.frame.groupby(level="symbol", sort=False):
        yield str(symbol), rows.droplevel("symbol")


def _wide(bars: Bars, values: np.ndarray) -> pd.DataFrame:
    table = pd.Series(values, index=bars.frame.index).unstack("symbol")
    return table.sort_index().sort_index(axis=1)


# Reference prices ------------------------------------------------------------------------------------


def _references(bars: Bars, rules: MarketRules, symbol: str, rows: pd.DataFrame) -> np.ndarray:
    close = rows["close"].to_numpy()
    reference: np.ndarray = np.r_[np.nan, close[:-1]]
    if bars.adjustment == "adjusted":
        return reference
    if symbol in bars.actions.known:
        at = pd.DatetimeIndex(rows.index)
        for session in bars.actions.one(symbol).index:
            i = int(at.searchsorted(session))
            if 0 < i < len(at):
                reference[i] = bars.actions.reference(symbol, session, float(reference[i]))
    else:
        factor = rows["factor"].to_numpy()
        reference[1:] *= factor[:-1] / factor[1:]
    published = rows["pre_close"].to_numpy()
    reference = np.where(np.isnan(published), reference, published)
    for steps, here in _ticks(rules, symbol, pd.DatetimeIndex(rows.index)):
        reference[here] = _nearest(reference[here], steps)
    return reference


def _ticks(rules: MarketRules, symbol: str, at: pd.DatetimeIndex) -> Iterator[tuple[Steps, np.ndarray]]:
    """The ticks that occur, with the sessions of each."""
    timeline = rules.timeline(Tick, symbol)
    starts = np.array(timeline.starts, dtype="datetime64[D]")
    piece = starts.searchsorted(at.to_numpy().astype("datetime64[D]"), side="right")
    for i in np.unique(piece):
        row = timeline.rows[i]
        if row is not None:
            yield row.table, piece == i


def _nearest(prices: np.ndarray, steps: Steps) -> np.ndarray:
    """Prices on their ticks: in whole numbers where they stand on one already, in decimals elsewhere."""
    scale = _scale(steps)
    units = prices * scale
    whole = np.rint(units)
    dust = float(DUST) * scale / 4
    with np.errstate(invalid="ignore"):
        on = (np.abs(units - whole) < dust) & (whole % _tick_units(whole, 1, steps, scale) == 0)
    found: np.ndarray = np.where(on, whole / scale, prices)
    for i in np.flatnonzero(~on & ~np.isnan(prices)):
        found[i] = float(max(to_tick(exact(prices[i]), steps, "nearest"), steps[0][1]))
    return found


# Bands -----------------------------------------------------------------------------------------------


def _band(
    bars: Bars, rules: MarketRules, symbol: str, rows: pd.DataFrame, reference: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    at = pd.DatetimeIndex(rows.index)
    listing = bars.listings.get(symbol)
    listed = None if listing is None or listing.listed is None else listing.listed.date()
    limits, which = limit_rows(symbol, at, rows["st"].to_numpy(), rules, listed)
    low, high = np.full(len(at), np.nan), np.full(len(at), np.nan)
    ticks = list(_ticks(rules, symbol, at))
    for i, limit in enumerate(limits):
        mine = (which == i) & ~np.isnan(reference)
        if limit.widths is None or not mine.any():
            continue
        if bars.adjustment == "adjusted":
            down, up = map(float, limit.widths)
            low[mine], high[mine] = reference[mine] * (1 - down), reference[mine] * (1 + up)
            continue
        for steps, here in ticks:
            both = mine & here
            inward = limit.rounding == "inward"
            low[both], high[both] = _limits(reference[both], limit.widths, inward, steps)
    return low, high


def _limits(
    reference: np.ndarray, widths: tuple[Decimal, Decimal], inward: bool, steps: Steps
) -> tuple[np.ndarray, np.ndarray]:
    """`ticks.band` for many references that stand on ticks, in whole numbers."""
    scale = _scale(steps)
    units = np.rint(reference * scale).astype(np.int64)
    tick = _tick_units(units, 1, steps, scale)
    (down, of_down), (up, of_up) = (width.as_integer_ratio() for width in widths)
    low = _on_tick(units * (of_down - down), of_down, steps, scale, "up" if inward else "nearest")
    high = _on_tick(units * (of_up + up), of_up, steps, scale, "down" if inward else "nearest")
    least = int(steps[0][1] * scale)
    low = np.maximum(np.minimum(low, units - tick), least)
    return low / scale, np.maximum(high, units + tick) / scale


def _on_tick(units: np.ndarray, parts: int, steps: Steps, scale: int, towards: Towards) -> np.ndarray:
    """`ticks.to_tick` of units / parts, both whole."""
    tick = _tick_units(units, parts, steps, scale)
    size = tick * parts
    add = {"down": 0, "up": size - 1, "nearest": size // 2}[towards]
    found: np.ndarray = (units + add) // size * tick
    return found


def _tick_units(units: np.ndarray, parts: int, steps: Steps, scale: int) -> np.ndarray:
    """The tick at each price units / parts, in units."""
    bounds = np.array([int(bound * scale) for bound, _ in steps]) * parts
    ticks = np.array([int(tick * scale) for _, tick in steps])
    found: np.ndarray = ticks[np.maximum(bounds.searchsorted(units, side="right") - 1, 0)]
    return found


def _scale(steps: Steps) -> int:
    """How many units of the finest decimal there are in one of currency."""
    places = [-int(number.normalize().as_tuple().exponent) for step in steps for number in step]
    return int(10 ** max(0, *places))
