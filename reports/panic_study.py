"""What `panic_study` found, drawn: lead and lag, paths around extremes, quantile sorts, every family.

Static pictures (`plot.py`) with the errors beside every figure; the sentences are the study's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup

from ..core.notes import Said
from ..sentiment.study.panic_study import PanicStudy
from .cells import Cell, Row, Table, cell, count
from .panic_words import PANIC_COLUMNS, both, named
from .plot import Axes, around, bar, curve, dot, grid, number, rule, segment, text, ticks

_ERRORS = 2.0
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Picture:
    """One chart and its heading."""

    title: Said
    svg: Markup


@dataclass(frozen=True)
class StudySection:
    """The section of the page that shows a study."""

    note: Said
    said: tuple[Said, ...]
    lead_lag: tuple[Picture, ...]
    events: tuple[Picture, ...]
    quantiles: tuple[Picture, ...]
    tests: Table


def study_section(study: PanicStudy) -> StudySection:
    """Pictures and tables of a study."""
    span = {"first": f"{study.first:%Y-%m-%d}", "last": f"{study.last:%Y-%m-%d}"}
    who = {"scope": named(study.scope), "audience": named(study.audience)}
    return StudySection(
        note=both("study_note", n=study.sessions, looks=study.looks, **span, **who),
        said=study.said,
        lead_lag=tuple(
            _lead_lag(str(index), str(target), rows)
            for (index, target), rows in study.lead_lag.groupby(["index", "target"], sort=False)
        ),
        events=tuple(
            _events(str(zone), rows, study)
            for zone, rows in study.events.groupby("zone", sort=False)
            if rows["events"].max() > 0
        ),
        quantiles=tuple(
            _quantiles(int(horizon), rows[rows["quantile"] > 0])
            for horizon, rows in study.quantiles.groupby("horizon")
        ),
        tests=_tests(study.tests),
    )


def _lead_lag(index: str, target: str, rows: pd.DataFrame) -> Picture:
    lags, values = _column(rows, "lag"), _column(rows, "correlation")
    errors = _ERRORS * _column(rows, "error")
    low, high = around([0.0, *(values - errors), *(values + errors)])
    axes = Axes((lags.min() - 0.5, lags.max() + 0.5), (low, high), 360, 220, left=46, bottom=42)
    parts = [
        grid(axes, _whole(lags), _labels(ticks(low, high))),
        segment(axes, (lags.min() - 0.5, 0.0), (lags.max() + 0.5, 0.0), "even"),
        segment(axes, (0.0, low), (0.0, high), "even"),
    ]
    for lag, value, error in zip(lags, values, errors, strict=True):
        told = f"{lag:+.0f}: {value:+.3f} ± {error:.3f}"
        parts.append(segment(axes, (lag, value - error), (lag, value + error), "whisker"))
        parts.append(dot(axes, lag, value, "mark" if lag > 0 else "other", told))
    parts.append(_below(axes, both("axis_lag")))
    form = both(f"form_{index}")
    other = both("target_return") if target == "return" else Said(target, target)
    title = both("against_target", index=form, target=other)
    return Picture(title, axes.svg(*parts, label=title.en))


def _events(zone: str, rows: pd.DataFrame, study: PanicStudy) -> Picture:
    offsets = _column(rows, "offset")
    mean, error, expected, band_low, band_high = (
        100 * _column(rows, name) for name in ("mean", "error", "expected", "low", "high")
    )
    drawn = np.concatenate([mean - _ERRORS * error, mean + _ERRORS * error, band_low, band_high])
    low, high = around([0.0, *mean, *drawn])
    axes = Axes((offsets.min(), offsets.max()), (low, high), 360, 230, left=46, bottom=42)
    parts = [
        grid(axes, _whole(offsets), _labels(ticks(low, high))),
        segment(axes, (0.0, low), (0.0, high), "even"),
        curve(axes, list(offsets), list(band_low), "band"),
        curve(axes, list(offsets), list(band_high), "band"),
        curve(axes, list(offsets), list(expected), "train"),
    ]
    for at, value, spread in zip(offsets, mean, _ERRORS * error, strict=True):
        parts.append(segment(axes, (at, value - spread), (at, value + spread), "whisker"))
        parts.append(dot(axes, at, value, "mark" if at > 0 else "other", f"{at:+.0f}: {value:+.2f} %"))
    parts.append(_below(axes, both("axis_offset")))
    level = study.settings.extreme if zone == "panic" else 100 - study.settings.extreme
    title = both(f"zone_{zone}", level=f"{level:g}")
    events = both("events_n", n=int(rows["events"].max()))
    said = Said(f"{title.en}, {events.en}", f"{title.zh}，{events.zh}")
    return Picture(said, axes.svg(*parts, label=said.en))


def _quantiles(horizon: int, rows: pd.DataFrame) -> Picture:
    mean, error = 100 * _column(rows, "mean"), 100 * _ERRORS * _column(rows, "error")
    low, high = around([0.0, *(mean - error), *(mean + error)])
    places = _column(rows, "quantile")
    axes = Axes((0.4, places.max() + 0.6), (low, high), 360, 220, left=46, bottom=42)
    parts = [grid(axes, _whole(places), _labels(ticks(low, high)))]
    wide = 0.55 * (axes.across(2.0) - axes.across(1.0))
    for at, value, spread in zip(places, mean, error, strict=True):
        if not np.isfinite(value):
            continue
        top, foot = axes.down(max(value, 0.0)), axes.down(min(value, 0.0))
        told = f"{at:.0f}: {value:+.2f} ± {spread:.2f} %"
        parts.append(bar(axes.across(at) - wide / 2, top, wide, foot - top, "loss", told))
        parts.append(segment(axes, (at, value - spread), (at, value + spread), "whisker"))
    parts.append(rule(axes.left, axes.down(0.0), axes.width - axes.right, axes.down(0.0), "axis"))
    parts.append(_below(axes, both("axis_quantile")))
    title = both("h_sessions", h=horizon)
    return Picture(title, axes.svg(*parts, label=title.en))


def _tests(tests: pd.DataFrame) -> Table:
    """One row a family of looks, the columns as the study has them."""
    keys = [str(name) for name in tests.columns]
    rows = [Row(tuple(_test(key, row[key]) for key in keys)) for _, row in tests.iterrows()]
    heads = tuple(PANIC_COLUMNS.get(key, (Said(key, key), Said("", ""))) for key in keys)
    return Table(heads, tuple(rows))


def _test(key: str, value: object) -> Cell:
    if key == "asks":
        return Cell(both(f"asks_{value}"), str(value))
    if isinstance(value, str):
        return Cell(value, value)
    if key == "looks":
        return count(int(str(value)))
    return cell("p_value" if key.startswith("p_") else "sharpe", value)


def _column(rows: pd.DataFrame, name: str) -> FloatArray:
    return np.asarray(rows[name], dtype=np.float64)


def _labels(values: Iterable[float]) -> list[tuple[float, str]]:
    return [(value, number(value)) for value in values]


def _whole(values: FloatArray) -> list[tuple[float, str]]:
    """Whole numbers along the axis: there is no half session."""
    found = [t for t in ticks(values.min(), values.max(), 9) if float(t).is_integer()]
    return _labels(found)


def _below(axes: Axes, said: Said) -> Markup:
    return text((axes.left + axes.width - axes.right) / 2, axes.height - 6, said)
