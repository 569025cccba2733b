"""`qushi data`: thousands of symbols, an index as of a day, one source held against another."""

import json

import pytest
from typer.testing import CliRunner

from qushi.app.cli import app
from qushi.market import BarStore

REMOTE = '''
import os
import pandas as pd
from qushi.core import Bars, SourceError
from qushi.core.calendar import sessions
from qushi.market import BarSource

class Remote(BarSource):
    """Every symbol the same; one may be broken, and each request leaves a line in a file."""
    broken: str = ""
    interrupt: str = ""
    price: float = 10.0

    def fetch(self, symbol, start=None, end=None):
        with open("asked.txt", "a") as file:
            file.write(symbol + "\\n")
        if symbol == self.interrupt:
            raise KeyboardInterrupt
        if symbol == self.broken:
            raise SourceError(f"{symbol}: nothing there")
        days = sessions("XSHG", "2024-01-02", "2024-02-29")
        table = pd.DataFrame({"symbol": symbol, "session": days, "volume": 1e4})
        for i, name in enumerate(("low", "open", "close", "high")):
            table[name] = self.price + 0.01 * i + 0.1 * (table.index % 7)
        return Bars.from_frame(table).between(start, end)

    def constituents(self, index, on=None):
        self.note(f"{index} of {on}")
        return ("000001.SZ", "600000.SH") if on == "2024-01-02" else ("600000.SH",)
'''
NAMES = [f"6000{i:02d}.SH" for i in range(25)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("QUSHI_STORE", "QUSHI_RUNS"):
        monkeypatch.delenv(name, raising=False)
    module = f"remote_{tmp_path.name}".replace("-", "_")  # a name of its own: modules are kept
    (tmp_path / f"{module}.py").write_text(REMOTE, encoding="utf-8")
    return tmp_path, f"{module}:Remote"


def call(*args, code=0):
    done = CliRunner().invoke(app, ["data", *[str(a) for a in args]])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output
    return done


def fetch(kind, *args, code=0, **settings):
    sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    window = ("--name", "far", "--end", "2024-02-29")
    return call("fetch", *args, "--source", kind, *window, *sets, code=code)


def asked(folder):
    path = folder / "asked.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def stored(folder):
    return BarStore(folder / "store" / "bars").symbols("far")


def test_fetch_symbols_from_a_file_with_remarks_each_once(folder):
    path, kind = folder
    (path / "mine.txt").write_text("# banks\n600000.SH  # Pudong\n\n600001.SH\n600000.SH\n")
    fetch(kind, "600002.SH", "--symbols-from", "mine.txt")
    assert asked(path) == ["600002.SH", "600000.SH", "600001.SH"]
    assert stored(path) == ("600000.SH", "600001.SH", "600002.SH")


def test_fetch_index_as_of_a_day_takes_its_constituents_and_says_so(folder):
    path, kind = folder
    done = fetch(kind, "--index", "000300.SH", "--on", "2024-01-02")
    assert stored(path) == ("000001.SZ", "600000.SH")
    assert "note: 000300.SH of 2024-01-02" in done.stderr


def test_fetch_many_symbols_are_summed_up_and_the_next_time_cost_nothing(folder):
    path, kind = folder
    first = fetch(kind, *NAMES)
    assert first.stdout.splitlines() == ["25 symbols: 25 new; 925 new sessions"]
    assert len(asked(path)) == 25
    again = fetch(kind, *NAMES)
    assert again.stdout.splitlines() == ["25 symbols: 25 unchanged; 0 new sessions"]
    assert asked(path) == []


def test_fetch_failures_are_named_at_the_end_and_tried_again_alone(folder):
    path, kind = folder
    done = fetch(kind, *NAMES[:4], code=1, broken=NAMES[1])
    *_rest, hint, error = done.stderr.splitlines()
    assert hint.startswith("1 symbol of 4 failed, what was fetched is kept: the same command goes on")
    assert error == f"error: {NAMES[1]}: {NAMES[1]}: nothing there"
    assert stored(path) == (NAMES[0], *NAMES[2:4])
    asked(path)
    fetch(kind, *NAMES[:4])
    assert asked(path) == [NAMES[1]]


def test_fetch_interrupted_keeps_what_is_finished_and_goes_on(folder):
    path, kind = folder
    done = fetch(kind, *NAMES[:5], code=130, interrupt=NAMES[3])
    assert "the same command goes on from there" in done.stderr
    assert stored(path) == tuple(NAMES[:3])
    asked(path)
    fetch(kind, *NAMES[:5])
    assert asked(path) == NAMES[3:5]


def test_fetch_without_symbols_takes_all_that_the_source_lists():
    call("fetch", "--source", "sample")
    listed = json.loads(call("list", "--json").stdout)
    assert [row["symbol"] for row in listed] == ["000300.SH", "AAPL", "GOOG", "IBM", "MSFT"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "no symbols: name some, or give --symbols-from FILE or --index INDEX"),
        (["--on", "2024-01-02"], "--on tells the day of an index: give --index too"),
        (["--index", "000300.SH", "--on", "soon"], "--on is 'soon': write a date as YYYY-MM-DD"),
        (["--symbols-from", "none.txt"], "no file 'none.txt': check the path"),
        (["--symbols-from", "bare.txt"], "bare.txt:2: the symbol '600519' lacks its exchange"),
        (["--symbols-from", "empty.txt"], "no symbols: name some"),
    ],
)
def test_fetch_wrong_symbols_are_one_sentence(folder, args, said):
    path, kind = folder
    (path / "bare.txt").write_text("600000.SH\n600519\n")
    (path / "empty.txt").write_text("# nothing\n")
    assert said in fetch(kind, *args, code=2).stderr
    assert asked(path) == []


def test_constituents_are_a_file_for_fetch(folder):
    path, kind = folder
    done = call("constituents", "000300.SH", "--source", kind, "--on", "2024-01-02")
    assert done.stdout == "000001.SZ\n600000.SH\n"
    (path / "then.txt").write_text(done.stdout)
    fetch(kind, "--symbols-from", "then.txt")
    assert stored(path) == ("000001.SZ", "600000.SH")


def test_constituents_as_json_carry_index_day_and_notes(folder):
    done = call("constituents", "000300.SH", "--source", folder[1], "--json")
    assert json.loads(done.stdout) == {
        "index": "000300.SH",
        "on": None,
        "symbols": ["600000.SH"],
        "notes": ["000300.SH of None"],
    }


def test_constituents_of_a_source_without_any_are_refused():
    done = call("constituents", "000300.SH", "--source", "sample", code=2)
    assert "the source 'sample' has no constituents of an index" in done.stderr


def test_check_against_another_source_agrees(folder):
    fetch(folder[1], "600000.SH")
    done = call("check", "600000.SH", "--source", "far", "--against", folder[1])
    assert done.stdout == (f"600000.SH: far and {folder[1]} agree on 37 of 37 common sessions\n")


def test_check_against_another_source_names_the_difference_and_fails(folder):
    fetch(folder[1], "600000.SH", "600001.SH")
    args = ("--source", "far", "--against", folder[1], "--against-set", "price=20.0")
    done = call("check", "600000.SH", *args, "--json", code=1)
    (told,) = json.loads(done.stdout)
    assert (told["symbol"], told["common"], told["agreed"]) == ("600000.SH", 37, 0)
    assert [d["kind"] for d in told["differences"]] == ["method"]
    assert len(told["disagreed"]) == 37
    drawn = call("check", "600000.SH", *args, code=1).stdout
    assert "agree on 0 of 37 common sessions, not on 2024-01-02" in drawn


def test_check_of_many_symbols_goes_on_after_one_that_cannot_be_read(folder):
    path, kind = folder
    fetch(kind, *NAMES[:3])
    BarStore(path / "store" / "bars").path("far", NAMES[1]).write_bytes(b"torn")
    done = call("check", "--source", "far", "--json", code=1)
    rows = json.loads(done.stdout)
    assert [r["symbol"] for r in rows if r["kind"] == "unreadable"] == [NAMES[1]]
    both = call("check", *NAMES[:2], "--source", "far", "--against", kind, "--json", code=1)
    assert [set(t) for t in json.loads(both.stdout)][1] == {"symbol", "unreadable"}


def test_check_a_kind_of_source_with_settings(folder):
    path, _kind = folder
    days = ["2024-01-02", "2024-01-03", "2024-01-05"]
    rows = "".join(f"{day},1,2,1,{2 - i % 2},100\n" for i, day in enumerate(days))
    (path / "600000.SH.csv").write_text("date,open,high,low,close,volume\n" + rows)
    done = call("check", "--source", "csv", "--set", "folder=.", "--set", "adjustment=raw", code=1)
    assert "2024-01-04" in done.stdout
    assert "1 symbol, 3 bars" in done.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--source", "smple"], "no bars stored under 'smple': did you mean 'sample'"),
        (["--against-set", "a=1"], "--against-set sets the second source: give --against too"),
        (["--against", "smple"], "did you mean 'sample'"),
        (["--against", "sample", "--against-set", "a"], "--against-set takes KEY=VALUE, received 'a'"),
        (["600519"], "lacks its exchange"),
    ],
)
def test_check_wrong_options_are_one_sentence(args, said):
    assert said in call("check", *args, code=2).stderr
