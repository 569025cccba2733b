"""The command as a person types it: what it prints, what it leaves, how it ends."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

import qushi
from qushi.core import Bars
from tiny import TINY, write_tiny


def run(*args, cwd, **env):
    """The command in a process of its own, as installed."""
    return subprocess.run(
        [sys.executable, "-c", "from qushi.app.cli import main; main()", *map(str, args)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
        env={**os.environ, "OMP_NUM_THREADS": "1", **env},
    )


def sentence(done):
    """The one line that a failed command says on standard error."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return lines[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    done = run("run", write_tiny(folder), "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_run_json_names_report_and_every_result(finished):
    folder, summary = finished
    assert (folder / "runs").is_dir()
    assert Path(summary["report"]).is_file()
    names = {row["strategy"] for row in summary["performance"]}
    assert names == {"buy_and_hold", "trend_follow[momentum]", "trend_follow[lstm]"}
    assert {row["model"] for row in summary["quality"]} == {"momentum", "lstm"}
    assert summary["failures"] == []


def test_run_again_gives_the_same_numbers_and_one_run(finished):
    folder, summary = finished
    again = json.loads(run("run", "tiny.toml", "--json", cwd=folder).stdout)
    assert again["performance"] == summary["performance"]
    assert again["report"] == summary["report"]
    assert len(list((folder / "runs").iterdir())) == 1


def test_run_config_written_reads_back_to_the_same_run(finished):
    folder, summary = finished
    config = Path(summary["report"]).with_name("config.toml")
    assert tomllib.loads(config.read_text(encoding="utf-8"))["walk_forward"]["embargo"] == 0
    again = json.loads(run("run", config, "--json", cwd=folder).stdout)
    assert again["performance"] == summary["performance"]


def test_runs_list_and_show_find_the_run(finished):
    folder, _ = finished
    listed = json.loads(run("runs", "list", "--json", cwd=folder).stdout)
    assert [row["name"] for row in listed] == ["tiny"]
    shown = json.loads(run("runs", "show", "tin", "--json", cwd=folder).stdout)
    assert shown["manifest"]["seeds"] == [0]
    drawn = run("runs", "show", "tiny", cwd=folder).stdout.splitlines()
    assert sum(line.strip().startswith("trend_follow[") for line in drawn) == 2


def test_runs_show_unknown_run_offers_near_name(finished):
    folder, _ = finished
    done = run("runs", "show", "tiyn", cwd=folder)
    assert done.returncode == 2
    assert "did you mean 'tiny'" in sentence(done)


def test_report_is_drawn_again_in_the_other_language(finished):
    folder, summary = finished
    report = Path(summary["report"])
    before = report.read_text(encoding="utf-8")
    done = run("report", "tiny", "--language", "zh", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    after = report.read_text(encoding="utf-8")
    assert 'data-lang="en"' in before
    assert 'data-lang="zh"' in after


def test_run_stores_the_refusals_that_its_summary_counts(finished):
    _, summary = finished
    stored = pd.read_parquet(Path(summary["report"]).parent / "refusals.parquet")
    orders = pd.read_parquet(Path(summary["report"]).parent / "orders.parquet")
    short = orders[orders["status"] != "filled"]
    assert stored[["strategy", "order"]].values.tolist() == short[["strategy", "order"]].values.tolist()
    assert sum(row["orders"] for row in summary["refusals"]) == len(short)


def test_backtest_trades_on_the_forecasts_of_a_run(finished):
    folder, summary = finished
    done = run("backtest", "tiny.toml", "--forecasts", "tiny", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = {row["strategy"]: row["total_return"] for row in json.loads(done.stdout)["performance"]}
    assert found == {row["strategy"]: row["total_return"] for row in summary["performance"]}


def test_backtest_trades_on_a_csv_of_ones_own_forecasts(tmp_path):
    bars = json.loads(run("data", "check", "000300.SH", "--json", cwd=tmp_path).stdout)
    assert isinstance(bars, list)
    experiment = write_tiny(tmp_path)
    lines = ["session,symbol,p_up"]
    lines += [f"2020-0{month}-0{day},000300.SH,0.9" for month, day in ((6, 1), (7, 1), (9, 1))]
    (tmp_path / "mine.csv").write_text("\n".join(lines), encoding="utf-8")
    done = run("backtest", experiment, "--forecasts", "mine.csv", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {row["strategy"] for row in found["performance"]} == {"buy_and_hold", "trend_follow[mine]"}
    assert any("come from a file" in note for note in found["notes"])


def bad(tmp_path, **changes):
    done = run("run", write_tiny(tmp_path, **changes), cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert not (tmp_path / "runs").exists()
    return sentence(done)


def test_run_unknown_key_offers_near_name_and_line(tmp_path):
    said = bad(tmp_path, **{"refit_every = 120": "refit_evry = 120"})
    line = TINY.splitlines().index("refit_every = 120") + 1
    assert f"tiny.toml:{line}" in said
    assert "did you mean 'walk_forward.refit_every'" in said or "did you mean 'refit_every'" in said


def test_run_unknown_kind_offers_near_name(tmp_path):
    assert "did you mean 'lstm'" in bad(tmp_path, **{'kind = "lstm"': 'kind = "lstn"'})


def test_run_symbol_that_is_not_there_offers_near_name(tmp_path):
    assert "000300.SH" in bad(tmp_path, **{'"000300.SH"': '"000301.SH"'})


def test_run_empty_window_says_what_there_is(tmp_path):
    said = bad(tmp_path, **{'"2019-01-02"': '"2031-01-02"', '"2021-12-31"': '"2031-12-31"'})
    assert "2025" in said


def test_run_history_too_short_says_what_is_needed(tmp_path):
    said = bad(tmp_path, **{"min_train = 200": "min_train = 5000"})
    assert "5000" in said or "5,000" in said


def test_run_file_that_is_not_there(tmp_path):
    done = run("run", "nowhere.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "nowhere.toml" in sentence(done)


def test_run_symbol_without_quotes_says_what_toml_wants(tmp_path):
    assert "quotes" in bad(tmp_path, **{'["000300.SH"]': "[000300]"})


def test_run_texts_without_classifier(tmp_path):
    assert "[classifier]" in bad(tmp_path, **{"[backtest]": '[texts]\nkind = "sample"\n\n[backtest]'})


def test_run_model_folder_that_is_none(tmp_path):
    (tmp_path / "empty").mkdir()
    texts = '[texts]\nkind = "sample"\n\n[classifier]\nmodel = "./empty"\n\n[backtest]'
    assert "config.json is missing" in bad(tmp_path, **{"[backtest]": texts})


def test_run_tear_sheet_of_unknown_result(tmp_path):
    said = bad(tmp_path, **{'tear_sheets = "none"': 'tear_sheets = ["buy_and_hld"]'})
    assert "buy_and_hold" in said


def test_run_strategy_on_forecasts_without_forecasters(tmp_path):
    text = TINY.replace('[[forecasters]]\nkind = "momentum"\n', "")
    start, end = text.index("[[forecasters]]"), text.index("[[strategies]]")
    (tmp_path / "none.toml").write_text(text[:start] + text[end:], encoding="utf-8")
    done = run("run", "none.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "add a [[forecasters]] table" in sentence(done)


def test_unknown_command_and_missing_argument_end_with_two(tmp_path):
    assert run("rnu", cwd=tmp_path).returncode == 2
    assert run("run", cwd=tmp_path).returncode == 2


def test_data_import_list_check_and_use_in_an_experiment(tmp_path):
    source = pd.DataFrame(
        {
            "日期": ["2024-01-02", "2024-01-03", "2024-01-04"],
            "开盘": [10.0, 10.1, 10.2],
            "最高": [10.2, 10.3, 10.4],
            "最低": [9.9, 10.0, 10.1],
            "收盘": [10.1, 10.2, 10.3],
            "量": [1000, 1100, 0],
        }
    )
    source.to_csv(tmp_path / "贵州.csv", index=False)
    names = {
        "session": "日期",
        "open": "开盘",
        "high": "最高",
        "low": "最低",
        "close": "收盘",
        "volume": "量",
    }
    mapping = [part for ours, theirs in names.items() for part in ("--map", f"{ours}={theirs}")]
    arguments = ("贵州.csv", "--symbol", "600519.SH", "--adjustment", "raw", "--set", "volume_unit=100")
    done = run("data", "import", *arguments, *mapping, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = json.loads(run("data", "list", "--json", cwd=tmp_path).stdout)
    assert [(row["symbol"], row["rows"]) for row in listed] == [("600519.SH", 3)]
    checked = run("data", "check", "--source", "imported", cwd=tmp_path)
    assert checked.returncode == 1
    assert "600519.SH" in checked.stdout
    assert "2024-01-04" in checked.stdout


def test_data_import_missing_column_lists_what_is_there(tmp_path):
    (tmp_path / "x.csv").write_text("date,open,high,low,volume\n2024-01-02,1,1,1,1\n", encoding="utf-8")
    done = run("data", "import", "x.csv", "--symbol", "AAPL", "--adjustment", "raw", cwd=tmp_path)
    assert done.returncode == 2
    assert "close" in sentence(done)
    assert "date, open, high, low, volume" in done.stderr
    listed = json.loads(run("data", "list", "--json", cwd=tmp_path).stdout)
    assert listed == []


def test_data_fetch_sample_then_experiment_from_the_store(tmp_path):
    done = run("data", "fetch", "000300.SH", "--source", "sample", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    stored = TINY.replace('kind = "sample"', 'kind = "store"\nname = "sample"')
    (tmp_path / "stored.toml").write_text(stored, encoding="utf-8")
    one = json.loads(run("backtest", "stored.toml", "--json", cwd=tmp_path).stdout)
    two = json.loads(run("backtest", write_tiny(tmp_path), "--json", cwd=tmp_path).stdout)
    assert one["performance"] == two["performance"]


def test_store_option_holds_for_the_experiment_too(tmp_path):
    there = tmp_path / "elsewhere"
    run("data", "fetch", "000300.SH", "--source", "sample", "--store", there, cwd=tmp_path)
    stored = TINY.replace('kind = "sample"', 'kind = "store"\nname = "sample"')
    (tmp_path / "stored.toml").write_text(stored, encoding="utf-8")
    done = run("backtest", "stored.toml", "--store", there, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "store").exists()


def test_texts_import_twice_then_list(tmp_path):
    rows = "time,content,symbol\n2024-01-02 10:00,跌麻了,600519\n2024-01-02 11:00,还行,600519\n"
    (tmp_path / "posts.csv").write_text(rows, encoding="utf-8")
    first = run("texts", "import", "posts.csv", "--map", "body=content", "--json", cwd=tmp_path)
    assert json.loads(first.stdout)["new"] == 2
    second = run("texts", "import", "posts.csv", "--map", "body=content", "--json", cwd=tmp_path)
    assert json.loads(second.stdout) == {"new": 0, "duplicate": 2, "edited": 0, "dropped": 0, "gone": 0}
    listed = json.loads(run("texts", "list", "--json", cwd=tmp_path).stdout)
    assert [(row["symbol"], row["texts"]) for row in listed] == [("600519.SH", 2)]


def test_texts_import_text_without_a_time_is_refused_and_nothing_is_kept(tmp_path):
    rows = "time,body\n2024-01-02 10:00,跌麻了\n,没有时间\n"
    (tmp_path / "posts.csv").write_text(rows, encoding="utf-8")
    done = run("texts", "import", "posts.csv", cwd=tmp_path)
    assert done.returncode == 2
    assert "time" in sentence(done)
    assert json.loads(run("texts", "list", "--json", cwd=tmp_path).stdout) == []


def test_version_is_printed(tmp_path):
    assert run("--version", cwd=tmp_path).stdout.strip() == f"qushi {qushi.__version__}"


def test_sample_bars_are_real_bars():
    from qushi.market import load_bars
    from qushi.market.sources.sample import Sample

    bars = load_bars(Sample(), ["000300.SH"])
    assert isinstance(bars, Bars)
    assert len(bars) > 4000


OWN = """
from qushi import Forecaster, Strategy
from qushi.forecasters import Prediction

class Broken(Forecaster):
    def fit(self, train, valid, **_):
        raise ZeroDivisionError("no luck")
    def predict(self, windows):
        return Prediction(value=windows.close)

class Sloppy(Strategy):
    def weights(self, signals):
        return signals.close > 0
"""


def test_run_users_own_code_that_raises_is_a_row_that_says_why(tmp_path):
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    experiment = write_tiny(
        tmp_path,
        **{'kind = "lstm"\nhidden = [4]\ndense = 4\nepochs = 2': 'kind = "own:Broken"'},
        **{'kind = "trend_follow"': 'kind = "own:Sloppy"'},
    )
    done = run("backtest", experiment, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    failures = {row["what"]: row["why"] for row in json.loads(done.stdout)["failures"]}
    assert failures["Broken (seed 0)"] == "own:Broken raised ZeroDivisionError: no luck"
    assert failures["Sloppy"].startswith("own:Sloppy raised TypeError")


def test_run_models_without_strategies_reports_their_quality(tmp_path):
    text = TINY[: TINY.index("[[strategies]]")] + '[report]\ntear_sheets = "none"\n'
    (tmp_path / "models.toml").write_text(text, encoding="utf-8")
    done = run("run", "models.toml", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["performance"] == []
    assert len(found["quality"]) == 2
    assert "momentum" in Path(found["report"]).read_text(encoding="utf-8")
    assert run("runs", "show", "tiny", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"000300.SH"', '"000300"', "names no exchange"),
        ('"2019-01-02"', '"2019-13-02"', "YYYY-MM-DD"),
        ("name = ", "seeds = []\nname = ", "seeds"),
        ('["000300.SH"]', '"000300.SH"', "must be a list"),
    ],
)
def test_run_setting_of_the_wrong_form_is_said_in_words_of_the_file(tmp_path, old, new, said):
    assert said in bad(tmp_path, **{old: new})
