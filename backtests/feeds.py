"""One symbol of a panel as a Backtrader feed.

Not `bt.feeds.PandasData`: that one moves zone-aware days, and reads cell by cell through `iloc`.
"""

from typing import Any

import backtrader as bt
import numpy as np

from .panel import FloatMatrix, Panel


class SessionFeed(bt.feed.DataBase):  # type: ignore[misc]  # Backtrader is untyped
    """Daily bars of one symbol, with the extra lines `tradable`, `forecast`, `p_up`, `panic`.

    `forecast` is the expected log return; the three signals are NaN where nothing is known.  Before
    a symbol's first bar its prices are NaN and `tradable` is 0; a session without a bar repeats the
    last close with volume 0.
    """

    lines = ("tradable", "forecast", "p_up", "panic")
    params = (("columns", None), ("days", None))

    def start(self) -> None:
        """Rewind, as Backtrader asks before a run."""
        super().start()
        self._row = -1

    def _load(self) -> bool:
        self._row += 1
        if self._row >= len(self.p.days):
            return False
        lines: Any = self.lines
        lines.datetime[0] = self.p.days[self._row]
        for name, values in self.p.columns:
            getattr(lines, name)[0] = values[self._row]
        return True


def feeds(panel: Panel, signals: dict[str, FloatMatrix]) -> list[SessionFeed]:
    """One feed a symbol, all on the same sessions, in the panel's order.

    `signals` holds sessions x symbols matrices by line name; a missing one is NaN throughout.
    """
    days = [bt.date2num(day.to_pydatetime()) for day in panel.sessions]
    blank = np.full(panel.close.shape, np.nan)
    matrices = {
        "open": panel.open,
        "high": panel.high,
        "low": panel.low,
        "close": panel.close,
        "volume": panel.volume,
        "openinterest": np.zeros(panel.close.shape),
        "tradable": panel.tradable.astype(float),
        **{name: signals.get(name, blank) for name in ("forecast", "p_up", "panic")},
    }
    return [
        SessionFeed(
            columns=[(name, matrix[:, j].tolist()) for name, matrix in matrices.items()], days=days
        )
        for j in range(len(panel.symbols))
    ]
