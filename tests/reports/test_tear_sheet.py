import re

import numpy as np
import pandas as pd
import pytest

from example_report import holding
from qushi.core import DataError
from qushi.core.calendar import PER_YEAR, sessions
from qushi.reports import TearSheetJob, write_tear_sheet, write_tear_sheets

RNG = np.random.default_rng(11)
NOISE = RNG.normal(0.0005, 0.012, 60)


def benchmark_of(n: int, start: str = "2020-01-02", name: str = "000300.SH") -> pd.Series:
    days = sessions("XSHG", start)[:n]
    return pd.Series(np.random.default_rng(5).normal(0.0002, 0.01, n), index=days, name=name)


def metric(page: str, name: str, column: int = 0) -> float:
    """A figure of the page's table of metrics."""
    row = re.search(rf"<tr><td>{re.escape(name)} *</td>(.*?)</tr>", page)
    assert row, f"the page has no row {name}"
    value = re.findall(r"<td[^>]*>(.*?)</td>", row[1])[column]
    return float(value.strip(" %").replace(",", ""))


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
    """A page beside a benchmark: forty flat days, a loss, then noise."""
    returns = [*[0.0] * 40, -0.1, *NOISE]
    path = tmp_path_factory.mktemp("sheet") / "page.html"
    title = "沪深300 趋势 <script>alert(1)</script> {{metrics}}"
    write_tear_sheet(holding(returns, name="趋势跟随"), benchmark_of(101), path, title=title)
    return path.read_text(encoding="utf-8")


def test_figures_agree_with_hand_computation(page):
    returns = np.array([*[0.0] * 40, -0.1, *NOISE])
    per_year = PER_YEAR["XSHG"]
    wealth = np.concatenate([[1.0], np.cumprod(1 + returns)])
    sharpe = returns.mean() / returns.std(ddof=1) * per_year**0.5
    cagr = wealth[-1] ** (per_year / len(returns)) - 1
    fall = (wealth / np.maximum.accumulate(wealth) - 1).min()
    assert metric(page, "Sharpe", 1) == pytest.approx(sharpe, abs=0.006)
    assert metric(page, "CAGR %", 1) == pytest.approx(cagr * 100, abs=0.006)
    assert metric(page, "Max Drawdown", 1) == pytest.approx(fall * 100, abs=0.006)
    assert metric(page, "Cumulative Return", 1) == pytest.approx((wealth[-1] - 1) * 100, abs=0.006)


def test_benchmark_column_is_the_given_series(page):
    total = (1 + benchmark_of(101)).prod() - 1
    assert metric(page, "Cumulative Return", 0) == pytest.approx(total * 100, abs=0.006)


def test_leading_flat_days_stay_in_the_window(page):
    first = sessions("XSHG", "2020-01-02")[0]
    assert f"{first.day} Jan, 2020" in page
    assert "101 sessions" in page
    assert metric(page, "Time in Market", 1) == pytest.approx(61 / 101 * 100, abs=1)


def test_title_is_escaped_and_fills_no_placeholder(page):
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{metrics}}" in page
    assert page.count("Risk-Free Rate") == 1


def test_page_asks_no_host(page):
    outside = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?!data:|#)([^"')>\s]+)""", page)
    assert [link for link in outside if not link.startswith("#")] == []
    assert "@import" not in page


def test_page_carries_its_chinese_glyphs(page):
    assert "font/woff;base64," in page
    assert "\ufe6a" not in page


def test_returns_above_one_without_a_loss_are_not_taken_for_prices(tmp_path):
    returns = [0.5, 1.5, 0.0, 0.25, 0.0, 0.1]
    path = write_tear_sheet(holding(returns), None, tmp_path / "a.html", title="up only")
    total = np.prod(1 + np.array(returns)) - 1
    assert metric(path.read_text(), "Cumulative Return") == pytest.approx(total * 100, abs=0.006)


def test_loss_only_falls_from_the_initial_capital(tmp_path):
    returns = -np.abs(NOISE[:30]) - 0.001
    path = write_tear_sheet(holding(returns), None, tmp_path / "a.html", title="down only")
    total = np.prod(1 + returns) - 1
    page = path.read_text()
    assert metric(page, "Max Drawdown") == pytest.approx(total * 100, abs=0.006)
    assert metric(page, "Cumulative Return") == pytest.approx(total * 100, abs=0.006)


@pytest.mark.parametrize("beside", [True, False])
def test_flat_strategy_gets_a_page_that_says_so(tmp_path, beside):
    benchmark = benchmark_of(80) if beside else None
    path = write_tear_sheet(holding([0.0] * 80), benchmark, tmp_path / "a.html", title="从不交易")
    page = path.read_text(encoding="utf-8")
    assert "No trades: nothing to show" in page
    assert "没有成交" in page
    assert "Sharpe" not in page


def test_one_session_gets_a_page_that_says_so(tmp_path):
    path = write_tear_sheet(holding([0.02]), None, tmp_path / "a.html", title="one")
    assert "One session only, with a return of 2.00%" in path.read_text(encoding="utf-8")


def test_constant_returns_have_no_sharpe_ratio(tmp_path):
    path = write_tear_sheet(holding([0.01] * 9), None, tmp_path / "a.html", title="constant")
    assert "without variation" in path.read_text(encoding="utf-8")


def test_benchmark_that_does_not_overlap_is_refused_and_writes_nothing(tmp_path):
    with pytest.raises(DataError, match="does not overlap"):
        write_tear_sheet(holding(NOISE), benchmark_of(60, "2010-01-04"), tmp_path / "a.html", title="x")
    assert list(tmp_path.iterdir()) == []


def test_benchmark_with_a_gap_names_the_session(tmp_path):
    benchmark = benchmark_of(60)
    gap = benchmark.index[17]
    with pytest.raises(DataError, match=f"lacks 1 of 60 sessions.*{gap:%Y-%m-%d}"):
        write_tear_sheet(holding(NOISE), benchmark.drop(gap), tmp_path / "a.html", title="x")


@pytest.mark.parametrize(
    ("benchmark", "what"),
    [
        (benchmark_of(60).tz_localize("Asia/Shanghai"), "zone-naive"),
        (benchmark_of(60).replace(benchmark_of(60).iloc[3], np.nan), "finite"),
        (benchmark_of(60).iloc[::-1], "in order"),
        (benchmark_of(60).iloc[:0], "no session"),
        (benchmark_of(60).set_axis(range(60)), "zone-naive"),
    ],
)
def test_benchmark_that_is_no_daily_series_is_refused(tmp_path, benchmark, what):
    with pytest.raises(DataError, match=what):
        write_tear_sheet(holding(NOISE), benchmark, tmp_path / "a.html", title="x")


def test_ticker_as_benchmark_is_refused(tmp_path):
    with pytest.raises(DataError, match="series of returns"):
        write_tear_sheet(holding(NOISE), "^GSPC", tmp_path / "a.html", title="x")


def test_unknown_calendar_answers_with_near_names(tmp_path):
    with pytest.raises(DataError, match="XSHG"):
        write_tear_sheet(holding(NOISE), None, tmp_path / "a.html", title="x", calendar="XSHH")


def test_shorter_benchmark_shortens_the_page_and_says_so(tmp_path):
    benchmark = benchmark_of(60).iloc[20:]
    path = write_tear_sheet(holding(NOISE), benchmark, tmp_path / "a.html", title="x")
    page = path.read_text()
    assert "40 sessions" in page
    assert "covers the sessions that the benchmark has as well" in page


def test_matplotlib_and_quantstats_are_left_as_they_were(tmp_path):
    import matplotlib as mpl
    from matplotlib import font_manager, pyplot
    from quantstats import utils

    with mpl.rc_context():
        mpl.rcParams["lines.linewidth"] = 7.5
        before = dict(mpl.rcParams)
        fonts = list(font_manager.fontManager.ttflist)
        guesses = (utils._prepare_returns, utils._looks_like_returns)
        write_tear_sheet(holding(NOISE), None, tmp_path / "a.html", title="x")
        assert dict(mpl.rcParams) == before
        assert list(font_manager.fontManager.ttflist) == fonts
        assert (utils._prepare_returns, utils._looks_like_returns) == guesses
        assert pyplot.get_fignums() == []


def test_only_known_warnings_are_silenced(tmp_path, recwarn):
    write_tear_sheet(holding(NOISE), benchmark_of(60), tmp_path / "a.html", title="x")
    assert [str(w.message) for w in recwarn] == []


def test_chinese_names_are_drawn_in_charts(tmp_path, caplog, recwarn):
    drawn = []
    for name in ("趋", "势"):
        path = write_tear_sheet(holding(NOISE, name=name), None, tmp_path / "a.html", title="x")
        drawn.append(re.findall(r"<svg.*?</svg>", path.read_text(encoding="utf-8"), flags=re.DOTALL))
    # Missing glyphs would all be the same box: the charts would be equal but for their comments.
    bare = [re.sub(r"<!--.*?-->", "", "".join(svg)) for svg in drawn]
    assert bare[0] != bare[1]
    assert "findfont" not in caplog.text
    assert [str(w.message) for w in recwarn if "Glyph" in str(w.message)] == []


@pytest.mark.slow
def test_pages_written_in_workers_equal_those_written_here(tmp_path):
    jobs = [
        TearSheetJob(holding(NOISE[k:], name=f"s{k}"), None, tmp_path / f"{k}.html", f"s{k}")
        for k in (0, 20)
    ]
    apart = [p.read_bytes() for p in write_tear_sheets(jobs, workers=2)]
    here = [p.read_bytes() for p in write_tear_sheets(jobs, workers=1)]
    assert apart == here


def test_workers_below_one_are_refused():
    with pytest.raises(DataError, match="workers"):
        write_tear_sheets([], workers=0)


def test_importing_reports_is_cheap():
    import subprocess
    import sys

    heavy = "{'matplotlib', 'quantstats', 'jinja2', 'seaborn', 'fontTools'}"
    program = f"import sys, qushi.reports; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_pictures_of_quantstats_are_repaired_and_left_as_they_were_afterwards():
    from quantstats import _compat, stats

    from qushi.reports.quantstats_page import _repaired, _settled

    days = pd.bdate_range("2020-03-02", periods=300)
    rng = np.random.default_rng(0)
    base = pd.Series(rng.normal(0, 0.01, 300), index=days)
    returns = base * 0.5 + rng.normal(0, 0.001, 300)
    before = (stats.rolling_greeks, stats.monthly_returns, _compat.safe_resample)
    with _settled(), _repaired():
        beta = stats.rolling_greeks(returns, base, 126)["beta"]
        months = stats.monthly_returns(returns, eoy=False)
        summed = _compat.safe_resample(returns.cumsum(), "D", "sum")
    assert beta.index[0] == days[125]
    assert beta.between(0.3, 0.7).all()
    inside = months.loc["2020"].notna()
    assert list(inside.index[inside]) == [
        f"{m:%b}".upper() for m in pd.date_range("2020-03", "2020-12", freq="MS")
    ]
    assert summed.index.equals(days)
    assert (stats.rolling_greeks, stats.monthly_returns, _compat.safe_resample) == before
