"""Thousands of symbols: what is done costs no request, what is late is said, an interruption goes on."""

import pandas as pd
import pytest

from qushi.core import Bars, Listing
from remote import DAYS, Remote, history, remote


def listed(listing):
    return Bars.from_frame(history().frame, listings={"AAPL": listing})


def test_update_yesterdays_data_today_is_late_and_asked_for_again(store, at):
    at("2024-02-29 23:00")
    source = remote(AAPL=history(days=DAYS[:-1]))
    first = store.update("yahoo", source, ["AAPL"])
    assert (first.updates[0].outcome, first.updates[0].late) == ("new", True)
    again = store.update("yahoo", source, ["AAPL"])
    assert (again.updates[0].outcome, again.updates[0].added) == ("unchanged", 0)
    assert again.updates[0].detail == (
        "the source has nothing after 2024-02-28, though 2024-02-29 is over"
    )
    assert again.notes == (
        "AAPL lacks the last session that is over: suspended, or the source is late; ask again later",
    )
    assert len(source._asked) == 2
    done = store.update("yahoo", remote(AAPL=history()), ["AAPL"]).updates[0]
    assert (done.outcome, done.added, done.late) == ("appended", 1, False)


def test_update_many_late_symbols_are_one_note(store):
    names = [f"S{i}" for i in range(5)]
    source = remote(**{name: history(name) for name in names})
    (note,) = store.update("yahoo", source, names).notes
    assert note.startswith("5 symbols (S0, S1, S2 and 2 more) lack the last session that is over")


def test_update_source_of_files_is_never_late(store):
    class File(Remote):
        live = False

    source = File()
    source._all.update(AAPL=history())
    report = store.update("file", source, ["AAPL"])
    assert (report.updates[0].late, report.notes) == (False, ())


def test_update_delisted_symbol_asks_nobody_any_more(store, at):
    gone = Listing(None, DAYS[-1] + pd.Timedelta(days=1))
    source = remote(AAPL=listed(gone))
    store.update("yahoo", source, ["AAPL"])
    source._asked.clear()
    at("2025-06-03 12:00")
    assert store.update("yahoo", source, ["AAPL"]).updates[0].outcome == "unchanged"
    assert source._asked == []


def test_update_symbol_whose_delisting_was_ahead_is_asked_for_its_last_sessions(store, at):
    at("2024-01-31 23:00")
    source = remote(AAPL=listed(Listing(None, pd.Timestamp("2024-02-10"))).between(None, DAYS[19]))
    store.update("yahoo", source, ["AAPL"])
    at("2024-06-03 12:00")
    source._asked.clear()
    store.update("yahoo", source, ["AAPL"])
    assert len(source._asked) == 1


@pytest.mark.parametrize("done", [0, 3, 9])
def test_update_interrupted_after_some_symbols_goes_on_with_the_rest(store, done):
    names = [f"S{i}" for i in range(10)]

    class Torn(Remote):
        def fetch(self, symbol, start=None, end=None):
            if len(self._asked) == done:
                raise KeyboardInterrupt
            return super().fetch(symbol, start, end)

    torn = Torn()
    torn._all.update({name: history(name) for name in names})
    with pytest.raises(KeyboardInterrupt):
        store.update("yahoo", torn, names, end="2024-02-29")
    assert store.symbols("yahoo") == tuple(names[:done])

    source = remote(**torn._all)
    report = store.update("yahoo", source, names, end="2024-02-29")
    assert [asked[0] for asked in source._asked] == names[done:]
    assert [u.outcome for u in report.updates] == ["unchanged"] * done + ["new"] * (10 - done)
    source._asked.clear()
    store.update("yahoo", source, names, end="2024-02-29")
    assert source._asked == []


def test_update_up_to_date_symbol_is_not_even_read(store, monkeypatch):
    source = remote(AAPL=history())
    store.update("yahoo", source, ["AAPL"], end="2024-02-29")
    monkeypatch.setattr("qushi.market.store.read_bars", lambda path: pytest.fail(f"read {path}"))
    assert store.update("yahoo", source, ["AAPL"], end="2024-02-29").updates[0].outcome == "unchanged"
