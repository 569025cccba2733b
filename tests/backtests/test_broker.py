"""`MarketBroker` in plain Cerebros with ordinary feeds: fills, feeds, what it answers."""

from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

from cerebros import AT, CN, NAME, Scripted, ends, fills, play, table
from qushi.backtests import Broker, MarketBroker, backtest
from qushi.core import Actions, Bars, ConfigError, Weights
from qushi.market import rules_for

_ = None
EX = pd.DataFrame({"symbol": [NAME], "session": AT[2:3], "cash": 1.0})


class Extra(bt.feeds.PandasData):
    """A feed of anyone's with lines that the broker reads where they are there."""

    lines = ("tradable", "limit_up", "limit_down", "st", "factor", "pre_close")
    params = tuple((name, name) for name in lines)


def test_own_cerebro_gives_the_result_of_the_engine() -> None:
    random = np.random.default_rng(3)
    closes = np.round(10 * np.exp(random.normal(0, 0.03, 30).cumsum()), 2).tolist()
    opens = np.round(np.array(closes) * np.exp(random.normal(0, 0.02, 30)), 2).tolist()
    frame = table(closes, open=opens)
    bars = Bars.from_frame(frame.rename_axis("session").reset_index().assign(symbol=NAME))
    weights = Weights(pd.DataFrame({NAME: random.uniform(0, 1, 30)}, index=frame.index), "x")
    engine = backtest(bars, weights, broker=Broker(cash=100_000), rules=CN)
    sent = engine.orders.assign(at=[AT.get_loc(d) for d in engine.orders["decided"]])
    script = {
        o.at: (lambda s, o=o: (s.buy if o.side == "buy" else s.sell)(size=o.quantity))
        for o in sent.itertuples()
    }
    own, _strategy = play(script, frame)
    pd.testing.assert_frame_equal(own.orders, engine.orders)
    pd.testing.assert_frame_equal(own.fills, engine.fills)
    pd.testing.assert_frame_equal(own.equity, engine.equity, check_freq=False)


def test_market_order_at_the_limit_is_refused_even_if_the_day_trades_lower() -> None:
    up = table([10, 10.6, 10.6], open=[10, 11.0, 10.6])
    assert ends(play({0: lambda s: s.buy(size=100)}, up)[0]) == [(0, "limit_up")]
    down = table([10, 10, 9.5, 9.5], open=[10, 10, 9.0, 9.5])
    script = {0: lambda s: s.buy(size=100), 1: lambda s: s.sell(size=100)}
    assert ends(play(script, down)[0]) == [(100, ""), (0, "limit_down")]
    assert ends(play(script, down, limits=False)[0]) == [(100, ""), (100, "")]


def test_limits_follow_the_rules_of_their_date_and_special_treatment() -> None:
    frame = table([10, 10.5, 10.5], open=[10, 10.5, 10.5], st=[0, 1, 0]).assign(
        tradable=1.0, limit_up=np.nan, limit_down=np.nan, factor=1.0, pre_close=np.nan
    )

    class OnlySt(bt.feeds.PandasData):
        lines = ("st",)
        params = (("st", "st"),)

    buy = {0: lambda s: s.buy(size=100)}
    assert ends(play(buy, frame, OnlySt)[0]) == [(0, "limit_up")]  # 5 % for ST in 2023
    assert ends(play(buy, frame)[0]) == [(100, "")]


def test_lines_of_the_feed_go_before_what_the_broker_would_work_out() -> None:
    blank = {"tradable": 1.0, "limit_up": np.nan, "limit_down": np.nan, "st": 0, "factor": 1.0}
    base = table([10, 10, 10.0], **blank, pre_close=np.nan)
    buy = {0: lambda s: s.buy(size=100)}
    assert ends(play(buy, base, Extra)[0]) == [(100, "")]
    assert ends(play(buy, base.assign(tradable=[1, 0, 1]), Extra)[0]) == [(0, "suspended")]
    assert ends(play(buy, base.assign(limit_up=10.0, limit_down=9.0), Extra)[0]) == [(0, "limit_up")]


def test_published_reference_price_goes_before_the_close_before() -> None:
    class WithReference(bt.feeds.PandasData):
        lines = ("pre_close",)
        params = (("pre_close", "pre_close"),)

    frame = table([10, 8.8, 8.8], pre_close=[np.nan, 8.0, 8.8])
    buy = {0: lambda s: s.buy(size=100)}
    assert ends(play(buy, frame, WithReference)[0]) == [(0, "limit_up")]
    assert ends(play(buy, frame)[0]) == [(100, "")]


def test_volume_bears_its_share_over_all_orders_of_a_session() -> None:
    frame = table([10.0] * 4, volume=[1e6, 1_500, 1_500, 1e6])
    script = {0: lambda s: (s.buy(size=200), s.buy(size=200), s.buy(size=100))}
    assert ends(play(script, frame)[0]) == [(200, ""), (100, "volume_cap"), (0, "volume_cap")]
    assert ends(play(script, frame, participation=1)[0]) == [(200, ""), (200, ""), (100, "")]
    sale = {0: lambda s: s.buy(size=100), 1: lambda s: s.sell(size=100)}
    assert ends(play(sale, frame.assign(volume=[1e6, 1e6, 300, 1e6]))[0]) == [
        (100, ""),
        (0, "volume_cap"),
    ]


def test_index_is_not_traded_so_its_volume_binds_nobody() -> None:
    frame = table([10.0] * 3, volume=1.0)
    result, _s = play({0: lambda s: s.buy(size=500)}, {"000300.SH": frame}, lots=False)
    assert ends(result) == [(500, "")]


def test_slippage_lands_on_the_worse_tick_within_bar_and_limit_price() -> None:
    frame = table([10.0] * 5, high=10.5, low=9.5)
    script = {
        0: lambda s: s.buy(size=100),
        1: lambda s: s.sell(size=100),
        2: lambda s: s.buy(size=100, exectype=bt.Order.Limit, price=10.02),
    }
    result, _s = play(script, frame, slippage=12.5)  # 10.0125, 9.9875
    assert fills(result) == [(1, "buy", 100, 10.02), (2, "sell", 100, 9.98), (3, "buy", 100, 10.02)]


def test_close_orders_and_next_close_fill_at_the_next_close() -> None:
    frame = table([10, 10.2, 10.4], open=[10, 10.1, 10.3])
    at_close = {0: lambda s: s.buy(size=100, exectype=bt.Order.Close)}
    assert fills(play(at_close, frame)[0]) == [(1, "buy", 100, 10.2)]
    result, _s = play({0: lambda s: s.buy(size=100)}, frame, fill="next_close")
    assert fills(result) == [(1, "buy", 100, 10.2)]
    assert result.conditions["filled"] == "next close"


def test_sales_pay_for_purchases_at_one_open_and_close_orders_come_last() -> None:
    frames = {"600001.SH": table([10.0] * 5), NAME: table([10.0] * 5)}

    def swap(s: Any) -> None:
        s.buy(s.datas[1], size=300, exectype=bt.Order.Close)
        s.buy(s.datas[1], size=900)
        s.sell(s.datas[0], size=1000)

    script = {0: lambda s: s.buy(s.datas[0], size=1000), 1: swap}
    result, _s = play(script, frames, cash=10_001.0)
    assert [(side, quantity) for _at, side, quantity, _price in fills(result)] == [
        ("buy", 1000),
        ("sell", 1000),
        ("buy", 900),
    ]
    assert result.orders["reason"].tolist() == ["", "cash", "", ""]


# Feeds


@pytest.mark.parametrize("mode", [{}, {"preload": False, "runonce": False}])
def test_feeds_of_differing_length_trade_only_where_they_have_a_bar(mode: dict[str, bool]) -> None:
    frames = {
        NAME: table([10.0] * 6),
        "600001.SH": table([20.0, _, _, 22.0, 22.0], start=1),
    }

    def late(s: Any) -> None:
        s.buy(s.datas[1], size=100)

    result, _s = play({1: late, 2: late, 3: late, 4: late}, frames, cerebro=mode)
    ours = result.fills[result.fills["symbol"] == "600001.SH"]
    assert [AT.get_loc(x) for x in ours["session"]] == [5]
    reasons = result.orders["reason"].tolist()
    assert reasons == ["suspended", "suspended", "limit_up", ""]
    assert result.equity.index.tolist() == AT[:6].tolist()


def test_holding_of_a_feed_that_ended_keeps_its_last_close() -> None:
    frames = {NAME: table([10.0] * 6), "600001.SH": table([20.0, 20.0, 21.0])}
    result, _s = play({0: lambda s: s.buy(s.datas[1], size=100)}, frames)
    last = result.positions[result.positions["session"] == AT[5]]
    assert last[["symbol", "close"]].values.tolist() == [["600001.SH", 21.0]]


def test_row_without_prices_does_not_fill_at_nan() -> None:
    frame = table([10.0] * 4)
    frame.loc[AT[1], ["open", "high", "low", "close"]] = np.nan
    result, _s = play({0: lambda s: s.buy(size=100), 1: lambda s: s.buy(size=100)}, frame)
    assert ends(result) == [(0, "suspended"), (100, "")]


def test_second_feed_of_a_name_is_for_looking_only() -> None:
    cerebro = bt.Cerebro()
    cerebro.setbroker(MarketBroker(cash=1e5, rules=CN))
    for _n in range(2):
        cerebro.adddata(bt.feeds.PandasData(dataname=table([10.0] * 3)), name=NAME)
    cerebro.addstrategy(Scripted, script={0: lambda s: s.buy(s.datas[1], size=100)})
    with pytest.raises(ConfigError, match="two feeds are named"):
        cerebro.run()


def test_intraday_feed_is_refused() -> None:
    frame = table([10.0] * 4)
    frame.index = pd.date_range("2023-01-03 09:30", periods=4, freq="h")
    with pytest.raises(ConfigError, match="two bars on 2023-01-03"):
        play({}, frame)


def test_broker_without_rules_or_with_an_impossible_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs rules"):
        MarketBroker(cash=1e5)
    with pytest.raises(ConfigError, match="'fill' is 'now'"):
        MarketBroker(rules=CN, fill="now")
    with pytest.raises(ConfigError, match="already hold the corporate actions"):
        MarketBroker(rules=CN, adjusted=True, actions=Actions.from_frame(EX))


@pytest.mark.parametrize("how", [{"cheat_on_open": True}, {"cheat_on_open": True, "broker_coo": False}])
def test_cheating_on_the_open_is_refused(how: dict[str, bool]) -> None:
    with pytest.raises(ConfigError, match="fill timing"):
        play({}, table([10.0] * 3), cerebro=how)


def test_order_from_a_timer_that_cheats_is_refused() -> None:
    class Cheat(Scripted):
        def start(self) -> None:
            self.add_timer(bt.timer.SESSION_START, cheat=True)

        def notify_timer(self, *args: Any, **kwargs: Any) -> None:
            if len(self) == 1:
                self.buy(size=100)

    cerebro = bt.Cerebro()
    cerebro.setbroker(MarketBroker(cash=1e5, rules=CN))
    cerebro.adddata(bt.feeds.PandasData(dataname=table([10.0] * 4)), name=NAME)
    cerebro.addstrategy(Cheat, script={})
    with pytest.raises(ConfigError, match="before its session was over"):
        cerebro.run()


# What a strategy may ask


def test_estimate_and_legal_answer_for_the_session_at_hand() -> None:
    asked: dict[str, float] = {}

    def ask(s: Any) -> None:
        asked["cost"] = s.broker.estimate(NAME, "sell", 10_000, 12.34)
        asked["legal"] = s.broker.legal(NAME, "buy", 250, 0)
        asked["value"] = s.broker.getvalue()

    dear = rules_for("XSHG")
    play({1: ask}, table([12.34] * 3), rules=dear)
    assert asked == {
        "cost": dear.costs(NAME, AT[1], "sell", 10_000, 12.34).total,
        "legal": 200,
        "value": 100_000,
    }


def test_run_repeated_on_the_same_cerebro_starts_afresh() -> None:
    cerebro = bt.Cerebro()
    cerebro.setbroker(MarketBroker(cash=1e5, rules=CN))
    cerebro.adddata(bt.feeds.PandasData(dataname=table([10.0] * 4)), name=NAME)
    cerebro.addstrategy(Scripted, script={0: lambda s: s.buy(size=100)})
    results = []
    for _n in range(2):
        cerebro.run()
        results.append(cerebro.broker.result("again"))
    pd.testing.assert_frame_equal(results[0].equity, results[1].equity)
    assert len(results[1].orders) == 1
