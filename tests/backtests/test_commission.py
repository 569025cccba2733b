"""Market costs in plain Cerebros, with Backtrader's own broker and with ours."""

from typing import Any

import backtrader as bt
import pandas as pd
import pytest

from qushi.backtests import MarketBroker, MarketCommission
from qushi.core import ConfigError
from qushi.core.calendar import sessions
from qushi.market import rules_for

CN = rules_for("XSHG")


class InAndOut(bt.Strategy):
    """Buys 10,000 at the first close, sells them at the fourth."""

    def __init__(self) -> None:
        self.costs: list[float] = []

    def next(self) -> None:
        if len(self) == 1:
            self.buy(size=10_000)
        elif len(self) == 4:
            self.sell(size=10_000)

    def notify_order(self, order: Any) -> None:
        if order.status == order.Completed:
            self.costs.append(order.executed.comm)


def frame(start: str, prices: list[float]) -> pd.DataFrame:
    at = sessions("XSHG", start)[: len(prices)]
    return pd.DataFrame(
        dict.fromkeys(("open", "high", "low", "close"), prices) | {"volume": 1e6}, index=at
    )


def run(broker: Any, start: str, name: str = "600000.SH", scheme: bool = False) -> InAndOut:
    cerebro = bt.Cerebro()
    feed = bt.feeds.PandasData(dataname=frame(start, [12.34] * 6))
    cerebro.adddata(feed, name=name)
    if broker is not None:
        cerebro.setbroker(broker)
    else:
        cerebro.broker.setcash(1e6)
    if scheme:
        cerebro.broker.addcommissioninfo(MarketCommission(rules=CN, data=feed), name=name)
    cerebro.addstrategy(InAndOut)
    return cerebro.run()[0]


@pytest.mark.parametrize("start", ["2023-08-22", "2022-04-26", "2015-07-28", "2008-09-16"])
def test_both_brokers_charge_the_rates_of_the_day(start: str) -> None:
    """Between purchase and sale a rate changes: 2023-08-28, 2022-04-29, 2015-08-01, 2008-09-19."""
    at = sessions("XSHG", start)
    expected = [
        CN.costs("600000.SH", at[day], side, 10_000, 12.34).total
        for day, side in ((1, "buy"), (4, "sell"))
    ]
    plain = run(None, start, scheme=True)
    ours = run(MarketBroker(cash=1e6, rules=CN), start)
    assert plain.costs == ours.costs == pytest.approx(expected)
    assert plain.broker.getvalue() == pytest.approx(1e6 - sum(expected))
    assert ours.broker.getvalue() == pytest.approx(1e6 - sum(expected))


def test_worked_sale_before_and_after_the_halved_stamp_duty() -> None:
    assert run(MarketBroker(cash=1e6, rules=CN), "2023-08-22").costs[1] == 93.78  # sold 2023-08-28
    assert run(MarketBroker(cash=1e6, rules=CN), "2023-08-21").costs[1] == 155.48  # sold 2023-08-25


def test_scheme_is_what_the_broker_answers_with() -> None:
    strategy = run(MarketBroker(cash=1e6, rules=CN), "2023-08-22")
    scheme = strategy.broker.getcommissioninfo(strategy.data)
    assert isinstance(scheme, MarketCommission)
    assert scheme.getcommission(0, 10.0) == 0
    assert scheme.getsize(10.0, 105.0) == 10


def test_scheme_without_rules_or_feed_is_refused() -> None:
    with pytest.raises(ConfigError, match="rules=rules_for"):
        MarketCommission(rules=CN)


@pytest.mark.parametrize(
    ("name", "message"),
    [("", "must bear its symbol"), ("600000", "names no exchange"), ("AAPL", "AAPL is not of XSHG")],
)
def test_feed_that_is_no_symbol_of_the_market_is_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(MarketBroker(cash=1e6, rules=CN), "2023-08-22", name=name)
