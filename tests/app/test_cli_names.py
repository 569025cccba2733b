"""`qushi texts names`, as a person calls it."""

import json

import pytest
from typer.testing import CliRunner

from qushi.app.cli import app
from qushi.sentiment.cleaning.naming import NameTable

ROWS = [
    ("000001.SZ", "深发展A", "former", "1991-04-03", "2012-08-01"),
    ("000001.SZ", "平安银行", "name", "2012-08-02", ""),
    ("000591.SZ", "太阳能", "name", "2016-01-04", ""),
    ("600000.SH", "浦发银行", "name", "", ""),
]


@pytest.fixture
def store(tmp_path):
    NameTable.from_rows(ROWS).write(tmp_path / "names.csv")
    return tmp_path


def names(*args, store):
    return CliRunner().invoke(app, ["texts", "names", *args, "--store", str(store)])


def test_cli_names_check_says_what_counts_and_what_does_not(store):
    done = names("check", "平安银行看好太阳能", "--on", "2020-01-02", "--json", store=store)
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert [(one["symbol"], bool(one["refused"])) for one in found] == [
        ("000001.SZ", False),
        ("000591.SZ", True),
    ]
    assert "since when they hold: 1." in done.stderr


def test_cli_names_check_knows_no_name_of_later(store):
    done = names("check", "平安银行", "--on", "2012-08-01", store=store)
    assert "names no share" in done.stdout


def test_cli_names_list_on_a_day(store):
    done = names("list", "--symbol", "000001.SZ", "--on", "2012-08-01", "--json", store=store)
    assert [row["name"] for row in json.loads(done.stdout)] == ["深发展A"]


def test_cli_names_list_with_undated_names(store):
    done = names("list", "--on", "2001-01-01", "--undated", "--json", store=store)
    assert [row["name"] for row in json.loads(done.stdout)] == ["深发展A", "浦发银行"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["check", "x", "--on", "2012-13-01"], "write a date as YYYY-MM-DD"),
        (["list", "--file", "nowhere.csv"], "qushi texts names fetch writes one"),
    ],
)
def test_cli_names_bad_input_ends_with_one_sentence(store, args, message):
    done = names(*args, store=store)
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.output


def test_cli_names_fetch_keeps_aliases_and_says_what_it_wrote(store, monkeypatch):
    from qushi.sentiment.cleaning.exchange_names import ExchangeNames

    NameTable.from_rows([("000001.SZ", "平安", "alias", "2012-08-02", "")]).write(store / "names.csv")
    monkeypatch.setattr(ExchangeNames, "fetch", lambda self: NameTable.from_rows(ROWS))
    done = names("fetch", store=store)
    assert done.exit_code == 0
    assert "5 names of 3 symbols, 1 without a day" in done.stdout
    assert "平安,alias" in (store / "names.csv").read_text(encoding="utf-8")
