"""Shares by the purchase they came from: the oldest are sold first.

Two rules need more than a number of shares: T+1 (what was bought today stays until tomorrow) and the
mainland's tax on dividends, whose rate hangs on how long the very share was held, so that it is due
at the sale, first in, first out.  Source: Ministry of Finance, 2012 No. 85 and 2015 No. 101; shares from
a bonus or a transfer count as acquired when they came.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from math import prod

import pandas as pd

DUST = 1e-9  # shares: the rounding error of adding fractions
DIGITS = 6  # of cash: the rounding error of adding up money must not decide what can be paid
_CENT = Decimal("0.01")

TaxRate = Callable[[pd.Timestamp, pd.Timestamp, pd.Timestamp], float]
"""The rate for (ex session, bought, sold)."""


@dataclass(frozen=True)
class Parcel:
    """Shares that came together.

    bought
        The session from which the holding period counts.
    arrived
        Number of the session that decides when they may be sold.
    dividends
        Taxable income a share, by ex session, on which the tax is not paid yet.
    """

    bought: pd.Timestamp
    arrived: int
    shares: float
    dividends: tuple[tuple[pd.Timestamp, float], ...] = ()


@dataclass
class Holding:
    """The parcels of one symbol, in the order in which they came, and their shares together."""

    parcels: list[Parcel] = field(default_factory=list)
    shares: float = 0.0

    def unsettled(self, since: int) -> float:
        """Shares that arrived at session number `since` or later."""
        young = 0.0
        for parcel in reversed(self.parcels):  # arrivals only ever grow
            if parcel.arrived < since:
                break
            young += parcel.shares
        return young

    def oldest(self, shares: float) -> list[Parcel]:
        """The parcels, and the part of the last one, that a sale of `shares` would take."""
        taken: list[Parcel] = []
        for parcel in self.parcels:
            if shares <= DUST:
                break
            taken.append(replace(parcel, shares=min(parcel.shares, shares)))
            shares -= parcel.shares
        return taken

    def add(self, parcel: Parcel) -> None:
        """Shares that come, by purchase or from the company."""
        self.parcels.append(parcel)
        self.shares += parcel.shares

    def take(self, shares: float) -> None:
        """Remove the oldest shares; what is left of less than dust goes with them."""
        self.shares -= shares
        if self.shares <= DUST:
            self.parcels, self.shares = [], 0.0
        while self.parcels and shares > DUST:
            first = self.parcels[0]
            if first.shares > shares + DUST:
                self.parcels[0] = replace(first, shares=first.shares - shares)
                return
            shares -= self.parcels.pop(0).shares

    def earn(self, ex_session: pd.Timestamp, taxable: float) -> None:
        """Note income of `taxable` a share, to be taxed when the shares are sold."""
        self.parcels = [
            replace(p, dividends=(*p.dividends, (ex_session, taxable))) for p in self.parcels
        ]

    def restate(self, shares: float) -> None:
        """Turn the shares into `shares` of the same age; what they owe stays the same in all."""
        factor = shares / self.shares
        self.parcels = [
            Parcel(
                p.bought,
                p.arrived,
                p.shares * factor,
                tuple((ex, taxable / factor) for ex, taxable in p.dividends),
            )
            for p in self.parcels
        ]
        self.shares = shares


def dividend_tax(sold: Iterable[Parcel], session: pd.Timestamp, rate: TaxRate) -> float:
    """Tax due when these shares are sold, in currency, the sum rounded half-up to the cent.

    rate x taxable income a share x shares, over all dividends that the shares brought.
    """
    due = Decimal(0)
    for parcel in sold:
        for ex_session, taxable in parcel.dividends:
            share = rate(ex_session, parcel.bought, session)
            if share:
                due += _exact(parcel.shares) * _exact(taxable) * _exact(share)
    return _to_cents(due)


def money(*factors: float) -> float:
    """The product, exact as the numbers are written, rounded half-up to the cent."""
    return _to_cents(prod(map(_exact, factors), start=Decimal(1)))


def _to_cents(amount: Decimal) -> float:
    """Half-up; the last digits of a float decide nothing where prices on ticks make half a cent."""
    return float(round(amount, DIGITS).quantize(_CENT, ROUND_HALF_UP))


def _exact(number: float) -> Decimal:
    return Decimal(repr(round(float(number), 12)))
