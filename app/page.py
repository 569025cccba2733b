"""The pages of a run, always drawn from what the run has stored.

A fresh run and `qushi report RUN` take the same way: tables and `about.json` are read back from the
folder, so a page can never show what the run does not hold.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, overload

import pandas as pd

from ..backtests.refusals import largest_refusals, refusals_by_reason
from ..backtests.runs import read_result
from ..core import QUIET, BacktestResult, Bars, Forecasts, PanicIndex, Progress
from ..core.notes import Said
from ..forecasters.calibration import coverage, reliability
from ..reports import ReportInput, write_report
from ..reports.tear_sheet import TearSheetJob, write_tear_sheets

REPORT = "report.html"
PANIC = "panic.html"
"""The panic page beside it, drawn once: a run does not store the texts."""


def read_about(folder: Path) -> dict[str, Any]:
    """What a run says of itself beside its tables."""
    about: dict[str, Any] = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    return about


def write_page(folder: Path, language: Literal["en", "zh"] | None = None) -> Path:
    """Draw `report.html` from a run's folder; returns its path."""
    about = read_about(folder)
    names = list(json.loads((folder / "results.json").read_text(encoding="utf-8")))
    bars = Bars.from_frame(
        pd.read_parquet(folder / "bars.parquet"),
        adjustment=about["adjustment"],
        calendar=about["calendar"],
    )
    benchmark = pd.read_parquet(folder / "benchmark.parquet")["return"].rename(about["benchmark"])
    stored = _table(folder, "forecasts")
    forecasts = None if stored is None else Forecasts(stored)
    panic = _table(folder, "panic")
    results = tuple(read_result(folder, name) for name in names)
    refused = pd.read_parquet(folder / "refusals.parquet")
    inputs = ReportInput(
        name=about["name"],
        description=about["description"],
        config_toml=(folder / "config.toml").read_text(encoding="utf-8"),
        bars=bars,
        benchmark=benchmark,
        forecasts=forecasts,
        quality=pd.read_parquet(folder / "quality.parquet"),
        results=results,
        performance=pd.read_parquet(folder / "performance.parquet"),
        panic=None if panic is None else PanicIndex(panic),
        alignment=pd.read_parquet(folder / "alignment.parquet"),
        classifier=about["classifier"],
        classifier_check=pd.read_parquet(folder / "check.parquet"),
        refusals=refusals_by_reason(refused, {r.name: len(r.orders) for r in results}),
        largest_refusals=largest_refusals(refused),
        failures=tuple((what, why) for what, why in about["failures"]),
        warnings=tuple(Said(en, zh) for en, zh in about["notes"]),
        facts=about["facts"],
        tear_sheets=about["tear_sheets"],
        panic_page=PANIC if (folder / PANIC).is_file() else "",
        fits=_table(folder, "fits", pd.DataFrame()),
        reliability=pd.DataFrame() if forecasts is None else reliability(forecasts, bars),
        coverage=pd.DataFrame() if forecasts is None else coverage(forecasts, bars),
        importance=_table(folder, "importance", pd.DataFrame()),
        language=language or about["language"],
    )
    return write_report(inputs, folder / REPORT)


def write_sheets(
    results: Sequence[BacktestResult],
    benchmark: pd.Series,
    calendar: str,
    folder: Path,
    progress: Progress = QUIET,
) -> Mapping[str, str]:
    """A QuantStats page for each result, in worker processes; result name -> file name."""
    jobs = [
        TearSheetJob(result, benchmark, folder / sheet_name(result.name), result.name, calendar)
        for result in results
    ]
    progress.begin("tear sheets", len(jobs))
    write_tear_sheets(jobs)
    progress.advance("tear sheets", len(jobs))
    return {job.result.name: job.path.name for job in jobs}


def sheet_name(result: str) -> str:
    """A file name for a result's tear sheet.

    >>> sheet_name("trend_follow[lstm#1]")
    'tearsheet-trend_follow-lstm-1.html'
    """
    plain = "".join(c if c.isalnum() or c in "_." else "-" for c in result).strip("-")
    return f"tearsheet-{plain}.html"


@overload
def _table(folder: Path, name: str) -> pd.DataFrame | None: ...
@overload
def _table(folder: Path, name: str, otherwise: pd.DataFrame) -> pd.DataFrame: ...
def _table(folder: Path, name: str, otherwise: pd.DataFrame | None = None) -> pd.DataFrame | None:
    path = folder / f"{name}.parquet"
    return pd.read_parquet(path) if path.is_file() else otherwise
