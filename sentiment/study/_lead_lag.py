"""The index beside a series at leads and lags, and beside what can be earned, by quantile.

At lag k the index of session D is held against the target of D + k: k > 0 means that the index came
first.  k = 0 is the same session, k < 0 the past: both describe, neither predicts.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ._regressions import FloatArray, correlations, few_lags, fit, lags_for, many_lags, two_sided
from ._shuffles import IntArray, share_beyond

LEAD_LAG = (
    "index",
    "target",
    "lag",
    "timing",
    "n",
    "correlation",
    "error",
    "t",
    "p",
    "p_shuffled",
    "lags",
)
QUANTILES = ("horizon", "quantile", "low", "high", "n", "mean", "error", "t", "p")


@dataclass(frozen=True, eq=False)
class Looks:
    """A table of looks, and what each would show on shuffled dates: t, [shuffles, looks]."""

    table: pd.DataFrame
    by_chance: FloatArray


def timing(lag: int) -> str:
    """What a lag can say: "before" and "same session" never predict."""
    return "after" if lag > 0 else "before" if lag < 0 else "same session"


def lead_lag(
    index: str,
    x: FloatArray,
    target: str,
    y: dict[int, FloatArray],
    by: IntArray,
    *,
    persistent: bool,
) -> Looks:
    """Correlation of `x` [sessions] with the target at every lag of `y`.

    `persistent` says that the target depends on its own past (implied fear does, returns hardly do).
    """
    several = np.vstack([x[None, :], x[by]])
    rows, chance = [], []
    for lag, target_at in y.items():
        n = int((np.isfinite(x) & np.isfinite(target_at)).sum())
        lags = many_lags(n) if persistent else few_lags(n)
        found = correlations(several, target_at, lags)
        p = two_sided(found.t[:1], found.n[:1], lags)
        figures = (found.r[0], found.error[0], found.t[0], p[0], np.nan, lags)
        rows.append((index, target, lag, timing(lag), int(found.n[0]), *figures))
        chance.append(found.t[1:])
    table = pd.DataFrame(rows, columns=list(LEAD_LAG))
    by_chance = np.column_stack(chance)
    table["p_shuffled"] = share_beyond(table["t"].to_numpy(dtype=float), by_chance)
    return Looks(table, by_chance)


def regression_chance(panic: FloatArray, ahead: dict[int, FloatArray], by: IntArray) -> FloatArray:
    """The t of every horizon's regression on panic alone, on shuffled dates: [shuffles, horizons]."""
    several = panic[by]
    found = []
    for horizon, target in ahead.items():
        n = int((np.isfinite(panic) & np.isfinite(target)).sum())
        found.append(correlations(several, target, lags_for(n, horizon)).t)
    return np.column_stack(found)


def quantile_sorts(
    panic: FloatArray, ahead: dict[int, FloatArray], quantiles: int, by: IntArray
) -> Looks:
    """Mean return to be earned by quantile of panic; quantile 0 is the highest less the lowest.

    The bounds are those of the whole sample: a sort describes, one could not have traded it.
    `by_chance` holds t of the difference, one column a horizon.
    """
    belongs = sorted_into(panic, quantiles)
    several = belongs[by]
    top = np.eye(quantiles)[-1] - np.eye(quantiles)[0]
    rows, chance = [], []
    for horizon, target in ahead.items():
        both = np.isfinite(belongs) & np.isfinite(target)
        lags = lags_for(int(both.sum()), horizon)
        found = fit(target, _dummies(belongs, quantiles), lags)
        for q in range(quantiles):
            inside = panic[both & (belongs == q)]
            bounds = (inside.min(), inside.max()) if len(inside) else (np.nan, np.nan)
            rows.append((horizon, q + 1, *bounds, len(inside), *found.of(np.eye(quantiles)[q])))
        rows.append((horizon, 0, np.nan, np.nan, found.n, *found.of(top)))
        chance.append([fit(target, _dummies(one, quantiles), lags).of(top)[2] for one in several])
    by_chance = np.array(chance, dtype=float).reshape(len(ahead), len(by)).T
    return Looks(pd.DataFrame(rows, columns=list(QUANTILES)), by_chance)


def sorted_into(panic: FloatArray, quantiles: int) -> FloatArray:
    """0 ... quantiles - 1 by session, NaN where panic is; equal values share a quantile."""
    ranks = pd.Series(panic).rank().to_numpy(dtype=float)
    found: FloatArray = np.floor(quantiles * (ranks - 0.5) / max(int(np.isfinite(panic).sum()), 1))
    return found


def _dummies(belongs: FloatArray, quantiles: int) -> FloatArray:
    found: FloatArray = (belongs[:, None] == np.arange(quantiles)).astype(np.float64)
    found[~np.isfinite(belongs)] = np.nan
    return found
