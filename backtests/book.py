"""Backtrader's order book with a ledger: what may be sent, at which price, and what became of it.

Submission, brackets, one-cancels-other and notifications are Backtrader's own.  Added are the ledger's
entry of every order, prices on ticks, and a refusal of what a daily bar cannot fill honestly.
"""

from collections import deque
from math import isfinite
from typing import Any, NoReturn

import backtrader as bt

from ..core import ConfigError
from ..core.result import Reason
from .account import Account
from .commission import MarketCommission, symbol_of
from .ledger import Entry, Side

MARKET, CLOSE = bt.Order.Market, bt.Order.Close
LIMIT, STOP, STOP_LIMIT = bt.Order.Limit, bt.Order.Stop, bt.Order.StopLimit
PRICED = (LIMIT, STOP, STOP_LIMIT)


class OrderBook(bt.brokers.BackBroker):  # type: ignore[misc]  # Backtrader is untyped
    """The half of `MarketBroker` that keeps orders; the other half fills them."""

    account: Account
    feeds: dict[str, Any]
    pending: deque[Any]

    def init(self) -> None:
        """Reset, as Backtrader asks before a run."""
        super().init()
        self._clock = float("-inf")
        self._entries: dict[int, Entry] = {}
        self._schemes: dict[Any, MarketCommission] = {}

    def entry(self, order: Any) -> Entry:
        """The ledger's entry of an order."""
        if order.ref not in self._entries:
            side: Side = "buy" if order.isbuy() else "sell"
            size = abs(float(order.created.size))
            self._entries[order.ref] = self.account.ledger.open_order(
                self.account.now, order.data._name, side, size
            )
        return self._entries[order.ref]

    def getcommissioninfo(self, data: Any) -> MarketCommission:
        """The costs of a feed's symbol; `ConfigError` where its name is none."""
        if data not in self._schemes:
            symbol_of(data, self.p.rules)
            self._schemes[data] = MarketCommission(  # type: ignore[call-arg]  # Backtrader's parameters
                rules=self.p.rules, data=data
            )
        return self._schemes[data]

    def submit(self, order: Any, check: bool = True) -> Any:
        """Take an order into the book, its prices put on ticks."""
        self.getcommissioninfo(order.data)
        if self.feeds[order.data._name] is not order.data:
            raise ConfigError(
                f"two feeds are named {order.data._name!r}: trade the one that was added first"
            )
        if order.exectype not in (MARKET, CLOSE, *PRICED):
            raise ConfigError(
                f"an order of kind {order.getordername()} cannot be filled honestly on daily bars: "
                "use Market, Close, Limit, Stop or StopLimit"
            )
        if order.created.dt > self._clock:
            raise ConfigError("an order was sent before its session was over: send it from next()")
        if order.exectype in PRICED:
            favour, against = ("down", "up") if order.isbuy() else ("up", "down")
            first = favour if order.exectype == LIMIT else against
            order.created.price = self._on_tick(order, order.created.price, first)
            order.created.pricelimit = self._on_tick(order, order.created.pricelimit, favour)
        return super().submit(order, check)

    def submit_accept(self, order: Any) -> None:
        """Enter an order into the book."""
        self.entry(order)
        super().submit_accept(order)

    def cancel(self, order: Any, bracket: bool = False) -> bool:
        """Take an order out of the book; False where it is over already."""
        return bool(order.alive() and super().cancel(order, bracket))

    def notify(self, order: Any) -> None:
        """Tell the strategy, and close the entry of an order that ended without a fill."""
        entry = self.entry(order)
        if entry.open and not order.alive():
            expired = order.status == order.Expired
            entry.close((entry.obstacle or "not_reached") if expired else "cancelled")
        super().notify(order)

    def _expired(self, order: Any) -> bool:
        if not order.expire():
            return False
        self.notify(order)
        self._ococheck(order)
        self._bracketize(order, cancel=True)
        return True

    def _refuse(self, order: Any, reason: Reason) -> None:
        """End an order; what it filled before stays, and keeps a bracket's other legs alive."""
        entry = self.entry(order)
        entry.close(reason)
        if reason == "cash":
            order.margin()
        else:
            order.reject()
        self.notify(order)
        self._ococheck(order)
        self._bracketize(order, cancel=entry.filled == 0)

    def _ococheck(self, order: Any) -> None:
        """Cancel the others of a group of which one is over; nearly every order is a group of one."""
        group = self._ocol.pop(self._ocos[order.ref], ())
        if len(group) > 1:
            others = [o for o in self.pending if o.ref in group and o.ref != order.ref and o.alive()]
            for other in others:
                other.cancel()
                self.notify(other)

    def restate(self, order: Any, growth: float, fall: float) -> None:
        """Carry a waiting order over a corporate action."""
        entry, symbol = self.entry(order), order.data._name
        if growth != 1:
            wanted = entry.quantity * growth
            held = self.account.shares(symbol)
            held = max(held, wanted) if entry.side == "sell" else held  # asking too much stays so
            entry.quantity = self.account.legal(symbol, entry.side, wanted, held) or wanted
            signed = entry.quantity if entry.side == "buy" else -entry.quantity
            order.size = order.created.size = order.executed.remsize = signed
        if order.exectype in PRICED:
            created = order.created
            created.price = self._on_tick(order, created.price * fall, "nearest")
            created.pricelimit = self._on_tick(order, created.pricelimit * fall, "nearest")

    def _on_tick(self, order: Any, price: float, towards: str) -> float:
        symbol = order.data._name
        if not (isfinite(price) and price > 0):
            raise ConfigError(f"{symbol}: an order needs a price above 0, received {price!r}")
        if self.p.adjusted:
            return float(price)
        return float(self.p.rules.round_to_tick(symbol, self.account.session, price, towards))

    def _fixed(self, *_: Any, **__: Any) -> NoReturn:
        raise ConfigError(
            "a strategy cannot change cash, commission, slippage or fill timing of its broker: "
            "set them where the broker is made, so that results stay comparable"
        )

    set_coc = set_coo = set_cash = setcash = add_cash = set_shortcash = set_filler = _fixed
    setcommission = addcommissioninfo = set_slippage_fixed = set_slippage_perc = _fixed
    set_checksubmit = set_eosbar = seteosbar = set_int2pnl = set_fundmode = _fixed
    add_order_history = set_fund_history = _fixed
