"""Models side by side, and the same forecasts however many are fitted at once."""

import numpy as np
import pandas as pd
import pytest

from qushi.app.config import parse_experiment
from qushi.app.model_table import as_markdown, model_table
from qushi.app.run import run_experiment
from qushi.app.workspace import Workspace
from qushi.core import ConfigError

TABLE = {
    "name": "side_by_side",
    "seeds": [0, 1],
    "bars": {"kind": "sample", "symbols": ["000300.SH"], "start": "2019-01-02", "end": "2021-06-30"},
    "features": {"returns": [1, 5], "volatility": [5], "volume": [], "indicators": []},
    "walk_forward": {"lookback": 5, "min_train": 250, "valid": 50, "refit_every": 100},
    "forecasters": [
        {"kind": "ema"},
        {"kind": "mlp", "hidden": [4], "epochs": 2},
        {"kind": "multi_branch", "name": "breaks", "price": ["none_"]},  # no branch: it fails
    ],
    "strategies": [{"kind": "buy_and_hold"}, {"kind": "trend_follow"}, {"kind": "top_k"}],
    "backtest": {"lots": False},
    "report": {"tear_sheets": "none"},
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("side")
    return Workspace(root / "store", root / "runs")


@pytest.fixture(scope="module")
def finished(place):
    return run_experiment(parse_experiment(TABLE), place)


def test_table_is_the_mean_over_seeds_of_what_the_run_found(place, finished):
    table = model_table(place.run_store, "side_by_side").set_index("model")
    quality = finished.outcome.quality.set_index(["model", "seed"])
    earned = finished.outcome.performance
    row = table.loc["mlp"]
    assert row["seeds"] == 2
    assert row["accuracy"] == pytest.approx(quality.loc["mlp", "accuracy"].mean())
    assert row["accuracy_sd"] == pytest.approx(np.std(quality.loc["mlp", "accuracy"], ddof=1))
    names = ["trend_follow[mlp#0]", "trend_follow[mlp#1]"]
    assert row["sharpe"] == pytest.approx(earned.loc[names, "sharpe"].mean())
    assert table.loc["ema", "sharpe"] == pytest.approx(earned.loc["trend_follow[ema]", "sharpe"])
    fits = finished.outcome.fits
    each = fits[fits["model"] == "mlp"].groupby(["seed", "fold"])["seconds"].first()
    assert row["fit_seconds"] == pytest.approx(each.groupby("seed").sum().mean())
    other = model_table(place.run_store, "side_by_side", "top_k").set_index("model")
    assert other.loc["ema", "sharpe"] == pytest.approx(earned.loc["top_k[ema]", "sharpe"])


def test_failed_model_is_a_row_without_figures(place, finished):
    table = model_table(place.run_store, "side_by_side").set_index("model")
    assert table.loc["breaks"].isna().all()
    last = as_markdown(table.reset_index()).splitlines()[-1]
    assert last.startswith("| breaks | –")


def test_markdown_has_a_row_a_model_and_the_spread_over_seeds(place, finished):
    table = model_table(place.run_store, "side_by_side")
    lines = as_markdown(table).splitlines()
    assert len(lines) == 2 + 3
    mlp = next(line for line in lines if line.startswith("| mlp "))
    row = table.set_index("model").loc["mlp"]
    assert f"{row['accuracy']:.1%} ± {row['accuracy_sd']:.1%}" in mlp
    assert "±" not in next(line for line in lines if line.startswith("| ema "))


def test_strategy_that_did_not_trade_on_forecasts_is_refused(place, finished):
    with pytest.raises(ConfigError, match=r"no strategy 'top_q' traded on forecasts.*top_k"):
        model_table(place.run_store, "side_by_side", "top_q")


def test_two_at_once_find_the_same_to_the_bit(place, finished, tmp_path):
    other = Workspace(tmp_path / "store", tmp_path / "runs")
    twice = run_experiment(parse_experiment(TABLE), other, jobs=2)
    pd.testing.assert_frame_equal(twice.outcome.forecasts.frame, finished.outcome.forecasts.frame)
    pd.testing.assert_frame_equal(twice.outcome.performance, finished.outcome.performance)
    assert sorted(twice.outcome.failures) == sorted(finished.outcome.failures)
    columns = ["model", "seed", "fold", "epoch", "train_loss", "valid_loss", "best"]
    pd.testing.assert_frame_equal(twice.outcome.fits[columns], finished.outcome.fits[columns])
