"""A source whose history a test sets, and generated American bars for it."""

import numpy as np
import pandas as pd

from qushi.core import Bars, SourceError
from qushi.core.calendar import sessions
from qushi.market import BarSource

DAYS = sessions("XNYS", "2024-01-02", "2024-02-29")


def history(symbol="AAPL", days=DAYS, factor=1.0, close=None, adjustment="raw"):
    close = 100.0 + np.arange(len(days)) if close is None else close
    table = pd.DataFrame({"symbol": symbol, "session": days, "open": close, "close": close})
    table["high"], table["low"], table["volume"], table["factor"] = close + 1, close - 1, 1000.0, factor
    return Bars.from_frame(table, adjustment=adjustment)


class Remote(BarSource):
    """A source whose history a test sets; it remembers what was asked."""

    def model_post_init(self, _context):
        self._all, self._asked = {}, []

    def fetch(self, symbol, start=None, end=None):
        self._asked.append((symbol, start, end))
        if symbol not in self._all:
            raise SourceError(f"{symbol}: nothing there")
        return self._all[symbol].between(start, end)


def remote(**bars):
    source = Remote()
    source._all.update(bars)
    return source
