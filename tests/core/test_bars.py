"""Bars are checked on entry, every refusal names symbol, session and value; views change nothing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qushi.core import Actions, Bars, DataError, Listing

DAYS = pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04"])


def table(symbol="600519.SH", **columns):
    base = {"symbol": symbol, "session": DAYS, "open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0}
    return pd.DataFrame({**base, "volume": 100.0, **columns})


def two():
    other = table("000001.SZ", factor=1.0).iloc[1:]
    return Bars.from_frame(pd.concat([table(close=[10.0, 11.0, 12.0], factor=[1.0, 1.0, 2.0]), other]))


def test_bars_from_frame_sorts_and_fills_what_is_optional():
    bars = Bars.from_frame(table().sample(frac=1, random_state=1))
    frame = bars.one("600519.SH")
    assert frame.index.tolist() == list(DAYS)
    assert frame["amount"].isna().all()
    assert (frame["factor"] == 1).all()
    assert not frame[["suspended", "st"]].to_numpy().any()
    assert (bars.calendar, bars.adjustment, len(bars)) == ("XSHG", "raw", 3)


def test_bars_from_frame_takes_an_indexed_frame_too():
    indexed = table().set_index(["symbol", "session"])
    assert Bars.from_frame(indexed).fingerprint == Bars.from_frame(table()).fingerprint


def test_bars_from_frame_leaves_its_input_alone():
    given_table = table()
    before = given_table.copy()
    Bars.from_frame(given_table)
    pd.testing.assert_frame_equal(given_table, before)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("close", 12.5, r"600519\.SH on 2024-01-03 has open or close outside low to high .*close 12\.5"),
        ("open", 8.5, r"2024-01-03 has open or close outside"),
        ("low", 0.0, r"2024-01-03 has a price that is not a positive number .*low 0"),
        ("close", np.nan, r"2024-01-03 has a price that is not a positive number"),
        ("high", np.inf, r"2024-01-03 has a price that is not a positive number"),
        ("volume", -5.0, r"2024-01-03 has a bad volume \(volume -5\)"),
        ("volume", np.nan, r"2024-01-03 has a bad volume"),
        ("amount", -1.0, r"2024-01-03 has a negative amount \(amount -1\)"),
        ("factor", 0.0, r"2024-01-03 has an adjustment factor that is not positive"),
        ("factor", np.nan, r"2024-01-03 has an adjustment factor"),
        ("pre_close", 0.0, r"2024-01-03 has a reference price that is not positive \(pre_close 0\)"),
        ("pre_close", np.inf, r"2024-01-03 has a reference price that is not positive"),
        ("suspended", True, r"2024-01-03 is marked suspended but has volume \(volume 100\)"),
        ("session", pd.Timestamp("2024-01-06"), r"600519\.SH on 2024-01-06 is not a session of XSHG"),
        ("session", pd.Timestamp("2024-01-02"), r"600519\.SH on 2024-01-02 appears twice"),
    ],
)
def test_bars_broken_invariant_names_symbol_session_and_value(column, value, said):
    defaults = {"amount": 5.0, "factor": 1.0, "suspended": False, "pre_close": 11.0}
    broken = table(**({column: defaults[column]} if column in defaults else {}))
    broken.loc[1, column] = value
    with pytest.raises(DataError, match=said):
        Bars.from_frame(broken)


def test_bars_several_bad_rows_are_counted():
    with pytest.raises(DataError, match=r"2024-01-02.*2 more rows like it"):
        Bars.from_frame(table(volume=-1.0))


def test_bars_rounded_adjusted_prices_are_let_pass():
    assert len(Bars.from_frame(table(close=12.0 * (1 + 5e-7)))) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="low"), "lack the column 'low'; received"),
        (lambda t: t.iloc[:0], "no rows"),
        (lambda t: t.assign(session="2024-01-02"), "sessions must be dates"),
        (lambda t: t.assign(close="ten"), "must hold numbers"),
        (lambda t: t.assign(session=DAYS.tz_localize("Asia/Shanghai")), "without zone"),
        (lambda t: t.assign(session=DAYS + pd.Timedelta("15h")), "without zone or clock"),
        (lambda t: pd.concat([t, table("AAPL")]), r"one market.*XNYS.*XSHG"),
    ],
)
def test_bars_unusable_table_is_refused(change, said):
    with pytest.raises(DataError, match=said):
        Bars.from_frame(change(table()))


def test_bars_adjusted_may_carry_no_factor():
    assert Bars.from_frame(table(), adjustment="adjusted").adjustment == "adjusted"
    with pytest.raises(DataError, match="marked adjusted but carries a factor"):
        Bars.from_frame(table(factor=2.0), adjustment="adjusted")
    with pytest.raises(DataError, match="'raw' or 'adjusted'"):
        Bars.from_frame(table(), adjustment="qfq")


def test_bars_made_directly_are_checked_as_well():
    frame = Bars.from_frame(table()).frame
    with pytest.raises(DataError, match="must be sorted"):
        Bars(frame.iloc[::-1], "XSHG", "raw")
    with pytest.raises(DataError, match=r"use Bars\.from_frame"):
        Bars(frame.reset_index(), "XSHG", "raw")


def test_bars_adjusted_price_is_price_times_factor():
    adjusted = two().adjusted("close")
    assert adjusted["600519.SH"].tolist() == [10.0, 11.0, 24.0]
    with pytest.raises(DataError, match="'clos' is not a price: did you mean 'close'"):
        two().adjusted("clos")


def test_bars_wide_is_nan_where_a_symbol_has_no_row():
    wide = two().wide("close")
    assert wide.columns.tolist() == ["000001.SZ", "600519.SH"]
    assert np.isnan(wide.loc[DAYS[0], "000001.SZ"])
    assert two().sessions.tolist() == list(DAYS)


def test_bars_select_keeps_symbols_and_names_the_unknown():
    assert two().select(["000001.SZ"]).symbols == ("000001.SZ",)
    with pytest.raises(DataError, match=r"no bars for '600519\.SZ': did you mean '600519\.SH'"):
        two().select(["600519.SZ"])


def test_bars_between_includes_both_ends_and_refuses_an_empty_window():
    bars = two()
    assert bars.between("2024-01-03", "2024-01-03").sessions.tolist() == [DAYS[1]]
    assert bars.between("2024-01-02", "2024-01-02").symbols == ("600519.SH",)
    with pytest.raises(DataError, match="from 2025-01-01 to the last: they run from 2024-01-02"):
        bars.between("2025-01-01", None)


def test_bars_concat_joins_and_refuses_to_mix():
    a, b = Bars.from_frame(table()), Bars.from_frame(table("000001.SZ"))
    assert Bars.concat([a, b]).symbols == ("000001.SZ", "600519.SH")
    with pytest.raises(DataError, match="different calendar or adjustment"):
        Bars.concat([a, Bars.from_frame(table("000001.SZ"), adjustment="adjusted")])
    with pytest.raises(DataError, match="appears twice"):
        Bars.concat([a, a])
    with pytest.raises(DataError, match="no bars"):
        Bars.concat([])


def test_bars_fingerprint_follows_content():
    assert Bars.from_frame(table()).fingerprint == Bars.from_frame(table()).fingerprint
    assert Bars.from_frame(table()).fingerprint != Bars.from_frame(table(volume=101.0)).fingerprint


@settings(max_examples=40, deadline=None)
@given(
    prices=st.lists(st.tuples(*[st.floats(0.01, 1e5)] * 4), min_size=3, max_size=3),
    volume=st.lists(st.floats(0, 1e12), min_size=3, max_size=3),
)
def test_bars_any_possible_prices_survive_a_round_trip(prices, volume):
    rows = np.array([sorted(p) for p in prices])
    frame = table(low=rows[:, 0], open=rows[:, 1], close=rows[:, 2], high=rows[:, 3], volume=volume)
    bars = Bars.from_frame(frame)
    again = Bars.from_frame(bars.frame.reset_index())
    assert again.fingerprint == bars.fingerprint
    assert (bars.one("600519.SH")["close"].to_numpy() == rows[:, 2]).all()


def test_wide_of_a_selection_is_sorted_where_the_first_symbol_has_gaps():
    """A selection numbers its sessions as they appear, and a gap of the first symbol appears last."""
    bars = Bars.from_frame(pd.concat([table("000001.SZ").drop(index=1), table("600519.SH")]))
    for part in (bars.between(None, DAYS[2]), bars.select(bars.symbols), bars.between(DAYS[0], None)):
        for wide in (part.wide("close"), part.adjusted("close")):
            assert wide.index.tolist() == list(DAYS)
            assert wide.columns.tolist() == ["000001.SZ", "600519.SH"]
    late = Bars.from_frame(
        pd.concat([table("000001.SZ").drop(index=0), table("600000.SH"), table("600519.SH")])
    )
    assert late.select(["000001.SZ", "600519.SH"]).adjusted().index.tolist() == list(DAYS)
    assert late.between(DAYS[0], DAYS[1]).adjusted().index.tolist() == list(DAYS[:2])


def paying(symbol="600519.SH", day=DAYS[1], cash=1.0):
    row = {"symbol": [symbol], "session": [day], "cash": [cash]}
    return Actions.from_frame(pd.DataFrame(row))


def full(symbol="600519.SH"):
    listing = {symbol: Listing(pd.Timestamp("2001-08-27"))}
    return Bars.from_frame(table(symbol, pre_close=11.0), actions=paying(symbol), listings=listing)


def test_bars_reference_price_is_kept_and_unknown_by_default():
    assert full().wide("pre_close")["600519.SH"].tolist() == [11.0] * 3
    assert Bars.from_frame(table()).frame["pre_close"].isna().all()


def test_bars_leave_out_actions_and_listings_that_are_not_theirs():
    others = Actions.concat([paying(), paying("000001.SZ")])
    bars = Bars.from_frame(table(), actions=others, listings={"000001.SZ": Listing()})
    assert bars.actions.known == {"600519.SH"}
    assert bars.listings == {}


def test_bars_leave_out_actions_before_the_first_and_after_the_last_row():
    early = Bars.from_frame(table(), actions=paying(day=pd.Timestamp("2023-06-01")))
    assert len(early.actions) == 0
    assert early.actions.known == {"600519.SH"}
    whole = Bars.from_frame(table(), actions=paying(day=DAYS[2]))
    assert len(whole.actions) == 1
    assert len(whole.between(None, DAYS[1]).actions) == 0
    assert len(whole.between(DAYS[2], None).actions) == 1


def test_bars_views_carry_what_is_known_of_their_symbols():
    both = Bars.concat([full(), full("000001.SZ")])
    assert len(both.actions) == 2
    part = both.select(["000001.SZ"])
    assert part.actions.known == {"000001.SZ"} == set(part.listings)
    assert part.fingerprint == full("000001.SZ").fingerprint
    assert both.between(DAYS[2], None).listings == both.listings


def test_bars_action_that_is_not_on_a_session_is_refused():
    friday_and_monday = table().assign(
        session=pd.to_datetime(["2024-01-05", "2024-01-08", "2024-01-09"])
    )
    with pytest.raises(
        DataError, match=r"action of 600519\.SH on 2024-01-06 is not on a session of XSHG"
    ):
        Bars.from_frame(friday_and_monday, actions=paying(day=pd.Timestamp("2024-01-06")))


def test_bars_adjusted_may_carry_no_actions():
    with pytest.raises(DataError, match="already hold the corporate actions"):
        Bars.from_frame(table(), adjustment="adjusted", actions=paying())
    none = Bars.from_frame(table(), adjustment="adjusted", actions=Actions.none(["600519.SH"]))
    assert none.actions.known == {"600519.SH"}


def test_bars_made_directly_with_strange_actions_are_refused():
    frame = Bars.from_frame(table()).frame
    with pytest.raises(DataError, match=r"'000001\.SZ', of which there are no bars"):
        Bars(frame, "XSHG", "raw", paying("000001.SZ"))
    with pytest.raises(DataError, match=r"'000001\.SZ', of which there are no bars"):
        Bars(frame, "XSHG", "raw", listings={"000001.SZ": Listing()})


def test_bars_fingerprint_follows_actions_listings_and_reference_prices():
    prints = {
        Bars.from_frame(table()).fingerprint,
        Bars.from_frame(table(pre_close=11.0)).fingerprint,
        Bars.from_frame(table(), actions=Actions.none(["600519.SH"])).fingerprint,
        Bars.from_frame(table(), actions=paying()).fingerprint,
        Bars.from_frame(table(), actions=paying(cash=1.1)).fingerprint,
        Bars.from_frame(table(), listings={"600519.SH": Listing(DAYS[0])}).fingerprint,
        Bars.from_frame(table(), listings={"600519.SH": Listing(None, DAYS[0])}).fingerprint,
    }
    assert len(prints) == 7
    assert full().fingerprint == full().fingerprint
