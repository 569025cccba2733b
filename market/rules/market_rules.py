"""What an exchange and a broker do to an order: price limits, ticks, lots, settlement, costs, taxes.

Everything is counted in decimal arithmetic and rounded half-up, as the market does; binary floats get
hundreds of real amounts and limits wrong.

    limit = round(reference x (1 +- width))          to the tick (`ticks`)
    commission = max(rate x amount, minimum)         stamp duty, transfer fee = rate in force x amount

What holds when is data (`book`): a backtest of 2019 obeys and pays what was in force in 2019.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from math import floor, isfinite
from typing import Any, Literal

import pandas as pd

from ...core import DataError
from ...core.calendar import ZONES
from ...core.errors import ConfigError, near_names
from .dated import DatedRules, Day, day_of, session_before
from .rows import (
    DividendTax,
    Levy,
    Lot,
    Settlement,
    ShareFee,
    StampDuty,
    Steps,
    Tick,
    TransferFee,
    plain,
)
from .summary import RuleRow, summary
from .ticks import DUST, Towards, band, exact, tick_at, to_tick

Side = Literal["buy", "sell"]

_CENT = Decimal("0.01")
_DUST = 1e-6  # shares: a wish of 99.9999999 is a hundred


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


class MarketRules(DatedRules):
    """The rules of one exchange, with a broker's commission; made by `rules_for`.

    commission, commission_minimum
        Share of the amount, and the least an order costs.  Where not given: 0.025 % and 5 yuan on
        the mainland, nothing in the US, 0.1425 % and 20 dollars in Taiwan.
    boards
        Symbol = board, where the code does not say it right.
    same_day
        Symbols that may be sold on the day they were bought, beyond those that the code tells.
    listed
        Symbol = first session on the exchange, where the bars do not say it: the first sessions after
        a listing have limits of their own.
    dividend_tax
        False: dividends are not taxed.
    tables
        A TOML file of yours with dated rules, see `docs/rules.md`; its rows go before ours.

    An index cannot be bought: it stands for a fund on it, so it has no limit, no lot, no stamp duty and
    no transfer fee, but the commission and T+1.

    >>> rules = rules_for("XSHG")
    >>> rules.costs("600519.SH", "2023-08-28", "sell", 10_000, 12.34).total
    93.78
    >>> rules.price_band("600000.SH", "2008-11-10", 4.55)
    (4.1, 5.01)
    """

    # Prices ------------------------------------------------------------------------------------------

    def tick(self, symbol: str, session: Day, price: float = float("nan")) -> float:
        """The smallest step between two prices, at `price` where it depends on that.

        `DataError` where it does and no price is given.
        """
        steps = self._steps(symbol, session)
        if not isfinite(price):
            if len(steps) > 1:
                raise DataError(f"{symbol}: the tick depends on the price, and none was given")
            return float(steps[0][1])
        return float(tick_at(steps, exact(price)))

    def round_to_tick(self, symbol: str, session: Day, price: float, towards: Towards) -> float:
        """The price on a tick, "up", "down" or to the "nearest" (half a tick goes up), exactly."""
        return float(to_tick(_known_price(symbol, price), self._steps(symbol, session), towards))

    def limit_width(
        self, symbol: str, session: Day, *, st: bool = False, listed: Day | None = None
    ) -> tuple[str, str] | None:
        """How far a price may go down and up from the reference, as decimal text; None: no limit.

        `listed` is the first session on the exchange, by default that of the settings.
        """
        row = self.limit(symbol, session, st=st, listed=listed)
        if row is None or row.widths is None:
            return None
        down, up = row.widths
        return plain(down), plain(up)

    def price_band(
        self,
        symbol: str,
        session: Day,
        reference: float,
        *,
        st: bool = False,
        listed: Day | None = None,
    ) -> tuple[float, float] | None:
        """Lowest and highest price of a session, on ticks; None where there is no limit.

        `reference` is the close before, after corporate actions; where it is not known (NaN) there is
        no band either.  `st`: the share is under special treatment on that day.
        """
        row = self.limit(symbol, session, st=st, listed=listed)
        if row is None or reference != reference:
            return None
        found = band(_known_price(symbol, reference), row, self._steps(symbol, session))
        return None if found is None else (float(found[0]), float(found[1]))

    # Quantities --------------------------------------------------------------------------------------

    def lot(self, symbol: str, session: Day) -> int:
        """The fewest shares that one buy order may ask for."""
        return self.row(Lot, symbol, session).least

    def settlement_days(self, symbol: str, session: Day) -> int:
        """Sessions until shares bought can be sold: 1 on the mainland (T+1), 0 where the same day."""
        return 0 if symbol in self.same_day else self.row(Settlement, symbol, session).days

    def legal_quantity(self, symbol: str, session: Day, side: Side, wanted: float, held: float) -> int:
        """The most shares, up to `wanted`, that one order may name; 0 where no order is legal.

        A buy is at least the lot, then in steps.  A sale is never more than `held` (what may be sold
        today); the odd remainder below one step goes whole or not at all, with or without full lots.
        """
        for name, value in (("wanted", wanted), ("held", held)):
            if not isfinite(value) or value < 0:
                raise DataError(f"{symbol}: the quantity {name} must be 0 or more, received {value!r}")
        rule = self.row(Lot, symbol, session)
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

    # Money -------------------------------------------------------------------------------------------

    def costs(
        self,
        symbol: str,
        session: Day,
        side: Side,
        quantity: float,
        price: float,
    ) -> Costs:
        """What a fill of `quantity` shares at `price` costs on a session; no shares cost nothing."""
        if quantity < 0 or price <= 0 or not isfinite(quantity * price):
            raise DataError(f"{symbol}: cannot cost {quantity!r} shares at {price!r}")
        if quantity == 0:
            return Costs(0.0, 0.0, 0.0)
        day = day_of(session)
        shares = _decimal(quantity)
        amount = shares * _decimal(price)
        commission = max(amount * _decimal(self.commission), _decimal(self.commission_minimum))
        duty = _levied(self.timeline(StampDuty, symbol).at(day), side, amount)
        fee = _levied(self.timeline(TransferFee, symbol).at(day), side, amount)
        by_share = self.timeline(ShareFee, symbol).at(day)
        if by_share is not None and side == "sell":
            fee += min(shares * by_share.per_share, by_share.cap)
        return Costs(_cents(commission), _cents(duty), _cents(fee))

    def dividend_tax_rate(self, symbol: str, ex_session: Day, bought: Day, sold: Day) -> float:
        """The share of a dividend that an individual pays as tax when the share is sold.

        By how long it was held: up to a month (sold on the same day of the next month at the latest), up
        to a year, longer.  The rates are those of the record date, the session before `ex_session`.  0
        where there is no such tax, or `dividend_tax` is off.
        """
        row = self.dividend_tax_row(symbol, ex_session)
        if row is None:
            return 0.0
        first, last = pd.Timestamp(day_of(bought)), pd.Timestamp(day_of(sold))
        if last <= first + pd.DateOffset(months=1):
            return float(row.month)
        return float(row.year if last <= first + pd.DateOffset(years=1) else row.longer)

    def dividend_tax_row(self, symbol: str, ex_session: Day) -> DividendTax | None:
        """The rates of a dividend, those of its record date; None where there is no such tax."""
        record = session_before(self.calendar, day_of(ex_session))
        return self.timeline(DividendTax, symbol).at(record) if self.dividend_tax else None

    # What applied ------------------------------------------------------------------------------------

    def describe(
        self, symbol: str, session: Day, *, st: bool = False, listed: Day | None = None
    ) -> list[RuleRow]:
        """Every rule as it holds for a symbol on a day, with since when and who says so."""
        return summary(self, symbol, day_of(session), self.limit(symbol, session, st=st, listed=listed))

    def _steps(self, symbol: str, session: Day) -> Steps:
        return self.row(Tick, symbol, session).table


def rules_for(calendar: str, **settings: Any) -> MarketRules:
    """The rules of an exchange; settings as in `MarketRules`, `ConfigError` for an unknown one.

    >>> rules_for("XTAI").lot("2330.TW", "2024-01-02")
    1000
    """
    if calendar not in ZONES:
        raise ConfigError(f"unknown calendar {calendar!r}: {near_names(calendar, ZONES)}")
    return MarketRules.parse({"calendar": calendar, **settings}, "market rules")


def _known_price(symbol: str, price: float) -> Decimal:
    if not isfinite(price) or price <= 0:
        raise DataError(f"{symbol}: a price must be above 0, received {price!r}")
    return exact(price)


def _decimal(value: float) -> Decimal:
    """The number as it is written: 12.34, not 12.339999999999999857891452847979962825775146484375."""
    return Decimal(repr(float(value)))


def _cents(amount: Decimal) -> float:
    """Half-up; the dust of a float, as in 8.499999999999943 shares, decides no half cent."""
    return float(amount.quantize(DUST, ROUND_HALF_UP).quantize(_CENT, ROUND_HALF_UP))


def _levied(row: Levy | None, side: Side, amount: Decimal) -> Decimal:
    if row is None or row.sides not in (side, "both"):
        return Decimal(0)
    return amount * row.rate
