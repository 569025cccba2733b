"""The costs of a market as a Backtrader commission scheme.

    cerebro.broker.addcommissioninfo(MarketCommission(rules=rules, data=feed), name="600000.SH")

Rates are dated and the taxes of a sale are not those of a purchase, so one scheme belongs to one feed
and reads the session from it.
"""

from typing import Any

import backtrader as bt
import pandas as pd

from ..core import ConfigError, DataError


class MarketCommission(bt.CommInfoBase):  # type: ignore[misc]  # Backtrader is untyped
    """Commission, duties and fees of a fill, in currency, each part rounded half-up to the cent.

    Parameters: `rules` (`MarketRules`), `data` (the feed, named as the symbol).  A size above 0 is a
    purchase, below 0 a sale, as Backtrader counts.  Works with Backtrader's own broker as well.
    Raises `ConfigError` without rules, or where the feed's name is no symbol of their market.
    """

    params = (
        ("rules", None),
        ("data", None),
        ("stocklike", True),
        ("commtype", bt.CommInfoBase.COMM_PERC),
        ("percabs", True),
    )

    def __init__(self) -> None:
        super().__init__()
        if self.p.rules is None or self.p.data is None:
            raise ConfigError("MarketCommission needs both: rules=rules_for(...) and data=the feed")

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:
        if not size:
            return 0.0
        symbol = symbol_of(self.p.data, self.p.rules)
        session = pd.Timestamp(self.p.data.datetime.date(0))
        side = "buy" if size > 0 else "sell"
        return float(self.p.rules.costs(symbol, session, side, abs(size), price).total)


def symbol_of(data: Any, rules: Any) -> str:
    """The symbol that a feed is named after; `ConfigError` where it is none of the rules' market."""
    name = str(data._name)
    if not name:
        raise ConfigError(
            "a feed that is traded must bear its symbol: cerebro.adddata(feed, name='600000.SH')"
        )
    try:
        rules.board(name)
    except DataError as error:
        raise ConfigError(f"the feed {name!r} is not named after a symbol: {error}") from error
    return name
