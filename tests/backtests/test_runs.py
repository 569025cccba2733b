import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from qushi.backtests import RunStore, backtest
from qushi.backtests.runs import read_result
from qushi.core import BacktestResult, ConfigError, DataError

Make = Callable[..., Any]
HASH = "0123456789abcdef"
_ = None


@pytest.fixture
def results(make_bars: Make, make_weights: Make) -> list[BacktestResult]:
    bars = make_bars(S600000={"close": [10.0, 11, 12, 11]})
    traded = backtest(bars, make_weights(bars, S600000=[0.5, _, 0.0, _]))
    idle = replace(backtest(bars, make_weights(bars, S600000=[_] * 4)), name="观望 idle")
    return [traded, idle]


def _fail(written: Path, error: type) -> None:
    assert written.exists()
    raise error


def _write(store: RunStore, name: str = "demo", inputs: str = HASH, note: str = "") -> Path:
    with store.create(name, f"# {note}\n", inputs, data={"bars": "b"}, seeds=(1, 2)) as run:
        run.record(note=note)
    return store.root / f"{name}-{inputs[:8]}"


def test_run_appears_whole_with_config_and_manifest(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    with store.create("demo", "a = 1\n", HASH, data={"bars": "abc"}, seeds=(3,)) as run:
        run.write_frame("forecasts", pd.DataFrame({"x": [1.5]}))
        run.write_json("metrics", {"sharpe": float("nan")})
        with run.timed("fit"):
            pass
        assert not [p for p in store.root.iterdir() if not p.name.startswith(".")]
    folder = store.root / "demo-01234567"
    assert [p.name for p in store.root.iterdir()] == [folder.name]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (folder / "config.toml").read_text() == "a = 1\n"
    assert manifest["data"] == {"bars": "abc"}
    assert manifest["seeds"] == [3]
    assert {"python", "pandas", "backtrader"} <= set(manifest["versions"])
    assert "fit" in manifest["durations"]
    assert json.loads((folder / "metrics.json").read_text()) == {"sharpe": None}
    assert pd.read_parquet(folder / "forecasts.parquet")["x"].tolist() == [1.5]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_run_that_fails_leaves_nothing_and_keeps_the_old_one(tmp_path: Path, error: type) -> None:
    store = RunStore(tmp_path)
    folder = _write(store, note="old")
    with pytest.raises(error), store.create("demo", "# new\n", HASH) as run:
        _fail(run.write_text("half.txt", "half"), error)
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]
    assert store.show("demo").manifest["note"] == "old"


def test_run_of_the_same_inputs_replaces_the_old_one(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    _write(store, note="old")
    _write(store, note="new")
    assert [p.name for p in tmp_path.iterdir()] == ["demo-01234567"]
    assert store.show("demo").manifest["note"] == "new"


def test_list_shows_the_newest_first_and_is_empty_without_runs(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "none")
    assert store.list().empty
    _write(store, "first")
    _write(store, "second", "fedcba9876")
    table = store.list()
    assert sorted(table["name"]) == ["first", "second"]
    assert table["created"].is_monotonic_decreasing


def test_show_of_an_unknown_or_ambiguous_name_offers_the_near_ones(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    _write(store, "csi300")
    _write(store, "csi500", "fedcba9876")
    assert store.show("csi3").folder.name == "csi300-01234567"
    with pytest.raises(ConfigError, match="did you mean"):
        store.show("cis300")
    with pytest.raises(ConfigError, match="several runs"):
        store.show("csi")


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a/b"])
def test_create_with_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="folder"), RunStore(tmp_path).create(name, "", HASH):
        pass
    assert not list(tmp_path.iterdir())


def test_results_survive_a_round_trip(tmp_path: Path, results: list[BacktestResult]) -> None:
    store = RunStore(tmp_path)
    with store.create("demo", "", HASH) as run:
        run.write_results(results)
    folder = store.show("demo").folder
    assert store.show("demo").results == tuple(r.name for r in results)
    for result in results:
        again = read_result(folder, result.name)
        for table in ("orders", "fills", "positions", "equity"):
            pd.testing.assert_frame_equal(
                getattr(again, table), getattr(result, table), check_freq=False, check_names=False
            )
        assert again.conditions_hash == result.conditions_hash
        assert again.initial_cash == result.initial_cash
    assert set(pd.read_parquet(folder / "orders.parquet")["strategy"]) == {"test"}


def test_read_result_that_is_not_there_is_refused(tmp_path: Path, results: list[BacktestResult]) -> None:
    with pytest.raises(DataError, match="folder of a run"):
        read_result(tmp_path, "test")
    with RunStore(tmp_path).create("demo", "", HASH) as run:
        run.write_results(results)
    with pytest.raises(DataError, match="did you mean 'test'"):
        read_result(tmp_path / "demo-01234567", "tst")


def test_write_results_of_one_name_twice_is_refused(
    tmp_path: Path, results: list[BacktestResult]
) -> None:
    with (
        pytest.raises(DataError, match="share a name"),
        RunStore(tmp_path).create("demo", "", HASH) as run,
    ):
        run.write_results([results[0], results[0]])


def test_old_run_returns_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(tmp_path)
    folder = _write(store, note="old")
    rename = Path.rename

    def stubborn(self: Path, target: Path) -> Path:
        if self.name.startswith(".new-"):
            raise OSError("disk full")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", stubborn)
    with pytest.raises(OSError, match="disk full"):
        _write(store, note="new")
    assert [p.name for p in tmp_path.iterdir()] == [folder.name]
    assert store.show("demo").manifest["note"] == "old"
