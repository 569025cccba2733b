"""A `bt.Strategy` that sends orders of every kind at random, and writes down what it asked for.

What it draws hangs on its seed and on what it sees: the same market cut short gets the same orders.
"""

import random
from dataclasses import dataclass
from datetime import timedelta

import backtrader as bt

KINDS = {
    "market": bt.Order.Market,
    "close": bt.Order.Close,
    "limit": bt.Order.Limit,
    "stop": bt.Order.Stop,
    "stop_limit": bt.Order.StopLimit,
}


@dataclass
class Asked:
    """One order, sent at the close of step `decided`; `parent` and `oco` by position in the list."""

    decided: int
    symbol: str
    buy: bool
    kind: str
    quantity: float
    price: float | None = None
    limit: float | None = None
    expires: object = None  # the last day on which it may fill
    oco: int | None = None
    parent: int | None = None
    cancelled: int | None = None  # the step at whose close it was called back


class RandomOrders(bt.Strategy):
    """Sends up to `busy` orders a session; `book` receives them in the order in which they were sent."""

    params = (("seed", 0), ("busy", 3), ("book", None), ("lots", True))

    def __init__(self):
        self.draw = random.Random(self.p.seed)
        self.step = -1
        self.sent = []

    def next(self):
        self.step += 1
        for _ in range(self.draw.randrange(self.p.busy + 1)):
            self._send(self.draw.choice(self.datas))
        alive = [n for n, order in enumerate(self.sent) if order.alive()]
        if alive and self.draw.random() < 0.08:
            n = self.draw.choice(alive)
            self.p.book[n].cancelled = self.step
            self.cancel(self.sent[n])

    def _send(self, data):
        close, draw = data.close[0], self.draw
        held = self.getposition(data).size
        buy = draw.random() < (0.3 if held else 0.94)
        kind = draw.choice(["market", "market", "close", "limit", "limit", "stop", "stop_limit"])
        known = close == close
        if not known:  # not listed yet: the order may be sent all the same
            buy, kind, close = True, "market", 10.0
        quantity = self._quantity(buy, close, held)
        fancy = draw.random()
        if known and buy and fancy < 0.06:
            self._bracket(data, close, quantity)
        elif known and held and not buy and fancy < 0.12:
            first = self._order(data, False, "limit", quantity, close)
            self._order(data, False, "stop", quantity, close, oco=first)
        elif known and fancy > 0.94:  # in and out on one day, where T+1 allows it
            self._order(data, True, "market", quantity, close)
            self._order(data, False, draw.choice(["close", "limit"]), quantity, close)
        else:
            self._order(data, buy, kind, quantity, close)

    def _quantity(self, buy, close, held):
        draw = self.draw
        if not buy:
            wanted = (held or 100) * draw.choice([1, 1, 1, 0.5, 0.37, 1.5])
        elif draw.random() < 0.2:
            wanted = 1.05 * self.broker.getcash() / close  # cannot be paid once costs are added
        elif draw.random() < 0.15:
            wanted = draw.choice([37, 150, 301])
        else:
            wanted = draw.choice([100, 200, 1000]) * draw.randrange(1, 20)
        return max(1, int(wanted)) if self.p.lots else round(wanted, 3) + 0.001

    def _price(self, data, close):
        """Near the close, at one of the day's limits as they may be tomorrow, or far away."""
        near = close * (1 + self.draw.gauss(0, 0.03))
        price = self.draw.choice([near, near, near, close, close * 1.1, close * 0.9, close * 1.25])
        return round(price, self.draw.choice([2, 2, 3, 4]))

    def _order(self, data, buy, kind, quantity, close, oco=None):
        draw, more = self.draw, {}
        price = limit = None
        if kind in ("limit", "stop", "stop_limit"):
            price = self._price(data, close)
            days = draw.choice([None, None, 1, 3, 7])
            more["valid"] = None if days is None else timedelta(days=days)
        if kind == "stop_limit":
            limit = more["plimit"] = round(price * (1 + draw.gauss(0, 0.01)), 2)
        if oco is not None:
            more["oco"] = self.sent[oco]
        expires = data.datetime.date(0) + more["valid"] if more.get("valid") else None
        send = self.buy if buy else self.sell
        order = send(data, size=quantity, exectype=KINDS[kind], price=price, **more)
        self.sent.append(order)
        self.p.book.append(Asked(self.step, data._name, buy, kind, quantity, price, limit, expires, oco))
        return len(self.sent) - 1

    def _bracket(self, data, close, quantity):
        price = self._price(data, close)
        prices = (price, round(price * 0.97, 2), round(price * 1.04, 2))
        orders = self.buy_bracket(
            data, size=quantity, price=prices[0], stopprice=prices[1], limitprice=prices[2]
        )
        parent = len(self.sent)
        self.sent += orders
        kinds = ((True, "limit", None), (False, "stop", parent), (False, "limit", parent))
        for price, (buy, kind, above) in zip(prices, kinds, strict=True):
            self.p.book.append(Asked(self.step, data._name, buy, kind, quantity, price, parent=above))
