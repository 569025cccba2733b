"""`qushi study`, and what it hands to the study: fear that became known in a session, and no other."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from qushi.app.cli import app
from qushi.app.config import parse_experiment, read_experiment
from qushi.app.panic_study import implied_fear, members_of, study_experiment, write_study
from qushi.app.workspace import Workspace
from qushi.core import ConfigError, DataError
from qushi.core.calendar import sessions
from qushi.market import load_bars

EXPERIMENT = """\
name = "looked_at"
[bars]
kind = "sample"
symbols = ["000300.SH"]
start = "2019-01-02"
end = "2021-12-31"
[[series]]
name = "fear"
file = "fear.csv"
published = "15:00"
[texts]
kind = "sample"
[classifier]
kind = "dictionary"
contaminated = true
[panic_study]
lags = 3
horizons = [1, 5]
shuffles = 99
before = 2
after = 5
implied = ["fear"]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An experiment on the sample with a dictionary as scorer, and a file of implied fear."""
    found = tmp_path_factory.mktemp("looked_at")
    days = sessions("XSHG", "2019-01-02", "2021-12-31")
    level = 20 + np.cumsum(np.random.default_rng(0).normal(size=len(days))) / 10
    pd.DataFrame({"date": days, "value": level}).to_csv(found / "fear.csv", index=False)
    (found / "looked_at.toml").write_text(EXPERIMENT, encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def study(folder):
    return study_experiment(
        read_experiment(folder / "looked_at.toml"), Workspace(folder / "store", folder)
    )


def ask(folder, *words):
    place = ["--store", str(folder / "store")]
    return CliRunner().invoke(app, ["study", str(folder / "looked_at.toml"), *place, *words])


def test_study_of_an_experiment_holds_returns_and_implied_fear(study):
    assert set(study.lead_lag["target"]) == {"return", "fear"}
    assert study.settings.lags == 3
    assert study.first >= pd.Timestamp("2019-01-02")
    assert study.sessions > 300


def test_command_prints_every_table_and_what_was_found(folder, study):
    done = ask(folder, "--out", str(folder / "tables"))
    assert done.exit_code == 0, done.output
    for word in ("market (all)", "past_return", "same session", "after panic", "p_joint"):
        assert word in done.output
    for said in study.said:
        assert said.en in done.output
    for name, table in study.tables().items():
        written = pd.read_csv(folder / "tables" / f"{name}.csv")
        assert list(written.columns) == list(table.columns)
        assert len(written) == len(table)
    assert (folder / "tables" / "said.txt").read_text("utf-8").count("\n") == 2 * len(study.said)


def test_command_as_json_is_the_payload(folder, study):
    done = ask(folder, "--json")
    assert json.loads(done.stdout) == json.loads(json.dumps(study.to_payload()))


def test_command_with_a_scope_that_is_not_there_is_one_sentence(folder):
    done = ask(folder, "--scope", "600519.SH")
    assert done.exit_code == 2
    assert "no panic index for '600519.SH'" in done.stderr
    assert "Traceback" not in done.output
    done = ask(folder, "--audience", "publc")
    assert done.exit_code == 2
    assert "no audience 'publc': did you mean 'public'" in done.stderr
    assert "scoring" not in done.stderr
    done = ask(folder, "--out", str(folder / "fear.csv"))
    assert done.exit_code == 2
    assert "is a file: name a folder" in done.stderr


def test_file_in_place_of_the_folder_is_refused(folder, study):
    with pytest.raises(ConfigError, match="is a file"):
        write_study(study, folder / "fear.csv")


def table_of(folder, **series):
    table = {"name": "fear", "file": str(folder / "fear.csv"), **series}
    return {
        "name": "x",
        "bars": {"kind": "sample", "symbols": ["000300.SH"], "start": "2020-01-02", "end": "2020-03-31"},
        "series": [table],
        "panic_study": {"implied": ["fear"]},
    }


def bars_of(experiment):
    return load_bars(experiment.source, experiment.symbols, *experiment.window)


def test_implied_fear_counts_where_it_became_known_and_is_not_carried_on(tmp_path):
    (tmp_path / "fear.csv").write_text("date,value\n2020-01-03,1\n2020-01-06,2\n2020-01-09,3\n", "utf-8")
    at = pd.DatetimeIndex(
        ["2020-01-03", "2020-01-06", "2020-01-07", "2020-01-08", "2020-01-09", "2020-01-10"]
    )
    nan = float("nan")
    for published, known in (("15:00", [1, 2, nan, nan, 3, nan]), ("", [nan, 1, 2, nan, nan, 3])):
        experiment = parse_experiment(table_of(tmp_path, published=published))
        found = implied_fear(experiment, bars_of(experiment))["fear"]
        np.testing.assert_array_equal(found.loc[at], known)


def test_implied_fear_outside_the_bars_is_refused(tmp_path):
    (tmp_path / "fear.csv").write_text("date,value\n2010-01-04,1\n", "utf-8")
    experiment = parse_experiment(table_of(tmp_path))
    with pytest.raises(ConfigError, match="'fear' has no value between 2020-01-02 and 2020-03-31"):
        implied_fear(experiment, bars_of(experiment))


def test_implied_name_without_a_series_is_a_config_error_with_the_near_name(folder):
    table = table_of(folder) | {"panic_study": {"implied": ["feer"]}}
    with pytest.raises(ConfigError, match=r"implied: no \[\[series\]\] 'feer': did you mean 'fear'"):
        parse_experiment(table)


def test_settings_are_written_out_and_read_back(folder):
    read = read_experiment(folder / "looked_at.toml")
    (folder / "again.toml").write_text(read.to_toml(), encoding="utf-8")
    again = read_experiment(folder / "again.toml")
    assert again.settings.panic_study == read.settings.panic_study
    assert Path(again.settings.series[0].file).name == "fear.csv"


def test_scope_of_a_sector_has_the_prices_of_its_members():
    table = {
        "name": "x",
        "bars": {"kind": "sample", "symbols": ["000300.SH"]},
        "sectors": {"index": ["000300.SH"], "other": ["600519.SH", "000858.SZ"]},
    }
    experiment = parse_experiment(table)
    assert members_of(experiment, "sector:other") == ("600519.SH", "000858.SZ")
    assert members_of(experiment, "market") == ()
    assert members_of(experiment, "sector:none") == ()


def test_experiment_without_texts_cannot_be_studied(tmp_path):
    experiment = parse_experiment({"name": "x", "bars": {"kind": "sample", "symbols": ["000300.SH"]}})
    with pytest.raises((ConfigError, DataError), match=r"no \[texts\]"):
        study_experiment(experiment, Workspace(tmp_path / "store", tmp_path / "runs"))
