"""Whether corporate actions explain a site's back-adjusted prices, and a factor where none are known.

A site's back-adjusted close is B.  With the reference price R of each session (yesterday's close,
through the actions of today), a site either multiplies or adds:

    multiplied    B(t) / B(t-1) = close(t) / R(t)
    added         B(t) - B(t-1) = a x shares(t) x (close(t) - R(t)),   a constant

where shares(t) is what one share has grown to.  Either way R follows from B, and must be the one that
the actions lead to.  Sina multiplies; Eastmoney adds, which is why its adjusted prices may fall below
zero, and why B / close is then no factor: it moves every day.
"""

import numpy as np
import pandas as pd

from ...core import Actions

_LEAST_ROWS = 4
"""Rows from which the constant of an adding site can be told."""

_ROUNDED = 0.6  # ticks by which a price may lie beside what it was computed as
_OF_THE_STEP = 0.1  # treasury shares get no dividend, so the exchange reckons with a little less
_OF_THE_MOVE = 0.01  # the constant of an adding site is measured on rounded prices
_EXACT = 1e-5
_STEPS_A_YEAR = 4


def unexplained(
    closes: pd.Series, actions: Actions, symbol: str, back: pd.Series, tick: float
) -> pd.Timestamp | None:
    """The first session whose back-adjusted close the actions do not explain; None: all are explained.

    `closes` are as traded and `back` as the site adjusts them, over the same sessions.  Prices are
    taken as rounded to `tick`; a dividend of less than a tick or two cannot be told from rounding.
    """
    factor = actions.factor(symbol, closes)
    before = closes.shift()
    reference = before * factor.shift() / factor
    printed = 2 * _ROUNDED * tick
    multiplied = closes * back.shift() / back
    models = [(multiplied, printed * closes / np.minimum(back, back.shift()).abs() + _EXACT * closes)]
    if len(closes) >= _LEAST_ROWS:
        worth = _slope(closes, reference, actions.one(symbol), back)
        added = closes - back.diff() / worth
        models.append((added, printed / worth + _OF_THE_MOVE * (closes - reference).abs()))
    # The site may take the reference as published, so rounded.
    rounding = _ROUNDED * tick * (factor != factor.shift())
    bad = []
    for stated, slack in models:
        step = np.maximum((stated - before).abs(), (reference - before).abs())
        fine = (stated - reference).abs() <= slack + rounding + _OF_THE_STEP * step
        bad.append(~fine.iloc[1:])
    fewest = min(bad, key=lambda one: int(one.sum()))
    return pd.Timestamp(fewest.index[int(np.argmax(fewest))]) if fewest.any() else None


def steps(closes: pd.Series, back: pd.Series, tick: float) -> pd.Series | None:
    """The factor of a site that multiplies: constant between ex sessions, freed of the cents' noise.

    None where back / close is not constant between a few steps a year, so where the site adds.
    """
    ratio = back / closes
    noise = _ROUNDED * tick / back.abs() + _EXACT
    part = ((ratio / ratio.shift() - 1).abs() > noise + noise.shift()).cumsum()
    years = (closes.index[-1] - closes.index[0]).days / 365.25
    if int(part.iloc[-1]) > 1 + _STEPS_A_YEAR * years or not (ratio > 0).all():
        return None
    level = ratio.groupby(part).transform("median")
    return level if ((ratio / level - 1).abs() <= 2 * noise).all() else None


def chained(closes: pd.Series, reference: pd.Series) -> pd.Series:
    """A back-adjusted series from the reference price of each session: the first row stays as it is."""
    growth = closes / reference
    growth.iloc[0] = 1.0
    return closes.iloc[0] * growth.cumprod()


def laid_out(factors: pd.DataFrame, sessions: pd.DatetimeIndex) -> pd.Series:
    """Sina's factors, a row a day from which one holds, at the sessions."""
    values = pd.to_numeric(factors["hfq_factor"]).to_numpy()
    table = pd.Series(values, index=pd.to_datetime(factors["date"])).sort_index()
    return table.reindex(table.index.union(sessions)).ffill().reindex(sessions)


def _slope(closes: pd.Series, reference: pd.Series, actions: pd.DataFrame, back: pd.Series) -> pd.Series:
    """What a yuan of the traded price is worth at a site that adds: the same but for new shares."""
    shares = pd.Series(1.0, index=closes.index)
    for ex, row in actions.iterrows():
        shares[shares.index >= ex] *= 1 + row["bonus"] + row["split"] + row["rights"]
    gained = shares * (closes - reference)
    far = (gained.abs() >= gained.abs().median()) & (gained != 0)
    return shares * float((back.diff() / gained)[far].median())
