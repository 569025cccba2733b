"""Limit, stop, bracket and grouped orders in plain Cerebros."""

from collections.abc import Callable
from typing import Any

import backtrader as bt
import pytest

from cerebros import AT, ends, fills, play, table
from qushi.core import ConfigError


def limit_buy(price: float, **more: Any) -> Callable[[Any], Any]:
    return lambda s: s.buy(size=100, exectype=bt.Order.Limit, price=price, **more)


def test_limit_price_is_rounded_to_the_tick_in_favour_of_its_owner() -> None:
    frame = table([10.0] * 3, low=9.5)
    assert fills(play({0: limit_buy(9.756)}, frame)[0]) == [(1, "buy", 100, 9.75)]
    script = {
        0: lambda s: s.buy(size=100),
        1: lambda s: s.sell(size=100, exectype=bt.Order.Limit, price=10.233),
    }
    high = table([10.0] * 4, high=10.5)
    assert fills(play(script, high)[0])[1] == (2, "sell", 100, 10.24)


@pytest.mark.parametrize(("price", "end"), [(8.99, "off_limits"), (9.0, "not_reached")])
def test_limit_outside_the_band_is_rejected_at_once_and_one_on_its_edge_waits(
    price: float, end: str
) -> None:
    result, strategy = play({0: limit_buy(price)}, table([10.0] * 4))
    assert ends(result) == [(0, end)]
    assert ("Rejected" in strategy.heard) == (end == "off_limits")


def test_limit_that_waits_may_leave_the_band_and_come_back() -> None:
    closes = [10.0, 10.0, 11.0, 10.9, 9.9, 9.2, 9.2]
    result, _s = play({0: limit_buy(9.3)}, table(closes, open=[10, 10, 10.9, 10.9, 10, 9.2, 9.2]))
    assert fills(result) == [(5, "buy", 100, 9.2)]  # 9.3 was outside 9.9 to 12.1 on the way


def test_order_that_ends_unfilled_names_its_last_obstacle() -> None:
    until = {"valid": AT[3].to_pydatetime()}
    cases = {
        "not_reached": table([10.0] * 6),
        "suspended": table([10.0] * 6, volume=[1e6, 1e6, 1e6, 0, 1e6, 1e6]),
        "limit_up": table([8, 8, 8.2, 9.02, 9.02, 9.02], open=[8, 8, 8.2, 9.02, 9.02, 9.02]),
    }
    for end, frame in cases.items():
        price = 9.02 if end == "limit_up" else 9.5
        script = {2 if end == "limit_up" else 0: limit_buy(price, **until)}
        assert ends(play(script, frame)[0]) == [(0, end)], end


def test_stop_at_the_limit_goes_on_as_a_market_order_until_it_fills() -> None:
    closes = [10, 10, 10, 9.0, 8.1, 8.3, 8.3]
    frame = table(closes, open=[10, 10, 10, 9.0, 8.1, 8.2, 8.3], high=[10, 10, 10, 9.0, 8.1, 8.6, 8.6])
    script = {
        0: lambda s: s.buy(size=100),
        1: lambda s: s.sell(size=100, exectype=bt.Order.Stop, price=9.5),
    }
    result, _s = play(script, frame)
    assert fills(result)[1] == (5, "sell", 100, 8.2)  # two limit-down opens, then the third


def test_stop_triggered_at_the_limit_and_never_filled_says_limit_down() -> None:
    script = {
        0: lambda s: s.buy(size=100),
        1: lambda s: s.sell(size=100, exectype=bt.Order.Stop, price=9.5),
    }
    assert ends(play(script, table([10, 10, 10, 9.0, 8.1]))[0])[1] == (0, "limit_down")


def test_stop_limit_waits_for_its_limit_once_triggered() -> None:
    frame = table([10, 10.2, 10.6, 10.1, 10.0], open=[10, 10.1, 10.3, 10.5, 10.0], low=9.9)
    order = lambda s: s.buy(size=100, exectype=bt.Order.StopLimit, price=10.5, plimit=10.35)  # noqa: E731
    result, _s = play({0: order}, frame.assign(low=[10, 10.1, 10.3, 10.1, 10.0]))
    assert fills(result) == [(3, "buy", 100, 10.35)]


def test_bracket_sells_by_one_leg_and_cancels_the_other() -> None:
    frame = table([10, 10, 10.3, 10.8, 10.0, 9.2], high=[10, 10, 10.4, 10.9, 10.2, 9.9])
    script = {
        0: lambda s: s.buy_bracket(
            size=100, exectype=bt.Order.Market, stopprice=9.0, limitprice=14.0, limitargs={}
        )
    }
    result, _s = play(script, frame)
    # 14.00 lies outside every band: the leg waits, and does not take the stop with it.
    assert ends(result) == [(100, ""), (0, "not_reached"), (0, "off_limits")]
    near = {
        0: lambda s: s.buy_bracket(size=100, exectype=bt.Order.Market, stopprice=9.0, limitprice=10.85)
    }
    assert ends(play(near, frame)[0]) == [(100, ""), (0, "cancelled"), (100, "")]


def test_one_of_a_group_that_fills_cancels_the_others() -> None:
    def group(s: Any) -> None:
        first = s.buy(size=100, exectype=bt.Order.Limit, price=9.8)
        s.buy(size=200, exectype=bt.Order.Limit, price=9.7, oco=first)
        s.buy(size=300, exectype=bt.Order.Limit, price=9.1, oco=first)

    result, _s = play({0: group}, table([10.0] * 4, low=[10, 9.6, 9.6, 9.1]))
    assert ends(result) == [(100, ""), (0, "cancelled"), (0, "cancelled")]


@pytest.mark.parametrize("kind", [bt.Order.StopTrail, bt.Order.StopTrailLimit])
def test_trailing_stop_is_refused_with_what_to_use_instead(kind: int) -> None:
    script = {0: lambda s: s.sell(size=100, exectype=kind, trailamount=0.5)}
    with pytest.raises(ConfigError, match=r"StopTrail.* use Market, Close"):
        play(script, table([10.0] * 3))


def test_order_without_a_real_price_is_refused() -> None:
    with pytest.raises(ConfigError, match="price above 0, received nan"):
        play({0: limit_buy(float("nan"))}, table([10.0] * 3))
