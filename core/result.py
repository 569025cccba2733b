"""What a backtest leaves behind, with a ledger that replays to the cent.

The ledger is recomputed here from fills and closes alone.  A result whose cash, positions or equity
disagree with it cannot be made.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from .errors import DataError
from .hashing import hash_json
from .notes import Said

Reason = Literal[
    "",
    "limit_up",
    "limit_down",
    "suspended",
    "off_limits",
    "volume_cap",
    "t_plus_1",
    "lot",
    "cash",
    "short",
    "delisted",
    "end_of_data",
    "not_reached",
    "cancelled",
]
REASONS: tuple[str, ...] = get_args(Reason)
REASON_WORDS = {
    "limit_up": Said("limit up", "涨停"),
    "limit_down": Said("limit down", "跌停"),
    "suspended": Said("suspended", "停牌"),
    "off_limits": Said("price outside the day's limits", "报价超出涨跌停范围"),
    "volume_cap": Said("volume", "成交量不足"),
    "t_plus_1": Said("T+1", "T+1"),
    "lot": Said("lot size", "不足一手"),
    "cash": Said("cash", "资金不足"),
    "short": Said("no shorts", "不可卖空"),
    "delisted": Said("delisted", "已退市"),
    "not_reached": Said("price not reached", "价格未触及"),
    "cancelled": Said("cancelled", "已撤单"),
    "end_of_data": Said("end of data", "数据结束"),
}
STATUSES = ("filled", "partial", "refused")
COSTS = ("commission", "stamp_duty", "transfer_fee")
ORDERS = ("order", "decided", "due", "symbol", "side", "quantity", "filled", "status", "reason")
FILLS = ("order", "session", "symbol", "side", "quantity", "price", *COSTS)
POSITIONS = ("session", "symbol", "quantity", "close", "value")
EQUITY = ("cash", "holdings", "receivable", "equity")
ACTIONS = ("session", "symbol", "kind", "quantity", "cash", "receivable")
ActionKind = Literal[
    "dividend", "payment", "shares", "rights", "reinvested", "fraction", "tax", "delisted"
]
ACTION_KINDS: tuple[str, ...] = get_args(ActionKind)
_CENT = 0.005


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """Orders, fills, positions and equity of one strategy on one market.

    name
        Strategy (and model) as shown in tables.
    initial_cash
        Cash before the first session.
    orders
        Every order ever sent: `order` (number), `decided` (session at whose close), `due` (session
        at whose open), `symbol`, `side` ("buy"/"sell"), `quantity` (shares asked), `filled`,
        `status`, `reason` (why not, or not wholly, filled; "" where filled).
    fills
        `order`, `session`, `symbol`, `side`, `quantity` (> 0), `price`, and the costs in currency.
    positions
        Holdings after each session's close, only symbols held: `close` is the last known close.
    equity
        Indexed by session: `cash`, `holdings`, `receivable` (dividends earned and not yet paid),
        `equity = cash + holdings + receivable`.
    actions
        What corporate actions did to the account, a row each, before the session's first fill:
        `session`, `symbol`, `kind`, `quantity` (shares that came, below 0 where they went), `cash` and
        `receivable` (money that came, below 0 where it went).  Kinds: "dividend" (earned, at the ex
        session), "payment" (of a dividend), "shares" (bonus, transfer, split), "rights" (subscribed
        and paid), "reinvested" (dividend turned into shares at the reference price), "fraction"
        (part of a share, paid out), "tax" (on dividends, at the sale), "delisted" (paid out).
    conditions
        Everything that makes two results comparable (data, window, costs, rules), JSON-like.

    Raises `DataError` where the ledger does not replay or an order lacks its reason.
    """

    name: str
    initial_cash: float
    orders: pd.DataFrame
    fills: pd.DataFrame
    positions: pd.DataFrame
    equity: pd.DataFrame
    conditions: Mapping[str, Any] = field(default_factory=dict)
    actions: pd.DataFrame = field(default_factory=lambda: no_actions())

    def __post_init__(self) -> None:
        for label, frame, columns in (
            ("orders", self.orders, ORDERS),
            ("fills", self.fills, FILLS),
            ("positions", self.positions, POSITIONS),
            ("equity", self.equity, EQUITY),
            ("actions", self.actions, ACTIONS),
        ):
            missing = [c for c in columns if c not in frame.columns]
            if missing:
                raise DataError(f"{self.name}: {label} lack the column {missing[0]!r}")
        self._check_orders()
        self._check_ledger()

    def _check_orders(self) -> None:
        orders = self.orders
        unknown = set(orders["reason"]) - set(REASONS)
        if unknown:
            raise DataError(f"{self.name}: unknown reason {sorted(unknown)[0]!r}")
        silent = (orders["filled"] < orders["quantity"]) & (orders["reason"] == "")
        if silent.any():
            raise DataError(
                f"{self.name}: order {orders.loc[silent, 'order'].iloc[0]} is short of a reason"
            )
        if (orders["due"] <= orders["decided"]).any():
            raise DataError(f"{self.name}: an order is due at or before the session that decided it")
        due = orders.set_index("order")["due"].reindex(self.fills["order"]).to_numpy()
        if (self.fills["session"].to_numpy() < due).any():
            raise DataError(f"{self.name}: an order was filled before the session at which it was due")
        filled = self.fills["quantity"].astype(float).groupby(self.fills["order"]).sum()
        filled = filled.reindex(orders["order"]).fillna(0.0)
        if not np.allclose(filled.to_numpy(dtype=float), orders["filled"].to_numpy(dtype=float)):
            raise DataError(f"{self.name}: orders and fills disagree on the quantity filled")

    def _check_ledger(self) -> None:
        ledger = self.replay()
        for column in EQUITY:
            gap = (ledger[column] - self.equity[column]).abs()
            if (gap > _CENT).any():
                at = gap.idxmax()
                raise DataError(
                    f"{self.name}: the ledger does not replay: {column} on {at:%Y-%m-%d} is "
                    f"{self.equity.loc[at, column]:.4f}, from fills {ledger.loc[at, column]:.4f}"
                )

    def replay(self) -> pd.DataFrame:
        """Cash, holdings, receivable and equity, from fills, actions and closes, by session."""
        sessions = self.equity.index
        fills = self.fills
        sign = np.where(fills["side"] == "buy", -1.0, 1.0)
        flow = sign * fills["quantity"] * fills["price"] - fills[list(COSTS)].sum(axis=1)
        came = (
            self.actions.groupby("session")[["cash", "receivable"]].sum().reindex(sessions).fillna(0.0)
        )
        traded = flow.astype(float).groupby(fills["session"]).sum().reindex(sessions).fillna(0.0)
        cash = self.initial_cash + (traded + came["cash"]).cumsum()
        receivable = came["receivable"].cumsum()
        changes = pd.concat([fills.assign(quantity=-sign * fills["quantity"]), self.actions])
        moved = (
            changes.groupby(["session", "symbol"])["quantity"]
            .sum()
            .unstack("symbol")
            .reindex(sessions)
            .fillna(0.0)
            .cumsum()
        )
        close = self.positions.pivot(index="session", columns="symbol", values="close")
        close = close.reindex(index=sessions, columns=moved.columns)
        held = moved.abs() > 1e-9
        if (held & close.isna()).to_numpy().any():
            raise DataError(f"{self.name}: a holding has no row among the positions")
        holdings = (moved * close.where(held, 0.0)).sum(axis=1)
        equity = cash + holdings + receivable
        return pd.DataFrame(
            {"cash": cash, "holdings": holdings, "receivable": receivable, "equity": equity}
        )

    @property
    def returns(self) -> pd.Series:
        """Simple return of each session; the first is against the initial cash."""
        before = self.equity["equity"].shift(1).fillna(self.initial_cash)
        return (self.equity["equity"] / before - 1).rename(self.name)

    @property
    def costs(self) -> float:
        """Commission, duties and fees paid in all, in currency."""
        return float(self.fills[list(COSTS)].to_numpy(dtype=float).sum())

    @property
    def refused(self) -> pd.DataFrame:
        """Orders not, or not wholly, filled, each with its reason."""
        return self.orders[self.orders["status"] != "filled"]

    @property
    def conditions_hash(self) -> str:
        """Results with equal hashes may be ranked together."""
        return hash_json(dict(self.conditions))


def no_actions() -> pd.DataFrame:
    """An empty table of actions, with the right types."""
    kinds = {"session": "datetime64[ns]", "symbol": object, "kind": object}
    return pd.DataFrame({name: pd.Series(dtype=kinds.get(name, float)) for name in ACTIONS})
