"""`qushi texts`: import, fetch, status, as a person calls them."""

import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from qushi.app.cli import app
from qushi.sentiment import TextArchive

AGENCY = '''
import pandas as pd
from qushi.core import SourceError, Texts
from qushi.core.calendar import sessions
from qushi.sentiment import TextSource

class Agency(TextSource):
    """A part a session to `today`; each request leaves a line in a file."""
    today: str = "2024-01-04"
    broken: str = ""
    interrupt: str = ""

    def fetch(self, start=None, end=None, symbol=None):
        raise NotImplementedError

    @property
    def key(self):
        return "agency"

    def parts(self, start=None, end=None):
        days = sessions("XSHG", start or "2024-01-02", min(end or self.today, self.today))
        return tuple(f"{day:%Y-%m-%d}" for day in days)

    def settled(self, part):
        return part < self.today

    def fetch_part(self, part):
        with open("asked.txt", "a") as file:
            file.write(part + "\\n")
        if part == self.interrupt:
            raise KeyboardInterrupt
        if part == self.broken:
            raise SourceError(f"{part} did not answer")
        frame = pd.DataFrame({"id": [part], "body": [part], "audience": "institution"})
        at = pd.Timestamp(f"{part} 02:00", tz="UTC")
        return Texts.from_frame(frame.assign(published_at=at, source="agency"))
'''
POSTS = """id,time,content,symbol
1,2024-02-05 10:00,跌麻了,600519
2,2024-02-05 11:00,要跌停了,600519
3,2024-02-08 10:00,还行,600519
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("QUSHI_STORE", "QUSHI_RUNS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "posts.csv").write_text(POSTS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def agency(folder):
    module = f"agency_{folder.name}".replace("-", "_")  # a name of its own: modules are kept
    (folder / f"{module}.py").write_text(AGENCY, encoding="utf-8")
    return f"{module}:Agency"


def call(*args, code=0):
    done = CliRunner().invoke(app, ["texts", *[str(a) for a in args]])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, done.output
    return done


def sentence(*args, code=2):
    lines = call(*args, code=code).stderr.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def asked(folder):
    file = folder / "asked.txt"
    found = file.read_text().split() if file.exists() else []
    file.unlink(missing_ok=True)
    return found


def told(*args, code=0):
    return json.loads(call(*args, "--json", code=code).stdout)


def bring_in(*args):
    return told("import", "posts.csv", "--map", "body=content", *args)


def test_import_keeps_an_edit_as_a_version_and_the_same_file_changes_nothing(folder):
    assert bring_in() == {"new": 3, "duplicate": 0, "edited": 0, "dropped": 0, "gone": 0}
    (folder / "posts.csv").write_text(POSTS.replace("要跌停了", "要涨停了"), encoding="utf-8")
    assert bring_in()["edited"] == 1
    (folder / "posts.csv").write_text(POSTS, encoding="utf-8")
    assert bring_in() == {"new": 0, "duplicate": 3, "edited": 0, "dropped": 0, "gone": 0}
    found = TextArchive("store/texts.sqlite").read().frame
    assert found["body"].tolist() == ["跌麻了", "要跌停了", "还行", "要涨停了"]
    row = told("list")[0]
    assert (row["symbol"], row["texts"], row["versions"]) == ("600519.SH", 3, 4)


def test_import_snapshot_marks_what_is_gone(folder):
    bring_in()
    lines = POSTS.splitlines()
    (folder / "posts.csv").write_text("\n".join([*lines[:2], lines[3]]), encoding="utf-8")
    assert bring_in()["gone"] == 0
    assert bring_in("--set", "snapshot=true")["gone"] == 1
    assert told("status")["sources"][0]["gone"] == 1
    assert "snapshot is true or false" in sentence("import", "posts.csv", "--set", "snapshot=perhaps")


def test_import_column_of_deletions_marks_what_is_gone(folder):
    head, *rows = POSTS.splitlines()
    text = "\n".join([f"{head},deleted_at", f"{rows[0]},2024-02-06 09:00", *(f"{r}," for r in rows[1:])])
    (folder / "posts.csv").write_text(text, encoding="utf-8")
    assert bring_in()["gone"] == 1
    assert len(TextArchive("store/texts.sqlite").read()) == 3


def test_import_parquet_with_counts(folder):
    table = pd.DataFrame(
        {
            "time": ["2024-02-05 10:00"],
            "body": ["跌"],
            "reads": [12],
            "comments": [3],
            "symbol": ["600519"],
        }
    )
    table.to_parquet(folder / "posts.parquet")
    assert told("import", "posts.parquet")["new"] == 1
    found = TextArchive("store/texts.sqlite").read().frame.iloc[0]
    assert (found["reads"], found["comments"], found["symbol"]) == (12, 3, "600519.SH")


def test_import_file_that_is_not_there_is_named():
    assert "'nowhere.csv'" in sentence("import", "nowhere.csv")


def test_fetch_daily_asks_only_for_what_is_not_settled(folder, agency):
    first = told("fetch", agency, "--set", 'today="2024-01-03"')["sources"][0]
    assert (first["parts"], first["new"], first["failed"]) == (2, 2, 0)
    assert asked(folder) == ["2024-01-02", "2024-01-03"]
    second = told("fetch", agency, "--set", 'today="2024-01-04"')["sources"][0]
    assert (second["new"], second["duplicate"]) == (1, 1)
    assert asked(folder) == ["2024-01-03", "2024-01-04"]
    call("fetch", agency, "--refetch", "--start", "2024-01-03")
    assert asked(folder) == ["2024-01-03", "2024-01-04"]


def test_fetch_interrupted_keeps_what_is_finished_and_status_names_the_rest(folder, agency):
    done = call("fetch", agency, "--set", 'interrupt="2024-01-03"', code=130)
    assert "the same command goes on from there" in done.stderr
    status = told("status")["fetches"][0]
    assert (status["parts"], status["settled"], status["never"]) == (3, 1, 2)
    assert "2 parts never fetched: 2024-01-03..2024-01-04" in call("status").stdout
    asked(folder)
    call("fetch", agency)
    assert asked(folder) == ["2024-01-03", "2024-01-04"]
    assert "never fetched" not in call("status").stdout


def test_fetch_file_of_sources_goes_on_after_one_that_fails(folder, agency):
    (folder / "sub").mkdir()
    (folder / "posts.csv").rename(folder / "sub" / "posts.csv")
    (folder / "sub" / "sources.toml").write_text(
        f"""
[[sources]]
kind = "{agency}"
broken = "2024-01-03"

[[sources]]
kind = "csv"
path = "posts.csv"
columns = {{ body = "content" }}
since = 2024-02-06
""",
        encoding="utf-8",
    )
    done = call("fetch", "sub/sources.toml", "--json", code=1)
    first, second = json.loads(done.stdout)["sources"]
    assert (first["fetched"], first["failed"], first["reason"]) == (2, 1, "2024-01-03 did not answer")
    assert (second["new"], second["source"]) == (1, "csv path=posts.csv")
    assert "2024-01-03 did not answer (1 of 3 parts failed)" in done.stderr
    assert str(folder) not in done.stdout, "a label names a file, not where it lies"
    assert "csv path=posts.csv" in call("fetch", "sub/sources.toml", code=1).stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no sources"),
        ("[sources]\n", "no sources"),
        ("[[source]]\n", "did you mean 'sources'"),
        ("[[sources\n", "not valid TOML"),
        ('[[sources]]\npath = "x"\n', "number 1: the key 'kind' is missing"),
        ('[[sources]]\nkind = "sampel"\n', "did you mean 'sample'"),
        ('[[sources]]\nkind = "csv"\npath = "x"\nzoen = "UTC"\n', "did you mean 'zone'"),
        ('[[sources]]\nkind = "sample"\nsince = 2024\n', "'since' is 2024"),
        ('[[sources]]\nkind = "sample"\nsince = "soon"\n', "'since' is 'soon'"),
        ('[[sources]]\nkind = "sample"\n' * 2, "number 2 is the same as number 1"),
    ],
)
def test_fetch_bad_file_of_sources_is_refused_before_anything_is_fetched(folder, text, said):
    (folder / "sources.toml").write_text(text, encoding="utf-8")
    assert said in sentence("fetch", "sources.toml")
    assert not (folder / "store").exists()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("sampel",), "did you mean 'sample'"),
        (("nowhere.toml",), "'nowhere.toml'"),
        (("sample", "--start", "soon"), "--start is 'soon'"),
        (("sample", "--start", "2024-02-01", "--end", "2024-01-01"), "comes after"),
        (("sample", "--set", "colour=red"), "unknown key 'colour'"),
    ],
)
def test_fetch_bad_input_is_one_sentence(args, said):
    assert said in sentence("fetch", *args)


def test_fetch_settings_of_a_file_stand_in_the_file(folder):
    (folder / "sources.toml").write_text('[[sources]]\nkind = "sample"\n', encoding="utf-8")
    assert "--set is for one kind" in sentence("fetch", "sources.toml", "--set", "a=1")
    late = '[[sources]]\nkind = "sample"\nsince = 2024-05-01\n'
    (folder / "sources.toml").write_text(late, encoding="utf-8")
    assert "begins on 2024-05-01" in sentence("fetch", "sources.toml", "--end", "2024-01-01")


def test_status_names_the_holes_and_all_of_them_in_json():
    bring_in()
    shown = call("status").stdout
    assert "posts, public: no text for 2 sessions of 4: 2024-02-06..2024-02-07" in shown
    row = told("status")["sources"][0]
    assert (row["sessions"], row["covered"], row["holes"]) == (4, 2, 2)
    assert row["missing"] == ["2024-02-06..2024-02-07"]
    american = told("status", "--calendar", "XNYS", "--start", "2024-02-05", "--end", "2024-02-09")
    assert american["sources"][0]["sessions"] == 5


def test_status_of_nothing_says_what_to_do_and_bad_input_is_one_sentence():
    assert "qushi texts fetch" in call("status").stdout
    assert told("status") == {"sources": [], "fetches": []}
    assert "choose from" in sentence("status", "--calendar", "LSE")
    assert "--end is 'now'" in sentence("status", "--end", "now")
    assert "comes after" in sentence("status", "--start", "2024-02-01", "--end", "2024-01-01")
