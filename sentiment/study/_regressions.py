"""Least squares with Newey-West errors, on sessions with holes.

For y[t] = X[t] b + e[t] the covariance of b is (X'X)^-1 S (X'X)^-1 n/(n - k), with Bartlett weights

    S = sum_l (1 - |l|/m) sum_t u[t] u[t-l]',   u[t] = X[t] e[t],   m = lags + 1
      = 1/m  sum_j w[j] w[j]',                  w[j] = u[j] + ... + u[j+m-1]

(Newey & West 1987).  The second form needs no loop over lags.  A session without a value keeps its place
with u = 0 (Datta & Du 2012), so that a lag is a number of sessions, not of rows.

Lags: floor(4 (n/100)^(2/9)) for returns of one session, which hardly depend on one another; where the
target overlaps or persists, ceil(1.3 sqrt(n)) and the overlap at least (Lazarus, Lewis, Stock & Watson
2018).  p is of a t law with 1.5 n/m degrees of freedom, those of the Bartlett estimate: many lags leave
few.  Between two series that both persist p stays too small (simulated: 8 to 30 % false alarms at 5 %),
which is why every family of tests has its own p from shifted dates.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
LEAST = 20
"""Sessions below which no figure is given."""


@dataclass(frozen=True)
class Fit:
    """Slopes with their errors, t and two-sided p; `lags` of the covariance, `n` rows used."""

    slopes: FloatArray
    covariance: FloatArray
    r2: float
    n: int
    lags: int

    def of(self, weights: FloatArray) -> tuple[float, float, float, float]:
        """Estimate, error, t and p of a weighted sum of the slopes."""
        estimate = float(weights @ self.slopes)
        error = math.sqrt(max(float(weights @ self.covariance @ weights), 0.0))
        t = estimate / error if error > 0 else float("nan")
        return estimate, error, t, float(two_sided(np.array([t]), np.array([self.n]), self.lags)[0])


def few_lags(n: int) -> int:
    """For a target that hardly depends on its past: Newey & West's rule of thumb."""
    return int(4 * (n / 100) ** (2 / 9))


def many_lags(n: int, overlap: int = 1) -> int:
    """For a target that overlaps by `overlap` sessions, or persists."""
    return max(overlap - 1, math.ceil(1.3 * math.sqrt(n)))


def lags_for(n: int, overlap: int) -> int:
    """The rule for a return over `overlap` sessions."""
    return few_lags(n) if overlap <= 1 else many_lags(n, overlap)


def two_sided(t: FloatArray, n: FloatArray, lags: int) -> FloatArray:
    """Two-sided p of a t statistic of n sessions and so many lags."""
    from scipy import stats  # half a second that a command without a study need not wait

    found: FloatArray = 2.0 * stats.t.sf(np.abs(t), np.maximum(1.5 * n / (lags + 1), 1.0))
    return found


def fit(y: FloatArray, columns: FloatArray, lags: int) -> Fit:
    """`y` [n] on `columns` [n, k], a constant among them where one is wanted; NaN rows are holes.

    All figures are NaN below 20 whole rows or where the columns depend on one another.
    """
    whole = np.isfinite(y) & np.isfinite(columns).all(axis=1)
    n, k = int(whole.sum()), columns.shape[1]
    x = np.where(whole[:, None], columns, 0.0)
    target = np.where(whole, y, 0.0)
    gram = x.T @ x
    if n < LEAST or np.linalg.matrix_rank(gram, hermitian=True) < k:
        return Fit(np.full(k, np.nan), np.full((k, k), np.nan), float("nan"), n, lags)
    inverse = np.linalg.inv(gram)
    slopes = inverse @ (x.T @ target)
    left = np.where(whole, target - x @ slopes, 0.0)
    sums = window_sums((x * left[:, None]).T, lags + 1)
    covariance = inverse @ (sums @ sums.T / (lags + 1)) @ inverse * (n / (n - k))
    total = float(((target - target[whole].mean())[whole] ** 2).sum())
    r2 = 1.0 - float((left**2).sum()) / total if total > 0 else float("nan")
    return Fit(slopes, covariance, r2, n, lags)


@dataclass(frozen=True)
class Correlations:
    """One correlation a row of x, with its error, t and the sessions behind it."""

    r: FloatArray
    error: FloatArray
    t: FloatArray
    n: FloatArray


def correlations(x: FloatArray, y: FloatArray, lags: int) -> Correlations:
    """Each row of `x` [rows, n] against `y` [n]: the slope between standardised values, and its t.

    The t is that of the regression of y on x with a constant, whatever the units.
    """
    both = np.isfinite(x) & np.isfinite(y)
    n = both.sum(axis=1).astype(float)
    first, second = _standard(x, both, n), _standard(np.broadcast_to(y, x.shape), both, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (first * second).sum(axis=1) / n
        sums = window_sums(first * (second - r[:, None] * first), lags + 1)
        error = np.sqrt((sums**2).sum(axis=1) / (lags + 1) / n**2 * n / (n - 2))
        few = (n < LEAST) | ~np.isfinite(r)
        t = np.where(few | (error <= 0), np.nan, r / error)
    return Correlations(np.where(few, np.nan, r), np.where(few, np.nan, error), t, n)


def window_sums(u: FloatArray, m: int) -> FloatArray:
    """Sums over every window of `m` neighbours along the last axis, those at the ends included."""
    total = np.cumsum(u, axis=-1)
    edge = [(0, 0)] * (u.ndim - 1)
    upper = np.pad(total, [*edge, (0, m - 1)], mode="edge")
    lower = np.pad(total, [*edge, (m, 0)])[..., : upper.shape[-1]]
    found: FloatArray = upper - lower
    return found


def _standard(values: FloatArray, both: npt.NDArray[np.bool_], n: FloatArray) -> FloatArray:
    """Mean 0 and variance 1 over the common sessions, 0 in the others."""
    kept = np.where(both, values, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        kept = np.where(both, kept - (kept.sum(axis=1) / n)[:, None], 0.0)
        spread = np.sqrt((kept**2).sum(axis=1) / n)
        flat = spread <= 1e-12 * np.abs(np.where(both, values, 0.0)).max(axis=1)
        found: FloatArray = kept / np.where(flat, np.nan, spread)[:, None]
    return found


REGRESSIONS = (
    "horizon",
    "model",
    "regressor",
    "n",
    "slope",
    "error",
    "t",
    "p",
    "r2",
    "lags",
)


def predictive_regressions(
    panic: FloatArray, past: FloatArray, ahead: dict[int, FloatArray], controls: bool
) -> pd.DataFrame:
    """What can be earned over each horizon, on panic, on the return just seen, and on both.

    `panic` in points, `past` and `ahead` in log returns, all [sessions].  The three models of a
    horizon use the same sessions, so that their R2 may be compared.  A slope is the log return for
    10 points of panic, or for a past return of 1.
    """
    rows: list[dict[str, object]] = []
    tens = panic / 10.0
    for horizon, target in ahead.items():
        y = np.where(np.isfinite(tens) & np.isfinite(past), target, np.nan)
        models = {"panic": [tens], "past_return": [past], "both": [tens, past]}
        for model, chosen in models.items():
            if model == "both" and not controls:
                continue
            columns = np.column_stack([np.ones(len(y)), *chosen])
            found = fit(y, columns, lags_for(int(np.isfinite(y).sum()), horizon))
            names = ["panic", "past_return"] if model == "both" else [model]
            for place, regressor in enumerate(names, start=1):
                slope, error, t, p = found.of(np.eye(columns.shape[1])[place])
                figures = (found.n, slope, error, t, p, found.r2, found.lags)
                rows.append(dict(zip(REGRESSIONS, (horizon, model, regressor, *figures), strict=True)))
    return pd.DataFrame(rows, columns=list(REGRESSIONS))
