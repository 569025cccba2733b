"""The QuantStats tear sheet of one strategy, with its traps shut.

`quantstats.reports.html` draws a page that people know, and it guesses: returns that are never negative
and above 1 are taken for prices, a ticker is downloaded (and offline gives 0.0 % without an error),
a benchmark on other dates is resampled, flat first days are cut, constant returns crash its regression.
Here it gets a clean daily series whose meaning is settled before it is called, and a page of our own
frame, so that nothing in it asks any host for anything.

Conventions of every figure on the page: simple daily returns, risk-free rate 0, annualised with the
calendar's sessions a year (`core.calendar.PER_YEAR`), CAGR over n / sessions-a-year years.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..core import BacktestResult, DataError
from ..core.calendar import PER_YEAR
from ..core.errors import near_names
from .files import write_whole
from .font import font_face
from .quantstats_page import draw

_ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True)
class TearSheetJob:
    """One page to write: the arguments of `write_tear_sheet`."""

    result: BacktestResult
    benchmark: pd.Series | None
    path: Path
    title: str
    calendar: str = "XSHG"


def write_tear_sheet(
    result: BacktestResult,
    benchmark: pd.Series | None,
    path: Path,
    *,
    title: str,
    calendar: str = "XSHG",
) -> Path:
    """Write the tear sheet of one result to `path`, whole or not at all, and return the path.

    result
        Its `returns` are drawn from the first session on, flat days included.
    benchmark
        Simple returns by session, `.name` its symbol (never a ticker to download), or None.  The page
        covers the sessions from the later of both first sessions to the earlier of both last ones and
        says so where that shortens it; inside them the benchmark must have every session.
    title
        Any text; it is escaped.
    calendar
        Decides the sessions a year.

    Returns that never vary (no trades, or a single session) get a page that says so.  Raises
    `DataError` for an empty window, a benchmark that does not overlap or has gaps, and returns that
    are not finite.
    """
    if calendar not in PER_YEAR:
        raise DataError(f"unknown calendar {calendar!r}: {near_names(calendar, PER_YEAR)}")
    returns = _clean(result.returns, result.name)
    beside = None
    if benchmark is not None:
        beside = _clean(benchmark, f"the benchmark {getattr(benchmark, 'name', benchmark)!r}")
    shortened = ""
    if beside is not None:
        whole = returns
        returns, beside = _align(returns, beside, result.name)
        if len(returns) < len(whole):
            shortened = (
                f"The strategy ran from {_day(whole.index[0])} to {_day(whole.index[-1])}; "
                "this page covers the sessions that the benchmark has as well."
            )
    reason = _nothing_to_show(returns, result)
    if reason is not None:
        return write_whole(_empty_page(title, reason, returns), path)
    page = draw(returns, beside, result.name, PER_YEAR[calendar])
    return write_whole(_finish(page, title, returns, beside, PER_YEAR[calendar], shortened), path)


def write_tear_sheets(jobs: Sequence[TearSheetJob], workers: int = 2) -> tuple[Path, ...]:
    """Write several pages in worker processes (a page takes seconds, most of it Matplotlib).

    Processes, because pyplot is not safe in threads.  The workers are started fresh, never forked, so
    a parent that holds torch threads is safe.  An error of any page is raised as it is.
    """
    if workers < 1:
        raise DataError(f"workers must be 1 or more, received {workers}")
    if workers == 1 or len(jobs) < 2:
        return tuple(_write_job(job) for job in jobs)
    from joblib import Parallel, delayed

    pool = Parallel(n_jobs=min(workers, len(jobs)), backend="loky", batch_size=1)
    return tuple(pool(delayed(_write_job_headless)(job) for job in jobs))


def _write_job(job: TearSheetJob) -> Path:
    return write_tear_sheet(job.result, job.benchmark, job.path, title=job.title, calendar=job.calendar)


def _write_job_headless(job: TearSheetJob) -> Path:
    import matplotlib as mpl

    mpl.use("agg")  # a worker of its own: no window system, whatever the parent uses
    return _write_job(job)


def _day(moment: pd.Timestamp) -> str:
    return f"{moment:%Y-%m-%d}"


def _clean(series: pd.Series, what: str) -> pd.Series:
    """A float series on a sorted, unique, zone-naive DatetimeIndex, or a clear error."""
    if not isinstance(series, pd.Series):
        raise DataError(
            f"{what} must be a series of returns by session, received a {type(series).__name__}"
        )
    if series.empty:
        raise DataError(f"{what} has no session in the window: widen the window")
    index = series.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is not None:
        raise DataError(f"{what} must be indexed by zone-naive sessions, received {index.dtype}")
    if not index.is_unique or not index.is_monotonic_increasing:
        raise DataError(f"{what} must have one return a session, in order")
    values = series.to_numpy(dtype=float)
    bad = ~np.isfinite(values) | (values < -1)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{what} has the return {values[at]} on {_day(index[at])}: "
            "returns are finite numbers of at least -1"
        )
    fresh = pd.DatetimeIndex(index.to_numpy().astype("datetime64[ns]"))
    return pd.Series(values, index=fresh, name=series.name)


def _align(returns: pd.Series, benchmark: pd.Series, name: str) -> tuple[pd.Series, pd.Series]:
    first = max(returns.index[0], benchmark.index[0])
    last = min(returns.index[-1], benchmark.index[-1])
    inside = returns.loc[first:last]
    if inside.empty:
        raise DataError(
            f"the benchmark {benchmark.name} ({_day(benchmark.index[0])} to "
            f"{_day(benchmark.index[-1])}) does not overlap {name} ({_day(returns.index[0])} to "
            f"{_day(returns.index[-1])}): give the benchmark of the same window"
        )
    missing = inside.index.difference(benchmark.index)
    if len(missing):
        raise DataError(
            f"the benchmark {benchmark.name} lacks {len(missing)} of {len(inside)} sessions of {name}, "
            f"the first {_day(missing[0])}: give it a return for every session"
        )
    return inside, benchmark.reindex(inside.index)


def _nothing_to_show(returns: pd.Series, result: BacktestResult) -> tuple[str, str] | None:
    """Why there is no tear sheet, in English and Chinese, or None where there is one."""
    orders = len(result.orders)
    if len(returns) < 2:
        return (
            f"One session only, with a return of {returns.iloc[0]:.2%}: "
            "nothing can be measured from it.",
            f"只有一个交易日，收益率 {returns.iloc[0]:.2%}：无从度量。",
        )
    if (returns == 0).all() and result.fills.empty:
        return (
            f"No trades: nothing to show. {orders} orders were sent and none was filled.",
            f"没有成交：无可展示。共发出 {orders} 笔委托，无一成交。",
        )
    if float(returns.max() - returns.min()) < 1e-12:
        return (
            f"Every session returned {returns.iloc[0]:.4%}: without variation there is no volatility, "
            "no Sharpe ratio and no beta to show.",
            f"每个交易日的收益率都是 {returns.iloc[0]:.4%}：没有波动，夏普比率与贝塔均无定义。",
        )
    return None


def _empty_page(title: str, reason: tuple[str, str], returns: pd.Series) -> str:
    facts = f"{_day(returns.index[0])} to {_day(returns.index[-1])}, sessions 交易日: {len(returns)}"
    return _fill(
        (_ASSETS / "tear_sheet_empty.html").read_text(encoding="utf-8"),
        title=html.escape(title),
        reason=html.escape(reason[0]),
        reason_zh=html.escape(reason[1]),
        facts=html.escape(facts),
    )


def _finish(
    page: str,
    title: str,
    returns: pd.Series,
    benchmark: pd.Series | None,
    per_year: int,
    shortened: str,
) -> str:
    import quantstats

    notes = [
        shortened,
        f"{len(returns)} sessions. Annualised with {per_year} sessions a year; CAGR counts "
        f"{len(returns)}/{per_year} years; risk-free rate 0; the information ratio is not annualised.",
        ""
        if benchmark is not None
        else "In the table of years, Return adds up daily returns and Cumulative compounds them.",
        ""
        if len(returns) >= 10 * per_year
        else "The rows 3Y, 5Y and 10Y show the whole window where it is shorter than they say.",
        "Leading days without a position are part of the window and count as zero returns.",
        "A past return is not a forecast.",
    ]
    return _fill(
        _slim(page),
        title=html.escape(title),
        made=f"QuantStats {html.escape(quantstats.__version__)}",
        eoy="alone" if benchmark is None else "beside",
        notes="".join(f"<p>{html.escape(note)}</p>" for note in notes if note),
    )


def _slim(page: str) -> str:
    """Drop what an SVG inside a page does not need; coordinates to a hundredth of a point."""
    page = page.replace(
        "\ufe6a", " %"
    )  # QuantStats writes CAGR with a small percent sign few fonts have
    page = re.sub(r"<\?xml.*?\?>|<!DOCTYPE svg.*?>|<metadata>.*?</metadata>", "", page, flags=re.DOTALL)
    return re.sub(r' d="[^"]*"', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m.group()), page)


def _fill(page: str, **parts: str) -> str:
    for name, part in parts.items():
        page = page.replace(f"<!--qushi:{name}-->", part)
    text = html.unescape(re.sub(r"<(svg|style)\b.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL))
    return page.replace("/*qushi:font*/", font_face(text))
