"""How good forecasts were, before anybody trades on them.

Direction.  A row's direction is p_up above or below p_down (1 - p_up unless stated), else the sign of
the expected return; equal, or exactly 0, is no direction and is not counted, so last value has no
accuracy.  Right means: up when the label is above 0, down when it is not.  `base_rate` is the share of
the commoner outcome, what always saying the same would have reached with hindsight; `p_value` is the
one-sided binomial test against it.

Dependence.  Labels of h sessions overlap and symbols move together, so n rows are fewer independent
ones: n_eff = n / (h D), with the design effect D = max(1, m Var(mean hit of a session) / Var(hit)) over
m symbols a session (Kish 1965).  The tests use n_eff and the observed share of hits.

Error.  `relative_mae`, `relative_rmse` are about the model's own target (`target`): over the error of
last value, which expects 0 of a return or a price, and of a volatility that of the last h rows.  Better
is less, and 1 is what knowing nothing reaches.

Intervals.  `coverage` is the share of outcomes of that target inside the outermost quantiles, and
`coverage_nominal` what they promise.
IC.  Spearman correlation of forecast (expected return, else p_up) and label: with 5 symbols and more a
session the mean over sessions (t test on n/h sessions), else the mean over symbols of the correlation in
time (t test on the sessions over h); two-sided p-value.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import Bars, Forecasts
from ..core.forecasts import QUANTILE
from .labels import TargetName, make_targets

COLUMNS = (
    "model",
    "seed",
    "horizon",
    "target",
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
    "coverage",
    "coverage_nominal",
    "ic",
    "ic_t",
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
    levels = forecasts.levels
    for horizon, part in forecasts.frame.groupby("horizon", sort=True):
        joined = part.merge(
            _outcomes(bars, int(horizon), _targets(part)),
            how="left",
            left_on=["symbol", "session"],
            right_index=True,
        )
        for (model, seed), own in joined.groupby(["model", "seed"], sort=True):
            named = {"model": model, "seed": int(seed), "horizon": int(horizon)}
            target = _targets(own)[0]
            rows.append({**named, **_figures(own[own["label"].notna()], int(horizon), target, levels)})
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values(["model", "seed", "horizon"], ignore_index=True)


def longest_steps(quality: pd.DataFrame) -> pd.DataFrame:
    """Of a table of `forecast_quality`, each model's rows at its longest horizon: what is traded."""
    if quality.empty:
        return quality
    longest = quality.groupby("model", sort=False)["horizon"].transform("max")
    return quality[quality["horizon"] == longest].reset_index(drop=True)


def _targets(forecasts: pd.DataFrame) -> list[TargetName]:
    """Targets that forecasts are about; those from a file that does not say are about the return."""
    if "target" not in forecasts.columns:
        return ["return"]
    return list(forecasts["target"].fillna("return").unique())


def _outcomes(bars: Bars, horizon: int, targets: list[TargetName]) -> pd.DataFrame:
    """The tradable label, each target's outcome, and what last value says of a volatility."""
    values = make_targets(bars, ["return", *targets, "volatility"], [horizon])[:, 0]
    names = ["label", *(f"outcome_{name}" for name in targets), "volatility_ahead"]
    table = pd.DataFrame(values, index=bars.frame.index, columns=names)
    ahead = table.pop("volatility_ahead")
    traded = ahead[~bars.frame["suspended"]]
    # the volatility of the h rows up to t is the one that was ahead h rows ago
    last = traded.groupby(level="symbol", sort=False).shift(horizon)
    return table.assign(last_volatility=last)


def _figures(
    rows: pd.DataFrame, horizon: int, target: TargetName, levels: tuple[float, ...]
) -> dict[str, object]:
    label = rows["label"].to_numpy(dtype=float)
    outcome = rows[f"outcome_{target}"].to_numpy(dtype=float)
    # with a dead band p_up is not the probability of a rise, and has no Brier score
    rise = rows["p_up"].where(rows["p_up"].notna() & (target != "direction"))
    return {
        "target": target,
        "n": len(rows),
        **_direction(rows, label, horizon),
        **_brier(rise.to_numpy(dtype=float), label > 0),
        **_error(_answers(rows, target), outcome, _last_value(rows, target)),
        **_coverage(rows, outcome, levels),
        **_ic(rows, horizon),
        "first": rows["session"].min() if len(rows) else pd.NaT,
        "last": rows["session"].max() if len(rows) else pd.NaT,
    }


def _answers(rows: pd.DataFrame, target: TargetName) -> npt.NDArray[np.float64]:
    """What was forecast of the target, in the target's own unit; NaN for volumes, stated as amounts."""
    if target in ("volume", "amount"):
        return np.full(len(rows), np.nan)
    column = "volatility" if target == "volatility" else "expected_return"
    return np.asarray(rows[column], dtype=float)


def _last_value(rows: pd.DataFrame, target: TargetName) -> npt.NDArray[np.float64]:
    if target == "volatility":
        return np.asarray(rows["last_volatility"], dtype=float)
    return np.zeros(len(rows))


def _coverage(
    rows: pd.DataFrame, outcome: npt.NDArray[np.float64], levels: tuple[float, ...]
) -> Figures:
    nothing = {"coverage": np.nan, "coverage_nominal": np.nan}
    given = [level for level in levels if rows[f"{QUANTILE}{level:g}"].notna().any()]
    if len(given) < 2:
        return nothing
    low, high = (rows[f"{QUANTILE}{level:g}"].to_numpy(dtype=float) for level in (given[0], given[-1]))
    known = np.isfinite(low) & np.isfinite(high) & np.isfinite(outcome)
    if not known.any():
        return nothing
    inside = (outcome >= low) & (outcome <= high)
    return {"coverage": float(inside[known].mean()), "coverage_nominal": given[-1] - given[0]}


def directions(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    """1 up, -1 down, NaN where a forecast has no direction."""
    p = rows["p_up"].to_numpy(dtype=float) - 0.5
    if "p_down" in rows.columns:
        down = rows["p_down"].to_numpy(dtype=float)
        p = np.where(np.isnan(down), p, p + 0.5 - down)
    lean = np.sign(np.where(np.isnan(p), rows["expected_return"].to_numpy(dtype=float), p))
    return np.where(lean == 0, np.nan, lean)


def _direction(rows: pd.DataFrame, label: npt.NDArray[np.float64], horizon: int) -> Figures:
    from scipy import stats  # half a second that most commands need not wait

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


def _error(
    expected: npt.NDArray[np.float64],
    outcome: npt.NDArray[np.float64],
    last_value: npt.NDArray[np.float64],
) -> Figures:
    given = np.isfinite(expected) & np.isfinite(outcome) & np.isfinite(last_value)
    naive = last_value[given] - outcome[given]
    if not naive.any():
        return {"relative_mae": np.nan, "relative_rmse": np.nan}
    error = expected[given] - outcome[given]
    return {
        "relative_mae": float(np.abs(error).mean() / np.abs(naive).mean()),
        "relative_rmse": float(np.sqrt((error**2).mean() / (naive**2).mean())),
    }


def _ic(rows: pd.DataFrame, horizon: int) -> Figures:
    lean = rows["p_up"]
    if "p_down" in rows.columns:
        lean = lean - rows["p_down"].fillna(1 - lean)
    score = rows["expected_return"].where(rows["expected_return"].notna(), lean)
    table = rows.assign(score=score)[["symbol", "session", "score", "label"]].dropna()
    nothing = {"ic": np.nan, "ic_t": np.nan, "ic_p_value": np.nan}
    if table.empty:
        return nothing
    sessions = table["session"].nunique()
    if len(table) / sessions >= _CROSS_SECTION:
        each = _spearman(table, "session", _CROSS_SECTION)
        if len(each) < 2 or each.std() == 0:
            return nothing
        trials = max(len(each) / horizon, 2.0)
        t = each.mean() / each.std() * np.sqrt(trials)
        return _tested(float(each.mean()), t, trials - 1)
    each = _spearman(table, "symbol", 3)
    if each.empty:
        return nothing
    ic = float(each.mean())
    freedom = sessions / horizon - 2
    if freedom < 1:
        return {**nothing, "ic": ic}
    return _tested(ic, ic * np.sqrt(freedom / max(1 - ic**2, 1e-12)), freedom)


def _tested(ic: float, t: float, freedom: float) -> Figures:
    from scipy import stats  # half a second that most commands need not wait

    p = float(2 * stats.t.sf(abs(t), freedom))
    return {"ic": ic, "ic_t": float(t), "ic_p_value": p}


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
