"""The tables of forecast quality: one row a model, seed and step, and one an interval.

A figure that is worse than knowing nothing carries the tone "bad" and the words that say so.
"""

import math

import pandas as pd

from ..core.notes import Said
from .cells import Cell, Row, Table, cell, day, percent
from .forecast_words import TARGETS
from .inputs import ReportInput
from .words import COLUMNS, both

QUALITY = (
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
    "ic",
    "ic_p_value",
    "train_seconds",
)
_IF_ANY = ("coverage", "train_seconds")


def quality(inputs: ReportInput) -> Table | None:
    """Forecast quality by model, seed and step, or None without forecasts.

    Target, seed and step have a column where they differ, coverage and training time where there is any.
    Of many steps the first and the last stand here: the chart of the error by step shows all.
    """
    if inputs.quality.empty:
        return None
    frame = _ends(inputs.quality)
    frame = frame.assign(train_seconds=_seconds(frame, inputs.fits))
    shown = [c for c in QUALITY if c in frame.columns]
    shown = [c for c in shown if c not in _IF_ANY or frame[c].notna().any()]
    lead = _lead(frame)
    # Where the fits have a table of their own, it says from when to when was forecast.
    dates = ("first", "last") if inputs.forecasts is None else ()
    stained = _contaminated(inputs)
    rows = []
    for _, values in frame.iterrows():
        cells = [Cell(str(values["model"]), str(values["model"]))]
        cells += [_named(c, values[c]) for c in lead]
        cells += [_judged(c, values) for c in shown]
        cells += [Cell(day(values.get(c)), day(values.get(c)), "soft") for c in dates]
        mark = both("mark_contaminated") if values["model"] in stained else None
        rows.append(Row(tuple(cells), mark))
    heads = (COLUMNS[c] for c in ("model", *lead, *shown, *dates))
    return Table(tuple(heads), tuple(rows))


def _contaminated(inputs: ReportInput) -> set[str]:
    """Models that may have met some of the sessions in their own training."""
    if inputs.forecasts is None or "contaminated" not in inputs.forecasts.frame.columns:
        return set()
    frame = inputs.forecasts.frame
    stained = frame["contaminated"].eq(True)
    return set(frame.loc[stained, "model"].astype(str))


def _ends(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of each model's first and last step."""
    if "horizon" not in frame.columns:
        return frame
    steps = frame.groupby("model")["horizon"]
    ends = (frame["horizon"] == steps.transform("min")) | (frame["horizon"] == steps.transform("max"))
    return frame[ends]


def _lead(frame: pd.DataFrame) -> list[str]:
    """The columns that tell the rows of a model apart, where there is something to tell."""
    found = []
    if "target" in frame.columns and (frame["target"] != "return").any():
        found.append("target")
    several = "horizon" in frame.columns and len(set(frame["horizon"])) > 1
    names = frame["model"] if not several else frame["model"] + frame["horizon"].astype(str)
    if len(set(frame["seed"])) > 1 or names.duplicated().any():
        found.append("seed")
    return [*found, "horizon"] if several else found


def _named(column: str, value: object) -> Cell:
    if column != "target":
        return cell(column, value)
    name = str(value)
    return Cell(TARGETS.get(name, Said(name, name)), name)


def _seconds(frame: pd.DataFrame, fits: pd.DataFrame) -> pd.Series:
    """CPU seconds of all fits of each row's model and seed; NaN where none is known."""
    nothing = pd.Series(math.nan, index=frame.index)
    if fits.empty:
        return nothing
    # A fit has one row an epoch, each with the seconds of the whole fit.
    keys = [c for c in ("model", "seed", "fold", "symbol", "step") if c in fits.columns]
    spent = fits.drop_duplicates(keys).groupby(["model", "seed"])["seconds"].sum()
    pairs = pd.MultiIndex.from_frame(frame[["model", "seed"]])
    return pd.Series(spent.reindex(pairs).to_numpy(dtype=float), index=frame.index)


def _judged(column: str, values: pd.Series) -> Cell:
    """A figure with its verdict beside it."""
    value = values[column]
    if pd.isna(value):
        return cell(column, math.nan)
    if column == "accuracy" and value < values["base_rate"]:
        return cell(column, value, "bad", both("below_base"))
    if column == "accuracy" and value > values["base_rate"] and values["p_value"] < 0.05:
        return cell(column, value, "good")
    if column in ("relative_mae", "relative_rmse") and value > 1:
        return cell(column, value, "bad", both("worse_last") if column == "relative_mae" else None)
    if column == "brier" and value > values.get("brier_base", math.nan):
        return cell(column, value, "bad")
    if column in ("p_value", "ic_p_value") and value >= 0.05:
        return cell(column, value, "soft")
    if column == "coverage":
        return cell(column, value, "", both("of_nominal", share=_share(values["coverage_nominal"])))
    return cell(column, value)


def _share(value: float) -> str:
    return percent(value, 0 if abs(value * 100 - round(value * 100)) < 1e-9 else 1)


def intervals(inputs: ReportInput) -> Table | None:
    """Stated against measured coverage by model, seed and interval, at the first and the last step.

    None where no model states intervals.
    """
    if inputs.coverage.empty:
        return None
    frame = _ends(inputs.coverage)
    lead = _lead(frame.drop_duplicates(["model", "seed", "horizon"]))
    rows = []
    for _, values in frame.iterrows():
        measured, nominal = float(values["measured"]), float(values["nominal"])
        remark = both("too_narrow") if values["high"] < nominal else None
        remark = both("too_wide") if values["low"] > nominal else remark
        bounds = f"{percent(float(values['low']))} – {percent(float(values['high']))}"
        cells = (
            Cell(str(values["model"]), str(values["model"])),
            *(_named(c, values[c]) for c in lead),
            Cell(_share(nominal), nominal),
            cell("measured", measured, "bad" if remark else "", remark),
            Cell(bounds, float(values["low"])),
            cell("n", values["n"]),
        )
        rows.append(Row(cells))
    heads = (COLUMNS[c] for c in ("model", *lead, "nominal", "measured", "bounds", "n"))
    return Table(tuple(heads), tuple(rows))
