"""The way from texts to the index in an experiment: named, cleaned, scored, published and grown."""

from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from qushi.app.config import parse_experiment
from qushi.app.panic import published_panic, read_panic
from qushi.app.run import run_experiment
from qushi.app.workspace import Workspace
from qushi.core import ConfigError, Texts
from qushi.core.calendar import sessions

SYMBOL = "600519.SH"
WORDS = ("跌停了，亏损严重", "大涨，利好不断", "横盘整理", "风险很大，下跌", "上涨，盈利增长")
DAYS = sessions("XSHG", "2020-01-02", "2020-12-31")
ADVERT = "免费荐股，加微信 abc12345 进群领牛股，名额有限，QQ群123456789"


def texts(first, last, *, extra=()):
    """Two posts and a headline a session, at noon, and `extra` (id, local time, words)."""
    random = np.random.default_rng(7)
    rows = []
    for number, day in enumerate(DAYS):
        for kind, audience in (("a", "public"), ("b", "public"), ("n", "institution")):
            said = f"{random.choice(WORDS)}，第{number}天{kind}{random.integers(1_000_000)}号"
            said = f"贵州茅台{said}" if kind == "n" and number % 2 else said
            rows.append((f"{kind}{number}", f"{day:%Y-%m-%d} 12:00", said, audience))
    rows = [row for row in rows if str(first) <= row[1] <= f"{last} 23:59"]
    rows += [(*row, "public") for row in extra]
    frame = pd.DataFrame(rows, columns=["id", "published_at", "body", "audience"])
    at = pd.to_datetime(frame["published_at"]).dt.tz_localize("Asia/Shanghai")
    return Texts.from_frame(frame.assign(published_at=at, source="forum"))


def experiment(end="2020-12-31", **tables):
    return parse_experiment(
        {
            "name": "reading",
            "bars": {"kind": "sample", "symbols": ["000300.SH"], "start": "2020-01-02", "end": end},
            "texts": {"kind": "archive", "start": "2020-01-01"},
            "classifier": {"kind": "dictionary", "contaminated": True},
            "panic": {"min_history": 10, "window": 50},
            "strategies": [{"kind": "buy_and_hold"}],
            "backtest": {"lots": False},
            "report": {"tear_sheets": "none"},
            **tables,
        }
    )


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("QUSHI_STORE", str(tmp_path / "store"))
    return Workspace(tmp_path / "store", tmp_path / "runs")


def add(place, given, **more):
    with closing(place.archive) as archive:
        return archive.add(given, **more)


def rows(reading, last="2020-06-30"):
    frame = reading.panic.frame
    return frame[frame["session"] <= last].reset_index(drop=True)


def test_published_index_grown_in_two_steps_is_bit_equal_to_the_whole(place):
    add(place, texts("2020-01-01", "2020-12-31"))
    first = published_panic(experiment(end="2020-06-30"), place)
    assert first.panic.frame["session"].max() == pd.Timestamp("2020-06-30")
    grown = published_panic(experiment(), place)
    whole = read_panic(experiment(), place)
    pd.testing.assert_frame_equal(grown.panic.frame, whole.panic.frame, check_exact=True)
    pd.testing.assert_frame_equal(rows(grown), first.panic.frame, check_exact=True)
    assert grown.panic.frame["panic"].nunique() > 50


def test_published_sessions_do_not_move_when_texts_come_late_or_are_edited_or_taken_back(place):
    add(place, texts("2020-01-01", "2020-12-31"))
    before = published_panic(experiment(end="2020-06-30"), place)
    edited = texts("2020-01-01", "2020-12-31").frame.assign(body="崩盘，恐慌，全部亏光")
    edited["edited_at"] = pd.Timestamp("2020-07-01 01:00", tz="UTC")
    assert add(place, Texts.from_frame(edited[edited["published_at"] < "2020-06-30"])).edited > 300
    late = texts("2020-12-01", "2020-12-01", extra=[("late", "2020-03-02 10:00", "暴跌，亏损")])
    assert add(place, late, gone={"a3": pd.Timestamp("2020-07-01", tz="UTC")}).gone == 1
    after = published_panic(experiment(), place)
    pd.testing.assert_frame_equal(rows(after), before.panic.frame, check_exact=True)
    assert any("1 texts came into the archive after" in note.en for note in after.warnings)
    july = after.panic.one("market").loc["2020-07-01"]
    assert july["texts"] > 300  # the edits count when they were made
    assert july["session_bearishness"] > 1
    remade = published_panic(experiment(), place, rebuild=True)
    moved = remade.panic.one("market")["texts"] - after.panic.one("market")["texts"]
    assert moved[moved != 0].to_dict() == {pd.Timestamp("2020-03-02"): 1}


def test_rebuild_of_what_was_never_published_is_refused(place):
    add(place, texts("2020-01-01", "2020-12-31"))
    sample = experiment(texts={"kind": "sample"})
    with pytest.raises(ConfigError, match="no published index to make again"):
        published_panic(sample, place, rebuild=True)


def test_names_sectors_and_cleaning_reach_index_notes_and_page(place, tmp_path):
    names = tmp_path / "names.csv"
    names.write_text(f"symbol,name,kind,since,until\n{SYMBOL},贵州茅台,name,2020-03-02,\n", "utf-8")
    adverts = [(f"ad{n}", f"2020-02-{n + 10} 10:00", f"{ADVERT}{n}") for n in range(3)]
    add(place, texts("2020-01-01", "2020-12-31", extra=adverts))
    asked = experiment(names={"path": str(names)}, text_cleaning={}, sectors={"wine": [SYMBOL]})
    run = run_experiment(asked, place)
    reading = run.outcome.reading
    assert reading.cleaning.by_reason()["advertising"] == 3
    assert not reading.texts.frame["id"].isin([row[0] for row in adverts]).any()
    named = reading.panic.one(SYMBOL)
    assert named.index[0] == DAYS[DAYS >= "2020-03-02"][0] + pd.Timedelta(days=1)  # its first odd day
    pd.testing.assert_frame_equal(named, reading.panic.one("sector:wine"))
    assert any("3 of" in note.en and "copies, advertising" in note.en for note in run.notes)
    page = (run.folder / "panic.html").read_text("utf-8")
    assert "sector:wine" in page
    assert 'href="panic.html"' in (run.folder / "report.html").read_text("utf-8")
    grown = published_panic(asked, place)
    pd.testing.assert_frame_equal(grown.panic.frame, reading.panic.frame, check_exact=True)


def test_experiment_without_names_or_cleaning_counts_every_text(place):
    add(place, texts("2020-01-01", "2020-12-31"))
    read = read_panic(experiment(), place)
    assert read.reading.cleaning is None
    assert read.panic.one("market")["texts"].sum() == len(texts("2020-01-01", "2020-12-31"))
    assert read.panic.scopes == ("market",)
