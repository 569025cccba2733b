"""The price band of one session: worked examples, every date, a second computation."""

import tomllib
from datetime import date, timedelta
from decimal import Decimal
from fnmatch import fnmatch
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qushi.market
from qushi.core import DataError
from qushi.core.calendar import sessions
from qushi.market import rules_for
from taiwan_prices import TAIWAN

CN, US, TW = rules_for("XSHG"), rules_for("XNYS"), rules_for("XTAI")
FOLDER = Path(qushi.market.__file__).parent / "rules" / "tables"


@pytest.mark.parametrize(
    ("symbol", "day", "close", "special", "band"),
    [
        ("600005.SH", "2008-11-10", 4.55, False, (4.10, 5.01)),
        ("000002.SZ", "2008-04-24", 20.15, False, (18.14, 22.17)),
        ("600000.SH", "2026-07-03", 1.70, True, (1.62, 1.79)),
        ("600000.SH", "2026-07-06", 1.70, True, (1.53, 1.87)),
        ("430047.BJ", "2024-01-02", 12.35, False, (8.65, 16.06)),
        ("600000.SH", "2024-01-02", 0.04, False, (0.03, 0.05)),  # less than a tick is a tick
        ("600000.SH", "2024-01-02", 0.01, False, (0.01, 0.02)),
        ("510300.SH", "2024-01-02", 3.505, False, (3.155, 3.856)),
        ("588000.SH", "2024-01-02", 1.001, False, (0.801, 1.201)),
        ("159915.SZ", "2020-08-21", 2.5, False, (2.25, 2.75)),
        ("159915.SZ", "2020-08-24", 2.5, False, (2.0, 3.0)),
        ("900901.SH", "2024-01-02", 0.455, False, (0.41, 0.501)),
    ],
)
def test_price_band_worked_examples_of_the_mainland(symbol, day, close, special, band):
    assert CN.price_band(symbol, day, close, st=special) == band


@pytest.mark.parametrize(
    ("symbol", "day", "close", "band"),
    [
        ("2330.TW", "2024-01-02", 14.75, (13.30, 16.20)),
        ("2330.TW", "2015-05-29", 14.75, (13.75, 15.75)),
        ("2330.TW", "2015-06-01", 14.75, (13.30, 16.20)),
        ("2330.TW", "2024-01-02", 48.0, (43.2, 52.8)),  # the tick of the limit's own range
        ("0050.TW", "2008-10-10", 100.0, (93.0, 107.0)),
        ("0050.TW", "2008-10-13", 100.0, (96.5, 107.0)),
        ("0050.TW", "2008-10-24", 100.0, (96.5, 107.0)),
        ("0050.TW", "2008-10-27", 100.0, (93.0, 107.0)),
    ],
)
def test_price_band_worked_examples_of_taiwan(symbol, day, close, band):
    assert TW.price_band(symbol, day, close) == band


@pytest.mark.parametrize(
    ("symbol", "special", "day", "before", "since"),
    [
        ("600519.SH", False, "1996-12-16", None, ("0.1", "0.1")),
        ("600519.SH", True, "1998-04-22", ("0.1", "0.1"), ("0.05", "0.05")),
        ("000001.SZ", True, "2026-07-06", ("0.05", "0.05"), ("0.1", "0.1")),
        ("300750.SZ", False, "2020-08-24", ("0.1", "0.1"), ("0.2", "0.2")),
        ("300750.SZ", True, "2020-08-24", ("0.05", "0.05"), ("0.2", "0.2")),
        ("688981.SH", True, "2019-07-22", None, ("0.2", "0.2")),
        ("920002.BJ", True, "2021-11-15", None, ("0.3", "0.3")),
        ("113050.SH", False, "2022-08-01", None, ("0.2", "0.2")),
    ],
)
def test_limit_width_changes_on_the_very_day(symbol, special, day, before, since):
    first = date.fromisoformat(day)
    found = [CN.limit_width(symbol, first - timedelta(days=n), st=special) for n in (1, 0)]
    assert found == [before, since]


@pytest.mark.parametrize(("rules", "symbol"), [(CN, "000300.SH"), (CN, "101001.SZ"), (US, "AAPL")])
def test_limit_width_of_what_has_none(rules, symbol):
    assert rules.limit_width(symbol, "2024-01-02") is None
    assert rules.price_band(symbol, "2024-01-02", 10.0) is None


@pytest.mark.parametrize(
    ("symbol", "listed", "first", "ordinary"),
    [
        ("600001.SH", "1998-01-22", [None], ("0.1", "0.1")),
        ("603001.SH", "2014-06-12", [None], ("0.1", "0.1")),
        ("603001.SH", "2014-06-13", [("0.36", "0.44")], ("0.1", "0.1")),
        ("300001.SZ", "2009-10-30", [None], ("0.1", "0.1")),
        ("300001.SZ", "2020-08-20", [("0.36", "0.44")], None),  # 10 % for one day, then 20 %
        ("300866.SZ", "2020-08-24", [None] * 5, ("0.2", "0.2")),
        ("601061.SH", "2023-04-07", [("0.36", "0.44")], ("0.1", "0.1")),
        ("601061.SH", "2023-04-10", [None] * 5, ("0.1", "0.1")),
        ("688001.SH", "2019-07-22", [None] * 5, ("0.2", "0.2")),
        ("920002.BJ", "2024-01-10", [None], ("0.3", "0.3")),
        ("113050.SH", "2022-07-29", [None], ("0.2", "0.2")),  # before there were limits
        ("113050.SH", "2022-09-01", [("0.433", "0.573")], ("0.2", "0.2")),
    ],
)
def test_limit_width_first_sessions_go_by_the_day_of_listing(symbol, listed, first, ordinary):
    days = sessions("XSHG", listed)[: len(first) + 3]
    found = [CN.limit_width(symbol, day, listed=listed) for day in days]
    assert found[: len(first)] == first
    if ordinary is not None:
        assert set(found[len(first) :]) == {ordinary}
    assert CN.limit_width(symbol, days[-1]) == found[-1]  # without its listing day


def test_limit_width_five_sessions_are_counted_on_the_calendar():
    """Listed on the last session before a week without any."""
    days = sessions("XSHG", "2024-02-08")[:6]
    assert (days[5] - days[0]).days > 10
    found = [CN.limit_width("688800.SH", day, listed="2024-02-08") for day in days]
    assert found == [None] * 5 + [("0.2", "0.2")]


def test_limit_width_listing_may_be_a_setting():
    rules = rules_for("XSHG", listed={"688800.SH": date(2024, 2, 8)})
    assert rules.limit_width("688800.SH", "2024-02-08") is None
    assert rules.limit_width("688800.SH", "2024-02-08", listed="2023-02-08") == ("0.2", "0.2")
    assert rules.limit_width("688800.SH", "2024-02-07") == ("0.2", "0.2")


def test_price_band_without_a_reference_is_none_and_an_impossible_one_refused():
    assert CN.price_band("600519.SH", "2024-01-02", float("nan")) is None
    for price in (0.0, -1.0, float("inf")):
        with pytest.raises(DataError, match="above 0"):
            CN.price_band("600519.SH", "2024-01-02", price)


# A second way ----------------------------------------------------------------------------------------


SAMPLES = {
    "cn.toml": ("600519.SH", "300750.SZ", "688981.SH", "920002.BJ", "510300.SH", "588000.SH",
                "159915.SZ", "113050.SH", "101001.SZ", "000300.SH"),
    "tw.toml": ("2330.TW", "0050.TW"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_limit_width_equals_a_naive_reading_of_the_table_around_every_date(name):
    rows = tomllib.loads((FOLDER / name).read_text("utf-8"))["price_limit"]
    rows = [row for row in rows if "sessions" not in row]
    rules = CN if name == "cn.toml" else TW
    edges = {row[key] for row in rows for key in ("since", "until") if key in row}
    days = {edge + timedelta(days=n) for edge in edges for n in (-1, 0, 1)}
    for symbol in SAMPLES[name]:
        for day in days:
            for special in (False, True):
                mine = [
                    (bool(row.get("symbols")), row["since"], "st" in row, row["down"], row["up"])
                    for row in rows
                    if rules.board(symbol) in row["boards"]
                    and row["since"] <= day <= row.get("until", date.max)
                    and row.get("st", special) == special
                    and any(fnmatch(symbol, p) for p in row.get("symbols", ["*"]))
                ]
                expected = tuple(f"{w:g}" for w in max(mine)[-2:]) if mine else None
                assert rules.limit_width(symbol, day, st=special) == expected, (symbol, day, special)


MAINLAND = [
    ("600519.SH", False, 100), ("600519.SH", True, 50), ("300750.SZ", False, 200),
    ("688981.SH", True, 200), ("920002.BJ", False, 300),
]  # fmt: skip


@given(st.sampled_from(MAINLAND), st.integers(1, 400_000))
def test_price_band_equals_whole_numbers(sample, cents):
    symbol, special, width = sample
    up = (2 * cents * (1000 + width) + 1000) // 2000
    down = (2 * cents * (1000 - width) + 1000) // 2000
    expected = (max(min(down, cents - 1), 1) / 100, max(up, cents + 1) / 100)
    assert CN.price_band(symbol, "2024-01-02", cents / 100, st=special) == expected


@given(st.sampled_from(MAINLAND), st.integers(50, 20_000))
def test_price_band_is_the_nearest_tick_by_search(sample, cents):
    symbol, special, width = sample
    low, high = CN.price_band(symbol, "2024-01-02", cents / 100, st=special)
    for sign, found in ((1, high), (-1, low)):
        wanted = Fraction(cents * (1000 + sign * width), 1000)
        near = min(range(int(wanted) - 2, int(wanted) + 3), key=lambda c: (abs(c - wanted), -c))
        assert found == near / 100


@given(st.integers(10, 60_000))
def test_price_band_of_taiwan_is_the_last_price_inside_by_search(ticks):
    reference = TAIWAN[min(ticks, len(TAIWAN) - 40)]
    low, high = TW.price_band("2330.TW", "2024-01-02", float(reference))
    inside = [p for p in TAIWAN if reference * Fraction(9, 10) <= p <= reference * Fraction(11, 10)]
    if inside[-1] < TAIWAN[-1]:
        assert (low, high) == (float(inside[0]), float(inside[-1]))


@given(
    st.sampled_from([*MAINLAND, ("510300.SH", False, 100)]),
    st.integers(1, 300_000),
    st.integers(1, 500),
)
def test_price_band_holds_the_reference_is_on_ticks_and_rises_with_it(sample, units, more):
    symbol, special, _ = sample
    tick = Decimal(str(CN.tick(symbol, "2024-01-02")))
    close = float(units * tick)
    low, high = CN.price_band(symbol, "2024-01-02", close, st=special)
    assert low <= close < high
    assert low > 0
    for price in (low, high):
        assert Decimal(repr(price)) % tick == 0
    assert abs((high - close) - (close - low)) < 2.001 * float(tick)
    above = CN.price_band(symbol, "2024-01-02", float((units + more) * tick), st=special)
    assert above[0] >= low
    assert above[1] >= high
