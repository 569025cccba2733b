"""What is kept beside the prices: reference prices, corporate actions, the listing."""

import pandas as pd
import pyarrow.parquet as pq
import pytest

from qushi.core import Actions, Bars, DataError, Listing
from qushi.market import bar_file as files
from qushi.market import read_bars, write_bars
from remote import DAYS, history, remote

ALL = len(DAYS)


def paying(session, symbol="AAPL", **amounts):
    amounts = amounts or {"cash": 0.24, "pay_session": pd.Timestamp(session) + pd.Timedelta(days=3)}
    return Actions.from_frame(
        pd.DataFrame([{"symbol": symbol, "session": pd.Timestamp(session), **amounts}])
    )


def rich(actions, listing=None, n=ALL):
    frame = history().frame.reset_index().iloc[:n]
    listings = {} if listing is None else {"AAPL": listing}
    before = frame["close"].shift(1)
    return Bars.from_frame(frame.assign(pre_close=before), actions=actions, listings=listings)


@pytest.mark.parametrize(
    "bars",
    [
        rich(paying("2024-01-10")),
        rich(paying("2024-01-10", split=-0.5)),
        rich(paying("2024-01-10", bonus=0.1, rights=0.3, rights_price=4.2, cash=1 / 3)),
        rich(Actions.none(["AAPL"]), Listing(pd.Timestamp("1980-12-12"), None, "苹果")),
        rich(Actions.none(), Listing(None, pd.Timestamp("2030-01-02"))),
    ],
)
def test_store_everything_beside_the_prices_survives(store, bars):
    store.write("yahoo", bars)
    again = store.read("yahoo", "AAPL")
    assert again.fingerprint == bars.fingerprint
    assert again.listings == bars.listings
    assert again.actions.known == bars.actions.known
    pd.testing.assert_frame_equal(again.actions.frame, bars.actions.frame)


def test_store_file_of_format_1_is_read_with_nothing_known_beside_the_prices(tmp_path):
    """Files written before reference prices, actions and listings were kept."""
    import json

    path = tmp_path / "AAPL.parquet"
    write_bars(history(), path, {"source": "yahoo"})
    table = pq.read_table(path).drop_columns(["pre_close"])
    facts = json.loads(table.schema.metadata[b"qushi"])
    old = {k: v for k, v in facts.items() if k not in ("actions", "listing")} | {"format": 1}
    pq.write_table(table.replace_schema_metadata({b"qushi": json.dumps(old)}), path)
    again = read_bars(path)
    assert again.fingerprint == history().fingerprint
    assert (again.actions.known, again.listings) == (frozenset(), {})
    assert again.frame["pre_close"].isna().all()


def test_store_file_of_a_later_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "FORMAT", 3)
    write_bars(history(), tmp_path / "AAPL.parquet", {})
    monkeypatch.undo()
    with pytest.raises(DataError, match="has format 3, this qushi reads up to 2"):
        read_bars(tmp_path / "AAPL.parquet")


def test_update_in_steps_keeps_every_action_and_the_latest_listing(store):
    both = Actions.concat([Actions.none(["AAPL"]), paying("2024-01-10"), paying("2024-02-20")])
    for n, listing in ((15, Listing()), (25, Listing(DAYS[0])), (len(DAYS), Listing(DAYS[0], name="A"))):
        report = store.update("steps", remote(AAPL=rich(both, listing, n)), ["AAPL"])
        assert report.updates[0].outcome in ("new", "appended")
    assert store.read("steps", "AAPL").fingerprint == rich(both, Listing(DAYS[0], name="A")).fingerprint


def test_update_without_new_sessions_still_learns_of_the_delisting(store):
    gone = Listing(None, DAYS[-1] + pd.Timedelta(days=1))
    store.update("yahoo", remote(AAPL=history()), ["AAPL"])
    report = store.update("yahoo", remote(AAPL=rich(Actions.none(), gone)), ["AAPL"])
    assert (report.updates[0].outcome, report.updates[0].late) == ("unchanged", False)
    assert store.read("yahoo", "AAPL").listings == {"AAPL": gone}


@pytest.mark.parametrize(
    ("stored", "now", "why"),
    [
        (paying("2024-01-29", cash=1.0), paying("2024-01-29", cash=1.1), "with cash 1, now it has 1.1"),
        (
            paying("2024-01-29", cash=1.0),
            Actions.none(["AAPL"]),
            "is stored, the source no longer has it",
        ),
        (Actions.none(["AAPL"]), paying("2024-01-29", cash=1.0), "is not stored, the source has it now"),
        (paying("2024-01-29", cash=1.0), paying("2024-01-29"), "with cash 1, now it has 0.24"),
        (
            paying("2024-01-29", cash=0.24),
            paying("2024-01-29", cash=0.24, pay_session=pd.Timestamp("2024-02-02")),
            "is paid on another day",
        ),
    ],
)
def test_update_action_corrected_at_the_source_replaces_and_says_why(store, stored, now, why):
    store.update("yahoo", remote(AAPL=rich(stored, n=20)), ["AAPL"])
    report = store.update("yahoo", remote(AAPL=rich(now)), ["AAPL"])
    assert report.updates[0].outcome == "replaced"
    assert why in report.updates[0].detail
    assert store.read("yahoo", "AAPL").fingerprint == rich(now).fingerprint


def test_update_source_that_no_longer_vouches_for_the_actions_replaces_and_says_so(store):
    store.update("yahoo", remote(AAPL=rich(paying("2024-01-10"), n=20)), ["AAPL"])
    report = store.update("yahoo", remote(AAPL=rich(Actions.none())), ["AAPL"])
    assert report.updates[0].outcome == "replaced"
    assert "no longer known to the source" in report.updates[0].detail
    assert store.read("yahoo", "AAPL").fingerprint == rich(Actions.none()).fingerprint


def test_update_actions_not_known_of_the_stored_sessions_stay_so_until_all_is_fetched_again(store):
    known = rich(Actions.none(["AAPL"]))
    store.update("yahoo", remote(AAPL=rich(Actions.none(), n=20)), ["AAPL"])
    assert store.update("yahoo", remote(AAPL=known), ["AAPL"]).updates[0].outcome == "appended"
    assert store.read("yahoo", "AAPL").actions.known == frozenset()
    store.update("yahoo", remote(AAPL=known), ["AAPL"], refetch=True)
    assert store.read("yahoo", "AAPL").fingerprint == known.fingerprint
