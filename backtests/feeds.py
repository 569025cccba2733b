"""One symbol of a panel as a Backtrader feed.

Not `bt.feeds.PandasData`: that one moves zone-aware days, and reads cell by cell through `iloc`.
"""

from array import array
from typing import Any

import backtrader as bt
import numpy as np

from .panel import FloatMatrix, Panel

_SIGNALS = ("forecast", "p_up", "panic")
_OF_PANEL = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "limit_down",
    "limit_up",
    "present",
    "tradable",
    "st",
    "factor",
)


class SessionFeed(bt.feed.DataBase):  # type: ignore[misc]  # Backtrader is untyped
    """Daily bars of one symbol as traded, with the lines that `MarketBroker` reads.

    `limit_up` and `limit_down` are those of the session, NaN where there is none.  `close x factor` is
    the back-adjusted close, relative to the symbol's first bar.  Before that bar prices are NaN; a
    session without a bar repeats the last close with volume 0, `present` and `tradable` being 0.
    """

    lines = ("limit_down", "limit_up", "present", "tradable", "st", "factor")
    params = (("columns", None),)

    def start(self) -> None:
        """Rewind, as Backtrader asks before a run."""
        super().start()
        self._row = -1

    def preload(self) -> None:
        """Hand over whole columns; row by row is what makes Backtrader's own loading slow."""
        for name, values in self.p.columns.items():
            getattr(self.lines, name).array = array("d", values)
        self.home()

    def _load(self) -> bool:
        self._row += 1
        if self._row >= len(self.p.columns["datetime"]):
            return False
        for name, values in self.p.columns.items():
            getattr(self.lines, name)[0] = values[self._row]
        return True

    def _tick_nullify(self) -> None:
        """Ticks inside a bar are for Backtrader's own broker and cost more than all the rest."""

    def _tick_fill(self, force: bool = False) -> None:
        """As `_tick_nullify`."""


class SignalFeed(SessionFeed):
    """A feed with the extra lines `forecast` (expected log return), `p_up` and `panic`.

    NaN where nothing is known.
    """

    lines = _SIGNALS  # type: ignore[assignment]  # Backtrader adds them to those of the base


def feeds(panel: Panel, signals: dict[str, FloatMatrix] | None = None) -> list[SessionFeed]:
    """One feed a symbol, all on the same sessions, in the panel's order.

    `signals` holds sessions x symbols matrices by line name, a missing one being NaN throughout; None
    gives feeds without those lines.
    """
    days = array("d", [bt.date2num(day.to_pydatetime()) for day in panel.sessions])
    matrices: dict[str, Any] = {name: getattr(panel, name) for name in _OF_PANEL}
    if signals is not None:
        blank = np.full(panel.close.shape, np.nan)
        matrices |= {name: signals.get(name, blank) for name in _SIGNALS}
    zero = array("d", bytes(8 * len(days)))
    kind = SessionFeed if signals is None else SignalFeed
    return [
        kind(
            columns={"datetime": days, "openinterest": zero}
            | {name: _column(matrix, j) for name, matrix in matrices.items()}
        )
        for j in range(len(panel.symbols))
    ]


def _column(matrix: Any, j: int) -> "array[float]":
    return array("d", matrix[:, j].astype(float).tobytes())
