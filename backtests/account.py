"""The account: cash, shares by purchase, dividends on their way; knows the rules, not the engine.

    equity = cash + shares x last close + dividends earned and not yet paid

Everything that changes it is written into its `ledger` at once: fills with their costs and taxes, and
what corporate actions bring.  Cash is never below 0 and no share is ever short.
"""

from collections.abc import Mapping
from heapq import heappop, heappush
from math import floor
from typing import TYPE_CHECKING, Literal

import pandas as pd

from ..core.result import ActionKind
from .corporate import Action, grown
from .holdings import DIGITS, DUST, Holding, Parcel, dividend_tax, money
from .ledger import Entry, Fill, Ledger, Side

if TYPE_CHECKING:
    from ..market import Costs, MarketRules

Dividends = Literal["cash", "reinvest"]
Rights = Literal["subscribe", "lapse"]


class Account:
    """Cash and holdings under `rules`; sessions are begun and ended by whoever runs it.

    lots
        Whether only quantities that the exchange accepts are traded, and only whole shares held.
    """

    def __init__(
        self,
        rules: "MarketRules",
        cash: float,
        *,
        lots: bool = True,
        dividends: Dividends = "cash",
        rights: Rights = "subscribe",
    ) -> None:
        self.rules = rules
        self.cash = cash
        self.receivable = 0.0
        self.holdings: dict[str, Holding] = {}
        self.ledger = Ledger()
        self.now = -1
        self.session: pd.Timestamp = pd.NaT
        self.lots = lots
        self._dividends, self._rights = dividends, rights
        self._growth: dict[str, float] = {}
        self._owed: list[tuple[pd.Timestamp, str, float]] = []  # a heap: what is paid next comes first

    def begin(self, session: pd.Timestamp) -> None:
        """The next session opens: dividends due by now are paid."""
        self.now += 1
        self.session = session
        self.ledger.sessions.append(session)
        while self._owed and self._owed[0][0] <= session:
            _, symbol, amount = heappop(self._owed)
            self.receivable = round(self.receivable - amount, 2)
            self._book(symbol, "payment", cash=amount, receivable=-amount)

    def end(self, closes: Mapping[str, float]) -> float:
        """The session is over: write down what is held, at these closes; the equity."""
        worth = 0.0
        for symbol, holding in self.holdings.items():
            worth += holding.shares * closes[symbol]
            self.ledger.held.append((self.now, symbol, holding.shares, closes[symbol]))
        self.ledger.curve.append((self.cash, worth, self.receivable))
        return self.cash + worth + self.receivable

    def shares(self, symbol: str) -> float:
        """Shares held."""
        holding = self.holdings.get(symbol)
        return holding.shares if holding else 0.0

    def growth(self, symbol: str) -> float:
        """What one share held since the start has become through corporate actions."""
        return self._growth.get(symbol, 1.0)

    def legal(self, symbol: str, side: Side, wanted: float, held: float) -> float:
        """`wanted` rounded down to what the exchange accepts at this session."""
        if wanted <= DUST or not self.lots:
            return wanted if wanted > DUST else 0.0  # a rounding error would still pay a commission
        return float(self.rules.legal_quantity(symbol, self.session, side, wanted, held))

    def costs(self, symbol: str, side: Side, quantity: float, price: float) -> "Costs":
        """What a fill at this session costs."""
        return self.rules.costs(symbol, self.session, side, quantity, price)

    def settled(self, symbol: str) -> float:
        """Shares held that may be sold at this session."""
        holding = self.holdings.get(symbol)
        days = self.rules.settlement_days(symbol, self.session)
        if holding is None:
            return 0.0
        return holding.shares - (holding.unsettled(self.now - days + 1) if days else 0.0)

    def tax(self, symbol: str, quantity: float) -> float:
        """Tax on the dividends of the shares that a sale at this session would take, in currency."""
        holding = self.holdings.get(symbol)
        if holding is None:
            return 0.0

        def rate(ex_session: pd.Timestamp, bought: pd.Timestamp, sold: pd.Timestamp) -> float:
            return self.rules.dividend_tax_rate(symbol, ex_session, bought, sold)

        return dividend_tax(holding.oldest(quantity), self.session, rate)

    def buy(self, entry: Entry, quantity: float, price: float) -> float:
        """Fill a purchase; the costs, in currency."""
        holding = self.holdings.setdefault(entry.symbol, Holding())
        holding.add(Parcel(self.session, self.now, quantity))
        return self._fill(entry, quantity, price)

    def sell(self, entry: Entry, quantity: float, price: float) -> float:
        """Fill a sale and pay the tax on the dividends of the shares sold; the costs without it."""
        symbol = entry.symbol
        tax = self.tax(symbol, quantity)
        costs = self._fill(entry, quantity, price)
        holding = self.holdings[symbol]
        holding.take(quantity)
        if not holding.parcels:
            del self.holdings[symbol]
        if tax:
            self._book(symbol, "tax", cash=-tax)
        return costs

    def _fill(self, entry: Entry, quantity: float, price: float) -> float:
        parts = self.costs(entry.symbol, entry.side, quantity, price)
        paid = parts.total
        amount = (quantity if entry.side == "buy" else -quantity) * price
        self.cash = round(self.cash - amount - paid, DIGITS)
        entry.filled = quantity
        self.ledger.fills.append(
            Fill(
                entry.number,
                self.now,
                entry.symbol,
                entry.side,
                quantity,
                price,
                parts.commission,
                parts.stamp_duty,
                parts.transfer_fee,
            )
        )
        return paid

    # Corporate actions, before the session's first fill.

    def act(self, action: Action, previous: float, reference: float) -> float:
        """Apply an action; the money that the position cost more by it (below 0: it brought some).

        `previous` is the close before, `reference` the price that leaves a holder as rich.
        """
        symbol = action.symbol
        if self._dividends == "reinvest":
            return self.reinvest(symbol, previous / reference, reference)
        self._growth[symbol] = self.growth(symbol) * action.growth
        held = self.shares(symbol)
        if not held:
            return 0.0
        cost = -self._earn(action, held)
        if action.growth != 1:
            cost -= self._multiply(symbol, "shares", action.growth, reference)
        if action.rights and self._rights == "subscribe" and symbol in self.holdings:
            cost += self._subscribe(action, held)
        return cost

    def reinvest(self, symbol: str, growth: float, reference: float) -> float:
        """One share becomes `growth` shares, whatever the action was; as `act` in what it returns.

        No tax is taken on what is reinvested.
        """
        self._growth[symbol] = self.growth(symbol) * growth
        if not self.shares(symbol):
            return 0.0
        return -self._multiply(symbol, "reinvested", growth, reference)

    def delist(self, symbol: str, price: float) -> float:
        """The symbol left its exchange: its shares are paid out at `price`, no sale; the money."""
        held = self.shares(symbol)
        amount = money(held, price)
        del self.holdings[symbol]
        self._book(symbol, "delisted", quantity=-held, cash=amount)
        return amount

    def _earn(self, action: Action, held: float) -> float:
        """The dividend: income that will be taxed, money now or a claim to it."""
        if action.taxable:
            self.holdings[action.symbol].earn(action.ex_session, action.taxable)
        amount = money(held, action.cash)
        if amount and action.pay_session is not None and action.pay_session > self.session:
            heappush(self._owed, (action.pay_session, action.symbol, amount))
            self.receivable = round(self.receivable + amount, 2)
            self._book(action.symbol, "dividend", receivable=amount)
        elif amount:
            self._book(action.symbol, "dividend", cash=amount)
        return amount

    def _multiply(self, symbol: str, kind: ActionKind, growth: float, reference: float) -> float:
        """Grow or shrink a holding; the money paid out for a part of a share."""
        holding = self.holdings[symbol]
        change = grown(holding.shares, growth, reference, whole=self.lots)
        if change.shares:
            self._book(symbol, kind, quantity=change.shares)
        if kind == "shares" and change.shares > 0:
            holding.add(Parcel(self.session, holding.parcels[-1].arrived, change.shares))
        elif holding.shares + change.shares <= DUST:
            del self.holdings[symbol]
        else:
            holding.restate(holding.shares + change.shares)
        if change.paid_out:
            self._book(symbol, "fraction", cash=change.paid_out)
        return change.paid_out

    def _subscribe(self, action: Action, held: float) -> float:
        """Buy the shares offered, as far as the cash goes; the money paid."""
        offered = min(held * action.rights, self.cash / action.rights_price)
        wanted = float(floor(offered + 1e-6)) if self.lots else offered
        while self.lots and wanted and money(wanted, action.rights_price) > self.cash:
            wanted -= 1
        if not wanted:
            return 0.0
        paid = min(money(wanted, action.rights_price), self.cash)
        holding = self.holdings[action.symbol]
        holding.add(Parcel(self.session, holding.parcels[-1].arrived, wanted))
        self._book(action.symbol, "rights", quantity=wanted, cash=-paid)
        return paid

    def _book(
        self,
        symbol: str,
        kind: ActionKind,
        *,
        quantity: float = 0.0,
        cash: float = 0.0,
        receivable: float = 0.0,
    ) -> None:
        """Write down what a corporate action did, and take or give its cash."""
        self.cash = round(self.cash + cash, DIGITS)
        self.ledger.actions.append((self.now, symbol, kind, quantity, cash, receivable))
