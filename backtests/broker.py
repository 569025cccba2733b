"""The Backtrader broker that obeys market rules and writes everything down.

    cerebro.setbroker(MarketBroker(cash=100_000, rules=rules_for("XSHG")))
    cerebro.adddata(bt.feeds.PandasData(dataname=frame), name="600000.SH")

What Backtrader's own broker would let through, and this one does not: orders on suspended or
zero-volume sessions, purchases at limit-up, more shares than the day's volume can bear, shares sold
before they are settled, odd lots, short sales, borrowed cash; a dividend or a split that it never heard
of.  What it would drop in silence (an all-in order after a gap up ends in "Margin", an order on the last
bar in nothing at all) is filled as far as it is legal, or recorded with its reason.

At one open, sales come before purchases, so that proceeds can be spent at once; limit and stop orders
follow in the order in which they were sent, and orders for the close come last.
"""

from collections import defaultdict, deque
from collections.abc import Mapping
from math import inf, isnan, nan
from typing import Any

import backtrader as bt
import pandas as pd

from ..core import Actions, BacktestResult, ConfigError
from ..core.result import Reason
from . import matching
from .account import Account
from .book import CLOSE, LIMIT, MARKET, STOP, STOP_LIMIT, OrderBook
from .capacity import buyable, sellable
from .companies import Companies
from .feeds import SessionFeed
from .ledger import Side
from .matching import Match, Quote
from .quotes import Quotes
from .settings import ACCOUNT, Broker, recorded

_SUSPENDED, _OFF_LIMITS = Match(nan, "suspended"), Match(nan, "off_limits")


class MarketBroker(OrderBook):
    """Fills orders as `MarketRules` allows, in anyone's Cerebro; `result` is the record of it.

    Parameters: `cash` (currency), `rules` (needed); `actions` and `listings` (`Actions`, and `Listing`
    by symbol: corporate actions and delistings of the feeds' symbols); `adjusted` (True: the prices
    were adjusted by their source, so ticks do not hold, and lots and limits only where asked for); and
    `lots`, `limits`, `slippage`, `participation`, `fill`, `dividends`, `rights`, `delisting_value` as
    in `Broker`.

    Feeds are daily and bear their symbol as name; which of their lines are read says `quotes`.  Limit
    prices are rounded to the tick in their owner's favour (a purchase down, a sale up), stop prices
    against it.  A limit outside the day's band is rejected at the first session that sees it; one that
    waited already, or that belongs to a bracket, waits for a day whose band holds it.

    An order that waits over an ex session is restated before the open, as zipline does it: its quantity
    grows with the shares (down to what is legal), its prices fall with the reference price (to the
    nearest tick), and so does its entry in the ledger.

    Raises `ConfigError` for parameters that cannot be, an order of a kind that a daily bar cannot fill
    honestly (trailing stops), and a feed that is traded and not named after a symbol.
    """

    params = (
        ("rules", None),
        ("actions", None),
        ("listings", None),
        ("adjusted", False),
        *ACCOUNT.items(),
        ("checksubmit", False),
    )

    def init(self) -> None:
        """Reset, as Backtrader asks before a run."""
        p = self.p
        if p.rules is None:
            raise ConfigError("MarketBroker needs rules: MarketBroker(rules=rules_for('XSHG'))")
        if p.adjusted and p.actions:
            raise ConfigError("adjusted prices already hold the corporate actions: leave actions out")
        said = {name: getattr(p, name) for name in ACCOUNT}
        self._settings = Broker.parse(said, "MarketBroker").for_prices(adjusted=p.adjusted)
        p.lots, p.limits = self._settings.lots, self._settings.limits
        self.account = Account(p.rules, p.cash, lots=p.lots, dividends=p.dividends, rights=p.rights)
        super().init()
        listings = dict(p.listings or {})
        self.actions: Actions = Actions.none() if p.actions is None else p.actions
        self.quotes = Quotes(p.rules, listings, limits=p.limits, adjusted=p.adjusted)
        self._companies = Companies(self, self.actions, listings)
        self._traded: dict[str, float] = defaultdict(float)

    def start(self) -> None:
        """Begin a run, as Backtrader asks: see what feeds there are."""
        super().start()
        if self.cerebro.p.cheat_on_open:
            self._fixed()
        feeds = self.cerebro.datas
        self.feeds = {data._name: data for data in reversed(feeds)}
        aligned = all(isinstance(data, SessionFeed) for data in feeds)
        self._clocks = feeds[:1] if aligned else feeds

    @property
    def cash(self) -> float:
        """Cash, in currency."""
        return self.account.cash

    @cash.setter
    def cash(self, amount: float) -> None:
        self.account.cash = amount

    def result(self, name: str, conditions: Mapping[str, Any] | None = None) -> BacktestResult:
        """The record of the run under `name`; `DataError` where it does not replay to the cent.

        `conditions` are recorded in place of the broker's own settings and rules.
        """
        rules = self.p.rules
        own = conditions if conditions is not None else recorded(self._settings, rules)
        return self.account.ledger.result(name, self.p.cash, rules.calendar, own)

    def legal(self, symbol: str, side: Side, wanted: float, held: float) -> float:
        """`wanted` rounded down to what the exchange accepts at this session."""
        return self.account.legal(symbol, side, wanted, held)

    def estimate(self, symbol: str, side: Side, quantity: float, price: float) -> float:
        """What a fill at this session would cost, in currency."""
        return self.account.costs(symbol, side, quantity, price).total

    def growth(self, data: Any) -> float:
        """What one share held since the start has become through corporate actions, paying nothing."""
        if data._name in self.actions.known:
            return self.account.growth(data._name)
        return self.quotes.growth_since_start(data)

    def next(self) -> None:
        """Open the session, fill what can be filled, write down its close."""
        clock = max(data.datetime[0] for data in self._clocks if len(data))
        if clock <= self._clock:
            return  # Backtrader rang without a new bar
        session = pd.Timestamp(bt.num2date(clock).date())
        if session == self.account.session:
            raise ConfigError(
                f"two bars on {session:%Y-%m-%d}: market rules are for daily feeds, resample them"
            )
        self._clock = clock
        self._traded.clear()
        self.quotes.begin(clock, session)
        self.account.begin(session)
        self._companies.open_session(session)
        while self._toactivate:
            self._toactivate.popleft().activate()
        for order in sorted(self.pending, key=self._turn):
            if order.alive():  # another order may have ended it meanwhile
                self._attempt(order)
        self.pending = deque(order for order in self.pending if order.alive())
        self._close_session()

    def _close_session(self) -> None:
        held = self.account.holdings
        equity = self.account.end({s: self.quotes.close(self.feeds[s]) for s in held})
        self._value = self._valuelever = equity
        self._valuemkt = self._valuemktlever = equity - self.cash
        self._fundval = equity / self._fundshares

    def _get_value(self, datas: Any = None, lever: bool = False) -> float:
        """Value of the holdings asked for, or of the account at the last close."""
        if not datas:
            return float(self._value)
        held = [(d, p.size) for d in datas if (p := self.positions[d]).size]
        return float(sum(size * self.quotes.close(data) for data, size in held))

    # Orders, at their turn.

    def _kind(self, order: Any) -> int:
        """The order's kind at this session: a stop that was triggered is a market order."""
        if order.exectype == MARKET and self.p.fill == "next_close":
            return int(CLOSE)
        return int(MARKET if order.exectype == STOP and order.triggered else order.exectype)

    def _turn(self, order: Any) -> tuple[int, int]:
        buy = int(order.isbuy())
        rank = {MARKET: buy, CLOSE: 3 + buy}.get(self._kind(order), 2)
        return rank, self.entry(order).number

    def _attempt(self, order: Any) -> None:
        if order.data._name in self._companies.gone:
            self._refuse(order, "delisted")
        elif not self._expired(order) and order.active():
            quote = self.quotes.of(order.data)
            met = _SUSPENDED if quote is None else self._match(order, quote)
            if quote is not None and not isnan(met.price):
                self._trade(order, met.price, quote)
            elif order.exectype in (MARKET, CLOSE) or self._turned_away(order, met.obstacle):
                self._refuse(order, met.obstacle)
            else:
                self.entry(order).obstacle = met.obstacle

    def _match(self, order: Any, quote: Quote) -> Match:
        buy, kind, price = order.isbuy(), self._kind(order), order.created.price
        if kind == MARKET:
            return matching.at_open(buy, quote)
        if kind == CLOSE:
            return matching.at_close(buy, quote)
        if kind == LIMIT:
            off = matching.off_limits(price, quote)
            return _OFF_LIMITS if off else matching.at_limit(buy, price, quote)
        was_live, limit = order.triggered, order.created.pricelimit
        order.triggered = was_live or matching.triggered(buy, price, quote)
        if kind == STOP:
            return matching.at_stop(buy, price, quote)
        if order.triggered and matching.off_limits(limit, quote):
            return _OFF_LIMITS
        if was_live:
            return matching.at_limit(buy, limit, quote)
        return matching.at_stop_limit(buy, price, limit, quote)

    def _turned_away(self, order: Any, obstacle: Reason) -> bool:
        """Whether the exchange rejects a price outside the limits, as it does when it first sees it."""
        seen = self.entry(order).obstacle not in ("", "suspended")
        return obstacle == "off_limits" and not seen and order.parent is None

    def _trade(self, order: Any, matched: float, quote: Quote) -> None:
        """Fill as much of a matched order as is legal; refuse the rest with its reason."""
        symbol, entry = order.data._name, self.entry(order)
        price = self._slipped(order, matched, quote)
        ask = buyable if order.isbuy() else sellable
        room = self._room(symbol, quote)
        wanted = abs(order.executed.remsize)
        quantity, reason = ask(self.account, symbol, wanted, price, room)
        entry.close(reason)
        if not reason:  # what differs now is dust, and dust keeps no order open
            entry.quantity = quantity
            order.executed.remsize = quantity if order.isbuy() else -quantity
        if quantity > 0:
            self._traded[symbol] += quantity
            self._fill(order, quantity, price)
        if reason:
            self._refuse(order, reason)
        else:
            self._bracketize(order)

    def _room(self, symbol: str, quote: Quote) -> float:
        """Shares that the day's volume leaves; an index is not traded, so its volume binds nobody."""
        if self.p.rules.board(symbol) == "index":
            return inf
        return max(0.0, float(self.p.participation * quote.volume - self._traded[symbol]))

    def _slipped(self, order: Any, price: float, quote: Quote) -> float:
        """The price made worse by the slippage: up for a purchase, down for a sale, to a tick."""
        if not self.p.slippage:
            return price
        buy, created = order.isbuy(), order.created
        share, towards, no_bound = (1, "up", inf) if buy else (-1, "down", -inf)
        worse = self._on_tick(order, price * (1 + share * self.p.slippage / 1e4), towards)
        bounds = {LIMIT: created.price, STOP_LIMIT: created.pricelimit}
        return matching.slipped(buy, price, worse, quote, bounds.get(order.exectype, no_bound))

    def _fill(self, order: Any, quantity: float, price: float) -> None:
        data, buy = order.data, order.isbuy()
        pay = self.account.buy if buy else self.account.sell
        paid = pay(self.entry(order), quantity, price)
        position = self.positions[data]
        average, signed = position.price, quantity if buy else -quantity
        size, mean, opened, closed = position.update(signed, price, data.datetime.datetime())
        order.execute(
            data.datetime[0],
            signed,
            price,
            closed,
            -closed * average,
            paid if closed else 0.0,
            opened,
            opened * price,
            paid if opened else 0.0,
            None,
            -closed * (price - average),
            size,
            mean,
        )
        order.addcomminfo(self.getcommissioninfo(data))
        self.notify(order)
        self._ococheck(order)
