"""`qushi rules`: what applied on a day, as a person asks for it."""

import json
from datetime import date

import pandas as pd
import pytest
from typer.testing import CliRunner

from qushi.app.cli import app
from qushi.app.config import read_experiment
from qushi.core import ConfigError
from qushi.market import clock, rules_for
from qushi.market.rules.rows import TABLES


def run(*args):
    return CliRunner().invoke(app, ["rules", *map(str, args)])


def shown(*args):
    done = run("show", *args, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def refused(*args):
    done = run(*args)
    assert done.exit_code == 2, done.stdout
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert done.stdout == ""
    return lines[0]


def test_rules_show_prints_every_rule_its_date_and_source():
    done = run("show", "300750.SZ", "--on", "2020-08-21")
    assert done.exit_code == 0
    first, *lines = done.stdout.splitlines()
    assert first == "300750.SZ on 2020-08-21: a session of XSHG"
    for row in rules_for("XSHG").describe("300750.SZ", "2020-08-21"):
        told = [line for line in lines if line.strip().startswith(row.rule)]
        assert len(told) == 1
        for part in (row.value, str(row.since or "–"), row.source):
            assert part in told[0]
    assert "band" not in done.stdout


def test_rules_show_close_gives_the_band():
    done = run("show", "600000.SH", "--on", "2026-07-06", "--st", "--close", "1.70")
    assert "1.53 to 1.87" in done.stdout
    found = shown("600000.SH", "--on", "2026-07-03", "--st", "--close", 1.7)
    assert (found["band"], found["st"], found["session"]) == ([1.62, 1.79], True, True)
    assert shown("BRK-A", "--on", "2026-07-06", "--close", 712345.67)["band"] is None
    assert "none" in run("show", "AAPL", "--on", "2026-07-06", "--close", "10").stdout
    tall = run("show", "600519.SH", "--on", "2024-01-02", "--close", "123456.78")
    assert "111111.1 to 135802.46" in tall.stdout


def test_rules_show_listing_gives_the_first_sessions():
    found = shown("688981.SH", "--on", "2020-07-22", "--listed", "2020-07-16", "--close", 50)
    limit = {row["rule"]: row for row in found["rules"]}["price limit"]
    assert (found["band"], limit["value"]) == (None, "none, sessions 1 to 5 after listing")
    limit = shown("688981.SH", "--on", "2020-07-23", "--listed", "2020-07-16")["rules"][1]
    assert (limit["rule"], limit["value"]) == ("price limit", "20 %")


def test_rules_show_day_without_a_session_says_so_and_answers():
    done = run("show", "600519.SH", "--on", "2024-02-10")
    assert done.exit_code == 0
    assert "no session of XSHG, the next one is 2024-02-19" in done.stdout
    assert "10 %" in done.stdout
    found = shown("600519.SH", "--on", "2024-02-10")
    assert (found["session"], found["next_session"]) == (False, "2024-02-19")


def test_rules_show_day_beyond_the_calendar_says_so():
    done = run("show", "0050.TW", "--on", "2099-01-02")
    assert done.exit_code == 0
    assert "after the last session of XTAI that is known" in done.stdout
    assert shown("0050.TW", "--on", "2099-01-02")["next_session"] is None


def test_rules_show_default_day_is_the_last_session(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: pd.Timestamp("2024-02-12 12:00", tz="UTC"))
    assert shown("600519.SH")["on"] == "2024-02-08"


def test_rules_show_own_tables_go_before_ours(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text(
        '[[lot]]\nsince = 2024-01-02\nboards = ["main"]\nleast = 1\nstep = 1\nsource = "mine"\n'
    )
    found = shown("600519.SH", "--on", "2024-01-02", "--tables", mine)
    assert {row["rule"]: row["source"] for row in found["rules"]}["lot"] == "mine"
    listed = run("list", "lot", "--tables", mine)
    assert "mine" in listed.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["show", "600519"], "names no exchange"),
        (["show", "777777.SH"], "in no code range"),
        (["show", " "], "the symbol is empty"),
        (["show", "600519.SH", "--on", "2024-02-30"], "--on is '2024-02-30'"),
        (["show", "600519.SH", "--listed", "soon"], "--listed is 'soon'"),
        (["show", "600519.SH", "--close", "0"], "--close is 0"),
        (["show", "600519.SH", "--close", "nan"], "--close is nan"),
        (["show", "600519.SH", "--close", "inf"], "--close is inf"),
        (["show", "600519.SH", "--tables", "nowhere.toml"], "no file of rules 'nowhere.toml'"),
        (["list", "tikc"], "did you mean 'tick'"),
        (["list", "--market", "XSHE"], "did you mean 'XSHG'"),
    ],
)
def test_rules_wrong_question_is_one_sentence(args, said):
    assert said in refused(*args)


@pytest.mark.parametrize("market", ["XSHG", "XNYS", "XTAI"])
def test_rules_list_gives_every_row(market):
    done = run("list", "--market", market, "--json")
    rows = json.loads(done.stdout)
    expected = rules_for(market).rows()
    assert [(r["table"], r["since"], r["value"]) for r in rows] == [
        (name, str(row.since), row.value) for name, row in expected
    ]
    for row in rows:
        date.fromisoformat(row["since"])
        assert row["for"]


def test_rules_list_one_table_only_and_says_when_it_is_empty():
    done = run("list", "stamp_duty", "--market", "XTAI")
    assert done.stdout.count("stamp_duty") == 3
    assert "2017-01-01" in done.stdout
    assert run("list", "price_limit", "--market", "XNYS").stdout == "no rows\n"
    for table in TABLES:
        assert run("list", table).exit_code == 0


def test_experiment_names_tables_relative_to_its_own_file(tmp_path):
    text = (
        'name = "x"\n[bars]\nkind = "sample"\nsymbols = ["000300.SH"]\n[rules]\ntables = "mine.toml"\n'
    )
    (tmp_path / "x.toml").write_text(text)
    (tmp_path / "mine.toml").write_text('[commission]\nrate = 0.5\nminimum = 0\nsource = "mine"\n')
    with pytest.raises(ConfigError, match=r"\[commission\]: 'rate' is '0.5'"):
        read_experiment(tmp_path / "x.toml")
