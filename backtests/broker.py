"""The Backtrader broker that obeys market rules and writes everything down.

What Backtrader's own broker would let through, and this one does not: orders on suspended or
zero-volume sessions, shares sold before they are settled, odd lots, short sales, borrowed cash.  What
it would drop in silence (an all-in order after a gap up ends in "Margin", an order on the last bar in
nothing at all) is filled as far as it is legal, or recorded with its reason.

At one open, market sells come before market buys, so that proceeds can be spent at once; everything
else follows in the order in which it was sent.
"""

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NoReturn

import backtrader as bt

from ..core import ConfigError
from ..core.result import Reason
from .ledger import Entry, Fill, Ledger, Side
from .panel import Panel

if TYPE_CHECKING:
    from ..market import Costs, MarketRules

_DUST = 1e-9  # shares: the rounding error of adding fractions
_AT_OPEN = (bt.Order.Market, bt.Order.Close)


class RuledBroker(bt.brokers.BackBroker):  # type: ignore[misc]  # Backtrader is untyped
    """Fills orders as `MarketRules` allows; its `ledger` holds every order, fill and session.

    Parameters besides Backtrader's own: `panel`, `rules`, `lots` (False: any fraction).
    """

    params = (("panel", None), ("rules", None), ("lots", True), ("checksubmit", False))

    ledger: Ledger

    def init(self) -> None:
        """Reset, as Backtrader asks before a run."""
        super().init()
        self.ledger = Ledger(self.p.panel)
        self._panel: Panel = self.p.panel
        self._rules: MarketRules = self.p.rules
        self._now = -1
        self._entries: dict[int, Entry] = {}
        self._bought: dict[int, list[tuple[int, float]]] = defaultdict(list)
        self._columns = {name: j for j, name in enumerate(self._panel.symbols)}

    def next(self) -> None:
        """Fill what can be filled at this session, then write down its close."""
        self._now = len(self.cerebro.datas[0]) - 1
        while self._toactivate:
            self._toactivate.popleft().activate()
        for order in sorted(self.pending, key=self._priority):
            if order in self.pending:  # another order may have cancelled it meanwhile
                self._attempt(order)
        self._get_value()
        self.ledger.curve.append((self.cash, self._valuemkt))
        for data, position in self.positions.items():
            if position.size:
                self.ledger.held.append((self._now, self._columns[data._name], position.size))

    def submit_accept(self, order: Any) -> None:
        """Enter an order into the book."""
        self.entry(order)
        super().submit_accept(order)

    def notify(self, order: Any) -> None:
        """Tell the strategy, and close the entry of an order that ended without a fill."""
        entry = self.entry(order)
        if entry.open and not order.alive():
            entry.open = False
            if entry.filled < entry.quantity and not entry.reason:
                entry.reason = "not_reached" if order.status == order.Expired else "cancelled"
        super().notify(order)

    def entry(self, order: Any) -> Entry:
        """The ledger's entry of an order."""
        if order.ref not in self._entries:
            side: Side = "buy" if order.isbuy() else "sell"
            column = self._columns[order.data._name]
            size = abs(float(order.created.size))
            self._entries[order.ref] = self.ledger.open_order(self._now, column, side, size)
        return self._entries[order.ref]

    def _priority(self, order: Any) -> tuple[int, int]:
        rank = 2 if order.exectype not in _AT_OPEN else 1 if order.isbuy() else 0
        return rank, self.entry(order).number

    def _attempt(self, order: Any) -> None:
        self.pending.remove(order)
        if order.expire():
            self.notify(order)
            self._ococheck(order)
            self._bracketize(order, cancel=True)
            return
        if order.active():
            self._try_exec(order)
        if order.alive():
            self.pending.append(order)
        elif order.status == order.Completed:
            self._bracketize(order)

    def _try_exec(self, order: Any) -> None:
        column = self._columns[order.data._name]
        if not self._panel.tradable[self._now, column]:
            if order.exectype in _AT_OPEN:
                self._refuse(order, "suspended")
            return  # a limit or stop order waits: there is no price to match it with
        blocked = self._outside_band(order, column)
        if blocked:
            self._refuse(order, blocked)
        elif order.exectype == bt.Order.Close:
            data = order.data
            slip = self._slip_up if order.isbuy() else self._slip_down
            edge = data.high[0] if order.isbuy() else data.low[0]
            self._execute(order, ago=0, price=slip(edge, data.close[0]))
        else:
            super()._try_exec(order)

    def _outside_band(self, order: Any, column: int) -> Reason:
        """Whether the day's price limits forbid the order; "" where they do not."""
        before = self._panel.close[self._now - 1, column] if self._now else float("nan")
        band = self._rules.price_band(self._panel.symbols[column], self._session, before)
        if band is None or order.exectype not in _AT_OPEN:
            return ""
        price = order.data.open[0] if order.exectype == bt.Order.Market else order.data.close[0]
        if order.isbuy() and price >= band[1]:
            return "limit_up"
        return "limit_down" if order.issell() and price <= band[0] else ""

    def _execute(
        self,
        order: Any,
        ago: int | None = None,
        price: float | None = None,
        cash: float | None = None,
        position: Any = None,
        dtcoc: float | None = None,
    ) -> None:
        """Fill as much of a matched order as is legal; refuse the rest with its reason."""
        if price is None:
            return
        wanted = abs(order.executed.remsize)
        quantity, reason = (
            self._buyable(order, wanted, price)
            if order.isbuy()
            else self._sellable(order, wanted, price)
        )
        if not reason:  # what differs now is dust, and dust keeps no order open
            self.entry(order).quantity = quantity
            order.executed.remsize = quantity if order.isbuy() else -quantity
        if quantity > 0:
            self._fill(order, quantity, price, reason)
        if reason:
            self._refuse(order, reason)

    def _buyable(self, order: Any, wanted: float, price: float) -> tuple[float, Reason]:
        held = self.positions[order.data].size
        legal = self.legal(order.data._name, "buy", wanted, held)
        reason: Reason = "lot" if legal < wanted - _DUST else ""
        if self._paid(order.data._name, "buy", legal, price) <= self.cash:
            return legal, reason
        return self._affordable(order, legal, held, price), "cash"

    def _affordable(self, order: Any, legal: float, held: float, price: float) -> float:
        """The largest legal quantity whose price and costs the cash covers, by bisection."""
        symbol = order.data._name

        def rounded(quantity: float) -> float:
            return self.legal(symbol, "buy", quantity, held)

        def fits(quantity: float) -> bool:
            return bool(self._paid(symbol, "buy", rounded(quantity), price) <= self.cash)

        high = min(legal, self.cash / price)
        if fits(high):
            return rounded(high)
        grain = 1.0 if self.p.lots else 1e-6
        low = max(0.0, (self.cash - _total(self._costs(symbol, "buy", high, price))) / price - grain)
        low = low if fits(low) else 0.0
        while high - low > grain:
            middle = (high + low) / 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return rounded(low)

    def _sellable(self, order: Any, wanted: float, price: float) -> tuple[float, Reason]:
        held = self.positions[order.data].size
        symbol = order.data._name
        quantity = wanted
        reason: Reason = ""
        if quantity > held + _DUST:
            quantity, reason = held, "short"
        settled = held - self._unsettled(self._columns[symbol])
        if quantity > settled + _DUST:
            quantity, reason = settled, "t_plus_1"
        legal = self.legal(symbol, "sell", quantity, settled)
        if legal < quantity - _DUST:
            reason = "lot"
        if abs(legal - held) <= _DUST:
            legal = held  # leave no crumbs behind
        if self.cash - self._paid(symbol, "sell", legal, price) < 0:
            return 0.0, "cash"  # costs above the proceeds, and no money to pay them
        return legal, reason

    def _unsettled(self, column: int) -> float:
        """Shares bought too recently to be sold at this session."""
        days = self._rules.settlement_days(self._panel.symbols[column], self._session)
        recent = [(at, size) for at, size in self._bought[column] if at > self._now - days]
        self._bought[column] = recent
        return sum(size for _, size in recent)

    def legal(self, symbol: str, side: Side, wanted: float, held: float) -> float:
        """`wanted` rounded down to what the exchange accepts at this session."""
        if wanted <= 0:
            return 0.0
        if not self.p.lots:
            return wanted
        return float(self._rules.legal_quantity(symbol, self._session, side, wanted, held))

    @property
    def _session(self) -> Any:
        return self._panel.sessions[self._now]

    def _costs(self, symbol: str, side: Side, quantity: float, price: float) -> "Costs":
        return self._rules.costs(symbol, self._session, side, quantity, price)

    def _paid(self, symbol: str, side: Side, quantity: float, price: float) -> float:
        """Money that a fill takes from the account, costs included; below 0 where it brings some."""
        if quantity <= 0:
            return 0.0
        amount = quantity * price if side == "buy" else -quantity * price
        return amount + _total(self._costs(symbol, side, quantity, price))

    def _fill(self, order: Any, quantity: float, price: float, reason: Reason) -> None:
        data, entry = order.data, self.entry(order)
        costs = self._costs(data._name, entry.side, quantity, price)
        paid = _total(costs)
        signed = quantity if entry.side == "buy" else -quantity
        position = self.positions[data]
        average = position.price
        size, mean, opened, closed = position.update(signed, price, data.datetime.datetime())
        self.cash -= signed * price + paid
        if signed > 0:
            self._bought[entry.column].append((self._now, quantity))
        entry.filled, entry.open, entry.reason = quantity, False, reason
        self.ledger.fills.append(
            Fill(
                entry.number,
                self._now,
                entry.column,
                entry.side,
                quantity,
                price,
                costs.commission,
                costs.stamp_duty,
                costs.transfer_fee,
            )
        )
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

    def _refuse(self, order: Any, reason: Reason) -> None:
        """End an order; what it filled before stays, and keeps a bracket's other legs alive."""
        entry = self.entry(order)
        entry.open, entry.reason = False, reason
        if reason == "cash":
            order.margin()
        else:
            order.reject()
        self.notify(order)
        self._ococheck(order)
        self._bracketize(order, cancel=entry.filled == 0)

    def _get_value(self, datas: Any = None, lever: bool = False) -> float:
        """Value of the holdings asked for, or of the account; a symbol not held counts nothing."""
        if datas:
            return float(sum(p.size * d.close[0] for d in datas if (p := self.positions[d]).size))
        holdings = sum(p.size * d.close[0] for d, p in self.positions.items() if p.size)
        self._valuemkt = self._valuemktlever = float(holdings)
        self._value = self._valuelever = self.cash + self._valuemkt
        return float(self._value)

    def _fixed(self, *_: Any, **__: Any) -> NoReturn:
        raise ConfigError(
            "a strategy cannot change cash, commission, slippage or fill timing of its broker: "
            "set them in Broker and MarketRules, so that results stay comparable"
        )

    set_coc = set_coo = set_cash = setcash = add_cash = set_shortcash = set_filler = _fixed
    setcommission = addcommissioninfo = set_slippage_fixed = set_checksubmit = _fixed
    set_eosbar = seteosbar = set_int2pnl = set_fundmode = add_order_history = set_fund_history = _fixed


def _total(costs: "Costs") -> float:
    return costs.commission + costs.stamp_duty + costs.transfer_fee
