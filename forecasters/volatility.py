"""Volatility forecasts from point forecasts: how far the next outcome may lie from what is expected.

With e the residuals (`anomalies.py`) of a model, seed, symbol and horizon that are known at the close of
a session, oldest first,

    ewma    sigma^2 = (1 - decay) e^2 + decay sigma^2,    begun with the mean of the first `min_history`
    std     sigma^2 = mean of e^2 over the last `window`

(decay 0.94 is that of RiskMetrics 1996).  Around zero, not around the mean: a mean of daily residuals is
noise.  The benchmark `base_sigma` does the same with the outcomes themselves, as if zero had been
forecast: a point forecast that knows little leaves residuals that are the returns, and its sigma is the
benchmark's.  Judged by the quasi-likelihood QLIKE = mean(ln sigma^2 + e^2 / sigma^2), which ranks
forecasts rightly though sigma is never seen (Patton 2011); less is better.
"""

from typing import Literal

import numpy as np
import pandas as pd

from ..core import Bars, ConfigError, Forecasts
from .anomalies import SERIES, residuals
from .windows import Float64Array

VolatilityMethod = Literal["ewma", "std"]


def volatility_forecasts(
    forecasts: Forecasts,
    bars: Bars,
    *,
    method: VolatilityMethod = "ewma",
    decay: float = 0.94,
    window: int = 60,
    min_history: int = 60,
) -> pd.DataFrame:
    """One row a forecast with a value: how far its outcome may lie from it, known at its `session`.

    Columns of `SERIES`, `session`, `sigma` and `base_sigma` (standard deviations in log returns over the
    horizon, NaN before `min_history` outcomes are known), `known_at`, `residual` and `actual` (NaT and
    NaN until the outcome is known).  Bars after `session` change no sigma.  Raises `ConfigError`.
    """
    if method not in ("ewma", "std"):
        raise ConfigError(f"volatility is forecast by 'ewma' or 'std', received {method!r}")
    if not 0 < decay < 1 or min_history < 2 or window < 2:
        raise ConfigError(
            "volatility needs a decay between 0 and 1, a window and min_history of at least 2; "
            f"received {decay}, {window} and {min_history}"
        )
    asked = forecasts.frame[forecasts.frame["expected_return"].notna()]
    known = residuals(forecasts, bars)
    keys = [*SERIES, "session"]
    columns = ["known_at", "residual", "actual"]
    table = asked[keys].merge(known[[*keys, *columns]], on=keys, how="left")
    table = table.sort_values(keys, ignore_index=True)
    settings = (method, decay, window, min_history)
    for name, source in (("sigma", "residual"), ("base_sigma", "actual")):
        found = np.full(len(table), np.nan)
        for rows in table.groupby(list(SERIES), sort=False).indices.values():
            found[rows] = _sigma_at(table.iloc[rows], source, *settings)
        table[name] = found
    return table[[*keys, "sigma", "base_sigma", *columns]]


def volatility_quality(table: pd.DataFrame) -> pd.DataFrame:
    """How good the volatility forecasts were: one row a model, seed and horizon.

    Columns `model seed horizon n qlike base_qlike correlation inside`: over rows whose outcome is known
    and whose sigmas are above 0, QLIKE of `sigma` and of `base_sigma` (of the same residuals),
    correlation of sigma and |residual|, and the share of residuals within one sigma (0.683 if normal).
    """
    rows = table[table["residual"].notna() & (table["sigma"] > 0) & (table["base_sigma"] > 0)]
    found = []
    for (model, seed, horizon), own in rows.groupby(["model", "seed", "horizon"], sort=True):
        size = own["residual"].abs()
        found.append(
            {
                "model": model,
                "seed": seed,
                "horizon": horizon,
                "n": len(own),
                "qlike": _qlike(own["residual"], own["sigma"]),
                "base_qlike": _qlike(own["residual"], own["base_sigma"]),
                "correlation": float(own["sigma"].corr(size)) if len(own) > 1 else np.nan,
                "inside": float((size <= own["sigma"]).mean()),
            }
        )
    names = ("model", "seed", "horizon", "n", "qlike", "base_qlike", "correlation", "inside")
    return pd.DataFrame(found, columns=list(names))


def _sigma_at(
    rows: pd.DataFrame, source: str, method: str, decay: float, window: int, least: int
) -> Float64Array:
    """At each session of one series: sigma from the values known by its close."""
    outcome = rows[rows[source].notna()].sort_values("known_at")
    squares = outcome[source].to_numpy(dtype=float) ** 2
    variance = _ewma(squares, decay, least) if method == "ewma" else _mean(squares, window, least)
    ended = outcome["known_at"].to_numpy(dtype="datetime64[ns]")
    latest = np.searchsorted(ended, rows["session"].to_numpy(dtype="datetime64[ns]"), side="right")
    after = np.concatenate([[np.nan], variance])  # nothing known yet
    sigma: Float64Array = np.sqrt(after[latest])
    return sigma


def _ewma(squares: Float64Array, decay: float, least: int) -> Float64Array:
    found = np.full(len(squares), np.nan)
    if len(squares) < least:
        return found
    found[least - 1] = squares[:least].mean()
    for at in range(least, len(squares)):
        found[at] = (1 - decay) * squares[at] + decay * found[at - 1]
    return found


def _mean(squares: Float64Array, window: int, least: int) -> Float64Array:
    rolling = pd.Series(squares).rolling(window, min_periods=min(least, window)).mean()
    found: Float64Array = rolling.to_numpy(dtype=float, copy=True)
    found[: least - 1] = np.nan
    return found


def _qlike(values: pd.Series, sigma: pd.Series) -> float:
    variance = sigma**2
    return float((np.log(variance) + values**2 / variance).mean())
