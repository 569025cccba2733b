"""What a backtest is run with: the account, how its orders are filled, and the conditions it records."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import pandas as pd
from pydantic import Field

from ..core import Bars, ConfigError, Settings
from .account import Dividends, Rights
from .corporate import reinvested_symbols

if TYPE_CHECKING:
    from ..market import MarketRules

FillAt = Literal["next_open", "next_close"]


class Broker(Settings):
    """The account and the way orders are filled; what the exchange demands is `MarketRules`.

    cash
        Money before the first session, in the market's currency.
    lots
        True: only quantities that the exchange accepts, and whole shares.  False: any fraction of a
        share, for an index, whose level is not the price of a share.  Left out: True where prices are
        raw; False where they were adjusted by their source, because a share count is not real then.
    limits
        True: nothing is bought at limit-up or sold at limit-down, no order names a price outside the
        day's limits.  Left out: as `lots`; True on adjusted prices takes the limits for what they are
        there, right to about 0.2 %.
    slippage
        Basis points (0.01 %) by which a fill is worse than its price, on a tick, never beyond the bar's
        range, the day's limits or a limit order's own price.
    participation
        Largest share of a session's volume that the account's orders may fill in a symbol; does not
        bind in an index, which is not traded.
    fill
        When a market order fills, decided at the close of t: at the open of t+1, or at its close.
    dividends
        "cash": paid out, taxed, and bonus shares delivered, as companies do it.  "reinvest": turned
        into shares at the reference price, without tax, as the back-adjusted price has it.
    rights
        "subscribe": as far as the cash goes.  "lapse": they expire, and the reference price still falls.
    delisting_value
        Part of the last close that a holding still pays on the day from which it is off the exchange.
    commission, commission_minimum
        Share of the amount, and the least an order costs, instead of what the rules say.

    >>> Broker(cash=100_000, commission=0.0003).participation
    0.25
    """

    cash: float = Field(default=1_000_000.0, gt=0)
    lots: bool | None = None
    limits: bool | None = None
    slippage: float = Field(default=0.0, ge=0, lt=10_000)
    participation: float = Field(default=0.25, gt=0, le=1)
    fill: FillAt = "next_open"
    dividends: Dividends = "cash"
    rights: Rights = "subscribe"
    delisting_value: float = Field(default=1.0, ge=0, le=1)
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

    def resolved(self, bars: Bars) -> Self:
        """These settings with `lots` and `limits` decided for the bars; what a run goes by."""
        return self.for_prices(adjusted=bars.adjustment == "adjusted")

    def for_prices(self, *, adjusted: bool) -> Self:
        """As `resolved`, for prices as traded or adjusted by their source."""
        lots = not adjusted if self.lots is None else self.lots
        limits = not adjusted if self.limits is None else self.limits
        return self.model_copy(update={"lots": lots, "limits": limits})

    def account(self) -> dict[str, Any]:
        """What `MarketBroker` is made with: these settings but the commission, which is the rules'."""
        return self.model_dump(mode="json", include=set(ACCOUNT))


DEFAULT_BROKER = Broker()
ACCOUNT = {
    name: field.default
    for name, field in Broker.model_fields.items()
    if not name.startswith("commission")  # that is the rules'
}
"""The settings that `MarketBroker` has as parameters, with their defaults."""


def recorded(broker: Broker, rules: "MarketRules") -> dict[str, Any]:
    """The conditions that every run has, whatever its bars, JSON-like."""
    import backtrader

    return {
        "decided": "close",
        "filled": broker.fill.replace("_", " "),
        "broker": broker.account(),
        "rules": {"kind": type(rules).__name__, **rules.model_dump(mode="json")},
        "engine": f"backtrader {backtrader.__version__}",
    }


def conditions_of(
    bars: Bars, broker: Broker, rules: "MarketRules", extra: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Everything that must be equal before two results may be ranked together, JSON-like.

    `broker` is recorded as resolved.  "reinvested" names the symbols of which only a factor is known.
    """
    sessions: pd.DatetimeIndex = bars.sessions
    return {
        "bars": bars.fingerprint,
        "adjustment": bars.adjustment,
        "calendar": bars.calendar,
        "symbols": list(bars.symbols),
        "window": [f"{sessions[0]:%Y-%m-%d}", f"{sessions[-1]:%Y-%m-%d}"],
        "reinvested": list(reinvested_symbols(bars)),
        **recorded(broker.resolved(bars), rules),
        **dict(extra or {}),
    }
