"""The page as a reader meets it: in headless Chromium, whether or not the machine has Chinese fonts."""

from dataclasses import replace

import pandas as pd
import pytest

import browser
from browser import open_page
from example_forecasts import forecast_inputs
from example_report import example_inputs
from qushi.core.notes import Said
from qushi.reports import write_report, write_tear_sheet

pytestmark = pytest.mark.browser
READY = "document.documentElement.dataset.ready === 'true'"
# Painted pixels of every canvas below an element, beyond the first colour found.
PAINTED = """(id) => [...document.querySelectorAll('#' + id + ' canvas')].reduce((sum, c) => {
  const d = c.width && c.height ? c.getContext('2d').getImageData(0, 0, c.width, c.height).data : [];
  let n = 0;
  for (let i = 3; i < d.length; i += 4) if (d[i] > 0) n++;
  return sum + n;
}, 0)"""
# A character drawn by itself, as a string of its pixels.
DRAWN = """(character) => {
  const c = Object.assign(document.createElement('canvas'), {width: 48, height: 48});
  const g = c.getContext('2d');
  g.font = "40px 'Qushi Sans SC'";
  g.fillText(character, 2, 40);
  return Array.from(g.getImageData(0, 0, 48, 48).data).filter((_, i) => i % 4 === 3).join();
}"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(example_inputs(n=400, symbols=("600519.SH", "300333.SZ")), path)
    with open_page(path) as page:
        page.wait_for(READY)
        page.settle()
        yield page


def text(page, selector: str) -> str:
    return page.evaluate(f"document.querySelector({selector!r}).innerText")


def test_page_opens_without_error_and_asks_no_host(opened):
    assert opened.requests != []  # the listener works: it saw the file itself
    assert opened.hosts_asked == []
    assert opened.errors == []


@pytest.mark.parametrize("chart", ["price-chart", "equity-chart"])
def test_charts_are_drawn(opened, chart):
    assert opened.evaluate(f"({PAINTED})('{chart}')") > 5_000


def test_panic_pane_stands_under_the_price(opened):
    assert opened.evaluate("qushi.charts.price.panes().length") == 2
    heights = opened.evaluate("qushi.charts.price.panes().map(p => p.getHeight())")
    assert heights[0] > heights[1] > 60


def test_chinese_glyphs_are_drawn(opened):
    assert opened.evaluate("document.fonts.check(\"12px 'Qushi Sans SC'\", '趋势恐慌')")
    shapes = [opened.evaluate(f"({DRAWN})('{c}')") for c in ("恐", "慌", "趋")]
    assert len(set(shapes)) == 3
    assert all("255" in shape for shape in shapes)


def test_language_button_switches_every_label(opened):
    assert "Strategies by return" in text(opened, "main")
    opened.evaluate("document.getElementById('language').click()")
    shown = text(opened, "main")
    assert "策略收益排名" in shown
    assert "Strategies by return" not in shown
    assert "公众" in text(opened, "#price-audience")
    opened.evaluate("document.getElementById('language').click()")
    assert "Strategies by return" in text(opened, "main")


def test_heading_sorts_the_table_both_ways(opened):
    column = (
        "[...document.querySelectorAll('#by-return tbody tr')]"
        ".map(r => Number(r.cells[4].dataset.v ?? 'NaN')).filter(v => !Number.isNaN(v))"
    )
    click = "document.querySelectorAll('#by-return th button')[4].click()"
    opened.evaluate(click)
    down = opened.evaluate(column)
    assert down == sorted(down, reverse=True)
    opened.evaluate(click)
    assert opened.evaluate(column) == sorted(down)


def test_symbol_selector_draws_the_other_symbol(opened):
    before = text(opened, "#price-readout")
    opened.evaluate(
        "(() => { const s = document.getElementById('price-symbol'); s.selectedIndex = 1;"
        "s.dispatchEvent(new Event('change')); })()"
    )
    assert text(opened, "#price-readout") != before


def test_legend_hides_and_shows_a_curve(opened):
    first = "document.querySelector('#equity-legend button')"
    assert opened.evaluate(f"{first}.getAttribute('aria-pressed')") == "true"
    opened.evaluate(f"{first}.click()")
    assert opened.evaluate(f"{first}.getAttribute('aria-pressed')") == "false"
    opened.evaluate("document.getElementById('equity-all').click()")
    assert opened.evaluate(f"{first}.getAttribute('aria-pressed')") == "true"


def test_controls_raise_no_error(opened):
    for name in ("equity-log", "price-log", "price-adjusted", "price-year", "price-reset", "theme"):
        opened.evaluate(f"document.getElementById('{name}').click()")
    opened.settle()
    assert opened.errors == []
    assert opened.evaluate("document.documentElement.dataset.theme") == "dark"


def test_page_fits_a_narrow_dark_screen(tmp_path):
    path = write_report(example_inputs(n=150, panic=None, language="zh"), tmp_path / "report.html")
    with open_page(path, width=390, dark=True) as page:
        page.wait_for(READY)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert sum(int(v) for v in paper[4:-1].split(",")) < 120
        assert page.evaluate("qushi.charts.price.panes().length") == 1
        assert page.errors == []


def test_table_wider_than_the_page_says_how_many_columns_are_hidden(tmp_path):
    path = write_report(example_inputs(n=150), tmp_path / "report.html")
    hint = "document.querySelector('#strategies .more')"
    box = "document.querySelector('#strategies .scroll')"
    with open_page(path, width=600) as page:
        page.wait_for(READY)
        page.settle()
        heads = page.evaluate(
            f"(() => {{ const edge = {box}.getBoundingClientRect().right + 1; return "
            "[...document.querySelectorAll('#by-return th')]"
            ".filter(h => h.getBoundingClientRect().right > edge).length; })()"
        )
        assert heads > 3
        assert page.evaluate(f"{hint}.textContent").startswith(f"{heads} more")
        page.evaluate(f"{box}.scrollLeft = 1e6")
        page.wait_for(f"{hint}.style.visibility === 'hidden'")


def test_long_name_does_not_run_into_the_figures(tmp_path):
    path = write_report(example_inputs(n=150), tmp_path / "report.html")
    with open_page(path, width=420) as page:
        page.wait_for(READY)
        over = (
            "[...document.querySelectorAll('#by-return td:first-child a')].filter(a => "
            "a.getBoundingClientRect().right > a.parentElement.getBoundingClientRect().right + 1).length"
        )
        assert page.evaluate("document.querySelectorAll('#by-return td:first-child a').length") >= 5
        assert page.evaluate(over) == 0


def test_few_curves_are_shown_at_first_and_none_twice(tmp_path):
    inputs = example_inputs(n=150)
    first = inputs.results[1]  # all its orders were filled, so the copies have no refusals either
    more = tuple(replace(first, name=f"copy {i}") for i in range(12))
    rows = [inputs.performance.loc[first.name].rename(r.name) for r in more]
    figures = pd.concat([inputs.performance, pd.DataFrame(rows)])
    many = replace(inputs, results=(*inputs.results, *more), performance=figures)
    with open_page(write_report(many, tmp_path / "report.html")) as page:
        page.wait_for(READY)
        shown = page.evaluate(
            "[...document.querySelectorAll('#equity-legend button[aria-pressed=true] span')]"
            ".map(s => s.textContent)"
        )
    assert "buy_and_hold" in shown
    assert len(shown) <= 7
    assert len([name for name in shown if name == first.name or name.startswith("copy")]) == 1


def test_folded_warnings_are_printed(tmp_path):
    said = tuple(Said(f"warning {i}", f"警告 {i}") for i in range(10))
    path = write_report(example_inputs(n=150, warnings=said), tmp_path / "report.html")
    last = "document.querySelector('#warnings details li:last-child')"
    with open_page(path) as page:
        page.wait_for(READY)
        assert not page.evaluate(f"{last}.checkVisibility({{contentVisibilityAuto: true}})")
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate(f"{last}.getBoundingClientRect().height") > 10
        assert page.evaluate("document.querySelector('#warnings details').open")


def test_tear_sheet_opens_without_error_and_asks_no_host(tmp_path):
    inputs = example_inputs(n=150)
    path = write_tear_sheet(
        inputs.results[0], inputs.benchmark, tmp_path / "sheet.html", title="沪深300 趋势跟随"
    )
    with open_page(path) as page:
        assert page.evaluate("document.querySelectorAll('svg').length") >= 10
        assert page.evaluate("document.fonts.check(\"12px 'Qushi Sans SC'\", '趋')")
        assert page.hosts_asked == []
        assert page.errors == []


def test_missing_browser_is_skipped_loudly_and_fails_in_ci(monkeypatch):
    monkeypatch.setattr(browser, "find_browser", lambda: None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="NOT opened"):
        browser.browser_or_skip()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="NOT opened"):
        browser.browser_or_skip()


@pytest.fixture(scope="module")
def forecasts(tmp_path_factory):
    path = write_report(forecast_inputs(n=240), tmp_path_factory.mktemp("forecasts") / "report.html")
    with open_page(path, width=420) as page:
        page.wait_for(READY)
        page.settle()
        yield page


def choose(page, select: str, label: str) -> None:
    page.evaluate(
        f"(() => {{ const s = document.getElementById('{select}');"
        f"s.value = [...s.options].find(o => o.textContent === {label!r}).value;"
        "s.dispatchEvent(new Event('change')); })()"
    )
    page.settle()


def test_forecast_charts_are_drawn_and_ask_no_host(forecasts):
    assert forecasts.hosts_asked == []
    assert forecasts.errors == []
    for chart in ("against-chart", "newest-chart"):
        assert forecasts.evaluate(f"({PAINTED})('{chart}')") > 3_000


def test_forecast_page_fits_a_narrow_screen(forecasts):
    assert forecasts.evaluate("document.documentElement.scrollWidth") == 420
    over = (
        "[...document.querySelectorAll('.plots svg text')].filter(t => t.getClientRects().length && "
        "(t.getBoundingClientRect().right > 420 || t.getBoundingClientRect().left < 0)).length"
    )
    assert forecasts.evaluate("document.querySelectorAll('.plots svg text').length") > 50
    assert forecasts.evaluate(over) == 0
    sizes = (
        "[...document.querySelectorAll('.plots svg text')].map(t => t.getBoundingClientRect().height)"
    )
    assert min(height for height in forecasts.evaluate(sizes) if height) > 10


def test_choosing_a_model_of_probabilities_opens_their_pane(forecasts):
    panes = "qushi.charts.against.panes().length"
    choose(forecasts, "against-model", "gru_close")
    assert forecasts.evaluate(panes) == 1
    choose(forecasts, "against-model", "lstm #1")
    assert forecasts.evaluate(panes) == 2
    choose(forecasts, "against-step", "5")
    assert "P(up)" in text(forecasts, "#against-readout")
    choose(forecasts, "against-symbol", "300333.SZ")
    choose(forecasts, "against-model", "gru_close")
    assert forecasts.evaluate(panes) == 1
    assert "P(up)" not in text(forecasts, "#against-readout")
    assert forecasts.errors == []


def test_newest_forecast_draws_candles_or_a_path(forecasts):
    choose(forecasts, "newest-model", "kline_candles")
    assert "Forecast O" in text(forecasts, "#newest-readout")
    choose(forecasts, "newest-model", "lstm #0")
    assert "expected path" in text(forecasts, "#newest-readout")
    choose(forecasts, "newest-model", "logistic")
    assert text(forecasts, "#newest-readout").endswith("%")
    forecasts.evaluate("document.getElementById('theme').click()")
    forecasts.evaluate("document.getElementById('language').click()")
    forecasts.settle()
    assert "上涨概率" in text(forecasts, "#newest-readout")
    shown = "[...document.querySelectorAll('.plots svg text[lang=en]')].some(t => t.checkVisibility())"
    assert forecasts.evaluate(shown) is False
    forecasts.evaluate("document.getElementById('language').click()")
    assert forecasts.errors == []
