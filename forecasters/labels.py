"""What a forecast is about: what can be earned after the decision, and what prices and ranges will be.

Deciding at the close of t, the first price to be had is the next open.  With O, H, L, C, V back-adjusted
(volume over factor) and steps k counted along the symbol's own trades,

    return, trend, direction    ln(O[t+1+k] / O[t+1])
    open, high, low, close, mid ln(P[t+k] / C[t]),    mid = (H + L) / 2
    volume, amount              ln(X[t+k] / X[t]), NaN where either is 0
    volatility                  sqrt(mean of ln(C[t+i] / C[t+i-1])^2, i = 1 ... k)

A session without a row, or with a suspended row, is skipped, because an order waits there until the
symbol trades again.  So the label of a decision before a suspension runs from the first open after it,
and `label_end` (from which purging counts) moves out with it.  All targets of step k are known at the
open of t+1+k, so one purge serves them all.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import Bars, ConfigError

TargetName = Literal[
    "return",
    "trend",
    "direction",
    "open",
    "high",
    "low",
    "close",
    "mid",
    "volume",
    "amount",
    "volatility",
]
"""What a model may be asked for; the definitions stand at the head of this file."""

CLASSES = ("trend", "direction")
"""Targets that are answered with probabilities; their label is that of "return"."""

PRICES = ("open", "high", "low", "close", "mid")
"""Targets that are prices, stated as log returns from the close of the decision session."""


def make_labels(bars: Bars, horizon: int = 1) -> pd.DataFrame:
    """The tradable label and its end for every bar, indexed like `bars.frame`.

    Columns `label` (float64 log return) and `label_end` (session, NaT).  NaN and NaT where the bars end
    too early, and on suspended rows.  Known only at the open of `label_end`.

    >>> bars = Bars.from_frame(pd.DataFrame({
    ...     "symbol": "AAPL", "session": pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"]),
    ...     "open": [1.0, 2.0, 3.0], "high": 9.0, "low": 1.0, "close": 5.0, "volume": 1.0}))
    >>> first = make_labels(bars).iloc[0]
    >>> round(float(np.exp(first["label"])), 6), str(first["label_end"].date())
    (1.5, '2024-01-04')
    """
    _check(horizon)
    frame = bars.frame
    traded = frame[~frame["suspended"]]
    session = traded.index.get_level_values("session").to_series(index=traded.index)
    end = session.groupby(level="symbol", sort=False).shift(-1 - horizon)
    label = make_targets(bars, ("return",), (horizon,))[:, 0, 0]
    return pd.DataFrame({"label": label, "label_end": end.reindex(frame.index)}, index=frame.index)


def make_targets(
    bars: Bars, names: Sequence[TargetName], steps: Sequence[int]
) -> npt.NDArray[np.float64]:
    """The targets of every bar at every step: float64 [rows of `bars.frame`, steps, names].

    NaN where the bars end too early, on suspended rows, and where a logarithm does not exist.  Step k of
    row t is known at the open of t+1+k at the latest.

    >>> bars = Bars.from_frame(pd.DataFrame({
    ...     "symbol": "AAPL", "session": pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"]),
    ...     "open": [1.0, 2.0, 3.0], "high": 9.0, "low": 1.0, "close": [5.0, 4.0, 8.0], "volume": 1.0}))
    >>> np.exp(make_targets(bars, ["close"], [1, 2])[0, :, 0]).round(6).tolist()
    [0.8, 1.6]
    """
    for step in steps:
        _check(step)
    frame = bars.frame
    traded = ~frame["suspended"].to_numpy()
    found = np.full((len(frame), len(steps), len(names)), np.nan)
    logs = _logs(frame[traded])
    for j, name in enumerate(names):
        for i, step in enumerate(steps):
            found[traded, i, j] = _target(logs, name, step)
    return found


def _check(step: int) -> None:
    if step < 1:
        raise ConfigError(f"a horizon is at least 1 session, received {step}")


def _logs(traded: pd.DataFrame) -> pd.DataFrame:
    """Logarithms of the back-adjusted values, and the squared return of each row."""
    factor = traded["factor"]
    values = pd.DataFrame({name: traded[name] * factor for name in ("open", "high", "low", "close")})
    values["mid"] = (values["high"] + values["low"]) / 2
    values["volume"] = (traded["volume"] / factor).where(traded["volume"] > 0)
    values["amount"] = traded["amount"].where(traded["amount"] > 0)
    logs = np.log(values.astype(float))
    daily = logs["close"].groupby(level="symbol", sort=False).diff()
    logs["squared"] = daily**2
    return logs


def _target(logs: pd.DataFrame, name: TargetName, step: int) -> pd.Series:
    grouped = logs.groupby(level="symbol", sort=False)
    if name in ("return", *CLASSES):
        return grouped["open"].shift(-1 - step) - grouped["open"].shift(-1)
    if name == "volatility":
        total = grouped["squared"].rolling(step).mean().droplevel(0)
        ahead = total.groupby(level="symbol", sort=False).shift(-step)
        return np.sqrt(ahead)
    base = "close" if name in PRICES else name
    return grouped[name].shift(-step) - logs[base]
