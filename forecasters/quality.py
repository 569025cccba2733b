"""How good forecasts were, before anybody trades on them.

Direction.  A row's direction is p_up above or below 0.5, else the sign of the expected return; exactly
0.5 or 0 is no direction and is not counted, so last value has no accuracy.  Right means: up when the
label is above 0, down when it is not.  `base_rate` is the share of the commoner outcome, what always
saying the same would have reached with hindsight; `p_value` is the one-sided binomial test against it.

Dependence.  Labels of h sessions overlap and symbols move together, so n rows are fewer independent
ones: n_eff = n / (h D), with the design effect D = max(1, m Var(mean hit of a session) / Var(hit)) over
m symbols a session (Kish 1965).  The tests use n_eff and the observed share of hits.

Error.  `relative_mae`, `relative_rmse`: over the error of last value, which expects 0.  Better is less.
IC.  Spearman correlation of forecast (expected return, else p_up) and label: with 5 symbols and more a
session the mean over sessions (t test on n/h sessions), else the mean over symbols of the correlation in
time (t test on the sessions over h); two-sided p-value.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ..core import Bars, Forecasts
from .labels import make_labels

COLUMNS = (
    "model",
    "seed",
    "n",
    "accuracy",
    "base_rate",
    "p_value",
    "balanced_accuracy",
    "mcc",
    "brier",
    "brier_base",
    "relative_mae",
    "relative_rmse",
    "ic",
    "ic_p_value",
    "first",
    "last",
)
_CROSS_SECTION = 5
"""Symbols a session from which the IC is taken across symbols."""

Figures = dict[str, float]


def forecast_quality(forecasts: Forecasts, bars: Bars) -> pd.DataFrame:
    """One row a model, seed and horizon, sorted; columns `COLUMNS`, NaN where a figure is undefined.

    Only rows whose label has been realised count: `n` of them, decided from `first` to `last`.
    `brier_base` is the Brier score of the share of rises, known with hindsight; `mcc` is undefined (NaN)
    where the forecasts or the labels all point one way, `balanced_accuracy` where the labels do.
    """
    rows = []
    for horizon, part in forecasts.frame.groupby("horizon", sort=True):
        labels = make_labels(bars, int(horizon))["label"]
        joined = part.merge(
            labels.rename("label"), how="left", left_on=["symbol", "session"], right_index=True
        )
        for (model, seed), own in joined.groupby(["model", "seed"], sort=True):
            figures = _figures(own[own["label"].notna()], int(horizon))
            rows.append({"model": model, "seed": int(seed), **figures})
    return pd.DataFrame(rows, columns=list(COLUMNS)).sort_values(["model", "seed"], ignore_index=True)


def _figures(rows: pd.DataFrame, horizon: int) -> dict[str, object]:
    label = rows["label"].to_numpy(dtype=float)
    return {
        "n": len(rows),
        **_direction(rows, label, horizon),
        **_brier(rows["p_up"].to_numpy(dtype=float), label > 0),
        **_error(rows["expected_return"].to_numpy(dtype=float), label),
        **_ic(rows, horizon),
        "first": rows["session"].min() if len(rows) else pd.NaT,
        "last": rows["session"].max() if len(rows) else pd.NaT,
    }


def directions(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    """1 up, -1 down, NaN where a forecast has no direction."""
    p = rows["p_up"].to_numpy(dtype=float) - 0.5
    lean = np.sign(np.where(np.isnan(p), rows["expected_return"].to_numpy(dtype=float), p))
    return np.where(lean == 0, np.nan, lean)


def _direction(rows: pd.DataFrame, label: npt.NDArray[np.float64], horizon: int) -> Figures:
    names = ("accuracy", "base_rate", "p_value", "balanced_accuracy", "mcc")
    found = dict.fromkeys(names, np.nan)
    if len(rows) == 0:
        return found
    lean = directions(rows)
    stated = ~np.isnan(lean)
    if not stated.any():
        up = float((label > 0).mean())
        return {**found, "base_rate": max(up, 1 - up)}
    counts = _Counts.of(lean[stated] > 0, label[stated] > 0)
    hit = (lean[stated] > 0) == (label[stated] > 0)
    independent = _independent(hit, rows["session"].to_numpy()[stated], horizon)
    found["accuracy"] = float(hit.mean())
    found["base_rate"] = counts.base_rate
    if counts.base_rate < 1:
        trials = max(int(independent), 1)
        hits = int(np.floor(found["accuracy"] * trials + 1e-9))
        found["p_value"] = float(stats.binom.sf(hits - 1, trials, counts.base_rate))
    found["balanced_accuracy"] = counts.balanced_accuracy
    found["mcc"] = counts.mcc
    return found


@dataclass(frozen=True)
class _Counts:
    """The four cells of said against happened."""

    up_up: int
    up_down: int
    down_up: int
    down_down: int

    @classmethod
    def of(cls, said: npt.NDArray[np.bool_], was: npt.NDArray[np.bool_]) -> "_Counts":
        cells = [(a & b).sum() for a in (said, ~said) for b in (was, ~was)]
        return cls(*(int(c) for c in cells))

    @property
    def base_rate(self) -> float:
        ups, downs = self.up_up + self.down_up, self.up_down + self.down_down
        return max(ups, downs) / (ups + downs)

    @property
    def balanced_accuracy(self) -> float:
        ups, downs = self.up_up + self.down_up, self.up_down + self.down_down
        return (self.up_up / ups + self.down_down / downs) / 2 if ups and downs else np.nan

    @property
    def mcc(self) -> float:
        margins = (
            float(self.up_up + self.up_down)
            * float(self.down_up + self.down_down)
            * float(self.up_up + self.down_up)
            * float(self.up_down + self.down_down)
        )
        cross = float(self.up_up) * self.down_down - float(self.up_down) * self.down_up
        return float(cross / np.sqrt(margins)) if margins else np.nan


def _independent(hit: npt.NDArray[np.bool_], session: npt.NDArray[np.datetime64], horizon: int) -> float:
    """Independent hits among them: n / (horizon x design effect)."""
    n = len(hit)
    spread = hit.mean() * (1 - hit.mean())
    by_session = pd.Series(hit.astype(float)).groupby(session).mean()
    effect = 1.0
    if spread > 0 and 1 < len(by_session) < n:
        effect = max(1.0, n / len(by_session) * float(by_session.var()) / spread)
    return n / (horizon * effect)


def _brier(p_up: npt.NDArray[np.float64], up: npt.NDArray[np.bool_]) -> Figures:
    given = ~np.isnan(p_up)
    if not given.any():
        return {"brier": np.nan, "brier_base": np.nan}
    share = up[given].mean()
    return {
        "brier": float(((p_up[given] - up[given]) ** 2).mean()),
        "brier_base": float(share * (1 - share)),
    }


def _error(expected: npt.NDArray[np.float64], label: npt.NDArray[np.float64]) -> Figures:
    given = ~np.isnan(expected)
    base = label[given]
    if not given.any() or not base.any():
        return {"relative_mae": np.nan, "relative_rmse": np.nan}
    error = expected[given] - base
    return {
        "relative_mae": float(np.abs(error).mean() / np.abs(base).mean()),
        "relative_rmse": float(np.sqrt((error**2).mean() / (base**2).mean())),
    }


def _ic(rows: pd.DataFrame, horizon: int) -> Figures:
    score = rows["expected_return"].where(rows["expected_return"].notna(), rows["p_up"])
    table = rows.assign(score=score)[["symbol", "session", "score", "label"]].dropna()
    nothing = {"ic": np.nan, "ic_p_value": np.nan}
    if table.empty:
        return nothing
    sessions = table["session"].nunique()
    if len(table) / sessions >= _CROSS_SECTION:
        each = _spearman(table, "session", _CROSS_SECTION)
        if len(each) < 2 or each.std() == 0:
            return nothing
        trials = max(len(each) / horizon, 2.0)
        t = each.mean() / each.std() * np.sqrt(trials)
        return {"ic": float(each.mean()), "ic_p_value": float(2 * stats.t.sf(abs(t), trials - 1))}
    each = _spearman(table, "symbol", 3)
    if each.empty:
        return nothing
    ic = float(each.mean())
    freedom = sessions / horizon - 2
    if freedom < 1:
        return {"ic": ic, "ic_p_value": np.nan}
    t = ic * np.sqrt(freedom / max(1 - ic**2, 1e-12))
    return {"ic": ic, "ic_p_value": float(2 * stats.t.sf(abs(t), freedom))}


def _spearman(table: pd.DataFrame, by: str, least: int) -> pd.Series:
    """Spearman correlation in each group of at least `least` rows where both sides vary."""
    ranks = table.groupby(by)[["score", "label"]].rank()
    key = table[by].to_numpy()
    centred = ranks - ranks.groupby(key).transform("mean")
    sums = pd.DataFrame(
        {
            "cross": centred["score"] * centred["label"],
            "score": centred["score"] ** 2,
            "label": centred["label"] ** 2,
            "n": 1.0,
        }
    )
    sums = sums.groupby(key).sum()
    sums = sums[(sums["n"] >= least) & (sums["score"] > 0) & (sums["label"] > 0)]
    return sums["cross"] / np.sqrt(sums["score"] * sums["label"])
