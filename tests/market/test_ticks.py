"""Rounding to ticks, against a search among all ticks."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qushi.core import DataError
from qushi.market import rules_for
from taiwan_prices import TAIWAN

CN, US, TW = rules_for("XSHG"), rules_for("XNYS"), rules_for("XTAI")
DAY = "2024-01-02"


@given(st.integers(1, 119_999_999))
def test_round_to_tick_taiwan_equals_a_search_among_all_prices(hundred_thousandths):
    price = Fraction(hundred_thousandths, 100_000)
    given_ = float(price)
    below = max(p for p in TAIWAN if p <= price)
    above = min((p for p in TAIWAN if p >= price), default=Fraction(1200))
    assert TW.round_to_tick("2330.TW", DAY, given_, "down") == float(below)
    assert TW.round_to_tick("2330.TW", DAY, given_, "up") == float(above)
    near = below if price - below < above - price else above
    assert TW.round_to_tick("2330.TW", DAY, given_, "nearest") == float(near)


@given(st.integers(1, 10**8))
def test_round_to_tick_half_goes_up_exactly(ten_thousandths):
    cents = (ten_thousandths + 50) // 100
    found = CN.round_to_tick("600519.SH", DAY, ten_thousandths / 10_000, "nearest")
    assert found == float(Decimal(cents) / 100)


def test_round_to_tick_floats_would_be_wrong_for_hundreds_of_prices():
    wrong = 0
    for thousandths in range(1005, 10_000, 10):  # every one ends on half a cent
        right = float(Decimal(thousandths // 10 + 1) / 100)
        wrong += round(thousandths / 1000, 2) != right
        assert CN.round_to_tick("600519.SH", DAY, thousandths / 1000, "nearest") == right
    assert wrong > 300


@pytest.mark.parametrize("noisy", [10.010000000000002, 10.009999999999998, 3.3366666666666664 * 3])
def test_round_to_tick_noise_of_a_float_is_no_tick(noisy):
    for towards in ("up", "down", "nearest"):
        assert CN.round_to_tick("600519.SH", DAY, noisy, towards) == 10.01


@pytest.mark.parametrize(
    ("rules", "symbol", "day", "price", "tick"),
    [
        (CN, "600519.SH", DAY, float("nan"), 0.01),
        (CN, "510300.SH", DAY, float("nan"), 0.001),
        (CN, "900901.SH", DAY, float("nan"), 0.001),
        (CN, "200002.SZ", DAY, float("nan"), 0.01),
        (CN, "500001.SH", "2003-02-28", float("nan"), 0.01),
        (CN, "500001.SH", "2003-03-03", float("nan"), 0.001),
        (CN, "113050.SH", "2022-05-13", float("nan"), 0.01),
        (CN, "113050.SH", "2022-05-16", float("nan"), 0.001),
        (CN, "123001.SZ", DAY, float("nan"), 0.001),
        (US, "AAPL", DAY, 1.0, 0.01),
        (US, "AAPL", DAY, 0.9999, 0.0001),
        (US, "AAPL", "2006-01-30", 0.5, 0.01),
        (TW, "2330.TW", "2005-02-25", 14.99, 0.05),
        (TW, "2330.TW", "2005-02-25", 15.0, 0.1),
        (TW, "2330.TW", "2005-03-01", 15.0, 0.05),
        (TW, "2330.TW", DAY, 49.99999999999, 0.1),  # the noise of 50
        (TW, "0050.TW", DAY, 49.99, 0.01),
        (TW, "0050.TW", DAY, 50.0, 0.05),
    ],
)
def test_tick_is_the_one_of_the_day_and_the_price(rules, symbol, day, price, tick):
    assert rules.tick(symbol, day, price) == tick


def test_tick_by_price_without_a_price_is_refused():
    with pytest.raises(DataError, match="depends on the price"):
        TW.tick("2330.TW", DAY)


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_round_to_tick_of_no_price_is_refused(price):
    with pytest.raises(DataError, match=r"600519\.SH: a price must be above 0"):
        CN.round_to_tick("600519.SH", DAY, price, "up")
