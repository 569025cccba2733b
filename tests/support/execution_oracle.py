"""Plays a backtest once more, naively and exactly, from the orders that were sent.

No pandas, no floats, no code of qushi's: prices are whole ten-thousandths, money and shares are
fractions.  `reenact` says what every order must come to and why, and what the account holds after each
session.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from account_oracle import DUST, NaiveAccount, Parcel, Terms
from exchange_oracle import UNIT, fees, half_up, legal_buy, legal_sale, settles_at_once, tick_of
from markets import Day, Market, Stock
from order_scripts import Asked

MILLIONTH = Fraction(1, 10**6)  # money is counted in these, which only divisible shares can show


@dataclass
class Order:
    """An order on its way; `reason` is None while it lives."""

    number: int
    asked: Asked
    quantity: Fraction
    price: int | None
    limit: int | None
    filled: Fraction = Fraction(0)
    reason: str | None = None
    obstacle: str = ""
    triggered: bool = False
    active: bool = True


@dataclass
class Played:
    """What must have happened; money in currency."""

    orders: list[Order]
    actions: list[tuple]
    fills: list[tuple] = field(default_factory=list)
    curve: list[tuple[Fraction, ...]] = field(default_factory=list)


def reenact(
    market: Market, book: list[Asked], terms: Terms, filled: list[float], *, restated: bool = False
) -> Played:
    """`filled` are the quantities that the backtest says, by order: trusted only where shares are
    divisible and cash ran out, after a check that a little more could not be paid.  `restated`: the
    quantities in the book are already those after a corporate action."""
    return _Reenactment(market, book, terms, filled, restated).play()


class _Reenactment(NaiveAccount):
    """The account with its orders, from the first session to the last."""

    def __init__(self, market, book, terms, filled, restated):
        super().__init__(market, terms)
        self.told, self.restated = filled, restated
        self.stocks = {stock.symbol: stock for stock in market.stocks}
        self.orders = [self._enter(n, asked) for n, asked in enumerate(book, 1)]
        self.played = Played(self.orders, self.actions)
        self.steps = sorted({at for stock in market.stocks for at in stock.days})
        self.traded: dict[str, Fraction] = {}

    def play(self) -> Played:
        for step, at in enumerate(self.steps):
            self.traded = defaultdict(Fraction)
            self.open_session(step, at)
            self._activate()
            for order in sorted(self._alive(), key=self._turn):
                if order.reason is None:
                    self._attempt(order)
            self._close_session()
        for order in (o for o in self.orders if o.reason is None):
            last = order.asked.decided == len(self.steps) - 1
            order.reason = "end_of_data" if last else order.obstacle or "not_reached"
        return self.played

    def _enter(self, number: int, asked: Asked) -> Order:
        board = self.stocks[asked.symbol].board

        def on_tick(price: float | None, up: bool) -> int | None:
            if price is None:
                return None
            exact = Fraction(str(price)) * UNIT
            tick = tick_of(board, exact)
            return int(-(-exact // tick) if up else exact // tick) * tick

        patient = asked.kind == "limit"
        price = on_tick(asked.price, asked.buy != patient)
        limit = price if patient else on_tick(asked.limit, not asked.buy)
        waits = asked.parent is not None
        return Order(number, asked, Fraction(str(asked.quantity)), price, limit, active=not waits)

    def _alive(self) -> list[Order]:
        return [o for o in self.orders if o.asked.decided < self.step and o.reason is None]

    def restate(self, stock: Stock, growth: Fraction, change: Fraction) -> None:
        for order in self._alive():
            if order.asked.symbol != stock.symbol:
                continue
            if not self.restated:
                order.quantity = self._restated_quantity(stock, order, order.quantity * growth)
            for name in ("price", "limit"):
                price = getattr(order, name)
                if price is not None:
                    setattr(order, name, half_up(stock.board, price * change))

    def _restated_quantity(self, stock: Stock, order: Order, grown: Fraction) -> Fraction:
        """Down to what is legal, but never to nothing; a sale beyond the holding stays one."""
        if not self.terms.lots or grown == order.quantity:
            return grown
        if order.asked.buy:
            legal = legal_buy(stock.board, grown)
        else:
            legal = legal_sale(stock.board, grown, max(grown, self.held(stock.symbol)))
        return Fraction(legal) or grown

    def _activate(self) -> None:
        """The legs of a bracket, at the session after their parent was filled."""
        for order in self.orders:
            parent = order.asked.parent
            if parent is not None and not order.active and self.orders[parent].filled:
                order.active = True

    def _kind(self, order: Order) -> str:
        kind = order.asked.kind
        if kind == "market" and self.terms.fill == "next_close":
            return "close"
        return "market" if kind == "stop" and order.triggered else kind

    def _turn(self, order: Order) -> tuple:
        buy, kind = order.asked.buy, self._kind(order)
        return {"market": (0, buy), "close": (2, buy)}.get(kind, (1, 0)), order.number

    def _attempt(self, order: Order) -> None:
        stock = self.stocks[order.asked.symbol]
        if stock.delisted is not None and self.market.dates[stock.delisted] <= self.today:
            self._end(order, "delisted")
        elif order.asked.expires is not None and self.today > order.asked.expires:
            self._end(order, order.obstacle or "not_reached")
        elif order.active:
            self._meet(order, stock, stock.days.get(self.at))

    def _meet(self, order: Order, stock: Stock, day: Day | None) -> None:
        price, obstacle = None, "suspended"
        if day is not None and day.tradable:
            price, obstacle = self._match(order, day)
        if price is not None:
            self._trade(order, stock, day, price)
        elif order.asked.kind in ("market", "close") or (
            obstacle == "off_limits"
            and order.obstacle in ("", "suspended")
            and order.asked.parent is None
        ):
            self._end(order, obstacle)
        else:
            order.obstacle = obstacle

    def _match(self, order: Order, day: Day) -> tuple[int | None, str]:
        """The price before slippage, or what forbids one."""
        buy, kind = order.asked.buy, self._kind(order)
        low, high = day.band or (0, 10**12)
        inside = lambda price: low <= price <= high  # noqa: E731
        if kind in ("market", "close"):
            base = day.open if kind == "market" else day.close
        elif kind == "limit":
            if not inside(order.limit):
                return None, "off_limits"
            base = self._with_limit(buy, order.limit, day)
        else:
            before = order.triggered
            order.triggered = before or (day.high >= order.price if buy else day.low <= order.price)
            if kind == "stop_limit" and order.triggered and not inside(order.limit):
                return None, "off_limits"
            base = self._stopped(order, before, day) if order.triggered else None
        if base is None:
            return None, "not_reached"
        if buy and base >= high:
            return None, "limit_up"
        if not buy and base <= low:
            return None, "limit_down"
        return base, ""

    def _with_limit(self, buy: bool, limit: int, day: Day) -> int | None:
        if buy:
            return min(day.open, limit) if day.low <= limit else None
        return max(day.open, limit) if day.high >= limit else None

    def _stopped(self, order: Order, before: bool, day: Day) -> int | None:
        buy, limit = order.asked.buy, order.limit
        if before:
            return self._with_limit(buy, limit, day)
        live = max(day.open, order.price) if buy else min(day.open, order.price)
        if order.asked.kind == "stop":
            return live
        if live == day.open:
            return self._with_limit(buy, limit, day)
        if live <= limit if buy else live >= limit:
            return live
        return limit if (day.close <= limit if buy else day.close >= limit) else None

    def _trade(self, order: Order, stock: Stock, day: Day, base: int) -> None:
        price = self._slipped(order, stock, day, base)
        size = self._buyable if order.asked.buy else self._sellable
        quantity, reason = size(order, stock, day, price)
        if quantity:
            self._fill(order, stock, quantity, price)
        self._end(order, reason)
        if not reason:
            order.quantity = quantity

    def _slipped(self, order: Order, stock: Stock, day: Day, base: int) -> int:
        low, high = day.band or (0, 10**12)
        buy = order.asked.buy
        slip = Fraction(str(self.terms.slippage)) / 10_000
        if not slip:
            return base
        worse = base * (1 + slip if buy else 1 - slip)
        tick = tick_of(stock.board, worse)
        worse = int(-(-worse // tick) if buy else worse // tick) * tick
        if buy:
            bound = order.limit if order.limit is not None else high
            return max(base, min(worse, day.high, high, bound))
        bound = order.limit if order.limit is not None else low
        return min(base, max(worse, day.low, low, bound))

    def _room(self, stock: Stock, day: Day) -> Fraction:
        if stock.board == "index":
            return Fraction(10**15)
        most = Fraction(str(self.terms.participation)) * day.volume
        return max(Fraction(0), most - self.traded[stock.symbol])

    def _paid(self, stock: Stock, shares: Fraction, price: int) -> Fraction:
        return shares * price / UNIT + sum(fees(stock.board, self.today, True, shares, price))

    def _buyable(self, order: Order, stock: Stock, day: Day, price: int) -> tuple[Fraction, str]:
        legal = (lambda q: Fraction(legal_buy(stock.board, q))) if self.terms.lots else Fraction
        wanted, room = order.quantity, self._room(stock, day)
        quantity = legal(wanted)
        reason = "lot" if quantity < wanted - DUST else ""
        if quantity > room + DUST:
            quantity, reason = legal(room), "volume_cap"
        if self._paid(stock, quantity, price) <= self.cash + DUST:
            return quantity, reason
        if not self.terms.lots:
            told = Fraction(str(self.told[order.number - 1]))
            more = told + (5 + Fraction(20 * UNIT, price)) * MILLIONTH
            assert self._paid(stock, told, price) <= self.cash + 10 * MILLIONTH
            assert self._paid(stock, more, price) > self.cash
            return told, "cash"
        quantity = legal(min(quantity, self.cash * UNIT / price))
        while quantity and self._paid(stock, quantity, price) > self.cash:
            quantity = legal(quantity - 1)
        return quantity, "cash"

    def _sellable(self, order: Order, stock: Stock, day: Day, price: int) -> tuple[Fraction, str]:
        held = self.held(stock.symbol)
        young = (
            0
            if settles_at_once(stock.board, stock.symbol, self.today)
            else sum(p.shares for p in self.parcels[stock.symbol] if p.step == self.step)
        )
        settled, room = held - young, self._room(stock, day)
        legal = (
            (lambda q: Fraction(legal_sale(stock.board, q, settled))) if self.terms.lots else Fraction
        )
        quantity, reason = order.quantity, ""
        if quantity > held + DUST:
            quantity, reason = held, "short"
        if quantity > settled + DUST:
            quantity, reason = settled, "t_plus_1"
        possible = legal(quantity)
        if possible < quantity - DUST:
            reason = "lot"
        if possible > room + DUST:
            possible, reason = legal(room), "volume_cap"
        if abs(possible - held) <= DUST:
            possible = held
        charged = sum(fees(stock.board, self.today, False, possible, price))
        charged += self.tax(stock, possible)
        if self.cash + possible * price / UNIT < charged - 10 * MILLIONTH:
            return Fraction(0), "cash"
        return possible, reason

    def _fill(self, order: Order, stock: Stock, quantity: Fraction, price: int) -> None:
        symbol, buy = stock.symbol, order.asked.buy
        parts = fees(stock.board, self.today, buy, quantity, price)
        tax = Fraction(0) if buy else self.tax(stock, quantity)
        amount = (-1 if buy else 1) * quantity * price / UNIT
        self.cash = round(self.cash + amount - sum(parts), 6)
        self.traded[symbol] += quantity
        order.filled = quantity
        self.played.fills.append((order.number, self.step, symbol, buy, quantity, price, *parts))
        if buy:
            self.parcels[symbol].append(Parcel(self.today, self.step, quantity))
            return
        for parcel, part in self.oldest(symbol, quantity):
            parcel.shares -= part
        self.parcels[symbol] = [p for p in self.parcels[symbol] if p.shares > DUST]
        if tax:
            self.book(symbol, "tax", cash=-tax)

    def _end(self, order: Order, reason: str) -> None:
        """The order is over; so are those bound to it."""
        order.reason = reason
        for other in self.orders:
            if other.reason is not None or other.asked.decided > self.step:
                continue
            mine = order.number - 1
            together = other.asked.oco == mine or order.asked.oco == other.number - 1
            sisters = order.asked.parent is not None and other.asked.parent == order.asked.parent
            child = other.asked.parent == mine and not order.filled
            parent = order.asked.parent == other.number - 1
            if together or sisters or child or parent:
                other.reason = "cancelled"

    def _close_session(self) -> None:
        worth = Fraction(0)
        for stock in self.market.stocks:
            if self.at in stock.days:
                self.before[stock.symbol] = self.at
            held = self.held(stock.symbol)
            if held:
                last = max(at for at in stock.days if at <= self.at)
                worth += held * stock.days[last].close / UNIT
        owed = sum((due[2] for due in self.owed), Fraction(0))
        self.played.curve.append((self.cash, worth, owed))
        for order in self.orders:
            if order.asked.cancelled == self.step and order.reason is None:
                self._end(order, "cancelled")
