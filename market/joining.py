"""Whether freshly fetched sessions continue the stored ones, and their union.

Raw prices must be equal where both have the session; the factor only up to one constant, because many
sources anchor it at their own first or last row.  The new factors are then scaled to the stored ones,
so that nothing already stored changes.  Adjusted prices must be equal: a constant between them means
that the whole series was adjusted again.  Corporate actions of sessions that both have must be the same.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from ..core import Actions, Bars
from ..core.actions import AMOUNTS
from ..core.bars import PRICES

_SAME_PRICE = 1e-4  # relative: one vendor prints the same price with 2 or with 4 decimals
_SAME_FACTOR = 1e-3  # relative: a factor is often a ratio of two rounded prices
_SAME_AMOUNT = 1e-9


def cannot_join(stored: Bars, fetched: Bars, overlap: pd.DatetimeIndex) -> str:
    """Why `fetched` does not continue `stored`, in one clause; "" where it does."""
    if (fetched.adjustment, fetched.calendar) != (stored.adjustment, stored.calendar):
        return f"stored {stored.adjustment} bars of {stored.calendar}, received {fetched.adjustment}"
    if stored.actions.known - fetched.actions.known:
        return "the corporate actions that are stored are no longer known to the source"
    missing = overlap.difference(fetched.sessions)
    if len(missing):
        return f"the source no longer has {missing[0]:%Y-%m-%d}, which is stored"
    old = stored.one(stored.symbols[0]).loc[overlap]
    new = fetched.one(fetched.symbols[0]).loc[overlap]
    for name in PRICES:
        gap = (new[name] / old[name] - 1).abs()
        if (gap > _SAME_PRICE).any():
            at = gap.idxmax()
            return (
                f"{name} of {at:%Y-%m-%d} is stored as {old.loc[at, name]:g}, the source now has "
                f"{new.loc[at, name]:g}"
            )
    ratio = old["factor"] / new["factor"]
    if (ratio / ratio.iloc[-1] - 1).abs().max() > _SAME_FACTOR:
        return f"the adjustment factors of {overlap[0]:%Y-%m-%d} to {overlap[-1]:%Y-%m-%d} have changed"
    return _changed_action(stored.actions, fetched.actions.between(None, overlap[-1]), overlap[0])


def _changed_action(stored: Actions, fetched: Actions, since: pd.Timestamp) -> str:
    """The first action from `since` on that is not the same in both, in one clause."""
    old, new = stored.between(since, None).frame, fetched.between(since, None).frame
    for key in old.index.union(new.index):
        day = f"the corporate action of {key[1]:%Y-%m-%d}"
        if key not in new.index:
            return f"{day} is stored, the source no longer has it"
        if key not in old.index:
            return f"{day} is not stored, the source has it now"
        before, after = old.loc[key], new.loc[key]
        for name in AMOUNTS:
            if not np.isclose(before[name], after[name], rtol=_SAME_AMOUNT, atol=_SAME_AMOUNT):
                return f"{day} is stored with {name} {before[name]:g}, now it has {after[name]:g}"
        if str(before["pay_session"]) != str(after["pay_session"]):
            return f"{day} is paid on another day than what is stored says"
    return ""


def join(stored: Bars, fetched: Bars) -> Bars:
    """Stored sessions as they are, then the newer ones, their factors scaled to fit."""
    last = stored.sessions[-1]
    old = stored.one(stored.symbols[0])
    new = fetched.one(fetched.symbols[0])
    later = new[new.index > last].copy()
    listings = {**stored.listings, **fetched.listings}
    if later.empty:
        return replace(stored, listings=listings)
    if stored.adjustment == "raw":
        scale = float(old.loc[last, "factor"] / new.loc[last, "factor"])
        later["factor"] *= 1.0 if np.isclose(scale, 1.0, rtol=1e-9, atol=0) else scale
    later["symbol"] = stored.symbols[0]
    both = pd.concat([stored.frame.reset_index(), later.rename_axis("session").reset_index()])
    # Actions that are not known of the stored sessions stay so: a few of the new ones do not tell.
    newer = fetched.actions.select(stored.actions.known).between(last + pd.Timedelta(days=1), None)
    return Bars.from_frame(
        both,
        adjustment=stored.adjustment,
        calendar=stored.calendar,
        actions=Actions.concat([stored.actions, newer]),
        listings=listings,
    )
