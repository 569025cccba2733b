"""Target weights as a `bt.Strategy`: the one way in which weights become orders.

At the close of t the decided weights become targets in whole shares (`sizing`: least error, never more
than can be paid); the orders for the differences are due at the next session.  A position wanted that
rounds to nothing is sent all the same, and refused as "lot", so that it is on record.

Where an order does not reach its target, the rest is sent again after every session until the target
is reached or a newer decision replaces it, each time as an order of its own:

- suspended, t_plus_1, limit_up, limit_down, volume_cap: again at the next session;
- cash: again only after a sale that was still outstanding has brought money; otherwise the order
  stays as far as the cash went, because prices and costs took it and no later day brings it back;
- lot, short, off_limits, delisted: not sent again, the next session would answer the same.

A target is in shares of the day on which it was decided: a split or a bonus since then makes it more.  A
decision for a symbol that has no price yet waits for its first close.
"""

from dataclasses import dataclass

import backtrader as bt
import numpy as np
import pandas as pd

from ..market.rules.rows import Lot
from .ledger import Entry, Side
from .sizing import Wish, share_targets

_AGAIN = frozenset({"suspended", "t_plus_1", "limit_up", "limit_down", "volume_cap"})


@dataclass
class _Goal:
    """Shares wanted in one symbol, the growth of a share when they were, and the last order sent."""

    shares: float
    growth: float
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
        """At a close: see what the session brought, then send what this close and the rest ask for."""
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
        priced = [column for column in sorted(self._unpriced) if self.datas[column].close[0] > 0]
        if not priced:
            return
        equity = self.broker.getvalue()
        wishes = [self._wish(column, self._unpriced.pop(column) * equity) for column in priced]
        worth = sum(wish.held * wish.price for wish in wishes)
        money = self.broker.getcash() + worth - self._promised()
        targets = share_targets(wishes, money, self.broker.account.receivable)
        for column, wish, target in zip(priced, wishes, targets, strict=True):
            self._send(column, wish.shares, target)

    def _wish(self, column: int, value: float) -> Wish:
        """A wanted amount of money, and what trading it will cost at most."""
        data = self.datas[column]
        name, price, held = data._name, data.close[0], self.getposition(data).size
        lot = self._lot(name) if self.broker.p.lots else None
        steps = (lot.least, lot.step) if lot else (0, 0)
        wish = Wish(value / price, price, held, 0.0, *steps)
        below, above = wish.beside()
        side: Side = "buy" if above > held else "sell"
        quantity = above - held if above > held else held - below
        paid = self._slipped(name, side, price)
        cost = self.broker.estimate(name, side, quantity, paid) + quantity * abs(paid - price)
        if side == "sell":
            cost += self.broker.account.tax(name, quantity)
        return Wish(wish.shares, price, held, cost, *steps)

    def _lot(self, name: str) -> Lot:
        lot: Lot = self.broker.p.rules.row(Lot, name, self._today())
        return lot

    def _slipped(self, name: str, side: Side, price: float) -> float:
        """The price at which a trade at `price` would be filled, as the broker makes it worse."""
        p = self.broker.p
        if not p.slippage:
            return price
        share, towards = (1, "up") if side == "buy" else (-1, "down")
        worse = price * (1 + float(share * p.slippage) / 1e4)
        return worse if p.adjusted else float(p.rules.round_to_tick(name, self._today(), worse, towards))

    def _today(self) -> pd.Timestamp:
        return pd.Timestamp(self.data.datetime.date())

    def _promised(self) -> float:
        """Money that purchases of older decisions, sent again just now, will take."""
        return sum(
            (goal.sent.quantity - goal.sent.filled) * float(self.datas[column].close[0])
            for column, goal in self._goals.items()
            if goal.sent.side == "buy"
        )

    def _send(self, column: int, wanted: float, target: float) -> None:
        """Send the order that leads to `target` shares, if a legal one does."""
        data = self.datas[column]
        held = self.getposition(data).size
        side = "buy" if target > held else "sell"
        quantity = self.broker.legal(data._name, side, abs(target - held), held)
        if quantity <= 0 and not held:
            side, quantity = "buy", wanted  # less than one lot: sent all the same, to be on record
        if quantity > 0:
            order = self.buy(data, quantity) if side == "buy" else self.sell(data, quantity)
            self._goals[column] = _Goal(target, self.broker.growth(data), self.broker.entry(order))

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
                target = goal.shares * self.broker.growth(self.datas[column]) / goal.growth
                self._send(column, target, target)
            elif selling:
                self._goals[column] = goal


def _short(entry: Entry) -> bool:
    return entry.side == "buy" and entry.reason == "cash"
