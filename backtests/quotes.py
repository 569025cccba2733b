"""What a Backtrader feed says about the session at hand: its bar, its limits, whether it trades.

Extra lines of a feed are read where it has them; anyone's daily feed does without:

    present      0 where the symbol has no bar of its own    else: the feed's datetime is the session
    tradable     0 where nothing can be traded               else: it has a volume
    limit_up, limit_down   the day's limits, NaN for none    else: from the rules, previous close and st
    st           1 under special treatment                   else: 0
    factor       back-adjustment, for actions not known      else: 1
    pre_close    the exchange's reference price              else: previous close, through the actions

In a Cerebro of feeds with gaps, a feed whose last bar is older than the session does not trade.
"""

from collections.abc import Mapping
from math import inf, isfinite, nan
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.listings import Listing
from .corporate import moved
from .matching import Quote

if TYPE_CHECKING:
    from ..market import MarketRules

EXACT = 1e-9  # relative: raw prices stand on ticks
ADJUSTED_SLACK = 0.002  # adjusted prices are rounded: this near a limit is at the limit


class Quotes:
    """Reads feeds at the current session; made anew for a run, moved on by `begin`.

    adjusted
        The prices were adjusted by their source: no ticks, and limits are only known to 0.2 %.
    """

    def __init__(
        self,
        rules: "MarketRules",
        listings: Mapping[str, Listing],
        *,
        limits: bool,
        adjusted: bool,
    ) -> None:
        self._rules, self._listings = rules, listings
        self._limits, self._adjusted = limits, adjusted
        self._slack = ADJUSTED_SLACK if adjusted else EXACT
        self._lines: dict[Any, frozenset[str]] = {}
        self._clock = -inf
        self._session: pd.Timestamp = pd.NaT
        self._known: dict[Any, Quote | None] = {}
        self._references: dict[Any, float] = {}

    def begin(self, clock: float, session: pd.Timestamp) -> None:
        """The next session, by Backtrader's clock."""
        self._clock, self._session = clock, session
        self._known.clear()
        self._references.clear()

    def set_reference(self, data: Any, price: float) -> None:
        """The price from which today's limits count, where an action moved it; not yet rounded."""
        self._references[data] = price

    def of(self, data: Any) -> Quote | None:
        """The bar on which the feed trades at this session; None where it does not."""
        if data not in self._known:
            self._known[data] = self._read(data)
        return self._known[data]

    def present(self, data: Any) -> bool:
        """Whether the feed has a bar of its own at this session."""
        if not len(data) or data.datetime[0] != self._clock:
            return False
        if "present" in self._aliases(data):
            return bool(data.present[0] > 0)
        return isfinite(data.close[0])

    def close(self, data: Any) -> float:
        """The last close known at this session; NaN before the first."""
        return _last_finite(data, 0)

    def previous(self, data: Any) -> float:
        """The last close known before this session; NaN before the first."""
        current = len(data) > 0 and data.datetime[0] == self._clock
        return _last_finite(data, -1 if current else 0)

    def growth(self, data: Any) -> float:
        """How much the feed's factor grew with this session's bar; 1 where it has no such line."""
        if len(data) < 2 or "factor" not in self._aliases(data) or not self.present(data):
            return 1.0
        return moved(data.factor[-1], data.factor[0])

    def growth_since_start(self, data: Any) -> float:
        """How much the feed's factor grew since its first bar."""
        if len(data) < 2 or "factor" not in self._aliases(data):
            return 1.0
        return moved(data.factor[1 - len(data)], data.factor[0])

    def _aliases(self, data: Any) -> frozenset[str]:
        if data not in self._lines:
            self._lines[data] = frozenset(data.getlinealiases())
        return self._lines[data]

    def _read(self, data: Any) -> Quote | None:
        if not self.present(data):
            return None
        bar = (data.open[0], data.high[0], data.low[0], data.close[0], data.volume[0])
        if not all(map(isfinite, bar)) or bar[-1] <= 0:
            return None
        if "tradable" in self._aliases(data) and not data.tradable[0] > 0:
            return None
        return Quote(*bar, *self._band(data), self._slack)

    def _band(self, data: Any) -> tuple[float, float]:
        """The day's limits, -inf and inf where there is none."""
        if not self._limits:
            return -inf, inf
        lines = self._aliases(data)
        if "limit_down" in lines and "limit_up" in lines:
            low, high = data.limit_down[0], data.limit_up[0]
            return (low if low == low else -inf), (high if high == high else inf)
        return self._band_by_rules(data) or (-inf, inf)

    def _band_by_rules(self, data: Any) -> tuple[float, float] | None:
        symbol, session = data._name, self._session
        st = "st" in self._aliases(data) and data.st[0] > 0
        listing = self._listings.get(symbol)
        listed = listing.listed if listing else None
        before = self._reference(data)
        if not before > 0:
            return None
        if not self._adjusted:
            nearest = self._rules.round_to_tick(symbol, session, before, "nearest")
            return self._rules.price_band(symbol, session, nearest, st=st, listed=listed)
        width = self._rules.limit_width(symbol, session, st=st, listed=listed)
        return width and (before * (1 - float(width[0])), before * (1 + float(width[1])))

    def _reference(self, data: Any) -> float:
        """The price from which the day's limits count; NaN where nothing is known before."""
        if "pre_close" in self._aliases(data) and data.pre_close[0] > 0:
            return float(data.pre_close[0])
        if data in self._references:
            return self._references[data]
        return self.previous(data)


def _last_finite(data: Any, start: int) -> float:
    for ago in range(start, -len(data), -1):
        close = data.close[ago]
        if isfinite(close):
            return float(close)
    return nan
