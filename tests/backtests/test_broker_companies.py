"""Corporate actions and delistings in plain Cerebros: positions, trades and waiting orders follow."""

import backtrader as bt
import pandas as pd
import pytest

from cerebros import AT, NAME, ends, fills, play, table
from qushi.core import Actions
from qushi.core.listings import Listing


def bonus(at: int, **more: float) -> Actions:
    return Actions.from_frame(pd.DataFrame([{"symbol": NAME, "session": AT[at], **more}]))


def test_position_trade_and_sale_follow_a_split() -> None:
    frame = table([10, 10, 5, 5, 5.0])
    script = {0: lambda s: s.buy(size=1000), 3: lambda s: s.close()}
    result, strategy = play(script, frame, actions=bonus(2, split=1.0))
    assert fills(result) == [(1, "buy", 1000, 10.0), (4, "sell", 2000, 5.0)]
    pnl, net = strategy.closed[0]
    assert pnl == pytest.approx(0)
    assert net == pytest.approx(-result.costs)


def test_dividend_makes_the_position_cheaper_as_brokers_show_it() -> None:
    script = {0: lambda s: s.buy(size=1000), 3: lambda s: s.close()}
    _result, strategy = play(script, table([10, 10, 9, 9, 9.0]), actions=bonus(2, cash=1.0))
    assert strategy.closed[0][0] == pytest.approx(0)


def test_factor_line_of_a_feed_counts_as_reinvested() -> None:
    class WithFactor(bt.feeds.PandasData):
        lines = ("factor",)
        params = (("factor", "factor"),)

    frame = table([10, 10, 5, 5], factor=[3.0, 3, 6, 6])
    result, strategy = play({0: lambda s: s.buy(size=1000)}, frame, WithFactor)
    assert result.actions[["kind", "quantity"]].values.tolist() == [["reinvested", 1000.0]]
    assert strategy.broker.growth(strategy.data) == 2
    assert result.refused.empty


def test_limits_count_from_the_price_after_the_action() -> None:
    frame = table([10, 10, 5.5, 5.5], open=[10, 10, 5.5, 5.5])
    script = {1: lambda s: s.buy(size=100)}
    assert ends(play(script, frame, actions=bonus(2, split=1.0))[0]) == [(0, "limit_up")]
    assert ends(play(script, frame)[0]) == [(100, "")]


def test_waiting_orders_are_restated_over_an_ex_session() -> None:
    frame = table([10, 10, 5, 5, 4.7], low=[10, 10, 5, 5, 4.6])
    script = {
        0: lambda s: (
            s.buy(size=1000, exectype=bt.Order.Limit, price=9.31),
            s.buy(size=100, exectype=bt.Order.StopLimit, price=10.9, plimit=10.95),
        )
    }
    result, strategy = play(script, frame, actions=bonus(2, split=1.0))
    assert fills(result) == [(4, "buy", 2000, 4.66)]  # 9.31 x 1/2, half a tick up
    assert result.orders["quantity"].tolist() == [2000, 200]
    assert strategy.broker.growth(strategy.data) == 2


def test_market_sale_of_everything_decided_before_a_split_sells_everything() -> None:
    script = {0: lambda s: s.buy(size=1000), 1: lambda s: s.close()}
    result, strategy = play(script, table([10, 10, 5, 5]), actions=bonus(2, split=1.0))
    assert result.orders["quantity"].tolist() == [1000, 2000]
    assert result.positions["session"].max() == AT[1]
    assert strategy.position.size == 0


def test_delisted_symbol_pays_out_and_closes_the_trade() -> None:
    frames = {"600001.SH": table([1.0] * 6), NAME: table([10, 10, 8.0])}
    gone = {NAME: Listing(delisted=AT[3])}
    script = {0: lambda s: s.buy(s.datas[1], size=1000), 4: lambda s: s.buy(s.datas[1], size=100)}
    result, strategy = play(script, frames, listings=gone, delisting_value=0.5, limits=False)
    assert result.actions[["kind", "quantity", "cash"]].values.tolist() == [["delisted", -1000, 4000]]
    assert ends(result) == [(1000, ""), (0, "delisted")]
    assert strategy.closed[0][0] == pytest.approx(-6000)
