"""Every kind of finding, planted into sound bars; sound bars give none."""

import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars
from qushi.core.calendar import sessions
from qushi.market import check_bars


def table(symbol="600519.SH", start="2022-01-04", n=60, calendar="XSHG"):
    days = sessions(calendar, start)[:n]
    close = 10 + 0.2 * np.sin(np.arange(len(days)))  # moves far less than any limit
    frame = pd.DataFrame({"symbol": symbol, "session": days, "open": close, "close": close})
    frame["high"], frame["low"] = close * 1.01, close * 0.99
    frame["volume"] = 1000.0 + np.arange(len(days))
    frame["suspended"] = False
    return frame


def kinds(frame, **options):
    return [(f.kind, str(f.session.date())) for f in check_bars(Bars.from_frame(frame, **options))]


def day(frame, i):
    return str(frame["session"].iloc[i].date())


def set_bar(frame, rows, **values):
    for name, value in values.items():
        frame.loc[rows, name] = value


def test_check_sound_bars_give_nothing():
    assert kinds(table()) == []


def test_check_missing_sessions_are_one_finding_a_run():
    frame = table()
    found = check_bars(Bars.from_frame(frame.drop([10, 20, 21, 22])))
    assert [(f.kind, f.session) for f in found] == [
        ("gap", frame["session"][10]),
        ("gap", frame["session"][20]),
    ]
    assert "no row for 3 sessions" in found[1].detail
    assert day(frame, 22) in found[1].detail


def test_check_rows_before_the_listing_and_after_the_end_are_no_gap():
    assert kinds(table().iloc[5:30]) == []


def test_check_flat_bars_without_volume_are_one_finding_a_run():
    frame = table()
    price = frame["close"][9]
    set_bar(frame, [10, 11, 12], open=price, high=price, low=price, close=price, volume=0.0)
    assert kinds(frame) == [("no_trade", day(frame, 10))]


def test_check_flagged_suspension_is_told_only_when_long():
    frame = table()
    price = frame["close"][9]
    halted = list(range(10, 15))
    set_bar(frame, halted, open=price, high=price, low=price, close=price, volume=0.0, suspended=True)
    assert kinds(frame) == []
    halted = list(range(10, 35))
    set_bar(frame, halted, open=price, high=price, low=price, close=price, volume=0.0, suspended=True)
    frame.loc[35, ["open", "close"]] = price
    frame.loc[35, ["high", "low"]] = price * 1.01, price * 0.99
    assert kinds(frame) == [("suspension", day(frame, 10))]


def test_check_moving_prices_without_volume_are_found():
    frame = table()
    frame.loc[10, "volume"] = 0.0
    assert kinds(frame) == [("zero_volume", day(frame, 10))]


def scaled(frame, first, by):
    frame.loc[first:, ["open", "high", "low", "close"]] *= by
    return frame


def test_check_missed_adjustment_is_a_jump_and_a_factor_mends_it():
    frame = scaled(table(), 30, 0.5)
    assert kinds(frame) == [("jump", day(frame, 30))]
    frame["factor"] = np.where(frame.index < 30, 1.0, 2.0)
    assert kinds(frame) == []


@pytest.mark.parametrize(
    ("symbol", "start", "calendar", "move", "found"),
    [
        ("600519.SH", "2022-01-04", "XSHG", 0.85, True),
        ("300750.SZ", "2022-01-04", "XSHG", 0.85, False),  # 20 % since 2020-08-24
        ("300750.SZ", "2019-01-04", "XSHG", 0.85, True),
        ("688981.SH", "2022-01-04", "XSHG", 0.85, False),
        ("688981.SH", "2022-01-04", "XSHG", 0.70, True),
        ("000852.SH", "2012-01-04", "XSHG", 0.71, True),
        ("2330.TW", "2020-01-02", "XTAI", 0.85, True),
        ("AAPL", "2022-01-04", "XNYS", 0.75, False),
        ("AAPL", "2022-01-04", "XNYS", 0.5, True),
    ],
)
def test_check_jump_is_measured_by_the_boards_own_limit(symbol, start, calendar, move, found):
    frame = table(symbol, start, calendar=calendar)
    flat = frame["close"].iloc[29]
    for name in ("open", "close", "high", "low"):
        frame.loc[29:, name] = flat  # so that only the planted move counts
    frame.loc[29:, "high"] = flat * np.linspace(1.01, 1.02, len(frame) - 29)
    frame = scaled(frame, 30, move)
    assert (("jump", day(frame, 30)) in kinds(frame)) == found


def moved(symbol, start, calendar, move, **flags):
    """Whether one move of an otherwise flat symbol is called a jump."""
    frame = table(symbol, start, calendar=calendar).assign(**flags)
    for name in ("open", "close", "high", "low"):
        frame[name] = 10.0
    frame["high"] += np.linspace(0.01, 0.02, len(frame))
    frame["volume"] += np.arange(len(frame))
    frame = scaled(frame, 30, move)
    return ("jump", day(frame, 30)) in kinds(frame)


def test_check_jump_under_special_treatment_is_measured_by_its_own_limit():
    assert moved("600519.SH", "2022-01-04", "XSHG", 1.09, st=True)
    assert not moved("600519.SH", "2022-01-04", "XSHG", 1.09)
    assert not moved("300750.SZ", "2022-01-04", "XSHG", 1.19, st=True)


def test_check_jump_where_down_is_narrower_than_up_is_measured_by_the_wider():
    assert not moved("2330.TW", "2008-09-01", "XTAI", 1.06)  # 2008-10-14, up 7 % and down 3.5 %
    assert moved("2330.TW", "2008-09-01", "XTAI", 1.10)


def test_check_first_sessions_after_a_listing_may_jump():
    assert kinds(scaled(table(), 3, 1.6)) == []


def test_check_jump_after_a_gap_says_so():
    frame = scaled(table(), 30, 0.5).drop(range(25, 30))
    jump = next(f for f in check_bars(Bars.from_frame(frame)) if f.kind == "jump")
    assert "after 5 sessions without a row" in jump.detail


def test_check_close_that_stands_still_is_found_from_ten_sessions():
    for n, found in ((9, []), (10, ["stale"])):
        frame = table()
        frame.loc[20 : 20 + n - 1, "close"] = frame["open"][20]
        frame["high"] = frame[["open", "close"]].max(axis=1) * 1.01
        frame["low"] = frame[["open", "close"]].min(axis=1) * 0.99
        assert [kind for kind, _ in kinds(frame)] == found, n


def test_check_bar_copied_from_the_day_before_is_found():
    frame = table()
    copied = ["open", "high", "low", "close", "volume"]
    frame.loc[20, copied] = frame.loc[19, copied]
    assert kinds(frame) == [("copied", day(frame, 20))]


def test_check_rounding_that_bars_lets_pass_is_told_once():
    frame = table()
    frame.loc[[20, 25], "close"] = frame.loc[[20, 25], "high"] * (1 + 5e-7)
    assert kinds(frame) == [("body_outside", day(frame, 20))]


def test_check_volume_in_lots_is_found_by_the_amount():
    frame = table()
    frame["amount"] = frame["close"] * frame["volume"]
    assert kinds(frame) == []
    frame["volume"] /= 100
    assert kinds(frame) == [("unit", day(frame, 0))]
    assert kinds(frame, adjustment="adjusted") == []  # adjusted prices have no unit in common
    assert kinds(frame.assign(symbol="000300.SH")) == []  # nor have points of an index


def test_check_several_symbols_are_named_and_sorted():
    bad = scaled(table("600519.SH"), 30, 0.5)
    also = table("000001.SZ").drop(12)
    found = check_bars(Bars.from_frame(pd.concat([bad, also])))
    assert [(f.symbol, f.kind) for f in found] == [("000001.SZ", "gap"), ("600519.SH", "jump")]


def test_check_unknown_code_range_is_judged_without_a_limit():
    assert kinds(scaled(table("777777.SH"), 30, 0.8)) == []
