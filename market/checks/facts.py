"""Whether what stands beside a symbol's prices fits them: factor, actions, reference price, listing.

The same fact is told several times in raw bars: a dividend is an action, a step of the factor, and a
reference price below the close before.  Where two of them disagree, one is wrong.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd

from ...core import Bars, DataError
from ..rules import price_bands, rules_for

FactKind = Literal["action", "reference", "band", "listing"]
Fact = tuple[pd.Timestamp, FactKind, str]

FEW = 5
"""Of one kind so many are told one by one; more are one finding."""
_FREE_SESSIONS = 5  # rows that may be the first after an unknown listing, when there is no limit
_SAME_STEP = 1e-3
_HALF_A_TICK = 0.0051  # of a share: reference prices are rounded to the tick
_PRINTED = 1e-5  # relative: points of an index, with 2 decimals or with 4


def facts(
    rows: pd.DataFrame, symbol: str, bars: Bars, *, limits: bool, told: set[pd.Timestamp]
) -> Iterator[Fact]:
    """What does not fit, in the rows of one symbol of `bars`.

    With `limits`, prices beyond the day's limits too, but on sessions already `told`.
    """
    yield from _beyond_listing(rows, symbol, bars)
    if bars.adjustment == "adjusted":
        return
    try:
        reference = _reference(rows, symbol, bars)
    except DataError as error:  # a dividend of more than the price
        yield rows.index[0], "action", str(error)
        return
    yield from _gathered(_steps(rows, symbol, bars, reference))
    yield from _gathered(_published(rows, reference))
    if limits:
        yield from _gathered(_beyond_band(rows, symbol, bars, told))


def _reference(rows: pd.DataFrame, symbol: str, bars: Bars) -> np.ndarray:
    """The close before after the actions, or after the step of the factor; NaN in the first row."""
    close = rows["close"].to_numpy()
    factor = rows["factor"].to_numpy()
    if symbol in bars.actions.known:
        factor = bars.actions.factor(symbol, rows["close"]).to_numpy()
    return np.concatenate([[np.nan], close[:-1] * factor[:-1] / factor[1:]])


def _steps(rows: pd.DataFrame, symbol: str, bars: Bars, reference: np.ndarray) -> Iterator[Fact]:
    """Steps of the factor without an action, and actions without a step, where actions are known."""
    if symbol not in bars.actions.known:
        return
    before = np.r_[np.nan, rows["close"].to_numpy()[:-1]]
    expected = before / reference
    step = (rows["factor"] / rows["factor"].shift(1)).to_numpy()
    tolerance = np.maximum(_SAME_STEP, _HALF_A_TICK / before)
    for i in np.flatnonzero(np.abs(step / expected - 1) > tolerance):
        if np.isclose(expected[i], 1, rtol=1e-9):
            said = f"the factor changes by {step[i] - 1:+.3%} without a corporate action"
        else:
            said = f"the factor changes by {step[i] - 1:+.3%}, the corporate action asks for "
            said += f"{expected[i] - 1:+.3%}"
        yield rows.index[i], "action", said


def _published(rows: pd.DataFrame, reference: np.ndarray) -> Iterator[Fact]:
    """Reference prices of the exchange that do not follow from the close before and the actions."""
    published = rows["pre_close"].to_numpy()
    tolerance = np.maximum(_HALF_A_TICK, _PRINTED * reference)
    for i in np.flatnonzero(np.abs(published - reference) > tolerance):
        yield (
            rows.index[i],
            "reference",
            f"the reference price is {published[i]:g}, the close before and the actions give "
            f"{reference[i]:.6g}: a missing row or action?",
        )


def _beyond_band(rows: pd.DataFrame, symbol: str, bars: Bars, told: set[pd.Timestamp]) -> Iterator[Fact]:
    bands = price_bands(bars.select([symbol]), rules_for(bars.calendar))
    low, high = bands[0][symbol], bands[1][symbol]
    above, below = rows["high"] > high + 1e-9, rows["low"] < low - 1e-9
    listing = bars.listings.get(symbol)
    if listing is None or listing.listed is None:
        above.iloc[: _FREE_SESSIONS + 1] = below.iloc[: _FREE_SESSIONS + 1] = False
    for session in rows.index[above | below].difference(list(told)):
        row = rows.loc[session]
        what = f"high {row['high']:g}" if above[session] else f"low {row['low']:g}"
        flagged = "the flag ST still set, " if row["st"] else ""
        yield (
            session,
            "band",
            f"{what} beyond the limits {low[session]:g} to {high[session]:g}: {flagged}a false print, "
            "or a session without limit?",
        )


def _beyond_listing(rows: pd.DataFrame, symbol: str, bars: Bars) -> Iterator[Fact]:
    listing = bars.listings.get(symbol)
    if listing is None:
        return
    if listing.listed is not None and rows.index[0] < listing.listed:
        count = int((rows.index < listing.listed).sum())
        yield rows.index[0], "listing", f"{count} rows before the listing on {listing.listed:%Y-%m-%d}"
    if listing.delisted is not None and rows.index[-1] >= listing.delisted:
        after = rows.index[rows.index >= listing.delisted]
        yield (
            after[0],
            "listing",
            f"{len(after)} rows after the delisting on {listing.delisted:%Y-%m-%d}",
        )


def _gathered(found: Iterator[Fact]) -> Iterator[Fact]:
    """Each one where they are few, else the first with the number of all."""
    told = list(found)
    if len(told) <= FEW:
        yield from told
        return
    session, kind, detail = told[0]
    yield session, kind, f"{detail} {len(told) - 1} more sessions like it, to {told[-1][0]:%Y-%m-%d}"
