"""Anomaly flags from point forecasts: sessions on which what happened was far from what was expected.

For each model, seed, symbol and horizon, in time order,

    residual  e = what happened - what was forecast, in log returns
    z = (e - median of past e) / (1.4826 x median absolute deviation of past e)
    flag      |z| > threshold

over at most `window` residuals known before this one; 1.4826 makes the deviation that of a normal
distribution (Leys et al. 2013), and medians are not moved by the anomalies themselves.  A residual, and
so its flag, is known only when the outcome is: at `known_at`.  A flag says that a session was unusual
for the model, not what the price does next.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import Bars, ConfigError, Forecasts
from ..core.forecasts import KEY
from .labels import PRICES, TargetName, make_labels, make_targets
from .windows import Float64Array

_NORMAL = 1.4826
SERIES = ("model", "seed", "symbol", "horizon")
"""What is one series of residuals."""


def residuals(forecasts: Forecasts, bars: Bars) -> pd.DataFrame:
    """What happened, less what was forecast: one row a forecast whose outcome is known by now.

    Columns of `KEY`, then `known_at` (session at whose close the outcome is known), `forecast`, `actual`
    and `residual`: log returns from open to open, or of a price target from the close of `session`.
    Sorted by `SERIES`, then session.
    """
    parts = []
    frame = forecasts.frame[forecasts.frame["expected_return"].notna()]
    if "target" not in frame.columns:
        frame = frame.assign(target="return")
    for (target, horizon), part in frame.groupby(["target", "horizon"], sort=True):
        outcome = _outcomes(bars, target, int(horizon))
        parts.append(part.merge(outcome, on=["symbol", "session"], how="left"))
    columns = [*KEY, "known_at", "forecast", "actual", "residual"]
    if not parts:
        return pd.DataFrame(columns=columns)
    joined = pd.concat(parts, ignore_index=True).rename(columns={"expected_return": "forecast"})
    joined = joined[joined["actual"].notna()]
    joined["residual"] = joined["actual"] - joined["forecast"]
    return joined.sort_values([*SERIES, "session"], ignore_index=True)[columns]


def anomaly_flags(
    forecasts: Forecasts,
    bars: Bars,
    *,
    threshold: float = 3.5,
    window: int = 250,
    min_history: int = 60,
) -> pd.DataFrame:
    """The residuals with `z` and `flag`; `session` is that of the forecast, `known_at` that of the flag.

    `z` is NaN, and nothing flagged, where fewer than `min_history` residuals are known before, or the
    past ones do not spread.  Bars after `known_at` change nothing.  Raises `ConfigError` for a window
    shorter than `min_history`, or a threshold that is not above 0.
    """
    if threshold <= 0 or not 2 <= min_history <= window:
        raise ConfigError(
            f"anomalies need a threshold above 0 and 2 <= min_history <= window; received {threshold}, "
            f"{min_history} and {window}"
        )
    found = residuals(forecasts, bars)
    z = np.full(len(found), np.nan)
    for rows in found.groupby(list(SERIES), sort=False).indices.values():
        z[rows] = _robust_z(found["residual"].to_numpy(dtype=float)[rows], window, min_history)
    return found.assign(z=z, flag=np.abs(z) > threshold)


def _outcomes(bars: Bars, target: TargetName, horizon: int) -> pd.DataFrame:
    """Actual value of each bar's target and the session at whose close it is known."""
    if target not in PRICES:
        labels = make_labels(bars, horizon)
        actual, known = labels["label"], labels["label_end"]
    else:
        values = make_targets(bars, (target,), (horizon,))[:, 0, 0]
        actual = pd.Series(values, index=bars.frame.index)
        traded = bars.frame.index[~bars.frame["suspended"]]
        session = traded.get_level_values("session").to_series(index=traded)
        known = session.groupby(level="symbol", sort=False).shift(-horizon)
    table = pd.DataFrame({"actual": actual, "known_at": known.reindex(bars.frame.index)})
    return table.reset_index()


def _robust_z(values: Float64Array, window: int, least: int) -> Float64Array:
    """Each value against at most `window` before it; NaN where there are fewer than `least`."""
    found = np.full(len(values), np.nan)
    for at in range(least, len(values)):
        past: npt.NDArray[np.float64] = values[max(at - window, 0) : at]
        middle = float(np.median(past))
        spread = _NORMAL * float(np.median(np.abs(past - middle)))
        if spread > 0:
            found[at] = (values[at] - middle) / spread
    return found
