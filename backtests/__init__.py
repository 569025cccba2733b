"""Backtests: Backtrader under market rules, performance figures, and the store of runs.

Importing this folder is cheap; Backtrader is loaded with the first backtest.
"""

from typing import TYPE_CHECKING, Any

from .performance import performance
from .runs import RunStore
from .settings import Broker
from .warnings import suspicions

if TYPE_CHECKING:
    from .engine import backtest, backtest_class, load_bt_strategy

__all__ = [
    "Broker",
    "RunStore",
    "backtest",
    "backtest_class",
    "load_bt_strategy",
    "performance",
    "suspicions",
]

_LAZY = frozenset({"backtest", "backtest_class", "load_bt_strategy"})


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from . import engine

        return getattr(engine, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
