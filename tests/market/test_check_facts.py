"""Facts that contradict each other, planted into sound raw bars; consistent ones give none."""

import numpy as np
import pandas as pd
import pytest

from qushi.core import Actions, Bars, Listing
from qushi.core.calendar import sessions
from qushi.market import check_bars

SYMBOL = "600519.SH"
DAYS = sessions("XSHG", "2022-01-04")[:40]


def table(symbol=SYMBOL):
    close = np.round(10 + 0.2 * np.sin(np.arange(len(DAYS))), 2)
    frame = pd.DataFrame({"symbol": symbol, "session": DAYS, "open": close, "close": close})
    frame["high"], frame["low"] = close + 0.1, close - 0.1
    frame["volume"] = 1000.0 + np.arange(len(DAYS))
    frame["pre_close"] = frame["close"].shift(1)
    return frame.assign(factor=1.0, st=False)


def paying(at=20, **amounts):
    row = {"symbol": [SYMBOL], "session": [DAYS[at]], **{k: [v] for k, v in amounts.items()}}
    return Actions.from_frame(pd.DataFrame(row))


def with_bonus():
    """Sound bars over a bonus of one share each: prices halve, factor and reference price follow."""
    frame = table()
    frame.loc[20:, ["open", "high", "low", "close"]] /= 2
    frame.loc[20:, "factor"] = 2.0
    frame["pre_close"] = frame["close"].shift(1)
    frame.loc[20, "pre_close"] = round(frame["close"][19] / 2, 2)
    frame[["open", "high", "low", "close"]] = frame[["open", "high", "low", "close"]].round(3)
    return frame


def found(frame, **options):
    return [(f.kind, f.session) for f in check_bars(Bars.from_frame(frame, **options))]


def test_check_facts_that_fit_give_nothing():
    assert found(table()) == []
    assert found(table(), actions=Actions.none([SYMBOL])) == []
    assert found(with_bonus()) == []
    assert found(with_bonus(), actions=paying(bonus=1.0)) == []
    assert found(table(), listings={SYMBOL: Listing(DAYS[0], DAYS[-1] + pd.Timedelta(days=1))}) == []


def test_check_action_that_the_factor_does_not_show_is_found():
    frame = with_bonus().assign(factor=1.0)
    (jump_or_action, *_rest) = found(frame, actions=paying(bonus=1.0))
    assert jump_or_action == ("action", DAYS[20])
    detail = next(
        f.detail
        for f in check_bars(Bars.from_frame(frame, actions=paying(bonus=1.0)))
        if f.kind == "action"
    )
    assert "changes by +0.000%, the corporate action asks for +100.000%" in detail


def test_check_factor_without_an_action_is_found_only_where_actions_are_known():
    assert ("action", DAYS[20]) in found(with_bonus(), actions=Actions.none([SYMBOL]))
    assert found(with_bonus()) == []


def test_check_factor_rounded_at_its_source_is_no_contradiction():
    frame = with_bonus()
    frame.loc[20:, "factor"] = frame["close"][19] / frame["pre_close"][20]
    assert found(frame, actions=paying(bonus=1.0)) == []


def test_check_dividend_of_more_than_the_price_is_found():
    rows = check_bars(Bars.from_frame(table(), actions=paying(cash=50.0)))
    assert [f.kind for f in rows] == ["action"]
    assert "a dividend of 50 on a close of" in rows[0].detail


def test_check_reference_price_that_does_not_follow_is_found():
    frame = table()
    frame.loc[10, "pre_close"] += 0.02
    assert found(frame) == [("reference", DAYS[10])]
    frame.loc[10, "pre_close"] -= 0.015  # half a tick
    assert found(frame) == []


def test_check_reference_price_over_a_missing_row_is_found_beside_the_gap():
    frame = table().drop(10)
    assert found(frame) == [("gap", DAYS[10]), ("reference", DAYS[11])]


def test_check_many_contradictions_are_one_finding():
    frame = table().assign(pre_close=lambda t: t["pre_close"] + 0.5)
    rows = check_bars(Bars.from_frame(frame))
    (one,) = [f for f in rows if f.kind == "reference"]
    assert one.session == DAYS[1]
    assert f"38 more sessions like it, to {DAYS[-1]:%Y-%m-%d}" in one.detail


@pytest.mark.parametrize(("column", "by"), [("high", 1.5), ("low", -1.5)])
def test_check_price_beyond_the_days_limits_is_found(column, by):
    frame = table()
    frame.loc[10, column] += by
    assert found(frame) == [("band", DAYS[10])]
    detail = check_bars(Bars.from_frame(frame))[0].detail
    reference = frame["close"][9]
    assert f"{column} {frame[column][10]:g} beyond the limits" in detail
    assert f"{round(reference * 0.9 + 1e-9, 2):g} to" in detail


def test_check_flag_that_is_still_set_is_named():
    frame = table().assign(st=True)
    frame.loc[10, "high"] += 0.6  # beyond 5 %, within 10 %
    assert found(frame) == [("band", DAYS[10])]
    assert "the flag ST still set" in check_bars(Bars.from_frame(frame))[0].detail
    assert found(frame.assign(st=False)) == []


def test_check_first_sessions_of_an_unknown_listing_may_move_freely():
    frame = table()
    frame.loc[3, "high"] += 3.0
    assert found(frame) == []
    known = {SYMBOL: Listing(pd.Timestamp("2001-08-27"))}
    assert found(frame, listings=known) == [("band", DAYS[3])]


@pytest.mark.parametrize(
    ("symbol", "adjustment"), [("000300.SH", "raw"), (SYMBOL, "adjusted"), ("AAPL", "raw")]
)
def test_check_where_there_is_no_limit_nothing_is_beyond_it(symbol, adjustment):
    frame = table(symbol)
    frame.loc[10, "high"] += 1.5
    if symbol == "AAPL":
        frame["session"] = sessions("XNYS", "2022-01-04")[: len(frame)]
    assert "band" not in {kind for kind, _ in found(frame, adjustment=adjustment)}


def test_check_rows_beyond_the_listing_are_found():
    listing = {SYMBOL: Listing(DAYS[2], DAYS[35])}
    assert found(table(), listings=listing) == [("listing", DAYS[0]), ("listing", DAYS[35])]
    details = [f.detail for f in check_bars(Bars.from_frame(table(), listings=listing))]
    assert details[0].startswith("2 rows before the listing")
    assert details[1].startswith("5 rows after the delisting")
