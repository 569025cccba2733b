"""Which sessions have texts; Spring Festival of 2024 closed the mainland from 9 to 18 February."""

import pandas as pd
import pytest

from qushi.core import ConfigError, Texts
from qushi.core.calendar import session_of
from qushi.sentiment import TextArchive


@pytest.fixture
def archive(tmp_path):
    found = TextArchive(tmp_path / "texts.sqlite")
    yield found
    found.close()


def add(archive, moments, source="guba", audience="public", **more):
    at = pd.DatetimeIndex(moments).tz_localize("Asia/Shanghai").tz_convert("UTC")
    ids = [f"{source}:{m}" for m in moments]
    frame = pd.DataFrame({"id": ids, "body": ids, "source": source, "audience": audience})
    archive.add(Texts.from_frame(frame.assign(published_at=at)), **more)


def only(archive, *args):
    table = archive.status(*args)
    assert len(table) == 1
    return table.iloc[0]


def test_a_hole_is_a_session_without_a_text_and_a_holiday_is_none(archive):
    add(archive, ["2024-02-05 10:00", "2024-02-08 15:00", "2024-02-17 12:00", "2024-02-23 09:00"])
    row = only(archive)
    # 5 and 8 February; the make-up Saturday 17th counts for the 19th; 23rd
    assert row["missing"] == ("2024-02-06..2024-02-07", "2024-02-20..2024-02-22")
    assert (row["sessions"], row["covered"], row["holes"]) == (9, 4, 5)
    assert row["first"] == pd.Timestamp("2024-02-05 10:00", tz="Asia/Shanghai")
    assert row["last"] == pd.Timestamp("2024-02-23 09:00", tz="Asia/Shanghai")


def test_a_second_after_the_close_is_of_the_next_session(archive):
    add(archive, ["2024-02-05 15:00:00", "2024-02-06 15:00:01", "2024-02-08 10:00"])
    assert only(archive)["missing"] == ("2024-02-06",)


@pytest.mark.parametrize("calendar", ["XSHG", "XNYS", "XTAI"])
def test_covered_sessions_are_those_of_every_single_text(archive, calendar):
    seconds = pd.Series(range(0, 40 * 86_400, 10_301))
    at = pd.Timestamp("2024-01-26") + pd.to_timedelta(seconds, unit="s")
    add(archive, [str(m) for m in at])
    found = archive.read()
    expected = session_of(pd.DatetimeIndex(found.available_at), calendar).unique()
    assert only(archive, calendar)["covered"] == len(expected)


def test_bounds_that_are_given_are_looked_at_to_their_ends(archive):
    add(archive, ["2024-01-31 16:00", "2024-02-05 10:00", "2024-02-07 10:00", "2024-03-01 10:00"])
    row = only(archive, "XSHG", "2024-02-01", "2024-02-20")
    # the evening of 31 January counts for 1 February, which therefore is no hole
    assert row["missing"] == ("2024-02-02", "2024-02-06", "2024-02-08..2024-02-20")
    assert row["texts"] == 2
    later = only(archive, "XSHG", "2024-04-01", "2024-04-02")
    assert (later["texts"], later["holes"], later["missing"]) == (0, 2, ("2024-04-01..2024-04-02",))
    assert pd.isna(later["first"])


def test_an_end_before_the_close_does_not_ask_for_that_session(archive):
    add(archive, ["2024-02-05 10:00", "2024-02-06 10:00"])
    assert only(archive, "XSHG", "2024-02-05", "2024-02-07 14:59")["holes"] == 0
    assert only(archive, "XSHG", "2024-02-05", "2024-02-07 15:00")["holes"] == 1


def test_each_source_and_audience_is_a_row_with_texts_versions_and_the_last_fetch(archive):
    first, second = (pd.Timestamp(day, tz="UTC") for day in ("2024-03-01", "2024-03-02"))
    add(archive, ["2024-02-05 10:00", "2024-02-06 10:00"], now=first)
    add(archive, ["2024-02-05 11:00"], source="wire", audience="institution", now=first)
    edit = archive.read(end="2024-02-05 10:00").frame.assign(body="改")
    archive.add(Texts.from_frame(edit), now=second)
    table = archive.status().set_index(["source", "audience"])
    guba, wire = table.loc[("guba", "public")], table.loc[("wire", "institution")]
    assert guba["last"] == pd.Timestamp("2024-02-06 10:00", tz="Asia/Shanghai"), "an edit is no coverage"
    assert (guba["sessions"], guba["covered"]) == (2, 2)
    assert (guba["texts"], guba["versions"], guba["last_fetch"]) == (2, 3, second)
    assert (wire["texts"], wire["versions"], wire["last_fetch"]) == (1, 1, first)
    add(archive, ["2024-02-05 11:00"], source="wire", audience="institution", now=second)
    assert set(archive.status()["last_fetch"]) == {second}, "heard again, though with nothing new"


def test_empty_archive_has_no_rows(archive):
    table = archive.status()
    assert len(table) == 0
    assert {"source", "missing", "last_fetch"} <= set(table.columns)


def test_unknown_calendar_offers_the_known_ones(archive):
    with pytest.raises(ConfigError, match="XSHG"):
        archive.status("XSHE")


def test_summary_counts_texts_and_versions_by_symbol(archive):
    at = pd.Timestamp("2024-01-02", tz="UTC")
    frame = pd.DataFrame({"id": ["a", "b"], "body": ["甲", "乙"], "audience": "public"})
    frame = frame.assign(published_at=at, symbol=["600519.SH", None])
    archive.add(Texts.from_frame(frame))
    archive.add(Texts.from_frame(frame.assign(body="改")))
    assert archive.summary()[["texts", "versions"]].to_numpy().tolist() == [[1, 2], [1, 2]]
