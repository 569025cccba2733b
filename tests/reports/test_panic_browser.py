"""The panic page as a reader meets it: mouse, keyboard, narrow and dark, both languages."""

import pytest

from browser import open_page
from example_panic import DAYS, HOSTILE, SILENCE, SYMBOLS, made_index, panic_inputs
from qushi.reports.panic_page import write_panic_page

pytestmark = pytest.mark.browser
ROWS = "[...document.querySelectorAll('#by-session tbody tr')]"
READY = "document.documentElement.dataset.ready === 'true'"
# Pixels of the index's own colour between two sessions, in the first pane below its name.
BETWEEN = """(from, to) => {
  const chart = qushi.charts.panic;
  const scale = chart.timeScale();
  const canvas = chart.takeScreenshot();
  const k = canvas.width / document.querySelector('#panic-chart').clientWidth;
  const [x0, x1] = [from, to].map((at) => Math.round(scale.logicalToCoordinate(at) * k));
  const g = canvas.getContext('2d');
  const height = Math.round(chart.panes()[0].getHeight() * k);
  const d = g.getImageData(x0, Math.round(22 * k), x1 - x0, height - Math.round(22 * k)).data;
  let n = 0;
  const dark = (i) => d[i] < 60 && d[i + 1] < 60 && d[i + 2] < 70 && d[i + 3] > 200;
  for (let i = 0; i < d.length; i += 4) if (dark(i)) n++;
  return n;
}"""


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    path = write_panic_page(panic_inputs(), tmp_path_factory.mktemp("panic") / "panic.html")
    with open_page(path) as page:
        page.wait_for(READY)
        page.settle()
        yield page


def text(page, selector):
    return page.evaluate(f"document.querySelector({selector!r}).innerText")


def key(page, name):
    page.evaluate(
        "document.getElementById('panic-chart').dispatchEvent("
        f"new KeyboardEvent('keydown', {{key: '{name}', bubbles: true, cancelable: true}}))"
    )


def pick(page, box, value):
    page.evaluate(
        f"(() => {{ const s = document.getElementById('{box}'); s.value = '{value}';"
        "s.dispatchEvent(new Event('change')); })()"
    )


@pytest.fixture(autouse=True)
def as_it_was(opened):
    """Each test begins with the market, everyone, the last session, English."""
    if opened.evaluate("document.documentElement.dataset.lang") == "zh":
        opened.evaluate("document.getElementById('language').click()")
    pick(opened, "panic-scope", "market")
    pick(opened, "panic-audience", "all")
    key(opened, "End")


def test_page_opens_without_error_and_asks_no_host(opened):
    assert opened.requests != []
    assert opened.hosts_asked == []
    assert opened.errors == []


def test_panes_stand_in_their_order_and_implied_fear_apart(opened):
    heights = opened.evaluate("qushi.charts.panic.panes().map(p => p.getHeight())")
    assert len(heights) == 7
    assert max(heights) in (heights[0], heights[6])
    assert 25 < heights[1] < 45  # the quality strip
    of = "qushi.charts.panic.panes().map(p => p.getSeries().length)"
    assert opened.evaluate(of)[5] == 1


def test_no_line_crosses_a_gap(opened):
    known = made_index().one("market")["panic"].notna().to_numpy()
    gap = [at for at in range(len(DAYS))[SILENCE] if not known[at]]
    assert len(gap) > 8
    assert known[gap[0] - 1]
    assert known[gap[-1] + 1]
    assert opened.evaluate(f"({BETWEEN})({gap[0]}, {gap[-1]})") == 0
    assert opened.evaluate(f"({BETWEEN})({gap[0] - len(gap)}, {gap[0] - 1})") > 60


def test_arrow_keys_choose_a_session_and_read_all_its_values(opened):
    assert f"{DAYS[-1]:%Y-%m-%d}" in text(opened, "#session-title")
    key(opened, "ArrowLeft")
    assert f"{DAYS[-2]:%Y-%m-%d}" in text(opened, "#session-title")
    readout = text(opened, "#panic-readout")
    for label in ("Panic", "Quality", "z", "Texts", "Effective", "Attention", "Agreement", "QVIX <i>"):
        assert label in readout
    assert "no information" not in readout
    key(opened, "Home")
    assert f"{DAYS[0]:%Y-%m-%d}" in text(opened, "#session-title")
    assert "Panic no information" in text(opened, "#panic-readout")
    key(opened, "PageDown")
    assert f"{DAYS[21]:%Y-%m-%d}" in text(opened, "#session-title")


def test_click_chooses_the_session_under_the_pointer(opened):
    at = 80
    spot = opened.evaluate(
        "(() => { document.getElementById('panic-chart').scrollIntoView();"
        "const b = document.getElementById('panic-chart').getBoundingClientRect();"
        f"return [b.x + qushi.charts.panic.timeScale().logicalToCoordinate({at}), b.y + 90]; }})()"
    )
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        opened.call(
            "Input.dispatchMouseEvent", type=kind, x=spot[0], y=spot[1], button="left", clickCount=1
        )
    opened.settle()
    opened.wait_for(
        f"document.getElementById('session-title').innerText.includes('{DAYS[at]:%Y-%m-%d}')"
    )
    assert f"{DAYS[at]:%Y-%m-%d}" in text(opened, "#panic-readout")
    assert len(opened.evaluate("[...document.querySelectorAll('.text')].map(t => t.innerText)")) == 8


def test_hostile_texts_are_read_not_run(opened):
    words = opened.evaluate("[...document.querySelectorAll('.text .words')].map(t => t.textContent)")
    assert words[0] == HOSTILE[0]
    assert opened.evaluate("window.hacked === undefined")
    assert opened.evaluate("document.querySelectorAll('.text script, .text img').length") == 0
    assert words[4].endswith("more characters")
    assert "so<b>urce" in text(opened, ".text .meta")
    assert "counted in" in text(opened, ".text .meta")
    assert "negative 99 %" in text(opened, ".text .odds")


def test_list_follows_scope_and_audience(opened):
    key(opened, "ArrowLeft")
    count = "document.querySelectorAll('.text').length"
    assert opened.evaluate(count) == 8
    pick(opened, "panic-audience", "institution")
    assert opened.evaluate(count) == 2
    assert not opened.evaluate("document.getElementById('panic-sides').checkVisibility()")
    assert "2 of 2 texts" in text(opened, "#session-note")
    pick(opened, "panic-audience", "divergence")
    assert opened.evaluate(count) == 8
    assert "Divergence" in text(opened, "#panic-readout")
    assert opened.evaluate("document.getElementById('panic-sides').checkVisibility()")
    pick(opened, "panic-scope", SYMBOLS[1])
    # No institution named it: the view falls back to everyone.
    assert opened.evaluate("document.getElementById('panic-audience').value") == "all"
    assert SYMBOLS[1] in text(opened, "#session-title")
    assert opened.evaluate(count) == 3


def test_a_silent_session_says_so(opened):
    silent = DAYS[SILENCE][3]
    pick(opened, "panic-date", f"{silent:%Y-%m-%d}")
    assert f"{silent:%Y-%m-%d}" in text(opened, "#session-title")
    assert "No text counted in this session" in text(opened, "#session-note")


def test_table_holds_every_session_and_opens_its_texts(opened):
    opened.evaluate("document.getElementById('as-table').open = true")
    opened.wait_for("document.querySelectorAll('#by-session tbody tr').length > 0")
    rows = opened.evaluate(f"{ROWS}.map(r => [...r.cells].map(c => c.innerText))")
    assert len(rows) == len(DAYS)
    assert len(set(map(len, rows))) == 1
    assert rows[0][0] == f"{DAYS[-1]:%Y-%m-%d}"
    heads = opened.evaluate("document.querySelectorAll('#by-session thead th').length")
    assert heads == len(rows[0])
    silent = next(r for r in rows if r[0] == f"{DAYS[SILENCE][-1]:%Y-%m-%d}")
    assert silent[1] == "no information"
    assert silent[2] == "none"
    opened.evaluate("document.querySelectorAll('#by-session th button')[1].click()")
    sorted_ = opened.evaluate(f"{ROWS}.map(r => r.cells[1].dataset.v).filter(v => v)")
    assert [float(v) for v in sorted_] == sorted(map(float, sorted_), reverse=True)
    opened.evaluate("document.querySelector('#by-session tbody button').click()")
    day = opened.evaluate("document.querySelector('#by-session tbody button').innerText")
    assert day in text(opened, "#session-title")
    assert opened.evaluate("document.activeElement.id") == "session-title"
    opened.evaluate("document.getElementById('as-table').open = false")


def test_controls_and_both_languages_raise_no_error(opened):
    for name in (
        "panic-year",
        "panic-reset",
        "panic-earlier",
        "panic-later",
        "theme",
        "theme",
        "language",
    ):
        opened.evaluate(f"document.getElementById('{name}').click()")
    opened.settle()
    assert "恐慌" in text(opened, "#panic-readout")
    assert "公众减机构" in text(opened, "#panic-audience")
    assert "最恐慌的文本" in text(opened, "#session")
    assert "Panic" not in text(opened, "#panic-readout")
    assert opened.errors == []


def test_page_fits_a_narrow_dark_screen(tmp_path):
    path = write_panic_page(panic_inputs(language="zh", implied={}), tmp_path / "panic.html")
    with open_page(path, width=420, dark=True) as page:
        page.wait_for(READY)
        page.settle()
        assert page.evaluate("document.documentElement.scrollWidth") == 420
        assert page.evaluate("qushi.charts.panic.panes().length") == 6
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert sum(int(v) for v in paper[4:-1].split(",")) < 120
        page.evaluate("document.getElementById('as-table').open = true")
        page.settle()
        assert page.evaluate("document.documentElement.scrollWidth") == 420
        assert page.errors == []


def test_page_without_texts_or_prices_still_reads(tmp_path):
    inputs = panic_inputs(texts=None, bars=None, benchmark=None, implied={})
    path = write_panic_page(inputs, tmp_path / "panic.html")
    with open_page(path) as page:
        page.wait_for(READY)
        assert "without the texts" in text(page, "#session-note")
        assert page.errors == []


def test_a_tap_chooses_a_session(opened):
    opened.call("Emulation.setTouchEmulationEnabled", enabled=True)
    try:
        spot = opened.evaluate(
            "(() => { document.getElementById('panic-chart').scrollIntoView();"
            "const b = document.getElementById('panic-chart').getBoundingClientRect();"
            "return [b.x + qushi.charts.panic.timeScale().logicalToCoordinate(60), b.y + 90]; })()"
        )
        point = {"x": spot[0], "y": spot[1]}
        opened.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[point])
        opened.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        day = f"{DAYS[60]:%Y-%m-%d}"
        opened.wait_for(f"document.getElementById('session-title').innerText.includes('{day}')", 10)
    finally:
        opened.call("Emulation.setTouchEmulationEnabled", enabled=False)
