"""Running Backtrader: weights or a user's own `bt.Strategy` in, a checked `BacktestResult` out.

Decisions are made at the close of t and filled at the open of t+1 or later.  Backtrader's short cuts
around that (cheat on close, cheat on open) are shut, and a user's strategy runs without preloaded
data, so that even `self.data.close[1]` cannot see tomorrow.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import backtrader as bt
import numpy as np
import pandas as pd

from ..core import BacktestResult, Bars, ConfigError, DataError, Forecasts, PanicIndex, Weights
from ..core.errors import near_names
from ..core.extensions import outside
from ..core.panic import ALL
from ..market.rules import price_bands
from .adapter import WeightsStrategy
from .broker import MarketBroker
from .feeds import feeds
from .panel import FloatMatrix, Panel
from .settings import DEFAULT_BROKER, Broker, conditions_of

if TYPE_CHECKING:
    from ..market import MarketRules


def backtest(
    bars: Bars,
    weights: Weights,
    *,
    broker: Broker = DEFAULT_BROKER,
    rules: "MarketRules | None" = None,
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    conditions: Mapping[str, Any] | None = None,
) -> BacktestResult:
    """Trade target weights: row t is decided at the close of t and sent for the open of t+1.

    Only the symbols of `weights` are traded.  The window runs from `start` (default: the first row
    of the weights) to `end` (default: the last bar); decisions in force when it opens are taken then.
    `rules` default to those of the bars' market.  `conditions` are recorded beside those that the
    engine records itself.

    Raises `DataError` where weights name an unknown symbol or a session without bars.
    """
    unknown = [s for s in weights.symbols if s not in bars.symbols]
    if unknown:
        raise DataError(
            f"{weights.name}: no bars for {unknown[0]!r}: {near_names(unknown[0], bars.symbols)}"
        )
    if weights.frame.empty:
        raise DataError(f"{weights.name}: no weights, so nothing to trade")
    first = weights.sessions[0] if start is None else start
    traded = bars.select(weights.symbols)
    window = traded.between(first, end)
    rows = weights.frame.loc[window.sessions[0] : window.sessions[-1]]
    off = ~rows.index.isin(window.sessions)
    if off.any():
        raise DataError(
            f"{weights.name}: weights on {rows.index[off][0]:%Y-%m-%d}, a session without bars"
        )
    decisions = rows.reindex(index=window.sessions, columns=list(window.symbols))
    before = weights.frame.loc[: window.sessions[0]].ffill().iloc[-1:]
    if not before.empty:  # what was decided before the window is still wanted when it opens
        decisions.iloc[0] = before.iloc[0].reindex(decisions.columns)
    return _run(
        traded,
        window,
        WeightsStrategy,
        {"decisions": decisions.to_numpy(dtype=float)},
        name=weights.name,
        broker=broker,
        rules=rules,
        conditions=conditions,
        signals=None,
    )


def backtest_class(
    bars: Bars,
    strategy: type[bt.Strategy],
    params: Mapping[str, Any] | None = None,
    *,
    name: str = "",
    forecasts: Forecasts | None = None,
    panic: PanicIndex | None = None,
    audience: str = ALL,
    broker: Broker = DEFAULT_BROKER,
    rules: "MarketRules | None" = None,
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    conditions: Mapping[str, Any] | None = None,
) -> BacktestResult:
    """Run a user's own `bt.Strategy` with the same broker, and record it the same way.

    Every feed carries prices as traded and the extra lines of `SignalFeed`: `forecast` (expected log
    return), `p_up`, `panic`, `tradable`, `limit_up`, `limit_down`, `st`, and `factor` for indicators
    (`close x factor` is back-adjusted).  `forecasts` must be of one model and seed.  An order without a
    size is for one lot.  Market orders fill at the next open (or close, by `broker.fill`) or are
    refused; limit and stop orders wait until they fill, expire or are cancelled.

    Raises `ConfigError` for a parameter that the class does not have, and for trailing stops.
    """
    known = list(strategy.params._getkeys())
    for key in params or {}:
        if key not in known:
            raise ConfigError(f"{strategy.__name__} has no parameter {key!r}: {near_names(key, known)}")
    window = bars.between(start, end)
    return _run(
        bars,
        window,
        strategy,
        dict(params or {}),
        name=name or strategy.__name__,
        broker=broker,
        rules=rules,
        conditions=conditions,
        signals=_signals(window, forecasts, panic, audience),
    )


def load_bt_strategy(path: str) -> type[bt.Strategy]:
    """The `bt.Strategy` subclass named `"package.module:Class"`; `ConfigError` where there is none."""
    found = outside(path)
    if not issubclass(found, bt.Strategy):
        raise ConfigError(f"{path!r} is not a backtrader.Strategy: derive the class from it")
    return found


class _OneLot(bt.Sizer):  # type: ignore[misc]  # Backtrader is untyped
    """The size of an order that names none: one lot, as Backtrader's own default is one share."""

    params = (("rules", None), ("lots", True))

    def _getsizing(self, comminfo: Any, cash: float, data: Any, isbuy: bool) -> float:
        if not self.p.lots:
            return 1.0
        session = pd.Timestamp(data.datetime.date())
        return float(self.p.rules.lot(data._name, session))


def _run(
    bars: Bars,
    window: Bars,
    strategy: type[bt.Strategy],
    params: dict[str, Any],
    *,
    name: str,
    broker: Broker,
    rules: "MarketRules | None",
    conditions: Mapping[str, Any] | None,
    signals: dict[str, FloatMatrix] | None,
) -> BacktestResult:
    """Run a strategy over the window; `signals` are what it may see, None for our own, which is trusted.

    `bars` reach further back, so that the first session has its limits.
    """
    obeyed, settled = broker.rules(window.calendar, rules), broker.resolved(window)
    bands = price_bands(bars, obeyed) if settled.limits else None
    panel = Panel.build(window, window.symbols, bands)
    trusted = signals is None
    cerebro = bt.Cerebro(stdstats=False, preload=trusted, runonce=trusted)
    account = MarketBroker(
        rules=obeyed,
        actions=window.actions,
        listings=window.listings,
        adjusted=window.adjustment == "adjusted",
        **settled.account(),
    )
    cerebro.setbroker(account)
    for symbol, feed in zip(panel.symbols, feeds(panel, signals), strict=True):
        cerebro.adddata(feed, name=symbol)
    cerebro.addsizer(_OneLot, rules=obeyed, lots=settled.lots)
    cerebro.addstrategy(strategy, **params)
    cerebro.run()
    return account.result(name, conditions_of(window, broker, obeyed, conditions))


def _signals(
    window: Bars, forecasts: Forecasts | None, panic: PanicIndex | None, audience: str
) -> dict[str, FloatMatrix]:
    """The extra lines of the feeds, as sessions x symbols."""
    at, symbols = window.sessions, list(window.symbols)
    found: dict[str, FloatMatrix] = {}
    if forecasts is not None:
        for line, column in (("forecast", "expected_return"), ("p_up", "p_up")):
            wide = forecasts.wide(column).reindex(index=at, columns=symbols)
            found[line] = np.asarray(wide, dtype=float)
    if panic is not None:
        found["panic"] = np.asarray(panic.for_symbols(tuple(symbols), at, audience), dtype=float)
    return found
