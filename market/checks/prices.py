"""How the prices of two sources of one symbol relate, session by session.

Each session says between which bounds the ratio of the sources may lie, given the decimals that they
print; sessions in a row whose bounds have a value in common are one stretch with one ratio.  Where a
stretch ends, the adjustment changes: an event.  A session that fits neither bounds nor what comes after
is an odd one: a print that one of the sources has alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from ...core import Bars, DataError
from ...core.bars import PRICES, Adjustment
from ..rules import rules_for

DifferenceKind = Literal[
    "shifted", "sessions", "suspension", "adjustment", "scale", "event", "method", "rounding", "print",
    "volume_unit", "volume", "amount_unit", "amount", "suspended", "st",
    "reference", "factor", "actions", "listing",
]  # fmt: skip

ODD = 3
"""So many sessions in a row may be odd; more are a stretch of their own."""
_MANY = 0.1  # share of the sessions with a change, from which on it is no matter of single events
_DECIMALS = 6
_LOOSE = 5e-4
"""Relative, for adjusted prices: a reference price rounded to the tick moves a factor by half a tick."""
_SLACK = (1.15, 0.01)  # of a price limit, for rounded adjusted prices
_UNLIMITED = 0.35
_VISIBLE = 1e-3


@dataclass(frozen=True, eq=False)
class Mark:
    """A difference on some of the common sessions; `disagrees` where these sessions are not alike."""

    kind: DifferenceKind
    at: np.ndarray
    detail: str
    disagrees: bool = True


@dataclass(frozen=True)
class _Stretch:
    """Rows first to last, as places among the common sessions, and the bounds of their ratio b / a."""

    first: int
    last: int
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """The middle of the bounds; 1 where that is possible."""
        return 1.0 if self.low <= 1 <= self.high else (self.low + self.high) / 2


def compare_prices(
    x: pd.DataFrame, y: pd.DataFrame, bars: tuple[Bars, Bars], names: tuple[str, str]
) -> tuple[Mark, ...]:
    """The differences in price between the same sessions of two sources."""
    kinds = [bars[0].adjustment, bars[1].adjustment]
    marks: list[Mark] = []
    factors = [np.ones(len(x)), np.ones(len(x))]
    if kinds[0] != kinds[1]:
        raw = kinds.index("raw")
        factors[raw] = (x, y)[raw]["factor"].to_numpy()
        beside = "times its factor" if (factors[raw] != 1).any() else "and without a factor"
        detail = (
            f"{names[raw]} has raw prices, {names[1 - raw]} adjusted ones: {names[raw]}'s are compared "
            f"{beside}"
        )
        marks.append(Mark("adjustment", np.ones(len(x), dtype=bool), detail, disagrees=False))
    columns = list(PRICES)
    halves = [_half_a_unit(rows[columns].to_numpy()) for rows in (x, y)]
    ours, theirs = (f[:, None] * rows[columns] for f, rows in zip(factors, (x, y), strict=True))
    units = [2 * half * f[:, None] for half, f in zip(halves, factors, strict=True)]
    loose = 1e-9 if kinds == ["raw", "raw"] else _LOOSE
    low, high = _bounds(ours.to_numpy(), theirs.to_numpy(), units, loose)
    stretches, odd = _stretches(low, high)
    if len(stretches) - 1 + odd.sum() > max(_MANY * len(x), ODD):
        return (*marks, _other_method(ours["close"], theirs["close"], names))
    ratio = np.full(len(x), stretches[0].ratio)
    for stretch in stretches:
        ratio[stretch.first :] = stretch.ratio
    marks.extend(_ratios(stretches, x.index, kinds, names))
    marks.extend(_last_digits((ratio == 1) & ~odd, ours, theirs, halves))
    marks.extend(_prints(odd, ratio, ours, theirs, bars[0], names))
    return tuple(marks)


def _half_a_unit(values: np.ndarray) -> float:
    """Half a unit of the last decimal in which prices are printed; next to none beyond six."""
    for decimals in range(_DECIMALS + 1):
        scaled = values * 10**decimals
        if (np.abs(scaled - np.round(scaled)) < 1e-6 * np.maximum(1.0, np.abs(values))).all():
            return float(0.5 * 10.0**-decimals)
    return 0.5 * 10.0 ** -(_DECIMALS + 1)


def _bounds(
    ours: np.ndarray, theirs: np.ndarray, units: list[np.ndarray], loose: float
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest ratio theirs / ours that all four prices of a session allow."""
    low = (theirs - units[1]) / (ours + units[0]) * (1 - loose)
    high = (theirs + units[1]) / np.maximum(ours - units[0], units[0]) * (1 + loose)
    return low.max(axis=1), high.min(axis=1)


def _stretches(low: np.ndarray, high: np.ndarray) -> tuple[list[_Stretch], np.ndarray]:
    """Stretches of one ratio, and which sessions are odd."""
    odd = low > high  # no ratio fits all four prices
    places = np.flatnonzero(~odd)
    found: list[_Stretch] = []
    i = 0
    while i < len(places):
        bottom, top, last, j = low[places[i]], high[places[i]], i, i + 1
        while j < len(places):
            fits = [
                k
                for k in range(j, min(j + 1 + ODD, len(places)))
                if max(bottom, low[places[k]]) <= min(top, high[places[k]])
            ]
            if not fits:
                break
            odd[places[j : fits[0]]] = True
            last = fits[0]
            bottom, top = max(bottom, low[places[last]]), min(top, high[places[last]])
            j = last + 1
        found.append(_Stretch(int(places[i]), int(places[last]), float(bottom), float(top)))
        i = j
    kept = [s for s in found if s is found[-1] or s.last - s.first >= ODD]
    for short in found:
        if short not in kept:
            odd[short.first : short.last + 1] = True
    return kept, odd


def _ratios(
    stretches: list[_Stretch], at: pd.DatetimeIndex, kinds: list[Adjustment], names: tuple[str, str]
) -> Iterator[Mark]:
    ours, theirs = names
    if len(stretches) == 1 and stretches[0].ratio != 1:
        why = "in another unit" if kinds == ["raw", "raw"] else "adjusted to another day"
        said = f"{theirs} / {ours} is {stretches[0].ratio:.6g} throughout: the same returns, {why}"
        yield Mark("scale", np.ones(len(at), dtype=bool), said, disagrees=False)
    for before, after in pairwise(stretches):
        here = np.zeros(len(at), dtype=bool)
        here[after.first] = True
        if kinds[0] == kinds[1] == "raw":
            why = "raw prices of one of them are not as traded?"
        elif kinds[0] == kinds[1]:
            why = "one adjusts for an event here, the other not, or by another amount"
        else:
            raw = kinds.index("raw")
            why = f"{names[1 - raw]} adjusts for an event that {names[raw]}'s factor does not have"
        step = after.ratio / before.ratio - 1
        yield Mark(
            "event",
            here,
            f"{theirs} / {ours} goes from {before.ratio:.6g} to {after.ratio:.6g} ({step:+.3%}): {why}",
        )


def _other_method(ours: pd.Series, theirs: pd.Series, names: tuple[str, str]) -> Mark:
    """What to say where the ratio never rests."""
    ratio = theirs / ours
    returns = pd.DataFrame({"ours": ours.pct_change(), "theirs": theirs.pct_change()}).dropna()
    alike = float(returns.corr().iloc[0, 1]) if len(returns) > 2 else float("nan")
    why = (
        "adjusted by different methods (one takes dividends off instead of multiplying?)"
        if alike > 0.9
        else "not the same instrument?"
    )
    return Mark(
        "method",
        np.ones(len(ours), dtype=bool),
        f"{names[1]} / {names[0]} never rests, from {ratio.min():.6g} to {ratio.max():.6g}, and the "
        f"returns correlate by {alike:.2f}: {why}",
    )


def _last_digits(
    one: np.ndarray, ours: pd.DataFrame, theirs: pd.DataFrame, halves: list[float]
) -> Iterator[Mark]:
    """Prices equal but for their last digit, where the ratio is 1."""
    gap = (ours - theirs).abs().max(axis=1).to_numpy()
    at = one & (gap > 1e-9)
    if not at.any():
        return
    most = float(gap[at].max())
    if halves[0] == halves[1]:
        detail = f"prices differ in the last decimal, by up to {most:.6g}"
    else:
        decimals = [max(0, round(-np.log10(2 * half))) for half in halves]
        detail = (
            f"prices are printed with {decimals[0]} and {decimals[1]} decimals, and differ by up to "
            f"{most:.4g}"
        )
    yield Mark("rounding", at, detail, disagrees=halves[0] == halves[1])


def _prints(
    odd: np.ndarray,
    ratio: np.ndarray,
    ours: pd.DataFrame,
    theirs: pd.DataFrame,
    bars: Bars,
    names: tuple[str, str],
) -> Iterator[Mark]:
    """One mark a session that one of the two has alone, and which of them is to be doubted."""
    for place in map(int, np.flatnonzero(odd)):
        mine, other = ours.iloc[place], theirs.iloc[place] / ratio[place]
        off = [name for name in PRICES if abs(other[name] / mine[name] - 1) > _VISIBLE]
        detail = ", ".join(f"{name} {mine[name]:.6g} and {other[name]:.6g}" for name in off or PRICES)
        at_scale = "" if ratio[place] == 1 else f" (at {names[0]}'s scale)"
        doubt = _doubted((ours["close"], theirs["close"]), place, _allowed(bars, ours.index[place]))
        who = (
            "which of them is false cannot be told"
            if doubt is None
            else f"{names[doubt]} is the suspect, its close leaves its neighbours"
        )
        here = np.zeros(len(odd), dtype=bool)
        here[place] = True
        yield Mark("print", here, f"{detail}{at_scale}: {who}")


def _doubted(closes: tuple[pd.Series, pd.Series], place: int, allowed: float) -> int | None:
    """0 or 1, the source whose close leaves its neighbours; None where neither stands out."""
    away = []
    for series in closes:
        close = series.to_numpy()
        around = [k for k in (place - 1, place) if 0 <= k < len(close) - 1]
        away.append(max((abs(close[k + 1] / close[k] - 1) for k in around), default=0.0))
    beyond = [step > allowed for step in away]
    if beyond[0] != beyond[1]:
        return beyond.index(True)
    return away.index(max(away)) if max(away) > 3 * min(away) + 0.01 else None


def _allowed(bars: Bars, session: pd.Timestamp) -> float:
    try:
        width = rules_for(bars.calendar).limit_width(bars.symbols[0], session)
    except DataError:  # a code in no known range: nothing is known of its limit
        width = None
    return _UNLIMITED if width is None else _SLACK[0] * float(width[1]) + _SLACK[1]
