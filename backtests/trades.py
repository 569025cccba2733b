"""Keeping Backtrader's own positions and trades true over a corporate action.

Backtrader knows no corporate actions: without this, a split would look like a loss to every analyzer
and `close()` would sell a number of shares that nobody holds.  What an action brings (a dividend, the
fraction of a share) makes the position cheaper, what it takes (rights) dearer, as brokers show it.
"""

from collections.abc import Iterable
from copy import copy
from types import SimpleNamespace
from typing import Any

_NO_ORDER = SimpleNamespace(p=SimpleNamespace(simulated=False))  # a trade closed by no order of anyone's


def restate(strategies: Iterable[Any], data: Any, position: Any, shares: float, cost: float) -> None:
    """The position has become `shares` shares that cost `cost` more in all (below 0: less)."""
    before = position.size
    position.fix(shares, (before * position.price + cost) / shares)
    for trade in _open_trades(strategies, data):
        part = trade.size / before
        spent = trade.size * trade.price + cost * part
        trade.size = shares if part == 1 else shares * part
        trade.price = spent / trade.size
        trade.value = spent


def dissolve(strategies: Iterable[Any], data: Any, position: Any, price: float, scheme: Any) -> None:
    """The position is gone, paid out at `price` a share; its trades are closed."""
    position.fix(0.0, 0.0)
    for strategy in strategies:
        for trade in _open_trades([strategy], data):
            trade.update(_NO_ORDER, -trade.size, price, 0.0, 0.0, 0.0, scheme)
            strategy._tradespending.append(copy(trade))


def _open_trades(strategies: Iterable[Any], data: Any) -> list[Any]:
    return [
        trades[-1]
        for strategy in strategies
        for trades in strategy._trades.get(data, {}).values()
        if trades and trades[-1].size
    ]
