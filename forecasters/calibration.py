"""Whether stated probabilities and intervals come true as often as they say.

Reliability: the rows of a model sorted by p_up and cut into tenths; in each, the mean probability stated
against the share of labels that rose (Murphy & Winkler 1977).  Equal probabilities stay together, so a
model that always says the same has one group.

Coverage: the share of outcomes between the k-th lowest and the k-th highest quantile, both included,
against the difference of their levels.

Both shares carry Wilson's 95 % interval (Wilson 1927)

    (p + z^2/2m -+ z sqrt(p(1-p)/m + z^2/4m^2)) / (1 + z^2/m)

on m = n / (h D) independent rows rather than n: labels of h sessions overlap, and symbols move together,
which the design effect D measures as in `quality.py`.
"""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import Bars, Forecasts
from .labels import TargetName, make_targets

RELIABILITY = ("model", "seed", "horizon", "group", "stated", "share", "n", "low", "high")
COVERAGE = ("model", "seed", "horizon", "lower", "upper", "nominal", "measured", "n", "low", "high")
GROUPS = 10

_Z = NormalDist().inv_cdf(0.975)


def reliability(forecasts: Forecasts, bars: Bars) -> pd.DataFrame:
    """One row a model, seed, horizon and tenth of its probabilities; columns `RELIABILITY`.

    `stated` is the mean p_up of the group, `share` how often the label (log return from the open of t+1
    to that of t+1+h) lay above 0; `low` and `high` bound the share.  Left out: rows without a
    probability or an outcome yet, and the target "direction", whose p_up is about a dead band.
    """
    rows = []
    for (horizon, model, seed), part in _outcomes(forecasts, bars, tradable=True):
        known = part[part["p_up"].notna() & part["outcome"].notna()]
        if known.empty or target_of(part) == "direction":
            continue
        tenth = pd.qcut(known["p_up"], GROUPS, labels=False, duplicates="drop").fillna(0)
        up = (known["outcome"] > 0).astype(float)
        for number, (_, group) in enumerate(known.assign(up=up).groupby(tenth.to_numpy())):
            share = float(group["up"].mean())
            low, high = _bounds(group["up"], group["session"], horizon)
            stated = float(group["p_up"].mean())
            rows.append((model, seed, horizon, number, stated, share, len(group), low, high))
    return _sorted(rows, RELIABILITY)


def coverage(forecasts: Forecasts, bars: Bars) -> pd.DataFrame:
    """One row a model, seed, horizon and pair of quantiles, widest first; columns `COVERAGE`.

    `measured` is the share of outcomes of the model's own target between the quantiles of levels `lower`
    and `upper`, `nominal` = upper - lower; `low` and `high` bound the share.  A median alone is no
    interval.  Empty where no model states quantiles.
    """
    levels = forecasts.levels
    rows = []
    for (horizon, model, seed), part in _outcomes(forecasts, bars, tradable=False):
        own = [level for level in levels if part[f"q{level:g}"].notna().any()]
        for k in range(len(own) // 2):
            lower, upper = own[k], own[-1 - k]
            low, high = part[f"q{lower:g}"], part[f"q{upper:g}"]
            known = low.notna() & high.notna() & part["outcome"].notna()
            if not known.any():
                continue
            inside = part["outcome"].between(low, high)[known].astype(float)
            bounds = _bounds(inside, part["session"][known], horizon)
            measured = float(inside.mean())
            figures = (lower, upper, round(upper - lower, 6), measured, len(inside), *bounds)
            rows.append((model, seed, horizon, *figures))
    return _sorted(rows, COVERAGE)


def target_of(rows: pd.DataFrame) -> TargetName:
    """What rows of one model are about; forecasts from a file that does not say are about the return."""
    if "target" not in rows.columns or rows["target"].isna().all():
        return "return"
    found: TargetName = rows["target"].dropna().iloc[0]
    return found


def outcomes(rows: pd.DataFrame, bars: Bars, target: TargetName, horizon: int) -> pd.Series:
    """What became of a target, row by row of a table with `symbol` and `session`; NaN while unknown."""
    every = pd.Series(make_targets(bars, (target,), (horizon,))[:, 0, 0], index=bars.frame.index)
    keys = pd.MultiIndex.from_arrays([rows["symbol"], rows["session"]])
    return pd.Series(every.reindex(keys).to_numpy(), index=rows.index)


def wilson(share: float, trials: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share seen in `trials` independent trials.

    >>> [round(bound, 3) for bound in wilson(0.5, 100)]
    [0.404, 0.596]
    """
    square = _Z**2
    centre = share + square / (2 * trials)
    half = _Z * np.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    scale = 1 + square / trials
    return float(max(0.0, (centre - half) / scale)), float(min(1.0, (centre + half) / scale))


def _outcomes(
    forecasts: Forecasts, bars: Bars, *, tradable: bool
) -> list[tuple[tuple[int, str, int], pd.DataFrame]]:
    """(horizon, model, seed) and its rows, with what became of the return or of its own target."""
    found = []
    for (horizon, model), part in forecasts.frame.groupby(["horizon", "model"], sort=True):
        target = "return" if tradable else target_of(part)
        known = part.assign(outcome=outcomes(part, bars, target, int(horizon)))
        for seed, own in known.groupby("seed", sort=True):
            found.append(((int(horizon), str(model), int(seed)), own))
    return found


def _bounds(hit: pd.Series, session: pd.Series, horizon: int) -> tuple[float, float]:
    values = hit.to_numpy(dtype=float)
    return wilson(float(values.mean()), _independent(values, session.to_numpy(), horizon))


def _independent(
    hit: npt.NDArray[np.float64], session: npt.NDArray[np.datetime64], horizon: int
) -> float:
    """Independent rows among them, at least 1."""
    n = len(hit)
    spread = hit.mean() * (1 - hit.mean())
    by_session = pd.Series(hit).groupby(session).mean()
    effect = 1.0
    if spread > 0 and 1 < len(by_session) < n:
        effect = max(1.0, n / len(by_session) * float(by_session.var()) / spread)
    return max(1.0, n / (horizon * effect))


def _sorted(rows: Sequence[tuple[object, ...]], columns: Sequence[str]) -> pd.DataFrame:

    table = pd.DataFrame(rows, columns=list(columns))
    return table.sort_values(["model", "seed", "horizon"], kind="stable", ignore_index=True)
