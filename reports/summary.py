"""What a hurried reader may rely on: a few sentences, computed, never written by hand."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..core.notes import Said
from .cells import percent
from .inputs import ReportInput
from .words import both, named

_DAYS = 365.25  # of a calendar year, as in the strategies' own figures


def in_short(inputs: ReportInput) -> tuple[Said, ...]:
    """Three to five sentences that a hurried reader may rely on."""
    said = _short_returns(inputs) if inputs.results else [both("short_nothing")]
    frame = _longest(inputs.quality)
    if not frame.empty:
        known = frame.dropna(subset=["p_value"])
        if len(known):
            better = (known["accuracy"] > known["base_rate"]) & (known["p_value"] < 0.05)
            chance = f"{0.05 * len(known):.1f}".rstrip("0").rstrip(".")
            said.append(both("short_direction", k=int(better.sum()), n=len(known), chance=chance))
        priced = frame["relative_mae"].dropna()
        if len(priced):
            closer = priced.round(3) < 1  # as the table shows it: 0.9998 is no better than 1
            said.append(both("short_error", k=int(closer.sum()), n=len(priced)))
    orders = sum(len(r.orders) for r in inputs.results)
    refused = sum(len(r.refused) for r in inputs.results)
    if refused:
        said.append(both("short_refused", refused=f"{refused:,}", orders=f"{orders:,}"))
    return tuple(said)


def _longest(quality: pd.DataFrame) -> pd.DataFrame:
    """Each model at its longest step, what is traded on: further steps are no further models."""
    if quality.empty or "horizon" not in quality.columns:
        return quality
    return quality[quality["horizon"] == quality.groupby("model")["horizon"].transform("max")]


def _short_returns(inputs: ReportInput) -> list[Said]:
    totals = inputs.performance["total_return"].astype(float).loc[[r.name for r in inputs.results]]
    base = float((1 + in_window(inputs).dropna()).prod() - 1)
    if totals.notna().sum() == 0:
        return []
    facts = {
        "n": len(totals),
        "name": totals.idxmax(),
        "total": percent(float(totals.max())),
        "base": percent(base),
    }
    if len(totals) == 1:
        return [_beside(inputs, "short_only", facts)]
    holds = totals[[is_hold(name) for name in totals.index]]
    others = totals.drop(holds.index)
    if len(holds) == 1 and len(others):
        bar = float(holds.iloc[0])
        k = int((others > bar + 1e-9).sum())
        beat = both("short_hold", k=k, n=len(others), hold=percent(bar))
    else:
        beat = both("short_beat", k=int((totals > base).sum()), n=len(totals))
    return [_beside(inputs, "short_best", facts), beat]


def _beside(inputs: ReportInput, key: str, facts: Mapping[str, object]) -> Said:
    """A sentence that names the benchmark, in the words of each language."""
    name, said = named(inputs.benchmark.name), both(key)
    return Said(said.en.format(benchmark=name.en, **facts), said.zh.format(benchmark=name.zh, **facts))


def is_hold(name: str) -> bool:
    """Whether a result is plain buy and hold, by its name."""
    plain = name.lower().replace("-", "_").replace(" ", "_").replace("&", "and")
    return plain.startswith(("buy_and_hold", "买入持有"))


def benchmark_figures(returns: pd.Series, per_year: int) -> dict[str, float]:
    """The benchmark's own row: simple returns over the tested window, without costs."""
    values = returns.dropna().to_numpy(dtype=float)
    if len(values) < 2:
        return {}
    wealth = np.concatenate([[1.0], np.cumprod(1 + values)])
    deviation = float(np.std(values, ddof=1))
    drawdown = float((wealth / np.maximum.accumulate(wealth) - 1).min())
    years = (returns.dropna().index[-1] - returns.dropna().index[0]).days / _DAYS
    cagr = float(wealth[-1] ** (1 / years) - 1)
    downside = float(np.sqrt(np.mean(np.minimum(values, 0) ** 2)))
    scale = math.sqrt(per_year) * float(values.mean())
    return {
        "total_return": float(wealth[-1] - 1),
        "cagr": cagr,
        "volatility": deviation * math.sqrt(per_year),
        "sharpe": scale / deviation if deviation > 1e-12 else math.nan,
        "sortino": scale / downside if downside > 1e-12 else math.nan,
        "max_drawdown": drawdown,
        "calmar": cagr / -drawdown if drawdown < 0 else math.nan,
    }


def in_window(inputs: ReportInput) -> pd.Series:
    """The benchmark's returns inside the tested window."""
    first, last = inputs.window
    return inputs.benchmark.loc[first:last]
