"""`qushi demo` as a newcomer meets it: the command, then the pages in a browser."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from browser import open_page

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PAINTED = """(id) => [...document.querySelectorAll('#' + id + ' canvas')].reduce((sum, c) => {
  const d = c.width && c.height ? c.getContext('2d').getImageData(0, 0, c.width, c.height).data : [];
  return sum + Array.from(d).filter((value, i) => i % 4 === 3 && value > 0).length;
}, 0)"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    proxies = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", "from qushi.app.cli import main; main()", "demo", "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
        # Whoever asks the network during the demo is refused at once.
        env={**os.environ, **proxies, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_demo_runs_every_model_and_strategy_and_warns(demo):
    assert demo["failures"] == []
    models = {row["model"] for row in demo["quality"]}
    assert models == {"last_value", "drift", "always_up", "momentum", "sma", "ema", "logistic", "lstm"}
    names = {row["strategy"] for row in demo["performance"]}
    assert names == {f"trend_follow[{m}]" for m in models} | {"buy_and_hold", "calm_only", "fear_only"}
    assert any("synthetic" in note for note in demo["notes"])


def test_demo_is_not_too_good_to_be_true(demo):
    for row in demo["quality"]:
        assert row["accuracy"] is None or 0.4 < row["accuracy"] < 0.6, row
        assert row["relative_mae"] is None or row["relative_mae"] > 0.97, row
    for row in demo["performance"]:
        assert row["sharpe"] is None or row["sharpe"] < 1.5, row


def test_demo_report_opens_with_charts_and_asks_no_host(demo):
    with open_page(Path(demo["report"])) as page:
        page.wait_for("document.documentElement.dataset.ready === 'true'")
        page.settle()
        assert page.errors == []
        assert page.hosts_asked == []
        for chart in ("equity-chart", "price-chart"):
            assert page.evaluate(f"({PAINTED})('{chart}')") > 5_000
        links = page.evaluate(
            "[...document.querySelectorAll('#by-return a')].map(a => a.getAttribute('href'))"
        )
        assert len(links) == 4
        assert all((Path(demo["report"]).parent / link).is_file() for link in links)


def test_demo_tear_sheet_opens_and_asks_no_host(demo):
    sheet = Path(demo["report"]).with_name("tearsheet-trend_follow-lstm.html")
    with open_page(sheet) as page:
        page.settle()
        assert page.errors == []
        assert page.hosts_asked == []
        assert page.evaluate("document.querySelectorAll('svg').length") >= 8
