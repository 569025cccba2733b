"""What a backtest is run with: the account, the prices it counts in, and the conditions it records."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from pydantic import Field

from ..core import Bars, ConfigError, Settings

if TYPE_CHECKING:
    from ..market import MarketRules

Prices = Literal["adjusted", "raw"]


class Broker(Settings):
    """The account and the way orders are filled; what the exchange demands is `MarketRules`.

    cash
        Money before the first session, in the market's currency.
    prices
        "adjusted": prices x factor, relative to the first session of the window; share counts and
        costs are then those of a synthetic, dividend-reinvesting share, and the conditions say so.
        "raw": prices as traded, allowed only where no corporate action falls into the window.
    lots
        True: only quantities that the exchange accepts.  False: any fraction of a share, for an
        index, whose level is not the price of a share.
    slippage
        Basis points (0.01 %) by which a fill is worse than the open, never beyond the bar's range.
    commission, commission_minimum
        Share of the amount, and the least an order costs, instead of what the rules say.

    >>> Broker(cash=100_000, commission=0.0003).lots
    True
    """

    cash: float = Field(default=1_000_000.0, gt=0)
    prices: Prices = "adjusted"
    lots: bool = True
    slippage: float = Field(default=0.0, ge=0, lt=10_000)
    commission: float | None = Field(default=None, ge=0, lt=0.1)
    commission_minimum: float | None = Field(default=None, ge=0)

    def rules(self, calendar: str, given: "MarketRules | None" = None) -> "MarketRules":
        """The market's rules, or those `given`, with this broker's own commission where it has one.

        Raises `ConfigError` where `given` are another market's.
        """
        from ..market import rules_for

        own = {"commission": self.commission, "commission_minimum": self.commission_minimum}
        asked = {key: value for key, value in own.items() if value is not None}
        if given is None:
            return rules_for(calendar, **asked)
        if given.calendar != calendar:
            raise ConfigError(f"rules of {given.calendar} were given for bars of {calendar}")
        return given.model_copy(update=asked) if asked else given


DEFAULT_BROKER = Broker()
_ACCOUNT = {"cash", "prices", "lots", "slippage"}  # the commission is recorded with the rules


def conditions_of(
    bars: Bars, broker: Broker, rules: "MarketRules", extra: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Everything that must be equal before two results may be ranked together, JSON-like."""
    import backtrader

    sessions: pd.DatetimeIndex = bars.sessions
    return {
        "bars": bars.fingerprint,
        "adjustment": bars.adjustment,
        "calendar": bars.calendar,
        "symbols": list(bars.symbols),
        "window": [f"{sessions[0]:%Y-%m-%d}", f"{sessions[-1]:%Y-%m-%d}"],
        "decided": "close",
        "filled": "next open",
        "broker": broker.model_dump(mode="json", include=_ACCOUNT),
        "rules": {"kind": type(rules).__name__, **rules.model_dump(mode="json")},
        "engine": f"backtrader {backtrader.__version__}",
        **dict(extra or {}),
    }
