"""What an exchange and a broker do to an order: lots, days until shares can be sold, costs.

Costs are computed in decimal arithmetic, each part rounded half-up to the cent, as the market does;
binary floats get hundreds of real amounts wrong by a cent.

    commission = max(rate x amount, minimum)     stamp duty, transfer fee = rate in force x amount

The rates are dated tables (`rule_tables`): a backtest of 2019 pays the rates of 2019.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from math import floor, isfinite
from typing import Any, Literal

import pandas as pd
from pydantic import Field, model_validator

from ..core import DataError, Settings
from ..core.calendar import ZONES
from ..core.errors import ConfigError, near_names
from .instruments import Board, board_of
from .rule_tables import (
    CN_STAMP_DUTY,
    CN_TRANSFER_FEE,
    LOTS,
    TW_FUND_SALES_TAX,
    TW_SALES_TAX,
    US_ACTIVITY_FEE,
    US_SEC_FEE,
    Levy,
    in_force,
)

Side = Literal["buy", "sell"]

_CENT = Decimal("0.01")
_DUST = 1e-6  # shares: a wish of 99.9999999 is a hundred
_SHARES: tuple[Board, ...] = ("main", "chinext", "star", "bse")
_STAMP: Mapping[Board, tuple[Levy, ...]] = {
    **dict.fromkeys(_SHARES, CN_STAMP_DUTY),
    "us": US_SEC_FEE,
    "tw": TW_SALES_TAX,
    "tw_fund": TW_FUND_SALES_TAX,
}
_TRANSFER: Mapping[Board, tuple[Levy, ...]] = dict.fromkeys(_SHARES, CN_TRANSFER_FEE)
_COMMISSION = {"XSHG": (0.00025, 5.0), "XNYS": (0.0, 0.0), "XTAI": (0.001425, 20.0)}
_SAME_DAY_FUNDS = ("511", "513", "518")  # Shanghai: bond and money, cross-border, gold


@dataclass(frozen=True)
class Costs:
    """What one fill costs, in currency, each part rounded half-up to the cent.

    `stamp_duty` is the levy of the state (the SEC fee in the US, the transaction tax in Taiwan),
    `transfer_fee` that of the market's institutions (ChinaClear; FINRA's activity fee in the US).
    """

    commission: float
    stamp_duty: float
    transfer_fee: float

    @property
    def total(self) -> float:
        """All parts together, exact to the cent."""
        parts = (self.commission, self.stamp_duty, self.transfer_fee)
        return float(sum(Decimal(str(part)) for part in parts))


class MarketRules(Settings):
    """The rules of one exchange, with a broker's commission; made by `rules_for`.

    commission, commission_minimum
        Share of the amount, and the least an order costs.  Where not given: 0.025 % and 5 yuan on
        the mainland, nothing in the US, 0.1425 % and 20 dollars in Taiwan.
    boards
        Symbol = board, where the code does not say it right.
    same_day
        Symbols that may be sold on the day they were bought, beyond those that the code tells.

    An index cannot be bought: it stands for a fund on it, so it has no lot, no stamp duty and no
    transfer fee, but the commission and T+1.

    >>> rules = rules_for("XSHG")
    >>> rules.costs("600519.SH", "2023-08-28", "sell", 10_000, 12.34).total
    93.78
    """

    calendar: str
    commission: float = Field(default=0.0, ge=0, lt=0.1)
    commission_minimum: float = Field(default=0.0, ge=0)
    boards: dict[str, Board] = Field(default_factory=dict)
    same_day: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        calendar = given.get("calendar")
        if calendar not in ZONES:
            raise ValueError(f"unknown calendar {calendar!r}: {near_names(str(calendar), ZONES)}")
        rate, least = _COMMISSION[calendar]
        return {"commission": rate, "commission_minimum": least, **given}

    def board(self, symbol: str) -> Board:
        """The board whose rules hold for a symbol."""
        return self.boards.get(symbol) or board_of(symbol)

    def lot(self, symbol: str, session: str | date | pd.Timestamp) -> int:
        """The fewest shares that one buy order may ask for."""
        table = LOTS[self.board(symbol)]
        return (in_force(table, _day(session)) or table[0]).least

    def settlement_days(self, symbol: str, session: str | date | pd.Timestamp) -> int:
        """Sessions until shares bought can be sold: 1 on the mainland (T+1), 0 where the same day."""
        if symbol in self.same_day or self.calendar != "XSHG":
            return 0
        board = self.board(symbol)
        if board == "bond" or (board == "fund" and symbol.startswith(_SAME_DAY_FUNDS)):
            return 0
        return 1

    def legal_quantity(
        self, symbol: str, session: str | date | pd.Timestamp, side: Side, wanted: float, held: float
    ) -> int:
        """The most shares, up to `wanted`, that one order may name; 0 where no order is legal.

        A buy is at least the lot, then in steps.  A sale is never more than `held` (what may be sold
        today); the odd remainder below one step goes whole or not at all, with or without full lots.
        """
        for name, value in (("wanted", wanted), ("held", held)):
            if not isfinite(value) or value < 0:
                raise DataError(f"{symbol}: the quantity {name} must be 0 or more, received {value!r}")
        table = LOTS[self.board(symbol)]
        rule = in_force(table, _day(session)) or table[0]
        if side == "buy":
            shares = floor(wanted + _DUST)
            return 0 if shares < rule.least else shares - shares % rule.step
        have = floor(held + _DUST)
        shares = min(floor(wanted + _DUST), have)
        if shares == have:
            return have
        if rule.step == 1:
            return shares if shares >= rule.least else 0
        odd = have % rule.step
        lots = shares - shares % rule.step
        with_odd = odd + (shares - odd) // rule.step * rule.step if shares >= odd > 0 else 0
        return max(lots, with_odd)

    def costs(
        self,
        symbol: str,
        session: str | date | pd.Timestamp,
        side: Side,
        quantity: float,
        price: float,
    ) -> Costs:
        """What a fill of `quantity` shares at `price` costs on a session; no shares cost nothing."""
        if quantity < 0 or price <= 0 or not isfinite(quantity * price):
            raise DataError(f"{symbol}: cannot cost {quantity!r} shares at {price!r}")
        if quantity == 0:
            return Costs(0.0, 0.0, 0.0)
        day, board = _day(session), self.board(symbol)
        amount = _exact(quantity) * _exact(price)
        commission = max(amount * _exact(self.commission), _exact(self.commission_minimum))
        fee = _levied(_TRANSFER.get(board, ()), day, side, amount)
        if board == "us" and side == "sell":
            fee += _activity_fee(day, _exact(quantity))
        return Costs(
            _cents(commission), _cents(_levied(_STAMP.get(board, ()), day, side, amount)), _cents(fee)
        )

    def price_band(
        self, symbol: str, session: str | date | pd.Timestamp, reference: float
    ) -> tuple[float, float] | None:
        """Lowest and highest price of a session, or None where there is no limit.

        Price limits are not modelled in this version: always None.
        """
        return None


def rules_for(calendar: str, **settings: Any) -> MarketRules:
    """The rules of an exchange; settings as in `MarketRules`, `ConfigError` for an unknown one.

    >>> rules_for("XTAI").lot("2330.TW", "2024-01-02")
    1000
    """
    if calendar not in ZONES:
        raise ConfigError(f"unknown calendar {calendar!r}: {near_names(calendar, ZONES)}")
    return MarketRules.parse({"calendar": calendar, **settings}, "market rules")


def _day(session: str | date | pd.Timestamp) -> date:
    found: date = pd.Timestamp(session).date()
    return found


def _exact(value: float) -> Decimal:
    """The number as it is written: 12.34, not 12.339999999999999857891452847979962825775146484375."""
    return Decimal(repr(float(value)))


def _cents(amount: Decimal) -> float:
    return float(amount.quantize(_CENT, rounding=ROUND_HALF_UP))


def _levied(table: tuple[Levy, ...], day: date, side: Side, amount: Decimal) -> Decimal:
    row = in_force(table, day)
    if row is None or row.sides not in (side, "both"):
        return Decimal(0)
    return amount * Decimal(row.rate)


def _activity_fee(day: date, quantity: Decimal) -> Decimal:
    row = in_force(US_ACTIVITY_FEE, day)
    if row is None:
        return Decimal(0)
    return min(quantity * Decimal(row.per_share), Decimal(row.cap))
