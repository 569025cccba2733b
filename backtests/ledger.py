"""What the broker writes down while Backtrader runs, and how it becomes a `BacktestResult`.

One entry an order, at most one fill an order (a daily bar fills an order once or not at all), and the
cash and holdings after every session.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from ..core import BacktestResult
from ..core.calendar import sessions as calendar_sessions
from ..core.result import EQUITY, FILLS, ORDERS, POSITIONS, Reason
from .panel import Panel

Side = Literal["buy", "sell"]


@dataclass
class Entry:
    """One order: `decided` is the number of the session at whose close it was sent."""

    number: int
    decided: int
    column: int
    side: Side
    quantity: float
    filled: float = 0.0
    reason: Reason = ""
    open: bool = True


@dataclass(frozen=True)
class Fill:
    """One fill: session and symbol by number, money in currency."""

    order: int
    session: int
    column: int
    side: Side
    quantity: float
    price: float
    commission: float
    stamp_duty: float
    transfer_fee: float


@dataclass
class Ledger:
    """The broker's own record, in the order in which things happened."""

    panel: Panel
    entries: list[Entry] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    curve: list[tuple[float, float]] = field(default_factory=list)
    held: list[tuple[int, int, float]] = field(default_factory=list)

    def open_order(self, decided: int, column: int, side: Side, quantity: float) -> Entry:
        """A new order, numbered from 1."""
        entry = Entry(len(self.entries) + 1, decided, column, side, quantity)
        self.entries.append(entry)
        return entry

    def finish(self) -> None:
        """Close what is still open: nothing came after it, or its price was never reached."""
        last = len(self.panel.sessions) - 1
        for entry in self.entries:
            if entry.open:
                entry.open = False
                entry.reason = "end_of_data" if entry.decided == last else "not_reached"

    def result(
        self, name: str, initial_cash: float, calendar: str, conditions: Mapping[str, Any]
    ) -> BacktestResult:
        """The checked result; `DataError` where the record does not replay."""
        return BacktestResult(
            name,
            initial_cash,
            self._orders(calendar),
            self._fills(),
            self._positions(),
            pd.DataFrame(
                [(cash, holdings, 0.0, cash + holdings) for cash, holdings in self.curve],
                index=self.panel.sessions,
                columns=list(EQUITY),
                dtype=float,
            ),
            conditions,
        )

    def _orders(self, calendar: str) -> pd.DataFrame:
        due = self.panel.sessions[1:].append(_session_after(self.panel.sessions[-1], calendar))
        rows = [
            (
                e.number,
                self.panel.sessions[e.decided],
                due[e.decided],
                self.panel.symbols[e.column],
                e.side,
                e.quantity,
                e.filled,
                "refused" if e.filled == 0 else "partial" if e.reason else "filled",
                e.reason,
            )
            for e in self.entries
        ]
        return _typed(rows, ORDERS)

    def _fills(self) -> pd.DataFrame:
        rows = [
            (
                f.order,
                self.panel.sessions[f.session],
                self.panel.symbols[f.column],
                f.side,
                f.quantity,
                f.price,
                f.commission,
                f.stamp_duty,
                f.transfer_fee,
            )
            for f in self.fills
        ]
        return _typed(rows, FILLS)

    def _positions(self) -> pd.DataFrame:
        close = self.panel.close
        rows = [
            (self.panel.sessions[t], self.panel.symbols[j], size, close[t, j], size * close[t, j])
            for t, j, size in self.held
        ]
        return _typed(rows, POSITIONS)


def _session_after(last: pd.Timestamp, calendar: str) -> pd.DatetimeIndex:
    """The session at which an order of the last close would have been due."""
    later = calendar_sessions(calendar, last + pd.Timedelta(days=1))
    return later[:1] if len(later) else pd.DatetimeIndex([last + pd.Timedelta(days=1)])


def _typed(rows: list[tuple[Any, ...]], columns: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(columns))
    kinds: dict[str, Any] = {}
    for name in columns:
        if name == "order":
            kinds[name] = np.int64
        elif name in ("session", "decided", "due"):
            kinds[name] = "datetime64[ns]"
        elif name in ("symbol", "side", "status", "reason"):
            kinds[name] = object
        else:
            kinds[name] = float
    return frame.astype(kinds)
