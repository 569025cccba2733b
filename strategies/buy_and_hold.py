"""Buy once, hold to the end: what every other strategy must beat.

Each of the n symbols is bought with 1/n of the equity at the first session in which it trades, and
never touched again: no rebalancing, so weights drift with prices.
"""

import numpy as np

from ..core import Weights
from ._base import Signals, Strategy


class BuyAndHold(Strategy):
    """Equal weight once, at the close of the first session at which a symbol has a bar.

    A symbol that lists later gets its 1/n then; until then that share stays in cash.

    >>> BuyAndHold().requirements()
    frozenset()
    """

    def weights(self, signals: Signals) -> Weights:
        """1/n in the row of each symbol's first close, NaN (no decision) everywhere else."""
        traded = signals.close.notna()
        first = traded & (traded.cumsum() == 1)
        share = 1.0 / max(len(signals.symbols), 1)
        frame = first.astype(float).where(first, np.nan) * share
        return Weights(frame, "buy_and_hold")
