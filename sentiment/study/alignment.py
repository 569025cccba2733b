"""Does the panic index move with the market at all, and does it say anything about tomorrow?

Three correlations a scope and audience, each over the sessions where both sides are known:

- `same_session`: the session's bearishness without decay against the return of the same session.
  Negative where the texts are read rightly: people write fearfully on falling days.
- `last_three`: the index against the return of the last three sessions, today included.
- `next_session`: the index against the return of the next session.  This alone would be prediction;
  near 0 is the honest expectation.

That is a first look, for the report of every run; `study.py` looks properly.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ...core import Bars, PanicIndex
from ...core.panic import MARKET

COLUMNS = ("scope", "audience", "n", "same_session", "last_three", "next_session")


def panic_alignment(panic: PanicIndex, bars: Bars) -> pd.DataFrame:
    """One row a (scope, audience), Pearson correlations; NaN below 20 common sessions.

    Returns are log returns of back-adjusted closes; the market scope is held against the equal
    weight of all symbols.  `n` counts the sessions behind `next_session`.
    """
    log_close = np.log(bars.adjusted("close"))
    rows = []
    for scope in panic.scopes:
        if scope != MARKET and scope not in log_close:
            continue
        level = log_close.diff().mean(axis=1).cumsum() if scope == MARKET else log_close[scope].dropna()
        for audience in panic.audiences:
            index = panic.one(scope, audience).reindex(level.index)
            index = index.where(index["quality"] != "none")
            ahead = level.shift(-1) - level
            rows.append(
                {
                    "scope": scope,
                    "audience": audience,
                    "n": int((index["panic"].notna() & ahead.notna()).sum()),
                    "same_session": _correlation(
                        index["session_bearishness"].where(index["texts"] > 0), level.diff()
                    ),
                    "last_three": _correlation(index["panic"], level - level.shift(3)),
                    "next_session": _correlation(index["panic"], ahead),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def price_levels(bars: Bars, symbols: Sequence[str]) -> pd.DataFrame:
    """Log levels of the equal weight of some symbols, by session: `open`, `close`, `return`.

    `return` is the mean log return from close to close of the symbols that traded, a gap counted when
    trading resumes; `close` sums it up from 0, `open` lies below it by the mean of ln(C/O).  A session
    in which none of them traded has no row.
    """
    parts = []
    for symbol in symbols:
        frame = bars.one(symbol)
        traded = frame[~frame["suspended"]]
        close = np.log(traded["close"] * traded["factor"])
        body = np.log(traded["close"]) - np.log(traded["open"])
        parts.append(pd.DataFrame({"return": close.diff(), "body": body}))
    wide = pd.concat(parts, axis=1, keys=list(symbols)).sort_index()
    returns = wide.xs("return", axis=1, level=1).mean(axis=1)
    close = returns.fillna(0.0).cumsum()
    opened = close - wide.xs("body", axis=1, level=1).mean(axis=1)
    return pd.DataFrame({"open": opened, "close": close, "return": returns})


def _correlation(left: pd.Series, right: pd.Series) -> float:
    both = pd.concat([left, right], axis=1).dropna()
    if len(both) < 20 or (both.std() == 0).any():
        return float("nan")
    return float(both.iloc[:, 0].corr(both.iloc[:, 1]))
