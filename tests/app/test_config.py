import subprocess
import sys
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qushi.app.config import UserStrategy, known_kinds, parse_experiment, read_experiment
from qushi.core import ConfigError
from tiny import write_tiny

BASE = {"name": "x", "bars": {"kind": "sample", "symbols": ["000300.SH"]}}


def test_read_experiment_written_out_reads_back_the_same(tmp_path):
    one = read_experiment(write_tiny(tmp_path))
    (tmp_path / "two.toml").write_text(one.to_toml(), encoding="utf-8")
    two = read_experiment(tmp_path / "two.toml")
    assert two.to_toml() == one.to_toml()
    assert two.forecasters == one.forecasters
    assert two.strategies == one.strategies


def test_wrapped_strategy_is_written_out_with_its_kind():
    base = {"kind": "panic_filter", "base": {"kind": "trend_follow"}}
    text = parse_experiment({**BASE, "strategies": [base]}).to_toml()
    assert 'kind = "trend_follow"' in text


def test_two_of_one_kind_need_names():
    twice = [{"kind": "sma"}, {"kind": "sma", "window": 20}]
    with pytest.raises(ConfigError, match="the name 'sma' is taken"):
        parse_experiment({**BASE, "forecasters": twice})
    twice[1]["name"] = "slow"
    found = parse_experiment({**BASE, "forecasters": twice})
    assert [name for name, _ in found.forecasters] == ["sma", "slow"]


def test_wrong_setting_inside_a_table_is_named_with_its_table():
    with pytest.raises(ConfigError, match=r"\[\[forecasters\]\] number 1 \(kind 'sma'\)"):
        parse_experiment({**BASE, "forecasters": [{"kind": "sma", "window": "long"}]})


def test_rules_are_checked_before_anything_is_read():
    with pytest.raises(ConfigError, match="did you mean 'commission'"):
        parse_experiment({**BASE, "rules": {"comission": 0.001}})


def test_forecasters_and_a_forecast_file_exclude_each_other():
    with pytest.raises(ConfigError, match="not both"):
        parse_experiment({**BASE, "forecasters": [{"kind": "sma"}], "forecasts": {"file": "a.csv"}})


def test_users_backtrader_strategy_is_kept_with_its_params(monkeypatch, tmp_path):
    code = "import backtrader as bt\nclass Mine(bt.Strategy):\n    params = (('level', 0.5),)\n"
    (tmp_path / "my_strategies.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    table = {"kind": "my_strategies:Mine", "name": "mine", "level": 0.6}
    found = parse_experiment({**BASE, "strategies": [table]})
    assert found.strategies == (("mine", UserStrategy("my_strategies:Mine", {"level": 0.6})),)


@given(st.text(min_size=1, max_size=8))
def test_name_that_cannot_be_a_folder_is_refused(name):
    safe = all(c.isascii() and (c.isalnum() or c in "_.-") for c in name) and name[0].isalnum()
    if safe:
        assert parse_experiment({**BASE, "name": name}).name == name
    else:
        with pytest.raises(ConfigError, match="'name' is"):
            parse_experiment({**BASE, "name": name})


def test_known_kinds_hold_what_the_documents_promise():
    kinds = known_kinds()
    assert {"sample", "csv", "parquet", "akshare", "yahoo", "store"} <= set(kinds["bars"])
    assert {"buy_and_hold", "trend_follow", "panic_filter", "top_k"} <= set(kinds["strategies"])
    assert {"last_value", "drift", "always_up", "momentum", "sma", "ema", "logistic", "lstm"} <= set(
        kinds["forecasters"]
    )
    assert {"sample", "csv", "jsonl", "archive"} <= set(kinds["texts"])


def test_dates_may_be_quoted_or_not_and_texts_end_with_the_bars(tmp_path):
    text = (
        'name = "x"\n[bars]\nkind = "sample"\nsymbols = ["000300.SH"]\n'
        'start = 2019-01-02\nend = "2019-12-31"\n'
        '[texts]\nkind = "sample"\nstart = 2019-06-03\n[classifier]\nlabels = "sample"\n'
    )
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    found = read_experiment(tmp_path / "x.toml")
    assert found.window == ("2019-01-02", "2019-12-31")
    assert found.text_window == ("2019-06-03", "2019-12-31")
    (tmp_path / "y.toml").write_text(found.to_toml(), encoding="utf-8")
    assert read_experiment(tmp_path / "y.toml").text_window == found.text_window


def test_paths_in_a_file_start_where_the_file_is(tmp_path):
    (tmp_path / "model").mkdir()
    text = (
        'name = "x"\n[bars]\nkind = "csv"\nfolder = "bars"\npattern = "{symbol}.csv"\n'
        'adjustment = "raw"\nsymbols = ["AAPL"]\n'
        '[texts]\nkind = "csv"\npath = "posts.csv"\n'
        '[classifier]\nmodel = "model"\n[classifier.check]\npath = "${HERE}/labels.csv"\n'
    )
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    found = read_experiment(tmp_path / "x.toml").settings
    assert found.bars["folder"] == str(tmp_path / "bars")
    assert found.texts["path"] == str(tmp_path / "posts.csv")
    assert found.classifier.model == str(tmp_path / "model")
    assert found.classifier.check.path == "${HERE}/labels.csv"


def test_a_hub_id_and_the_word_sample_are_no_paths():
    table = {**BASE, "texts": {"kind": "sample"}, "classifier": {"model": "somebody/finbert"}}
    assert parse_experiment(table).settings.classifier.model == "somebody/finbert"
    table["classifier"] = {"labels": "sample"}
    assert parse_experiment(table).settings.classifier.labels == "sample"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"rules": {"calendar": "XSHG"}}, "leave 'calendar' out"),
        ({"seeds": [0, 0]}, "every seed once"),
        (
            {"benchmark": {"symbol": "AAPL", "source": {"kind": "sample", "start": "2020-01-01"}}},
            "its window is that of the bars",
        ),
    ],
)
def test_settings_that_contradict_are_refused(table, said):
    with pytest.raises(ConfigError, match=said):
        parse_experiment({**BASE, **table})


def test_bare_code_in_a_file_is_told_with_the_file(tmp_path):
    text = 'name = "x"\n[bars]\nkind = "sample"\nsymbols = ["000300"]\n'
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"x\.toml: the symbol '000300' names no exchange"):
        read_experiment(tmp_path / "x.toml")


def test_config_all_symbols_are_those_that_the_source_lists():
    for bars in ({"kind": "sample"}, {"kind": "sample", "symbols": "all"}):
        found = parse_experiment({"name": "x", "bars": bars})
        assert found.symbols == ("000300.SH", "AAPL", "GOOG", "IBM", "MSFT")
        assert parse_experiment(tomllib.loads(found.to_toml())).symbols == found.symbols


def test_reading_an_experiment_loads_no_library_that_only_a_run_needs():
    heavy = (
        "torch",
        "transformers",
        "sklearn",
        "scipy.stats",
        "statsmodels",
        "backtrader",
        "quantstats",
    )
    code = f"import sys, qushi.app.config; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
