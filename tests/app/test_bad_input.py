"""Whatever a person gives: one clear sentence, the right exit code, nothing half-written."""

import json
import logging

import pytest
from typer.testing import CliRunner

from qushi.app.cli import app
from tiny import write_tiny

LSTM = '[[forecasters]]\nkind = "lstm"\nhidden = [4]\ndense = 4\nepochs = 2\n'
TREND = 'kind = "trend_follow"'
HEADER = "date,open,high,low,close,volume\n"
BAR = "2024-01-02,10,11,9,10,100\n"
FORECASTS = "session,symbol,p_up\n"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The package must look as it does on a plain machine, wherever the tests run.
    for name in ("QUSHI_STORE", "QUSHI_RUNS", "QUSHI_SHARED_DATA"):
        monkeypatch.delenv(name, raising=False)


def call(*args):
    return CliRunner().invoke(app, [str(a) for a in args])


def sentence(*args, code=2):
    """The one line on standard error with which the command ends, its code checked."""
    done = call(*args)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert done.stderr.splitlines()[-1] == errors[0], "the sentence comes last"
    return errors[0]


def experiment(tmp_path, **changes):
    """The tiny experiment without its net: nothing here waits for one."""
    return write_tiny(tmp_path, **{LSTM: "", **changes})


def stored(folder):
    return [p for p in folder.rglob("*") if p.is_file()]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "No columns"),
        (HEADER.encode(), "has no rows"),
        (bytes(range(256)), "set encoding"),
        ("日期,开盘,最高,最低,收盘,成交量\n".encode("gb18030"), "gb18030"),
        ((HEADER + BAR + BAR).encode(), "600519.SH on 2024-01-02 appears twice"),
        ((HEADER + "2024-01-02,0,11,0,10,100\n").encode(), "not a positive number"),
        ((HEADER + "2024-01-02,ten,11,9,10,100\n").encode(), "'ten' in 'open' is not a number"),
        ((HEADER + "2024-01-06,10,11,9,10,100\n").encode(), "is not a session of XSHG"),
        ((HEADER + "02/01/2024,10,11,9,10,100\n").encode(), "set date_format"),
    ],
)
def test_data_import_bad_csv_is_refused_and_nothing_stored(tmp_path, content, said):
    (tmp_path / "x.csv").write_bytes(content)
    assert said in sentence(
        "data", "import", "x.csv", "--symbol", "600519.SH", "--adjustment", "raw", "--store", "s"
    )
    assert not stored(tmp_path / "s")


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (("--set", "nonsense"), "--set takes KEY=VALUE"),
        (("--set", "encodng=gbk"), "did you mean 'encoding'"),
        (("--set", "volume_unit=-1"), "'volume_unit' is -1"),
        (("--map", "closs=x"), "did you mean 'close'"),
        (("--map", "close=x"), "lacks the column 'x'"),
    ],
)
def test_data_import_bad_option_is_named(tmp_path, extra, said):
    (tmp_path / "x.csv").write_text(HEADER + BAR)
    given = ("data", "import", "x.csv", "--symbol", "600519.SH", "--adjustment", "raw", *extra)
    assert said in sentence(*given)


def test_data_import_file_that_is_no_file_or_no_parquet(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "x.parquet").write_text("no")
    given = ("--symbol", "600519.SH", "--adjustment", "raw")
    assert "no file" in sentence("data", "import", "folder.csv", *given)
    assert "not a Parquet file" in sentence("data", "import", "x.parquet", *given)


def test_data_symbol_without_its_exchange_is_not_taken_for_an_american_one(tmp_path):
    (tmp_path / "x.csv").write_text(HEADER + BAR)
    said = sentence("data", "import", "x.csv", "--symbol", "600519", "--adjustment", "raw")
    assert "600519.SH" in said
    assert "000001.SZ" in sentence("data", "fetch", "000001", "--source", "sample")


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (("--start", "soon"), "--start is 'soon'"),
        (("--end", "2001-02-31"), "--end is '2001-02-31'"),
        (("--start", "2012-01-01", "--end", "2011-01-01"), "comes after"),
    ],
)
def test_data_fetch_bad_window_is_named(window, said):
    assert said in sentence("data", "fetch", "AAPL", "--source", "sample", *window)


def test_data_fetch_one_bad_symbol_costs_no_other_and_is_said_once(tmp_path):
    done = call("data", "fetch", "AAPL", "ZZZ", "--source", "sample", "--store", "s")
    assert done.exit_code == 1
    assert done.output.count("no sample of 'ZZZ'") == 1
    assert "AAPL: new" in done.stdout
    assert [p.name for p in stored(tmp_path / "s")] == ["AAPL.parquet"]


def test_data_fetch_with_json_fails_with_a_document_and_a_sentence():
    done = call("data", "fetch", "ZZZ", "--source", "sample", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["updates"][0]["outcome"] == "failed"
    assert done.stderr.startswith("error: ZZZ: no sample")
    assert len(done.stderr.splitlines()) == 1


def test_data_fetch_without_a_network_says_one_sentence(monkeypatch, capfd):
    import socket

    def refuse(*_):
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    hasty = ("--set", "first_wait=0", "--set", "pause=0", "--set", "attempts=2")
    said = sentence("data", "fetch", "600519.SH", "--source", "akshare", *hasty, code=1)
    assert "is there a connection" in said
    assert "url" not in said, "nobody reads a query of two hundred letters"


def test_data_fetch_turns_the_log_of_yfinance_down(monkeypatch):
    logger = logging.getLogger("yfinance")
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    sentence("data", "fetch", "ZZZ", "--source", "sample", code=1)
    assert not logger.isEnabledFor(logging.ERROR)


def test_data_check_name_that_is_not_stored_offers_what_is():
    call("data", "fetch", "AAPL", "--source", "sample", "--name", "mine")
    assert "did you mean 'mine'" in sentence("data", "check", "--source", "mien")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "No columns"),
        (b"time,body\n", "has no rows"),
        ("time,body\n2024-01-02,跌\n".encode("gb18030"), "gb18030"),
        ("time,body\nsoon,跌\n".encode(), "'soon' in column 'time'"),
        ("time,x\n2024-01-02,跌\n".encode(), "neither a column 'title' nor 'body'"),
        ("time,body,audience\n2024-01-02,跌,people\n".encode(), "'people'"),
    ],
)
def test_texts_import_bad_file_is_refused_and_nothing_kept(tmp_path, content, said):
    (tmp_path / "p.csv").write_bytes(content)
    assert said in sentence("texts", "import", "p.csv")
    assert json.loads(call("texts", "list", "--json").stdout) == []


def test_texts_import_file_that_is_not_what_its_name_says(tmp_path):
    (tmp_path / "p.csv.gz").write_text("no gzip")
    assert "p.csv.gz" in sentence("texts", "import", "p.csv.gz")


def test_store_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    assert "'file'" in sentence("texts", "list", "--store", "file", code=1)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "texts.sqlite").write_bytes(b"no database" * 100)
    assert "not a database" in sentence("texts", "list")


def test_sentiment_train_unknown_label_lists_the_known_ones(tmp_path):
    (tmp_path / "l.csv").write_text("label,text\nbad,x\n")
    assert "利空" in sentence("sentiment", "train", "l.csv", "--out", "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("model", ["./nowhere", "folder", "l.csv"])
def test_sentiment_evaluate_model_that_is_none(tmp_path, model):
    (tmp_path / "folder").mkdir()
    (tmp_path / "l.csv").write_text("label,text\nneg,x\n")
    assert "model" in sentence("sentiment", "evaluate", "l.csv", "--model", model)


@pytest.mark.parametrize(
    ("content", "out", "said"),
    [
        (b"", "s.csv", "no table that can be read"),
        (b"a\n1\n", "s.csv", "no column 'text'"),
        (b'text\n"open\n', "s.csv", "no table that can be read"),
        ("text\n跌\n".encode("gb18030"), "s.csv", "not in UTF-8"),
        ("text\n跌\n".encode(), "s.txt", "end the name in .csv or .parquet"),
        ("text\n跌\n".encode(), "folder.csv", "it is a folder"),
    ],
)
def test_sentiment_score_bad_file_is_told_before_the_model_is_read(tmp_path, content, out, said):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "t.csv").write_bytes(content)
    assert said in sentence("sentiment", "score", "t.csv", "--model", "./nowhere", "--out", out)
    assert not (tmp_path / "s.csv").exists()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("2020-06-01,600519.SH,0.9\n", "no bars for '600519.SH'"),
        ("2020-06-01,000300,0.9\n", "did you mean '000300.SH'"),
        ("2020-06-06,000300.SH,0.9\n", "2020-06-06 is not a session"),
        ("2020-06-01,000300.SH,1.2\n", "within 0 and 1"),
        ("2020-06-01,000300.SH,high\n", "'high' in 'p_up' is not a number"),
        ("soon,000300.SH,0.9\n", "'soon' in 'session' is not a date"),
        ("2010-06-01,000300.SH,0.9\n", "where the bars are"),
        ("2020-06-01,000300.SH,0.9\n" * 2, "two forecasts"),
        ("", "no rows"),
    ],
)
def test_backtest_bad_forecast_file_is_refused_with_its_name(tmp_path, rows, said):
    (tmp_path / "f.csv").write_text(FORECASTS + rows)
    found = sentence("backtest", experiment(tmp_path), "--forecasts", "f.csv")
    assert said in found
    assert "f.csv" in found


def test_backtest_forecasts_before_the_bars_are_left_out(tmp_path):
    rows = "2010-06-01,000300.SH,0.9\n2020-06-01,000300.SH,0.9\n2020-07-01,000300.SH,0.1\n"
    (tmp_path / "f.csv").write_text(FORECASTS + rows)
    done = call("backtest", experiment(tmp_path), "--forecasts", "f.csv", "--json")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({'"2019-01-02"': '"2019-13-02"'}, "'2019-13-02'"),
        ({'"2019-01-02"': '"yesterday"'}, "'yesterday'"),
        ({'["000300.SH"]': '["000300.SH", "000300.SH"]'}, "asked for twice"),
        ({TREND: 'kind = "nowhere:Mine"'}, "cannot import 'nowhere'"),
        ({TREND: 'kind = "os:path"'}, "no class 'path'"),
        ({TREND: 'kind = ":Mine"'}, "package.module:Class"),
        ({TREND: 'kind = "broken_file:Mine"'}, "SyntaxError"),
        ({TREND: 'kind = "raising_file:Mine"'}, "ValueError: at import"),
        ({"horizon = 5": "horizon = 0"}, "'walk_forward.horizon' is 0"),
        ({"[bars]": "[bars"}, "not valid TOML"),
    ],
)
def test_backtest_bad_experiment_is_refused(tmp_path, changes, said):
    (tmp_path / "broken_file.py").write_text("def (:\n")
    (tmp_path / "raising_file.py").write_text('raise ValueError("at import")\n')
    assert said in sentence("backtest", experiment(tmp_path, **changes))


def test_backtest_strategy_of_a_user_that_raises_is_named_with_its_reason(tmp_path):
    code = "import backtrader as bt\nclass Mine(bt.Strategy):\n    def next(self):\n        1 / 0\n"
    (tmp_path / "raises_in_next.py").write_text(code)
    done = call("backtest", experiment(tmp_path, **{TREND: 'kind = "raises_in_next:Mine"'}))
    assert done.exit_code == 0, "the other strategy has its result"
    assert "failed: Mine[momentum]: raises_in_next:Mine raised ZeroDivisionError" in done.stdout


def test_example_without_its_data_names_the_variable():
    from pathlib import Path

    import qushi

    example = Path(qushi.__file__).parent / "examples" / "csi300_long.toml"
    assert "QUSHI_SHARED_DATA" in sentence("run", example)


def test_run_folder_that_cannot_be_written_is_named_and_nothing_left(tmp_path):
    (tmp_path / "file").write_text("x")
    said = sentence("run", experiment(tmp_path), "--runs", "file", code=1)
    assert said.startswith("error: cannot use 'file")
    assert (tmp_path / "file").read_text() == "x"


def test_panic_asked_for_nothing_or_nobody(tmp_path):
    assert call("panic", experiment(tmp_path), "--last", "0").exit_code == 2
    assert "no [texts]" in sentence("panic", experiment(tmp_path))
    assert "end the name" in sentence("panic", experiment(tmp_path), "--out", "x.txt")
