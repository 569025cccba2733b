"""QuantStats, called so that it cannot guess, look anything up, or leave anything changed.

Three things are global in it and are undone after each page: Matplotlib's style (importing QuantStats
alone changes it, and its titles ask for Arial by name), the fonts that Matplotlib knows, and some
functions of QuantStats: the two that ask of every series whether it looks like prices, and those that
draw what is not so (0.0.86; see `_repaired`).
"""

import re
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from .font import FAMILY, PATH

_ASSETS = Path(__file__).parent / "assets"
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DRAWING = threading.Lock()  # pyplot and the replacements below are global to the process


def draw(returns: pd.Series, benchmark: pd.Series | None, name: str, per_year: int) -> str:
    """The page as QuantStats writes it into our frame, placeholders of ours still open.

    Takes clean returns: float, finite, zone-naive, the benchmark on the same sessions.
    """
    with _DRAWING, _style(), _settled(), _repaired(), tempfile.TemporaryDirectory() as folder:
        from quantstats import reports

        target = Path(folder) / "page.html"
        reports.html(  # type: ignore[no-untyped-call]
            returns.copy(),
            None if benchmark is None else benchmark.copy(),
            rf=0.0,
            title="",
            output=str(target),
            periods_per_year=per_year,
            template_path=str(_ASSETS / "tear_sheet.html"),
            match_dates=False,  # True would cut leading flat days
            strategy_title=_label(name, "Strategy"),
            benchmark_title=None if benchmark is None else _label(str(benchmark.name), "Benchmark"),
            figfmt="svg",
        )
        return target.read_text(encoding="utf-8")


def _label(name: str, otherwise: str) -> str:
    """A name that may go unescaped into tables and charts: QuantStats escapes none of them."""
    plain = re.sub(r"[<>&{}$\\\"'\s]+", " ", name).strip()
    return (plain if len(plain) <= 40 else plain[:39] + "…") or otherwise


@contextmanager
def _style() -> Iterator[None]:
    """QuantStats' look in our font; afterwards Matplotlib is as it was.

    Importing QuantStats changes the global style, and its titles ask for Arial by name: for the time
    of the drawing "Arial" *is* the font we bring, so a page looks the same on every machine and a
    Chinese strategy name is drawn.
    """
    import matplotlib as mpl
    from matplotlib import font_manager, pyplot

    manager = font_manager.fontManager
    fonts = list(manager.ttflist)
    figures = set(pyplot.get_fignums())
    with mpl.rc_context():
        import seaborn  # type: ignore[import-untyped]
        from quantstats import reports as _reports  # noqa: F401  (the import sets the style)

        mpl.rcdefaults()
        seaborn.set_theme(
            font=FAMILY,
            font_scale=1.1,
            rc={
                "axes.facecolor": "none",
                "figure.facecolor": "none",
                "savefig.facecolor": "none",
                "grid.color": "#dddddd",
                "grid.linewidth": 0.5,
                "text.color": "#333333",
                "xtick.color": "#666666",
                "ytick.color": "#666666",
                "axes.unicode_minus": False,
                "svg.hashsalt": "qushi",  # equal figures, equal bytes
                "svg.fonttype": "path",
            },
        )
        try:
            manager.ttflist = [f for f in fonts if f.name != "Arial"] + [
                font_manager.FontEntry(fname=str(PATH), name=family, weight=weight)
                for family in (FAMILY, "Arial")
                for weight in (400, 700)
            ]
            _forget_fonts(manager)
            yield
        finally:
            manager.ttflist = fonts
            _forget_fonts(manager)
            for number in set(pyplot.get_fignums()) - figures:
                pyplot.close(number)


def _forget_fonts(manager: Any) -> None:
    """Look fonts up anew: Matplotlib remembers by name, and the names change meaning here."""
    manager._findfont_cached.cache_clear()


@contextmanager
def _replaced(module: ModuleType, name: str, value: object) -> Iterator[None]:
    """Another value for a module's name, for a while; `AttributeError` where there is no such name."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


@contextmanager
def _settled() -> Iterator[None]:
    """Take every series for what it is: returns.  And silence known, harmless warnings only.

    QuantStats asks of each series, and of each slice of it, whether it looks like prices.  Ours are
    checked returns on zone-naive sessions, for which its preparation is the identity.
    """
    from quantstats import utils

    def as_given(data: Any, rf: float = 0.0, nperiods: int | None = None, apply_rf: bool = True) -> Any:
        return data.copy()

    def always_returns(data: Any) -> Any:
        if isinstance(data, pd.DataFrame):
            return pd.Series(True, index=data.columns)
        return True

    with ExitStack() as stack:
        stack.enter_context(_replaced(utils, "_prepare_returns", as_given))
        stack.enter_context(_replaced(utils, "_looks_like_returns", always_returns))
        stack.enter_context(warnings.catch_warnings())
        # seaborn calls Matplotlib by names that Matplotlib 3.11 renames: nothing of ours.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"seaborn\..*")
        warnings.filterwarnings("ignore", category=PendingDeprecationWarning, module=r"seaborn\..*")
        # Windows shorter than a statistic needs: the page shows "-" or NaN there, which says it.
        for module in (r"numpy\..*", r"scipy\..*", r"quantstats\..*"):
            warnings.filterwarnings("ignore", category=RuntimeWarning, module=module)
        # A benchmark that stands still has no beta and no winning days: shown as "-".
        warnings.filterwarnings("ignore", message="Beta is zero", category=UserWarning)
        warnings.filterwarnings("ignore", message="No non-zero returns found", category=UserWarning)
        yield


@contextmanager
def _repaired() -> Iterator[None]:
    """Without QuantStats' wrong pictures.

    A drawdown that starts in the first session and never ends is listed; a rolling beta starts where
    its window is full, not with zeros; months outside the returns stay empty, not 0.00; the sum of
    daily returns is drawn by session, not with a zero on every weekend.
    """
    from quantstats import _compat, stats

    listed: Callable[[Any], Any] = stats.drawdown_details
    greeks: Callable[..., Any] = stats.rolling_greeks
    months: Callable[..., Any] = stats.monthly_returns
    resample: Callable[..., Any] = _compat.safe_resample

    def from_the_capital(drawdown: Any) -> Any:
        before = drawdown.iloc[:1] * 0  # the initial capital, one day earlier: never in a drawdown
        before.index = before.index - pd.Timedelta(days=1)
        return listed(pd.concat([before, drawdown]))

    def full_windows(*given: Any, **options: Any) -> Any:
        found = greeks(*given, **options)
        known = found.dropna(subset=["beta"])
        return found if known.empty else known  # QuantStats cannot draw an empty line

    def months_inside(returns: Any, *given: Any, **options: Any) -> Any:
        found = months(returns, *given, **options).astype(float)
        first, last = (day.to_period("M") for day in returns.index[[0, -1]])
        for year in found.index:
            for month in found.columns.intersection(_MONTHS):
                if not first <= pd.Period(f"{year}-{_MONTHS.index(month) + 1:02}") <= last:
                    found.loc[year, month] = float("nan")
        return found

    def by_session(data: Any, freq: str, *given: Any, **options: Any) -> Any:
        return data if freq == "D" else resample(data, freq, *given, **options)

    with ExitStack() as stack:
        stack.enter_context(_replaced(stats, "drawdown_details", from_the_capital))
        stack.enter_context(_replaced(stats, "rolling_greeks", full_windows))
        stack.enter_context(_replaced(stats, "monthly_returns", months_inside))
        stack.enter_context(_replaced(_compat, "safe_resample", by_session))
        yield
