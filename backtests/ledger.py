"""What the account writes down while sessions go by, and how it becomes a `BacktestResult`.

One entry an order, at most one fill an order (a daily bar fills an order once or not at all), a row a
corporate action, and the cash and holdings after every session.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..core import BacktestResult
from ..core.calendar import sessions as calendar_sessions
from ..core.result import ACTIONS, EQUITY, FILLS, ORDERS, POSITIONS, ActionKind, Reason

Side = Literal["buy", "sell"]
_DAYS = ("session", "decided", "due")
_WORDS = ("symbol", "side", "status", "reason", "kind")


@dataclass
class Entry:
    """One order: `decided` is the number of the session at whose close it was sent.

    `obstacle` is what stood in its way at the last session that tried to fill it.
    """

    number: int
    decided: int
    symbol: str
    side: Side
    quantity: float
    filled: float = 0.0
    reason: Reason = ""
    obstacle: Reason = ""
    open: bool = True

    def close(self, reason: Reason) -> None:
        """The order ended, wholly filled ("") or not."""
        self.open, self.reason = False, reason


@dataclass(frozen=True)
class Fill:
    """One fill: order and session by number, money in currency."""

    order: int
    session: int
    symbol: str
    side: Side
    quantity: float
    price: float
    commission: float
    stamp_duty: float
    transfer_fee: float


@dataclass
class Ledger:
    """The account's own record, in the order in which things happened."""

    sessions: list[pd.Timestamp] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    actions: list[tuple[int, str, ActionKind, float, float, float]] = field(default_factory=list)
    curve: list[tuple[float, float, float]] = field(default_factory=list)
    held: list[tuple[int, str, float, float]] = field(default_factory=list)

    def open_order(self, decided: int, symbol: str, side: Side, quantity: float) -> Entry:
        """A new order, numbered from 1."""
        entry = Entry(len(self.entries) + 1, decided, symbol, side, quantity)
        self.entries.append(entry)
        return entry

    def result(
        self, name: str, initial_cash: float, calendar: str, conditions: Mapping[str, Any]
    ) -> BacktestResult:
        """The checked result; `DataError` where the record does not replay.

        An order that is still open was never filled: nothing came after it, or something stood in its
        way to the end.
        """
        at = pd.DatetimeIndex(self.sessions, name="session")
        days = at.to_numpy()
        curve = [(cash, held, owed, cash + held + owed) for cash, held, owed in self.curve]
        return BacktestResult(
            name,
            initial_cash,
            self._orders(at, calendar),
            _typed([(f.order, days[f.session], *_rest(f)) for f in self.fills], FILLS),
            _typed([(days[t], s, size, c, size * c) for t, s, size, c in self.held], POSITIONS),
            pd.DataFrame(curve, index=at, columns=list(EQUITY), dtype=float),
            conditions,
            _typed([(days[t], *row) for t, *row in self.actions], ACTIONS),
        )

    def _orders(self, at: pd.DatetimeIndex, calendar: str) -> pd.DataFrame:
        due = at[1:].append(_session_after(at[-1], calendar)).to_numpy()
        days = at.to_numpy()
        rows = []
        for e in self.entries:
            reason = self._reason(e)
            status = "refused" if e.filled == 0 else "partial" if reason else "filled"
            rows.append(
                (
                    e.number,
                    days[e.decided],
                    due[e.decided],
                    e.symbol,
                    e.side,
                    e.quantity,
                    e.filled,
                    status,
                    reason,
                )
            )
        return _typed(rows, ORDERS)

    def _reason(self, entry: Entry) -> Reason:
        if not entry.open:
            return entry.reason
        last = len(self.sessions) - 1
        return "end_of_data" if entry.decided == last else entry.obstacle or "not_reached"


def _rest(fill: Fill) -> tuple[Any, ...]:
    return (
        fill.symbol,
        fill.side,
        fill.quantity,
        fill.price,
        fill.commission,
        fill.stamp_duty,
        fill.transfer_fee,
    )


def _session_after(last: pd.Timestamp, calendar: str) -> pd.DatetimeIndex:
    """The session at which an order of the last close would have been due."""
    later = calendar_sessions(calendar, last + pd.Timedelta(days=1))
    return later[:1] if len(later) else pd.DatetimeIndex([last + pd.Timedelta(days=1)])


def _typed(rows: list[tuple[Any, ...]], columns: tuple[str, ...]) -> pd.DataFrame:
    values: Any = zip(*rows, strict=True) if rows else [()] * len(columns)
    return pd.DataFrame(
        {name: np.array(column, _kind(name)) for name, column in zip(columns, values, strict=True)}
    )


def _kind(column: str) -> Any:
    if column == "order":
        return np.int64
    if column in _DAYS:
        return "datetime64[ns]"
    return object if column in _WORDS else float
