"""A gap in a curve of the report is a gap on the screen: pixels between two sessions, in Chromium."""

from dataclasses import replace

import numpy as np
import pytest

from browser import open_page
from example_forecasts import forecast_inputs
from qushi.core import Forecasts
from qushi.reports import write_report

pytestmark = pytest.mark.browser
READY = "document.documentElement.dataset.ready === 'true'"
INPUTS = forecast_inputs(n=240)
DAYS = INPUTS.bars.sessions
GAP, LONE = range(150, 170), 160  # nothing was forecast then, but for one session
UNKNOWN = range(120, 150)  # the benchmark has no return then
UNSTATED = 3  # the step that the newest forecast leaves out
# Pixels of the lines' ink in a pane between two days, `room` pixels further in at either end: paper and
# grid are light, a line across the pane at 50 % is grey.
INK = """(name, pane, from, to, room, coloured) => {
  const chart = qushi.charts[name];
  const canvas = chart.takeScreenshot();
  const k = canvas.width / document.getElementById(name + '-chart').clientWidth;
  const heights = chart.panes().map((p) => p.getHeight() + 1);
  const [x0, x1] = [from, to].map((day) => chart.timeScale().timeToCoordinate(day));
  const top = heights.slice(0, pane).reduce((sum, h) => sum + h, 0) + 2;
  const box = [x0 + room, top, x1 - x0 - 2 * room, heights[pane] - 4].map((v) => Math.round(v * k));
  const d = canvas.getContext('2d').getImageData(...box).data;
  let n = 0;
  for (let i = 0; i < d.length; i += 4) {
    const rgb = [...d.slice(i, i + 3)];
    const low = Math.min(...rgb);
    if (d[i + 3] > 200 && (coloured ? Math.max(...rgb) - low > 20 : low < 200)) n++;
  }
  return n;
}"""


def with_gaps():
    """The example's inputs with holes in forecasts, benchmark and the newest path."""
    frame = INPUTS.forecasts.frame
    silent = frame["session"].isin(DAYS[GAP]) & (frame["session"] != DAYS[LONE])
    frame = frame[~silent].reset_index(drop=True)
    newest = (frame["session"] == frame["session"].max()) & (frame["horizon"] == UNSTATED)
    columns = ["expected_return", *(c for c in frame.columns if c[0] == "q" and c[1].isdigit())]
    frame.loc[newest & (frame["model"] == "lstm"), columns] = np.nan
    return frame, INPUTS.benchmark.drop(DAYS[UNKNOWN])


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    frame, benchmark = with_gaps()
    inputs = replace(INPUTS, forecasts=Forecasts(frame), benchmark=benchmark)
    path = write_report(inputs, tmp_path_factory.mktemp("gaps") / "report.html")
    with open_page(path, width=1000) as page:
        page.wait_for(READY)
        page.settle()
        yield page


def ink(page, chart, pane, first, last, *, room=0, coloured=False):
    ends = [d if isinstance(d, str) else f"{DAYS[d]:%Y-%m-%d}" for d in (first, last)]
    flag = str(coloured).lower()
    return page.evaluate(f"({INK})('{chart}', {pane}, '{ends[0]}', '{ends[1]}', {room}, {flag})")


def choose(page, select, label):
    page.evaluate(
        f"(() => {{ const s = document.getElementById('{select}');"
        f"s.value = [...s.options].find(o => o.textContent === {label!r}).value;"
        "s.dispatchEvent(new Event('change')); })()"
    )
    page.settle()


def point_at(page, chart, day):
    spot = page.evaluate(
        f"(() => {{ const box = document.getElementById('{chart}-chart');"
        "box.scrollIntoView(); const b = box.getBoundingClientRect();"
        f"const x = qushi.charts.{chart}.timeScale().timeToCoordinate('{DAYS[day]:%Y-%m-%d}');"
        "return [b.x + x, b.y + 60]; })()"
    )
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=spot[0], y=spot[1])
    page.settle()


# A return stands on the session of its decision, a price on the one it is about.
@pytest.mark.parametrize(
    ("model", "pane", "shift", "coloured"),
    [("gru_close", 0, 1, False), ("lstm #0", 0, 0, False), ("lstm #0", 1, 0, True)],
    ids=["price", "return", "probability"],
)
def test_no_line_of_a_forecast_crosses_a_gap(opened, model, pane, shift, coloured):
    choose(opened, "against-model", model)
    first, lone, last = GAP[0] + shift, LONE + shift, GAP[-1] + shift

    def drawn(start, end, room=0):
        return ink(opened, "against", pane, start, end, room=room, coloured=coloured)

    assert drawn(first, lone - 1) == 0
    assert drawn(lone + 1, last) == 0
    assert drawn(lone - 1, lone + 1) > 4  # a lone point is a dot
    assert drawn(first - len(GAP), first - 1) > 60
    assert drawn(last + 1, last + len(GAP)) > 60


def test_no_curve_crosses_sessions_without_a_return(opened):
    first, last = UNKNOWN[0], UNKNOWN[-1]
    opened.evaluate("document.getElementById('equity-none').click()")
    opened.settle()
    assert ink(opened, "equity", 0, first - 20, last + 20) == 0  # what is switched off is not drawn
    opened.evaluate("document.querySelector('#equity-legend button:last-child').click()")
    for scale in ("linear", "logarithmic"):
        opened.settle()
        for pane in (0, 1):
            assert ink(opened, "equity", pane, first, last) == 0, (scale, pane)
            assert ink(opened, "equity", pane, last + 1, last + 30) > 20, (scale, pane)
        opened.evaluate("document.getElementById('equity-log').click()")


def test_legend_and_readout_say_nothing_of_a_gap(opened):
    choose(opened, "against-model", "gru_close")
    readout = "document.getElementById('against-readout').innerText"
    point_at(opened, "against", LONE - 3)
    assert "Forecast n/a" in opened.evaluate(readout)
    point_at(opened, "against", LONE + 1)
    assert "Forecast n/a" not in opened.evaluate(readout)
    benchmark = "document.querySelector('#equity-legend button:last-child output').innerText"
    point_at(opened, "equity", UNKNOWN[5])
    assert opened.evaluate(benchmark) == "n/a"
    point_at(opened, "equity", UNKNOWN[-1] + 5)
    assert opened.evaluate(benchmark).endswith("%")


def test_path_leaves_out_the_step_that_was_not_stated(opened):
    choose(opened, "newest-model", "lstm #0")
    days = opened.evaluate("qushi.data.forecasts.next.find(n => n.path && n.path.includes(null)).days")
    before, after = days[UNSTATED - 2], days[UNSTATED]
    assert ink(opened, "newest", 0, before, after, room=5) == 0  # the steps beside it have their dots
    assert ink(opened, "newest", 0, before, after) > 10
    assert ink(opened, "newest", 0, days[0], before, room=5) > 5
    assert opened.errors == []
