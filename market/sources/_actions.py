"""Corporate actions as a vendor lists them, made into `Actions` and held against its own prices.

The exchange publishes a reference price every morning; on an ordinary day it is the close before, on an
ex date what `Actions.reference` says of it.  A list of dividends that misses a rights issue, or counts
one twice, is found out by that: then the actions are treated as not known, which is better than wrong.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from ...core import Actions, DataError
from ...core.actions import AMOUNTS
from ...core.calendar import sessions

_ROUNDING = 1.1  # ticks: the reference is rounded to one, and the amounts to a few decimals
_OF_THE_STEP = 0.05  # treasury shares get no dividend, so the exchange reckons with a little less
_OF_THE_PRICE = 1e-3  # a factor is printed with few digits


def gathered(listed: pd.DataFrame, symbol: str, calendar: str) -> Actions:
    """The actions of one symbol from rows of any order, several a day, on days without a session.

    `listed` has `session` (the ex date), any of the amounts a share, and `pay_session` where it is
    known.  Rows of one ex session are added up and paid when the last of them is.
    """
    table = listed.copy()
    for name in AMOUNTS:
        table[name] = table[name].astype(float).fillna(0.0) if name in table else 0.0
    if "pay_session" not in table:
        table["pay_session"] = pd.NaT
    known = sessions(calendar)
    table = table[table["session"].notna() & (table[list(AMOUNTS)] != 0).any(axis=1)]
    table = table[table["session"] <= known[-1]]
    if table.empty:
        return Actions.none([symbol])
    for name in ("session", "pay_session"):
        at = pd.DatetimeIndex(table[name]).as_unit("ns")
        # A day after the last known session stays as it is.
        later = known.append(pd.DatetimeIndex([pd.NaT]))[known.searchsorted(at)]
        table[name] = np.where(later.isna(), at, later)
    amounts = dict.fromkeys(("cash", "bonus", "split", "rights"), "sum")
    how = {**amounts, "rights_price": "max", "pay_session": "max"}
    return Actions.from_frame(table.groupby("session").agg(how).reset_index().assign(symbol=symbol))


def explained(
    actions: Actions, symbol: str, table: pd.DataFrame, tick: float, note: Callable[[str], None]
) -> Actions:
    """The actions where the reference prices follow from them, else none, known of nobody, with a note.

    `table` has `session`, `close`, `pre_close` (NaN where there is none), `factor`, and `suspended`;
    where there is no reference price the factor stands in for it.
    """
    unknown = "its actions count as not known, and what they brought as reinvested"
    traded = _traded(table)
    closes = traded["close"]
    try:
        by_actions = _reference(closes, actions.factor(symbol, closes))
    except DataError as error:
        note(f"{error}; {unknown}")
        return Actions.none()
    by_factor = _reference(closes, traded["factor"])
    published = traded["pre_close"].fillna(by_factor)
    slack = closes.where(traded["pre_close"].isna(), 0.0) * _OF_THE_PRICE
    at = _differ(by_actions, published, closes.shift(), _ROUNDING * tick + slack)
    if at is None:
        return actions
    note(
        f"{symbol}: from the close of {closes.shift()[at]:g} its corporate actions lead to "
        f"{by_actions[at]:.3f} on {at:%Y-%m-%d}, the reference price was {published[at]:.3f} (a rights "
        f"issue that is not listed?): {unknown}"
    )
    return Actions.none()


def contradiction(symbol: str, table: pd.DataFrame, tick: float) -> str:
    """Where the published reference price and the factor disagree, in one sentence; "" where nowhere."""
    traded = _traded(table)
    closes = traded["close"]
    by_factor = _reference(closes, traded["factor"])
    slack = _ROUNDING * tick + _OF_THE_PRICE * closes
    at = _differ(by_factor, traded["pre_close"], closes.shift(), slack)
    if at is None:
        return ""
    return (
        f"{symbol}: on {at:%Y-%m-%d} the reference price is {traded.loc[at, 'pre_close']:.3f}, from the "
        f"adjustment factor it would be {by_factor[at]:.3f}: adjusted prices follow the factor, price "
        "limits the reference price"
    )


def _traded(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table["suspended"]].sort_values("session").set_index("session")


def _reference(closes: pd.Series, factor: pd.Series) -> pd.Series:
    """What the close before becomes through the change of a factor; NaN in the first row."""
    return closes.shift() * factor.shift() / factor


def _differ(
    found: pd.Series, published: pd.Series, before: pd.Series, slack: pd.Series
) -> pd.Timestamp | None:
    """The first session in which two reference prices cannot be the same one."""
    step = np.maximum((published - before).abs(), (found - before).abs())
    bad = (found - published).abs() > slack + _OF_THE_STEP * step
    return bad.idxmax() if bad.any() else None
