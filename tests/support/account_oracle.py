"""Cash, shares by purchase and what companies do to them, naively and exactly.

No pandas, no floats, no code of qushi's: money and shares are fractions, cash is counted in millionths.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from exchange_oracle import UNIT, cents, dividend_tax_rate
from markets import Action, Market, Stock

DUST = Fraction(1, 10**9)
WHOLE = Fraction(1, 10**6)  # shares: what is this near to a whole share is one


@dataclass(frozen=True)
class Terms:
    """How the account trades; the names are those of `Broker`."""

    cash: float = 100_000.0
    lots: bool = True
    slippage: float = 0.0
    participation: float = 0.25
    fill: str = "next_open"
    dividends: str = "cash"
    rights: str = "subscribe"
    delisting_value: float = 1.0


@dataclass
class Parcel:
    bought: date
    step: int
    shares: Fraction
    untaxed: Fraction = Fraction(0)  # income a share


class NaiveAccount:
    """The account between a session's opening and its first order, and after a sale."""

    def __init__(self, market: Market, terms: Terms) -> None:
        self.market, self.terms = market, terms
        self.cash, self.owed = Fraction(terms.cash), []
        self.parcels: dict[str, list[Parcel]] = defaultdict(list)
        self.actions: list[tuple] = []
        self.before: dict[str, int] = {}  # position of the last row
        self.step, self.at, self.today = -1, -1, date.min

    def open_session(self, step: int, at: int) -> None:
        """What is due before the first order, in qushi's order."""
        self.step, self.at, self.today = step, at, self.market.dates[at]
        self._pay()
        for stock in self.market.stocks:
            self._leave(stock)
        for stock in sorted(self.market.stocks, key=self._order_of_acting):
            self._act(stock)

    def restate(self, stock: Stock, growth: Fraction, change: Fraction) -> None:
        """Carry the orders that wait over an action; there are none here."""

    def _pay(self) -> None:
        for due in sorted(d for d in self.owed if d[0] <= self.today):
            self.owed.remove(due)
            self.book(due[1], "payment", cash=due[2], receivable=-due[2])

    def _order_of_acting(self, stock: Stock) -> tuple:
        """Money matters to rights alone: what is known comes first, the oldest ex session first."""
        then = self.before.get(stock.symbol, self.at)
        due = [at for at in stock.actions if then < at <= self.at]
        return not stock.known, min(due, default=0), stock.symbol

    def _act(self, stock: Stock) -> None:
        if self.at not in stock.days or stock.symbol not in self.before:
            return
        then = self.before[stock.symbol]
        price = Fraction(stock.days[then].close)
        if not stock.known:
            if self.at in stock.ratios:
                ratio = stock.ratios[self.at]
                self._reinvest(stock, ratio, price / ratio)
                self.restate(stock, ratio, 1 / ratio)
            return
        for action in (a for at, a in sorted(stock.actions.items()) if then < at <= self.at):
            reference = action.reference(price)
            if self.terms.dividends == "reinvest":
                growth = price / reference
                self._reinvest(stock, growth, reference)
            else:
                growth = 1 + action.bonus + action.split
                self._hold_over(stock, action, reference)
            self.restate(stock, growth, reference / price)
            price = reference

    def _hold_over(self, stock: Stock, action: Action, reference: Fraction) -> None:
        symbol, parcels = stock.symbol, self.parcels[stock.symbol]
        held = self.held(symbol)
        if not held:
            return
        for parcel in parcels:
            parcel.untaxed += action.cash + action.bonus
        money = cents(held * action.cash)
        later = action.pays is not None and self.market.dates[action.pays] > self.today
        if money and later:
            self.owed.append((self.market.dates[action.pays], symbol, money))
        if money:
            self.book(symbol, "dividend", **{"receivable" if later else "cash": money})
        growth = 1 + action.bonus + action.split
        if growth != 1:
            self._grow(symbol, "shares", growth, reference)
        if action.rights and self.terms.rights == "subscribe" and self.parcels[symbol]:
            self._subscribe(symbol, held, action)

    def _subscribe(self, symbol: str, held: Fraction, action: Action) -> None:
        wanted = held * action.rights
        if self.terms.lots:
            wanted = Fraction(int(wanted + WHOLE))
            while wanted and cents(wanted * action.rights_price) > self.cash:
                wanted -= 1
        else:
            wanted = min(wanted, self.cash / action.rights_price)
        if wanted:
            paid = min(cents(wanted * action.rights_price), self.cash)
            self.parcels[symbol].append(Parcel(self.today, self.parcels[symbol][-1].step, wanted))
            self.book(symbol, "rights", wanted, cash=-paid)

    def _reinvest(self, stock: Stock, growth: Fraction, reference: Fraction) -> None:
        if self.held(stock.symbol):
            self._grow(stock.symbol, "reinvested", growth, reference)

    def _grow(self, symbol: str, kind: str, growth: Fraction, reference: Fraction) -> None:
        held = self.held(symbol)
        after, rest = held * growth, Fraction(0)
        if self.terms.lots:
            kept = Fraction(int(after + WHOLE))
            after, rest = kept, max(after - kept, Fraction(0))
        parcels = self.parcels[symbol]
        if kind == "shares" and after > held:
            parcels.append(Parcel(self.today, parcels[-1].step, after - held))
        elif after <= DUST:
            parcels.clear()
        else:
            for parcel in parcels:
                parcel.shares *= after / held
                parcel.untaxed *= held / after
        if after != held:
            self.book(symbol, kind, after - held)
        money = cents(rest * reference / UNIT) if rest > DUST else 0
        if money:
            self.book(symbol, "fraction", cash=money)

    def _leave(self, stock: Stock) -> None:
        if stock.delisted is None or self.market.dates[stock.delisted] > self.today:
            return
        held = self.held(stock.symbol)
        if held:
            last = stock.days[max(at for at in stock.days if at <= self.at)].close
            value = Fraction(str(self.terms.delisting_value)) * last / UNIT
            self.parcels[stock.symbol].clear()
            self.book(stock.symbol, "delisted", -held, cash=cents(held * value))

    def tax(self, stock: Stock, quantity: Fraction) -> Fraction:
        due = Fraction(0)
        for parcel, part in self.oldest(stock.symbol, quantity):
            due += part * parcel.untaxed * dividend_tax_rate(stock.board, parcel.bought, self.today)
        return cents(due)

    def oldest(self, symbol: str, quantity: Fraction) -> list[tuple[Parcel, Fraction]]:
        taken = []
        for parcel in self.parcels[symbol]:
            part = min(parcel.shares, quantity)
            if part > 0:
                taken.append((parcel, part))
                quantity -= part
        return taken

    def held(self, symbol: str) -> Fraction:
        return sum((p.shares for p in self.parcels[symbol]), Fraction(0))

    def book(self, symbol, kind, quantity=Fraction(0), cash=Fraction(0), receivable=Fraction(0)):
        self.cash = round(self.cash + cash, 6)
        self.actions.append((self.step, symbol, kind, quantity, cash, receivable))
