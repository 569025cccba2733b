"""Bars on disk: whole, incremental, resumable, and never spliced from two histories."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qushi.core import Bars, DataError
from qushi.core.calendar import sessions
from qushi.market import BarStore, read_bars, write_bars
from qushi.market import bar_file as files
from remote import DAYS, Remote, history, remote


def test_store_what_is_written_is_read(store):
    bars = history()
    store.write("yahoo", bars)
    again = store.read("yahoo", "AAPL")
    pd.testing.assert_frame_equal(again.frame, bars.frame)
    assert (again.calendar, again.adjustment) == ("XNYS", "raw")
    assert again.fingerprint == bars.fingerprint


def test_store_list_says_what_every_file_holds(store):
    store.write("yahoo", history())
    store.write("file", history("IBM", adjustment="adjusted"), source="csv")
    table = store.list().set_index(["name", "symbol"])
    assert list(table.index) == [("file", "IBM"), ("yahoo", "AAPL")]
    row = table.loc[("file", "IBM")]
    assert (row["source"], row["adjustment"], row["calendar"]) == ("csv", "adjusted", "XNYS")
    assert (row["rows"], row["first"], row["last"]) == (len(DAYS), "2024-01-02", "2024-02-29")
    assert row["fetched_at"].startswith("2024-06-03T12:00")
    assert store.symbols("file") == ("IBM",)


def test_store_empty_lists_nothing(store):
    assert len(store.list()) == 0
    assert store.symbols("yahoo") == ()


def test_store_missing_bars_name_the_nearest(store):
    store.write("yahoo", history())
    with pytest.raises(DataError, match=r"no bars of 'AAPLE' under 'yahoo': did you mean 'AAPL'"):
        store.read("yahoo", "AAPLE")
    with pytest.raises(DataError, match=r"under 'yaho': did you mean 'yahoo'"):
        store.read("yaho", "AAPL")


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
def test_store_any_symbol_makes_a_safe_reversible_name(symbol):
    from pathlib import Path
    from urllib.parse import unquote

    path = BarStore(Path("root")).path("name", symbol)
    assert path.parent.as_posix() == "root/name"
    assert unquote(path.stem) == symbol
    assert path.name.isascii()
    assert not set(path.name) & set('/\\:*?"<>| ')
    assert path.name.partition(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT9", ""}


def test_store_reserved_symbol_is_stored_and_listed(store):
    store.write("yahoo", history("PRN"))
    assert store.symbols("yahoo") == ("PRN",)
    assert len(store.read("yahoo", "PRN")) == len(DAYS)


def test_store_interrupted_write_keeps_the_old_file(store, monkeypatch):
    store.write("yahoo", history())

    def torn(_table, file, **_options):
        file.write(b"PAR1 half")
        raise KeyboardInterrupt

    monkeypatch.setattr(files.pq, "write_table", torn)
    with pytest.raises(KeyboardInterrupt):
        store.write("yahoo", history(days=DAYS[:3]))
    assert len(store.read("yahoo", "AAPL")) == len(DAYS)
    assert [p.name for p in store.path("yahoo", "AAPL").parent.iterdir()] == ["AAPL.parquet"]


def test_store_foreign_parquet_is_refused(store, tmp_path):
    path = tmp_path / "x.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(path)
    with pytest.raises(DataError, match="was not written by qushi"):
        read_bars(path)
    path.write_bytes(b"PAR1 half")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read_bars(path)


def test_store_two_symbols_in_one_file_are_refused(tmp_path):
    with pytest.raises(DataError, match="one symbol"):
        write_bars(Bars.concat([history(), history("IBM")]), tmp_path / "x.parquet", {})


def test_store_file_is_zstd_with_dates(store):
    store.write("yahoo", history())
    found = pq.ParquetFile(store.path("yahoo", "AAPL"))
    assert str(found.schema_arrow.field("session").type) == "date32[day]"
    assert found.metadata.row_group(0).column(0).compression == "ZSTD"


def test_update_new_symbol_fetches_the_window(store):
    source = remote(AAPL=history())
    report = store.update("yahoo", source, ["AAPL"], "2024-01-10", "2024-02-01")
    assert [(u.symbol, u.outcome) for u in report.updates] == [("AAPL", "new")]
    expected = sessions("XNYS", "2024-01-10", "2024-02-01")
    assert store.read("yahoo", "AAPL").sessions.equals(expected)
    assert report.updates[0].added == len(expected)


def test_update_appends_only_what_is_new_and_checks_an_overlap(store):
    source = remote(AAPL=history())
    store.update("yahoo", source, ["AAPL"], end="2024-01-31")
    source._asked.clear()
    report = store.update("yahoo", source, ["AAPL"])
    stored = sessions("XNYS", "2024-01-02", "2024-01-31")
    assert source._asked == [("AAPL", f"{stored[-5]:%Y-%m-%d}", None)]
    assert report.updates[0].outcome == "appended"
    assert report.updates[0].added == len(DAYS) - len(stored)
    pd.testing.assert_frame_equal(store.read("yahoo", "AAPL").frame, history().frame)


def test_update_in_steps_equals_one_fetch(store):
    source = remote(AAPL=history(factor=np.where(np.arange(len(DAYS)) < 20, 1.0, 1.1)))
    for end in ("2024-01-12", "2024-01-26", "2024-02-09", "2024-02-29"):
        store.update("steps", source, ["AAPL"], end=end)
    store.update("once", source, ["AAPL"])
    assert store.read("steps", "AAPL").fingerprint == store.read("once", "AAPL").fingerprint


def test_update_nothing_new_asks_nobody(store, at):
    source = remote(AAPL=history())
    store.update("yahoo", source, ["AAPL"])
    source._asked.clear()
    at("2024-02-29 23:00")
    assert store.update("yahoo", source, ["AAPL"]).updates[0].outcome == "unchanged"
    assert store.update("yahoo", source, ["AAPL"], end="2024-02-10").updates[0].outcome == "unchanged"
    assert source._asked == []


def test_update_factor_anchored_elsewhere_is_scaled_to_the_stored_one(store):
    factor = np.where(np.arange(len(DAYS)) < 30, 1.0, 1.25)
    store.update("yahoo", remote(AAPL=history(factor=factor)), ["AAPL"], end="2024-01-31")
    store.update("yahoo", remote(AAPL=history(factor=factor * 7)), ["AAPL"])
    np.testing.assert_allclose(store.read("yahoo", "AAPL").frame["factor"], factor)


@pytest.mark.parametrize("refactored", [False, True])
def test_update_history_changed_at_the_source_is_fetched_whole(store, refactored):
    store.update("yahoo", remote(AAPL=history(adjustment="adjusted")), ["AAPL"], end="2024-01-31")
    again = history(close=(100.0 + np.arange(len(DAYS))) * 0.9, adjustment="adjusted")
    if refactored:  # prices as before, but the factor within the overlap moved
        store.write("yahoo", history().between(None, "2024-01-31"))
        again = history(factor=np.where(np.arange(len(DAYS)) < 19, 1.0, 1.5))
    report = store.update("yahoo", remote(AAPL=again), ["AAPL"])
    assert report.updates[0].outcome == "replaced"
    assert (
        "factors" in report.updates[0].detail if refactored else "stored as" in report.updates[0].detail
    )
    assert report.updates[0].detail in report.notes[0]
    pd.testing.assert_frame_equal(store.read("yahoo", "AAPL").frame, again.frame)


def test_update_replacement_that_would_lose_sessions_is_refused(store):
    store.update("yahoo", remote(AAPL=history()), ["AAPL"], end="2024-01-31")
    before = store.read("yahoo", "AAPL").fingerprint
    shorter = history(days=DAYS[10:], close=np.full(len(DAYS) - 10, 7.0))
    report = store.update("yahoo", remote(AAPL=shorter), ["AAPL"])
    assert report.failed[0].symbol == "AAPL"
    assert "no longer has 10 stored sessions" in report.failed[0].detail
    assert store.read("yahoo", "AAPL").fingerprint == before


def test_update_session_missing_from_the_overlap_is_refused(store):
    store.update("yahoo", remote(AAPL=history()), ["AAPL"], end="2024-01-31")
    hole = history(days=DAYS.delete(DAYS.get_loc(pd.Timestamp("2024-01-30"))))
    report = store.update("yahoo", remote(AAPL=hole), ["AAPL"])
    assert "no longer has 2024-01-30" in report.failed[0].detail
    assert len(store.read("yahoo", "AAPL")) == len(sessions("XNYS", "2024-01-02", "2024-01-31"))


def test_update_other_adjustment_under_the_same_name_is_refused(store):
    store.update("yahoo", remote(AAPL=history()), ["AAPL"], end="2024-01-31")
    report = store.update("yahoo", remote(AAPL=history(adjustment="adjusted")), ["AAPL"])
    assert "another name" in report.failed[0].detail
    assert store.read("yahoo", "AAPL").adjustment == "raw"


def test_update_one_failing_symbol_is_named_and_costs_no_other(store):
    source = remote(AAPL=history(), IBM=history("IBM"))
    report = store.update("yahoo", source, ["AAPL", "NOSUCH", "IBM"])
    assert [u.outcome for u in report.updates] == ["new", "failed", "new"]
    assert [u.symbol for u in report.failed] == ["NOSUCH"]
    assert "nothing there" in report.failed[0].detail
    assert store.symbols("yahoo") == ("AAPL", "IBM")


def test_update_interrupted_keeps_what_was_fetched_and_goes_on(store):
    class Torn(Remote):
        def fetch(self, symbol, start=None, end=None):
            if symbol == "IBM" and not self._asked.count(("torn",)):
                self._asked.append(("torn",))
                raise KeyboardInterrupt
            return super().fetch(symbol, start, end)

    source = Torn()
    source._all.update(AAPL=history(), IBM=history("IBM"))
    with pytest.raises(KeyboardInterrupt):
        store.update("yahoo", source, ["AAPL", "IBM"], end="2024-02-29")
    assert store.symbols("yahoo") == ("AAPL",)
    report = store.update("yahoo", source, ["AAPL", "IBM"], end="2024-02-29")
    assert [u.outcome for u in report.updates] == ["unchanged", "new"]


def test_update_earlier_start_fetches_again(store):
    source = remote(AAPL=history())
    store.update("yahoo", source, ["AAPL"], "2024-02-01")
    assert store.update("yahoo", source, ["AAPL"]).updates[0].outcome == "unchanged"
    report = store.update("yahoo", source, ["AAPL"], "2024-01-15")
    assert report.updates[0].outcome == "replaced"
    assert store.read("yahoo", "AAPL").sessions[0] == pd.Timestamp("2024-01-16")
    assert store.update("yahoo", source, ["AAPL"], "2024-01-15").updates[0].outcome == "unchanged"


def test_update_refetch_asks_for_everything(store):
    source = remote(AAPL=history())
    store.update("yahoo", source, ["AAPL"])
    assert store.update("yahoo", source, ["AAPL"], refetch=True).updates[0].outcome == "replaced"
    assert source._asked[-1] == ("AAPL", None, None)


def test_update_running_session_is_not_stored(store, at):
    at("2024-02-29 20:00")  # 15:00 in New York
    store.update("yahoo", remote(AAPL=history()), ["AAPL"])
    assert store.read("yahoo", "AAPL").sessions[-1] == pd.Timestamp("2024-02-28")
    at("2024-02-29 22:00")
    assert store.update("yahoo", remote(AAPL=history()), ["AAPL"]).updates[0].added == 1


def test_update_notes_of_the_source_reach_the_report(store):
    class Talkative(Remote):
        def fetch(self, symbol, start=None, end=None):
            self.note(f"{symbol}: dropped 3 rows")
            return super().fetch(symbol, start, end)

    source = Talkative()
    source._all.update(AAPL=history())
    assert store.update("yahoo", source, ["AAPL"], end="2024-02-29").notes == ("AAPL: dropped 3 rows",)
