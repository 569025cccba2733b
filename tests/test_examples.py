"""The examples run, where the data that they name is there.

With smaller nets than their files ask for, so that the suite stays short; everything else as written.
"""

import tomllib
from pathlib import Path

import pytest

import qushi
from qushi.app.config import parse_experiment
from qushi.app.run import run_experiment
from qushi.app.workspace import Workspace

ROOT = Path(qushi.__file__).parent
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))
pytestmark = [pytest.mark.shared_data, pytest.mark.slow]


def small(name):
    """The example with small nets, one seed, and one tear sheet."""
    table = tomllib.loads((ROOT / "examples" / f"{name}.toml").read_text(encoding="utf-8"))
    table["seeds"] = [0]
    table["report"] = {"tear_sheets": ["buy_and_hold"]}
    for forecaster in table["forecasters"]:
        if forecaster["kind"] == "lstm":
            forecaster |= {"hidden": [8], "epochs": 1}
    return table


def test_examples_all_have_a_test():
    assert {path.stem for path in EXAMPLES} == {"csi300_long", "guba_2016"}


def test_csi300_long_to_the_report(shared_data, tmp_path):
    finished = run_experiment(
        parse_experiment(small("csi300_long")), Workspace(tmp_path / "store", tmp_path / "runs")
    )
    outcome = finished.outcome
    assert not outcome.failures
    assert (finished.folder / "report.html").stat().st_size > 100_000
    window = outcome.results[0].equity.index
    assert window[-1].year == 2026
    assert len(window) > 2500
    # A forecast of daily direction much better than this would be a bug until shown otherwise.
    assert outcome.quality["accuracy"].dropna().between(0.42, 0.58).all()
    hold = outcome.performance.loc["buy_and_hold"]
    assert abs(hold["total_return"] - hold["benchmark_return"]) < 0.02


def test_guba_2016_reads_posts_rightly_and_predicts_little(shared_data, tmp_path):
    table = small("guba_2016")
    table["classifier"]["training"] = {"hidden": 64, "layers": 1, "epochs": 2, "batch_size": 32}
    table["classifier"]["training"] |= {"learning_rate": 1e-3}
    finished = run_experiment(parse_experiment(table), Workspace(tmp_path / "store", tmp_path / "runs"))
    assert not finished.outcome.failures
    assert (finished.folder / "report.html").is_file()
    check = finished.check.set_index("symbol")
    assert check.loc["all", "accuracy"] > check.loc["all", "majority"] + 0.08
    assert {"000573.SZ", "300333.SZ"} <= set(check.index)
    stocks = finished.outcome.alignment.query("scope != 'market' and audience == 'all'")
    assert len(stocks) == 5
    assert (stocks["same_session"] < -0.15).all(), "people write fearfully on falling days"
    assert (stocks["last_three"] < -0.10).all()
    assert (stocks["next_session"].abs() < 0.20).all(), "alignment is real, prediction is not given"
    assert any("undated" in note.en for note in finished.notes)
