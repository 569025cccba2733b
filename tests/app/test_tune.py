"""`qushi tune`: settings chosen on validation alone, every trial counted."""

import json
import tomllib
from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from typer.testing import CliRunner

from qushi.app.cli import app
from qushi.app.config import parse_experiment, read_experiment
from qushi.app.run import run_experiment
from qushi.app.tune import tune_experiment
from qushi.app.workspace import Workspace
from qushi.core import Bars, ConfigError, DataError, FitError
from qushi.forecasters.models.ema import EMA
from qushi.forecasters.search import Range, space
from qushi.forecasters.validation import Validation, first_forecast
from qushi.market.sources.sample import Sample

FILE = """
name = "tuned"
seeds = [3]

[bars]
kind = "sample"
symbols = ["000300.SH"]
start = "2019-01-02"
end = "2021-06-30"

[features]
returns = [1, 5]
volatility = []
volume = []
calendar = false
indicators = []

[walk_forward]
horizon = 2
lookback = 5
min_train = 200
valid = 40
refit_every = 120

[[forecasters]]
kind = "ema"
name = "average"

[[forecasters]]
kind = "lightgbm"
name = "trees"
trees = 3
min_leaf = 20

[[forecasters]]
kind = "last_value"

[[strategies]]
kind = "trend_follow"

[backtest]
lots = false

[report]
tear_sheets = "none"

[tune]
space = { span = { low = 2, high = 400, log = true } }
trials = 6
"""
TREES = {"space": {"leaves": [3, 7], "learning_rate": {"low": 0.05, "high": 0.5}}, "trials": 4}


class Poisoned(Sample):
    """The sample, with everything from a session on times ten."""

    since: str

    def fetch(self, symbol, start=None, end=None):
        bars = super().fetch(symbol, start, end)
        late = bars.frame.index.get_level_values("session") >= pd.Timestamp(self.since)
        frame = bars.frame.copy()
        frame.loc[late, ["open", "high", "low", "close", "volume", "amount"]] *= 10
        return Bars(frame, bars.calendar, bars.adjustment)


def experiment(**changes):
    return parse_experiment(tomllib.loads(FILE) | changes)


@pytest.fixture
def place(tmp_path):
    return Workspace(tmp_path / "store", tmp_path / "runs")


def told(tuned):
    return [(r.number, r.state, r.score, dict(r.settings)) for r in tuned.rows]


@pytest.fixture(scope="module")
def average(tmp_path_factory):
    place = Workspace(tmp_path_factory.mktemp("store"), tmp_path_factory.mktemp("runs"))
    return tune_experiment(experiment(), place, model="average"), place


def test_best_is_the_minimum_of_the_trials(average):
    tuned, _ = average
    done = [row for row in tuned.rows if row.state == "done"]
    assert len(done) >= 2
    assert tuned.score == min(row.score for row in done)
    assert tuned.best.span == min(done, key=lambda row: row.score).settings["span"]
    assert tuned.trials()["score"].iloc[0] == tuned.score


def test_score_is_that_of_the_inner_walk_forward_before_the_first_forecast(average):
    tuned, _ = average
    read = experiment()
    walk = read.settings.walk_forward
    bars = read.source.fetch("000300.SH", *read.window)
    first = first_forecast(walk, read.settings.features.build(bars), bars)
    assert tuned.before == first.date() > tuned.window[1]
    known = bars.between(None, first - timedelta(days=1))
    validation = Validation.plan(walk, read.settings.features.build(known), known, 3)
    assert validation.window == tuned.window
    assert list(validation.scores(EMA(span=tuned.best.span)))[-1] == tuned.score


def test_first_trial_is_the_model_as_it_stands(average):
    assert average[0].rows[0].settings["span"] == EMA().span


def test_what_comes_after_the_first_forecast_changes_nothing(average, place):
    tuned, _ = average
    for since, same in ((tuned.before, True), (tuned.window[1], False)):
        poisoned = replace(experiment(), source=Poisoned(since=f"{since}"))
        found = tune_experiment(poisoned, place, model="average")
        assert (told(found) == told(tuned)) is same
        assert (found.study == tuned.study) is same
        assert found.before == tuned.before


def test_stochastic_model_is_tuned_the_same_again_and_its_table_can_be_pasted(tmp_path):
    read = experiment(tune=TREES)
    places = [Workspace(tmp_path / name, tmp_path / "runs") for name in "ab"]
    one, two = (tune_experiment(read, place, model="trees") for place in places)
    assert told(one) == told(two)
    pasted = tomllib.loads(one.to_toml())["forecasters"]
    assert pasted[0]["kind"] == "lightgbm"
    assert pasted[0]["trees"] == 3
    assert set(pasted[0]) == {"kind", "name", "trees", *type(one.best).search}
    again = parse_experiment(tomllib.loads(FILE) | {"forecasters": pasted})
    assert again.forecasters == (("trees", one.best),)


def test_interrupted_tuning_goes_on_and_runs_nothing_twice(average, place):
    class Impatient:
        steps = 0

        def begin(self, task, total):
            pass

        def advance(self, task, steps=1):
            if task.startswith("ema "):
                self.steps += 1
                if self.steps == 8:
                    raise KeyboardInterrupt

        def note(self, message):
            pass

    with pytest.raises(KeyboardInterrupt):
        tune_experiment(experiment(), place, model="average", progress=Impatient())
    counted = Impatient()
    counted.steps = -100
    found = tune_experiment(experiment(), place, model="average", progress=counted)
    assert told(found) == told(average[0])
    assert 0 < counted.steps + 100 <= 6 * 3 - 6
    counted.steps = -100
    tune_experiment(experiment(), place, model="average", progress=counted)
    assert counted.steps == -100


def test_every_trial_is_in_the_registry_once(average):
    tuned, place = average
    table = place.trials.list()
    assert len(table) == len(tuned.rows) == tuned.tried
    assert set(table["what"]) == {"tune"}
    assert set(table["kind"]) == {"ema"}
    assert table["score"].isna().sum() == sum(row.state != "done" for row in tuned.rows)
    spans = [json.loads(text)["forecaster"]["span"] for text in table["settings"]]
    assert spans == [row.settings["span"] for row in tuned.rows]
    assert set(zip(table["first"], table["last"], strict=True)) == {
        tuple(f"{day}" for day in tuned.window)
    }


def test_failed_trials_are_rows_and_are_counted(place):
    tune = {"space": {"lags": [[1], [9]], "leaves": [3, 7]}, "trials": 6, "pruner": "none"}
    tuned = tune_experiment(experiment(tune=tune), place, model="trees")
    failed = [row for row in tuned.rows if row.state == "failed"]
    assert failed
    assert all("lag of 9 reaches before a window" in row.why for row in failed)
    assert any(row.state == "done" for row in tuned.rows)
    assert tuned.tried == len(tuned.rows) == len(place.trials.list())


def test_study_in_which_nothing_worked_says_why(place):
    tune = {"space": {"lags": [[9], [8]]}, "trials": 3}
    with pytest.raises(FitError, match=r"no trial of trees came to its end.*a lag of"):
        tune_experiment(experiment(tune=tune), place, model="trees")


def test_time_that_is_over_before_the_first_trial_is_said(place):
    with pytest.raises(FitError, match=r"of 0 begun: the time was over"):
        tune_experiment(experiment(), place, model="average", seconds=0)


def test_run_records_every_model_and_strategy(place):
    read = experiment()
    finished = run_experiment(read, place)
    run_experiment(read, place)
    table = place.trials.list()
    assert table["what"].tolist() == ["run"] * 6
    models = table[table["part"] == "forecaster"]
    assert models["kind"].tolist() == ["ema", "lightgbm", "last_value"]
    assert set(models["seed"]) == {3}
    quality = finished.outcome.quality.set_index("model")["relative_mae"]
    assert models["score"].tolist() == [quality[m] for m in ("average", "trees", "last_value")]
    strategies = table[table["part"] == "strategy"]
    kinds = [json.loads(text)["forecaster"]["kind"] for text in strategies["settings"]]
    assert sorted(kinds) == ["ema", "last_value", "lightgbm"]
    sharpe = finished.outcome.performance["sharpe"].to_dict()
    assert sharpe["trend_follow[average]"] in strategies["score"].tolist()
    bars = finished.outcome.bars.fingerprint
    sessions = finished.outcome.results[0].equity.index
    window = (sessions[0].date(), sessions[-1].date())
    assert place.trials.count(bars, window, "strategy") == 3
    other = tomllib.loads(FILE)
    other["strategies"] = [{"kind": "trend_follow", "name": "same"}, {"kind": "buy_and_hold"}]
    run_experiment(parse_experiment(other), place)
    assert place.trials.count(bars, window, "strategy") == 4


@pytest.mark.parametrize(
    ("tune", "model", "said"),
    [
        ({"space": {"spam": [1]}}, "average", "unknown key 'spam': did you mean 'span'"),
        ({"space": {"span": [0]}}, "average", "'span' cannot be 0"),
        ({}, "last_value", "LastValue has no search space"),
        ({}, "averag", "no model 'averag' in the experiment: did you mean 'average'"),
        ({}, None, "say with --model which one to tune: average, trees, last_value"),
    ],
)
def test_what_cannot_be_tuned_is_said_in_one_sentence(place, tune, model, said):
    with pytest.raises(ConfigError, match=said):
        tune_experiment(experiment(tune=tune), place, model=model)
    assert not place.store.exists()


def test_experiment_without_models_or_history_cannot_be_tuned(place):
    with pytest.raises(ConfigError, match=r"no \[\[forecasters\]\] to tune"):
        tune_experiment(experiment(forecasters=[], strategies=[]), place)
    with pytest.raises(DataError, match="too short a history to tune on"):
        tune_experiment(experiment(tune=TREES | {"folds": 40}), place, model="trees")


def test_command_prints_a_table_to_paste_and_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(EMA, "search", space(span=Range(2, 400, log=True)))
    path = tmp_path / "one.toml"
    path.write_text(FILE, encoding="utf-8")
    arguments = ["tune", str(path), "--model", "average", "--trials", "3", "--store", str(tmp_path)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    pasted = tomllib.loads(done.stdout[done.stdout.index("[[forecasters]]") :])
    read = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert pasted["forecasters"] == [read["best"]]
    assert read["toml"] in done.stdout
    assert read["warning"] in done.stdout
    assert read["tried"] == 3
    assert "best of 3" in read["warning"]
    assert [row["score"] for row in read["trials"]] == sorted(row["score"] for row in read["trials"])
    assert read["validation"]["last"] < read["validation"]["before"]
    assert {path.name for path in tmp_path.glob("*.db")} == {"tuning.db", "trials.db"}


def test_command_refuses_an_unknown_key_with_its_line(tmp_path):
    path = tmp_path / "one.toml"
    path.write_text(FILE + "foldz = 3\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["tune", str(path), "--store", str(tmp_path)])
    assert done.exit_code == 2
    line = len(FILE.splitlines()) + 1
    assert f":{line}: " in done.stderr
    assert "did you mean 'folds'" in done.stderr


def test_tuning_settings_survive_the_way_through_toml(tmp_path):
    read = experiment()
    (tmp_path / "again.toml").write_text(read.to_toml(), encoding="utf-8")
    assert read_experiment(tmp_path / "again.toml").settings.tune == read.settings.tune
    assert "tune" not in tomllib.loads(replace_tune(read).to_toml())


def replace_tune(read):
    return replace(read, settings=read.settings.model_copy(update={"tune": None}))
