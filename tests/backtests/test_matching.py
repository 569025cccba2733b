"""Matching one order with one bar: a table by hand, and properties that hold on any bar."""

from itertools import pairwise
from math import inf, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qushi.backtests.matching import (
    Quote,
    at_close,
    at_limit,
    at_open,
    at_stop,
    at_stop_limit,
    off_limits,
    slipped,
    triggered,
)

BUY, SELL = True, False
WIDE = Quote(10.0, 10.6, 9.4, 10.2, 1e6, 9.0, 11.0, 1e-9)


def quote(open_: float, high: float, low: float, close: float) -> Quote:
    """A bar of a symbol that closed at 10.00 before: limits 9.00 and 11.00."""
    return Quote(open_, high, low, close, 1e6, 9.0, 11.0, 1e-9)


@st.composite
def quotes(draw: st.DrawFn) -> Quote:
    """A bar on whole prices between its limits, which it often touches."""
    prices = st.integers(90, 110)
    a, b, c, d = (draw(prices) for _ in range(4))
    return Quote(a, max(a, b, c, d), min(a, b, c, d), b, 1.0, 90.0, 110.0, 1e-9)


prices = st.integers(85, 115)


@pytest.mark.parametrize(
    ("match", "price", "obstacle"),
    [
        (at_open(BUY, quote(10.5, 11, 10, 10.2)), 10.5, ""),
        (at_open(BUY, quote(11.0, 11, 10, 10.2)), nan, "limit_up"),  # trades lower later, in vain
        (at_open(SELL, quote(11.0, 11, 10, 10.2)), 11.0, ""),
        (at_open(SELL, quote(9.0, 11, 9, 10.2)), nan, "limit_down"),
        (at_open(BUY, quote(9.0, 11, 9, 10.2)), 9.0, ""),
        (at_close(BUY, quote(10.5, 11, 10, 11.0)), nan, "limit_up"),
        (at_close(BUY, quote(11.0, 11, 10, 10.4)), 10.4, ""),
        (at_close(SELL, quote(10.0, 11, 9, 9.0)), nan, "limit_down"),
        (at_limit(BUY, 9.4, WIDE), 9.4, ""),
        (at_limit(BUY, 9.39, WIDE), nan, "not_reached"),
        (at_limit(BUY, 10.5, WIDE), 10.0, ""),  # the open is better
        (at_limit(BUY, 11.0, quote(11.0, 11.0, 11.0, 11.0)), nan, "limit_up"),
        (at_limit(BUY, 11.0, quote(10.9, 11.0, 10.9, 11.0)), 10.9, ""),
        (at_limit(SELL, 10.6, WIDE), 10.6, ""),
        (at_limit(SELL, 9.5, WIDE), 10.0, ""),
        (at_limit(SELL, 9.0, quote(9.0, 9.1, 9.0, 9.0)), nan, "limit_down"),
        (at_stop(BUY, 10.3, WIDE), 10.3, ""),
        (at_stop(BUY, 9.8, WIDE), 10.0, ""),  # the day began beyond the stop
        (at_stop(BUY, 10.7, WIDE), nan, "not_reached"),
        (at_stop(BUY, 11.0, quote(10.0, 11.0, 10.0, 10.5)), nan, "limit_up"),
        (at_stop(SELL, 9.7, WIDE), 9.7, ""),
        (at_stop(SELL, 10.1, WIDE), 10.0, ""),
        (at_stop(SELL, 9.3, WIDE), nan, "not_reached"),
        (at_stop(SELL, 9.5, quote(9.0, 9.2, 9.0, 9.1)), nan, "limit_down"),
        (at_stop_limit(BUY, 10.3, 10.4, WIDE), 10.3, ""),
        (at_stop_limit(BUY, 10.3, 10.25, WIDE), 10.25, ""),  # closed at 10.2: it came back
        (at_stop_limit(BUY, 10.3, 10.1, WIDE), nan, "not_reached"),  # 9.4 may have been before
        (at_stop_limit(BUY, 9.9, 9.5, WIDE), 9.5, ""),  # live from the open: the whole day counts
        (at_stop_limit(BUY, 10.7, 10.8, WIDE), nan, "not_reached"),
        (at_stop_limit(SELL, 9.7, 9.6, WIDE), 9.7, ""),
        (at_stop_limit(SELL, 9.7, 9.9, WIDE), 9.9, ""),
        (at_stop_limit(SELL, 9.7, 10.3, WIDE), nan, "not_reached"),
    ],
)
def test_order_meets_a_bar_at_its_price_or_names_the_obstacle(match, price, obstacle) -> None:
    assert match.price == pytest.approx(price, nan_ok=True)
    assert match.obstacle == obstacle


@given(quotes(), st.booleans(), prices, prices)
def test_fill_lies_in_the_bar_and_never_at_the_limit_that_blocks_it(q, buy, one, two) -> None:
    met = [
        at_open(buy, q),
        at_close(buy, q),
        at_limit(buy, one, q),
        at_stop(buy, one, q),
        at_stop_limit(buy, one, two, q),
    ]
    for price, obstacle in met:
        assert isnan(price) == (obstacle != "")
        if obstacle == "":
            assert q.low <= price <= q.high
            assert price < q.limit_up if buy else price > q.limit_down


@given(quotes(), st.booleans(), prices, prices)
def test_limit_is_never_exceeded_and_a_stop_never_beaten(q, buy, stop, limit) -> None:
    sign = 1 if buy else -1
    for met in (at_limit(buy, limit, q), at_stop_limit(buy, stop, limit, q)):
        assert isnan(met.price) or sign * met.price <= sign * limit
    live = at_stop(buy, stop, q)
    assert isnan(live.price) or sign * live.price >= sign * stop
    assert triggered(buy, stop, q) or live.obstacle == "not_reached"


@given(quotes(), st.booleans(), prices, prices)
def test_stop_limit_fills_at_a_price_that_every_path_through_the_bar_offers(q, buy, stop, limit) -> None:
    """Both walks open-high-low-close and open-low-high-close reach the fill once the stop is live."""
    met = at_stop_limit(buy, stop, limit, q)
    if isnan(met.price):
        return
    for walk in ((q.open, q.high, q.low, q.close), (q.open, q.low, q.high, q.close)):
        steps = [walk[0]]
        for a, b in pairwise(walk):
            steps += range(a, b, 1 if b > a else -1)
            steps.append(b)
        live = next(i for i, price in enumerate(steps) if (price >= stop if buy else price <= stop))
        assert met.price in steps[live:]


@given(quotes(), st.booleans(), prices, st.floats(0, 30))
def test_slippage_hurts_within_the_bar_the_limits_and_the_order(q, buy, limit, slip) -> None:
    met = at_limit(buy, limit, q)
    if isnan(met.price):
        return
    worse = met.price + slip if buy else met.price - slip
    price = slipped(buy, met.price, worse, q, limit)
    assert met.price <= price <= min(q.high, limit) if buy else met.price >= price >= max(q.low, limit)
    assert slipped(buy, met.price, met.price, q, inf if buy else -inf) == met.price


def test_price_outside_the_limits_is_turned_away_and_one_on_them_is_not() -> None:
    assert [off_limits(price, WIDE) for price in (8.99, 9.0, 11.0, 11.01)] == [True, False, False, True]
    assert not off_limits(1e9, WIDE._replace(limit_up=inf))


def test_adjusted_price_near_the_limit_counts_as_at_it() -> None:
    rough = WIDE._replace(open=10.985, high=11.0, slack=0.002)
    assert at_open(BUY, rough).obstacle == "limit_up"
    assert at_open(BUY, rough._replace(open=10.97)).price == 10.97
    assert at_open(SELL, rough._replace(open=9.015, low=9.0)).obstacle == "limit_down"
