"""What companies do to a broker's account, positions and waiting orders, before a session's first fill.

Shares held at the close before get what an action gives (`account`); then Backtrader's own position and
trades are restated (`trades`), and the orders that wait.  A symbol whose actions are not known but whose
feed has a factor counts as reinvested where the factor moves.  A symbol that leaves its exchange is paid
out, and takes no order any more.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core import Actions
from ..core.listings import Listing
from .corporate import Action, Schedule
from .trades import dissolve, restate

if TYPE_CHECKING:
    from .broker import MarketBroker


class Companies:
    """Actions and delistings of a run, in the order of their sessions; `gone` has left its exchange."""

    def __init__(
        self, broker: "MarketBroker", actions: Actions, listings: Mapping[str, Listing]
    ) -> None:
        self.gone: set[str] = set()
        self._broker, self._actions = broker, actions
        self._schedule = Schedule(actions)
        ends = [(x.delisted, symbol) for symbol, x in listings.items() if x.delisted is not None]
        self._leaving = sorted(ends, reverse=True)

    def open_session(self, session: pd.Timestamp) -> None:
        """Do what is due; costs nothing where nothing is."""
        broker = self._broker
        while self._leaving and self._leaving[-1][0] <= session:
            self._leave(self._leaving.pop()[1])
        for symbol in self._schedule.due(session):
            data = broker.feeds.get(symbol)
            if data is None:
                self._schedule.take(symbol)  # of a symbol that is not in this Cerebro
            elif broker.quotes.present(data):
                self._act(data, self._schedule.take(symbol))
        watched = {*broker.account.holdings, *(order.data._name for order in broker.pending)}
        for symbol in sorted(watched - self._actions.known):
            self._reinvest(broker.feeds[symbol])

    def _leave(self, symbol: str) -> None:
        broker = self._broker
        self.gone.add(symbol)
        if broker.account.shares(symbol):
            data = broker.feeds[symbol]
            price = broker.quotes.previous(data) * broker.p.delisting_value
            broker.account.delist(symbol, price)
            self._dissolve(data, price)

    def _act(self, data: Any, actions: list[Action]) -> None:
        """Actions whose symbol has a bar again; of two in one gap, the second starts from the first."""
        broker = self._broker
        price = broker.quotes.previous(data)
        if not price > 0:
            return  # before the first bar nobody holds it
        for action in actions:
            reference = self._actions.reference(action.symbol, action.ex_session, price)
            growth = action.growth if broker.p.dividends == "cash" else price / reference
            cost = broker.account.act(action, price, reference)
            self._carry_over(data, growth, reference / price, cost)
            price = reference
        broker.quotes.set_reference(data, price)

    def _reinvest(self, data: Any) -> None:
        broker = self._broker
        growth = broker.quotes.growth(data)
        if growth != 1:
            reference = broker.quotes.previous(data) / growth
            cost = broker.account.reinvest(data._name, growth, reference)
            self._carry_over(data, growth, 1 / growth, cost)
            broker.quotes.set_reference(data, reference)

    def _carry_over(self, data: Any, growth: float, fall: float, cost: float) -> None:
        broker = self._broker
        position, shares = broker.positions[data], broker.account.shares(data._name)
        if position.size and shares:
            restate(broker.cerebro.runningstrats, data, position, shares, cost)
        elif position.size:
            self._dissolve(data, -cost / position.size)
        for order in broker.pending:
            if order.data is data and order.alive():
                broker.restate(order, growth, fall)

    def _dissolve(self, data: Any, price: float) -> None:
        broker = self._broker
        scheme = broker.getcommissioninfo(data)
        dissolve(broker.cerebro.runningstrats, data, broker.positions[data], price, scheme)
