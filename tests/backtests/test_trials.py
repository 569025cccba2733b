"""The registry of trials: what is counted, and how often."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from qushi.backtests.trials import Trial, TrialRegistry
from qushi.core import ConfigError

ONE = Trial(
    experiment="x",
    data_hash="bars",
    window=(date(2020, 1, 2), date(2020, 6, 30)),
    part="forecaster",
    kind="ridge",
    settings={"penalty": 0.1, "lags": [1, 2]},
    what="tune",
    started=datetime(2024, 1, 1, tzinfo=UTC),
    score=0.9,
)


@pytest.fixture
def registry(tmp_path):
    return TrialRegistry(tmp_path / "new" / "trials.db")


def test_same_configuration_on_the_same_window_is_counted_once(registry):
    later = replace(ONE, experiment="y", what="run", started=datetime.now(UTC), seconds=3.0)
    reordered = replace(ONE, settings={"lags": [1, 2], "penalty": 0.1})
    assert registry.record([ONE, later]) == 1
    assert registry.record([reordered]) == 0
    assert registry.count("bars", ONE.window) == 1
    assert len(registry.list()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"penalty": 0.2}},
        {"seed": 1},
        {"kind": "lstm"},
        {"part": "strategy"},
        {"score": None, "settings": {"penalty": 0.3}},
    ],
)
def test_other_configurations_are_counted_too(registry, change):
    registry.record([ONE, replace(ONE, **change)])
    assert registry.count("bars", ONE.window) == 2
    assert registry.count("bars") == 2
    assert registry.count("other bars") == 0


def test_count_sees_windows_that_overlap_and_each_configuration_once(registry):
    longer = replace(ONE, window=(date(2020, 6, 30), date(2021, 1, 4)))
    other = replace(longer, settings={"penalty": 5.0})
    elsewhere = replace(other, window=(date(2022, 1, 4), date(2022, 2, 1)))
    assert registry.record([ONE, longer, other, elsewhere]) == 4
    assert registry.count("bars", ONE.window) == 2
    assert registry.count("bars", (date(2020, 7, 1), date(2020, 7, 2))) == 2
    assert registry.count("bars", (date(2021, 1, 5), date(2022, 1, 3))) == 0
    assert registry.count("bars") == 2


def test_count_tells_models_from_strategies(registry):
    registry.record([ONE, replace(ONE, part="strategy"), replace(ONE, part="strategy", seed=3)])
    assert registry.count("bars", ONE.window, "strategy") == 2
    assert registry.count("bars", ONE.window, "forecaster") == 1


def test_missing_score_is_filled_in_and_a_known_one_stays(registry):
    registry.record([replace(ONE, score=None)])
    assert registry.list()["score"].isna().all()
    registry.record([replace(ONE, score=float("nan"))])
    assert registry.list()["score"].isna().all()
    registry.record([ONE])
    registry.record([replace(ONE, score=0.1)])
    assert registry.list()["score"].tolist() == [0.9]


def test_record_is_all_or_nothing(registry):
    backwards = replace(ONE, settings={}, window=(date(2021, 1, 1), date(2020, 1, 1)))
    with pytest.raises(ConfigError, match="ends on 2020-01-01, before it starts"):
        registry.record([ONE, backwards])
    assert registry.count("bars") == 0
    assert registry.record([]) == 0


def test_many_writers_lose_nothing(tmp_path):
    def write(number):
        mine = TrialRegistry(tmp_path / "trials.db")
        for seed in range(5):
            mine.record([replace(ONE, kind=f"model {number}", seed=seed)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert TrialRegistry(tmp_path / "trials.db").count("bars") == 20
    with sqlite3.connect(tmp_path / "trials.db") as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_file_that_is_no_registry_is_refused(tmp_path):
    path = tmp_path / "trials.db"
    path.write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(ConfigError, match="registry of trials"):
        TrialRegistry(path)
