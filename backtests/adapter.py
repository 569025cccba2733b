"""Target weights as a `bt.Strategy`: the one way in which weights become orders.

At the close of t a decided weight w becomes a target of `w x equity / close` shares, rounded down to
what the exchange accepts; the order for the difference is due at the next open.  A change smaller than
the smallest legal order is none; a position wanted but smaller than that is sent, and refused as "lot".

Where an order does not reach its target, the rest is sent again after every session until the target
is reached or a newer decision replaces it, each time as an order of its own:

- suspended, t_plus_1, limit_up, limit_down, volume_cap: again at the next session;
- cash: again only after a sale that was still outstanding has brought money; otherwise the order
  stays as far as the cash went, because prices and costs took it and no later day brings it back;
- lot, short: not sent again, the next session would answer the same.

A decision for a symbol that has no price yet waits for its first close.
"""

from dataclasses import dataclass

import backtrader as bt
import numpy as np

from .ledger import Entry

_AGAIN = frozenset({"suspended", "t_plus_1", "limit_up", "limit_down", "volume_cap"})


@dataclass
class _Goal:
    """Shares wanted in one symbol, and the last order sent for them."""

    shares: float
    sent: Entry


class WeightsStrategy(bt.Strategy):  # type: ignore[misc]  # Backtrader is untyped
    """Trades `decisions`, a matrix sessions x symbols aligned with the feeds (NaN: no decision)."""

    params = (("decisions", None),)

    def __init__(self) -> None:
        self._decisions = self.p.decisions
        self._decided = (~np.isnan(self._decisions)).any(axis=1)
        self._goals: dict[int, _Goal] = {}
        self._unpriced: dict[int, float] = {}

    def next(self) -> None:
        """At a close: see what the open brought, then send what this close and the rest ask for."""
        now = len(self) - 1
        row = self._decisions[now]
        fresh = [int(j) for j in np.flatnonzero(~np.isnan(row))] if self._decided[now] else []
        if self._goals:
            self._pursue(now, frozenset(fresh))
        self._unpriced.update((column, float(row[column])) for column in fresh)
        if self._unpriced:
            self._decide()

    def _decide(self) -> None:
        """Turn the weights of all symbols that have a price into orders."""
        equity = self.broker.getvalue()
        for column in sorted(self._unpriced):
            data = self.datas[column]
            close = data.close[0]
            if not close > 0:
                continue
            wanted = self._unpriced.pop(column) * equity / close
            self._send(column, wanted, self.broker.legal(data._name, "buy", wanted, 0.0))

    def _send(self, column: int, wanted: float, target: float) -> None:
        """Send the order that leads to `target` shares, if a legal one does."""
        data = self.datas[column]
        held = self.getposition(data).size
        side = "buy" if target > held else "sell"
        if held and target and not self.broker.legal(data._name, side, abs(wanted - held), held):
            return  # nearer than one lot
        quantity = self.broker.legal(data._name, side, abs(target - held), held)
        if quantity <= 0 and not held:
            side, quantity = "buy", wanted  # less than one lot: sent all the same, to be on record
        if quantity > 0:
            order = self.buy(data, quantity) if side == "buy" else self.sell(data, quantity)
            self._goals[column] = _Goal(target, self.broker.entry(order))

    def _pursue(self, now: int, fresh: frozenset[int]) -> None:
        """Drop the goals that are reached, lost or decided anew, send the others again."""
        sold = any(
            g.sent.side == "sell" and g.sent.decided == now - 1 and g.sent.filled > 0
            for g in self._goals.values()
        )
        live = {
            column: goal
            for column, goal in self._goals.items()
            if column not in fresh and (goal.sent.reason in _AGAIN or _short(goal.sent))
        }
        selling = any(g.sent.side == "sell" for g in live.values())
        self._goals = {}
        for column, goal in live.items():
            waited = goal.sent.decided < now - 1
            if not _short(goal.sent) or (sold and waited):
                self._send(column, goal.shares, goal.shares)
            elif selling:
                self._goals[column] = goal


def _short(entry: Entry) -> bool:
    return entry.side == "buy" and entry.reason == "cash"
