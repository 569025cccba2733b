"""From a model's answers to rows of `Forecasts`: log returns become prices, volumes and what is traded.

A model answers for its targets in their own unit.  Here a price target becomes a price, raw as of the
decision session,

    price[t+k] = close[t] exp(value)

and the first target that is a return or a price becomes the expected return.  For a price target that
is the way from the close of t, so it holds the gap to the next open, which nobody can earn: direction
and IC are judged on the tradable return all the same.
"""

import numpy as np
import pandas as pd

from ..core.forecasts import QUANTILE
from ._folds import Fold, Table
from .base import Forecaster, Prediction
from .labels import PRICES, TargetName
from .windows import Float64Array, Windows


def stated(
    found: Prediction, windows: Windows, table: Table, fold: Fold, forecaster: Forecaster
) -> pd.DataFrame:
    """One row a window and step, without the model's name and seed.

    `windows` are those of the fold's test rows, in their order.
    """
    steps = windows.steps
    parts = []
    for i, step in enumerate(steps):
        columns = {
            "symbol": windows.symbols,
            "session": windows.sessions,
            "horizon": step,
            "fold": fold.number,
            "target": traded_target(forecaster.targets),
            "expected_return": np.full(len(windows), np.nan),
            "p_up": _of_step(found.p_up, i, len(steps)),
            **_values(found, i, len(steps), table, fold, forecaster),
            "fit_start": fold.fit_start,
            "fit_end": fold.fit_end,
        }
        if found.p_down is not None:
            columns["p_down"] = _of_step(found.p_down, i, len(steps))
        if found.quantiles is not None:
            for j, level in enumerate(found.levels):
                columns[f"{QUANTILE}{level:g}"] = found.quantiles[:, i, j]
        if forecaster.knows_until is not None:
            columns["contaminated"] = windows.sessions <= np.datetime64(forecaster.knows_until)
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def traded_target(targets: tuple[TargetName, ...]) -> TargetName:
    """Which target the expected return is: the return itself, else the first price, else the first.

    >>> traded_target(("volume", "close", "high")), traded_target(("close", "return"))
    ('close', 'return')
    """
    prices = [name for name in targets if name in PRICES]
    return "return" if "return" in targets else (*prices, *targets)[0]


def _of_step(values: Float64Array | None, step: int, steps: int) -> Float64Array | float:
    """The answers for one step of [n], [n, steps] or [n, steps, outputs]; NaN where there are none."""
    if values is None:
        return np.nan
    if values.ndim == 1:
        return values if step == steps - 1 else np.full(len(values), np.nan)
    return values[:, step]


def _values(
    found: Prediction, step: int, steps: int, table: Table, fold: Fold, forecaster: Forecaster
) -> dict[str, Float64Array]:
    """The columns that the targets with a value become."""
    if found.value is None:
        return {}
    answers = np.asarray(_of_step(found.value, step, steps), dtype=float)
    answers = answers.reshape(len(fold.test), -1)
    columns: dict[str, Float64Array] = {}
    for i, name in enumerate(forecaster.targets):
        value = answers[:, i]
        if name in PRICES:
            columns[f"price_{name}"] = table.raw["close"][fold.test] * np.exp(value)
        elif name in ("volume", "amount"):
            columns[name] = table.raw[name][fold.test] * np.exp(value)
        elif name == "volatility":
            columns[name] = value
        if name == traded_target(forecaster.targets) and name in ("return", *PRICES):
            columns["expected_return"] = value
    return columns
