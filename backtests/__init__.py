"""Backtests: Backtrader under market rules, performance figures, and the store of runs.

`MarketBroker` and `MarketCommission` are proper Backtrader parts and work in anyone's Cerebro.

Importing this folder is cheap; Backtrader is loaded with the first backtest.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .performance import performance
from .runs import RunStore
from .settings import Broker
from .warnings import suspicions

if TYPE_CHECKING:
    from .broker import MarketBroker
    from .commission import MarketCommission
    from .engine import backtest, backtest_class, load_bt_strategy

__all__ = [
    "Broker",
    "MarketBroker",
    "MarketCommission",
    "RunStore",
    "backtest",
    "backtest_class",
    "load_bt_strategy",
    "performance",
    "suspicions",
]

_LAZY = {
    "MarketBroker": "broker",
    "MarketCommission": "commission",
    "backtest": "engine",
    "backtest_class": "engine",
    "load_bt_strategy": "engine",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
