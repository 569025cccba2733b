"""The examples run, where the data that they name is there.

With smaller nets than their files ask for, so that the suite stays short; everything else as written.
"""

import tomllib
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pandas as pd
import pytest

import qushi
from qushi.app.config import parse_experiment, read_experiment
from qushi.app.model_table import model_table
from qushi.app.panic_study import study_experiment
from qushi.app.run import backtest_experiment, run_experiment
from qushi.app.workspace import Workspace
from small_models import KINDS, is_pretrained

ROOT = Path(qushi.__file__).parent
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))
pytestmark = [pytest.mark.shared_data, pytest.mark.slow]


def small(name):
    """The example with small nets, one seed, and one tear sheet."""
    table = tomllib.loads((ROOT / "examples" / f"{name}.toml").read_text(encoding="utf-8"))
    table["seeds"] = [0]
    table["report"] = {"tear_sheets": ["buy_and_hold"]}
    for forecaster in table.get("forecasters", ()):
        if forecaster["kind"] == "lstm":
            forecaster |= {"hidden": [8], "epochs": 1}
    return table


def test_examples_all_have_a_test():
    tested = {
        "csi300_long",
        "guba_2016",
        "headlines_2015",
        "limit_up",
        "rotation_47",
        "zoo_47",
        "zoo_csi300",
    }
    assert {path.stem for path in EXAMPLES} == tested


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


def test_headlines_2015_are_studied_and_predict_nothing(shared_data, tmp_path):
    table = small("headlines_2015")
    table["panic_study"] |= {"lags": 3, "horizons": [1, 5], "shuffles": 199}
    workspace = Workspace(tmp_path / "store", tmp_path / "runs")
    found = study_experiment(parse_experiment(table), workspace)
    assert found.sessions > 1700
    assert set(found.lead_lag["target"]) == {"return", "china_vix"}
    changes = found.lead_lag.set_index(["index", "target", "lag"])["correlation"]
    # A headline with a date only counts a session later, so it moves with the fear of the day before.
    assert changes["change", "china_vix", -1] > 0.03
    future = found.tests[found.tests["asks"] == "future"]
    assert future["p_joint"].min() > 0.05
    assert any("没有发现预测力" in said.zh for said in found.said)
    finished = backtest_experiment(parse_experiment(table), workspace)
    assert not finished.outcome.failures
    assert len(finished.outcome.results) == 5


def to_cent(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def exchange_file(folder, symbol):
    """The file itself, with the upper limit of each day by hand: half-up to the cent."""
    raw = pd.read_csv(folder / f"{symbol}.csv", dtype=str)
    table = raw.set_index(pd.to_datetime(raw["trade_date"], format="%Y%m%d"))
    table["limit_up"] = [to_cent(Decimal(p) * Decimal("1.1")) for p in table["pre_close"]]
    for column in ("open", "close"):
        table[column] = table[column].map(Decimal)
    return table


@pytest.fixture
def limit_up(shared_data, tmp_path):
    experiment = read_experiment(ROOT / "examples" / "limit_up.toml")
    finished = backtest_experiment(experiment, Workspace(tmp_path / "store", tmp_path / "runs"))
    assert not finished.outcome.failures
    return finished


def test_limit_up_chases_every_limit_up_close_and_shows_every_refusal(limit_up, shared_data):
    result = next(r for r in limit_up.outcome.results if r.name == "chase_limit_up")
    held = set(zip(result.positions["session"], result.positions["symbol"], strict=True))
    bought = result.orders[result.orders["side"] == "buy"]
    refused = 0
    for symbol in ("000001.SZ", "000651.SZ", "600028.SH"):
        file = exchange_file(shared_data / "ashare_tushare_mit_2015_2023", symbol)
        closed_up = {day for day, row in file.iterrows() if row["close"] >= row["limit_up"]}
        orders = bought[bought["symbol"] == symbol].set_index("decided")
        assert set(orders.index) == {day for day in closed_up if (day, symbol) not in held}
        for order in orders.itertuples():
            day = file.loc[order.due]
            at_limit = day["open"] >= day["limit_up"]
            assert (order.reason == "limit_up") == at_limit
            assert (order.filled == order.quantity) == (not at_limit)
            refused += at_limit
    assert refused == len(result.refused) == 3
    table = limit_up.refusals_table()
    assert table.loc[table["reason"] == "limit_up", "orders"].sum() == refused


def test_limit_up_fees_of_every_fill_agree_and_the_ledger_replays(limit_up):
    for result in limit_up.outcome.results:
        cash = Decimal(str(result.initial_cash))
        assert len(result.fills)
        for fill in result.fills.itertuples():
            amount = Decimal(str(fill.quantity)) * Decimal(str(fill.price))
            commission = max(to_cent(amount * Decimal("0.00025")), Decimal(5))
            halved, charged = (fill.session >= pd.Timestamp(d) for d in ("2022-04-29", "2015-08-01"))
            rate = Decimal("0.00001") if halved else Decimal("0.00002") if charged else Decimal(0)
            duty = to_cent(amount * Decimal("0.001")) if fill.side == "sell" else Decimal(0)
            fees = commission, duty, to_cent(amount * rate)
            said = fill.commission, fill.stamp_duty, fill.transfer_fee
            assert tuple(map(float, fees)) == said
            cash += (1 if fill.side == "sell" else -1) * amount - sum(fees)
        cash += sum(Decimal(str(c)) for c in result.actions["cash"])
        assert float(cash) == pytest.approx(result.equity["cash"].iloc[-1], abs=0.005)
        pd.testing.assert_frame_equal(
            result.replay(), result.equity, check_freq=False, check_names=False, atol=0.005
        )


def test_rotation_47_trades_through_suspensions_to_the_report(shared_data, tmp_path):
    table = small("rotation_47")
    table["bars"]["symbols"] = table["bars"]["symbols"][:12]
    table["bars"]["end"] = "2017-12-29"
    finished = run_experiment(parse_experiment(table), Workspace(tmp_path / "store", tmp_path / "runs"))
    assert not finished.outcome.failures
    assert (finished.folder / "report.html").is_file()
    reasons = set(finished.outcome.refusals["reason"])
    assert "suspended" in reasons
    said = " ".join(note.en for note in finished.notes)
    assert "adjusted prices only" in said
    assert "limits = true" in said
    assert "lots = true" in said


@pytest.mark.parametrize("name", ["zoo_csi300", "zoo_47"])
def test_zoo_names_every_kind_that_can_be_fitted_and_its_table_has_them(name, shared_data, tmp_path):
    table = small(name)
    named = {one["kind"] for one in table["forecasters"]}
    assert named == {kind for kind in KINDS if not is_pretrained(kind)}
    cheap = {"last_value", "ridge", "mlp", "vote"}
    table["forecasters"] = [one for one in table["forecasters"] if one.get("name", one["kind"]) in cheap]
    place = Workspace(tmp_path / "store", tmp_path / "runs")
    finished = run_experiment(parse_experiment(table), place)
    assert not finished.outcome.failures
    found = model_table(place.run_store, name).set_index("model")
    assert set(found.index) == cheap
    assert found["accuracy"].dropna().between(0.45, 0.56).all()
    assert found.loc["last_value", "relative_mae"] == 1.0
    assert found.loc["ridge", "relative_mae"] == pytest.approx(1.0, abs=0.05)
    assert finished.outcome.forecasts.frame["session"].min() == pd.Timestamp("2018-01-02")
