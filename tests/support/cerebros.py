"""A plain Cerebro with `MarketBroker`, feeds made by hand, and a strategy that runs a script."""

from collections.abc import Callable
from typing import Any

import backtrader as bt
import pandas as pd
import pytest

from qushi.backtests import MarketBroker
from qushi.core import BacktestResult
from qushi.core.calendar import sessions
from qushi.market import rules_for

CN = rules_for("XSHG", commission=0, commission_minimum=0)
AT = sessions("XSHG", "2023-01-03")
NAME = "600000.SH"
Script = dict[int, Callable[[Any], Any]]


class Scripted(bt.Strategy):
    """Runs `script[session]` at each close; keeps the trades and the orders that it hears of."""

    params = (("script", None),)

    def __init__(self) -> None:
        self.closed: list[tuple[float, float]] = []
        self.heard: list[str] = []

    def prenext(self) -> None:
        self.next()

    def next(self) -> None:
        now = AT.get_loc(pd.Timestamp(self.datetime.date()))
        self.p.script.get(now, lambda s: None)(self)

    def notify_order(self, order: Any) -> None:
        self.heard.append(order.getstatusname())

    def notify_trade(self, trade: Any) -> None:
        if trade.isclosed:
            self.closed.append((trade.pnl, trade.pnlcomm))


def table(closes: list[Any], start: int = 0, **columns: Any) -> pd.DataFrame:
    """Bars from closes, None for a session without a row; open, high, low default to them."""
    frame = pd.DataFrame({"close": closes}, index=AT[start : start + len(closes)], dtype=float)
    for name in ("open", "high", "low"):
        frame[name] = columns.get(name, frame["close"])
    frame["high"] = frame[["open", "high", "low", "close"]].max(axis=1)
    frame["low"] = frame[["open", "high", "low", "close"]].min(axis=1)
    frame["volume"] = columns.get("volume", 1e6)
    for name in set(columns) - set(frame):
        frame[name] = columns[name]
    return frame.dropna(subset="close")


def play(
    script: Script, frames: dict[str, pd.DataFrame] | pd.DataFrame, feed: Any = None, **params: Any
) -> tuple[BacktestResult, Any]:
    cerebro = bt.Cerebro(**params.pop("cerebro", {}))
    cerebro.setbroker(MarketBroker(**{"cash": 100_000, "rules": CN} | params))
    for name, frame in ({NAME: frames} if isinstance(frames, pd.DataFrame) else frames).items():
        cerebro.adddata((feed or bt.feeds.PandasData)(dataname=frame), name=name)
    cerebro.addstrategy(Scripted, script=script)
    strategy = cerebro.run()[0]
    return cerebro.broker.result("scripted"), strategy


def ends(result: BacktestResult) -> list[tuple[float, str]]:
    return list(result.orders[["filled", "reason"]].itertuples(index=False, name=None))


def fills(result: BacktestResult) -> list[tuple[int, str, float, float]]:
    return [
        (AT.get_loc(f.session), f.side, f.quantity, pytest.approx(f.price))
        for f in result.fills.itertuples()
    ]
