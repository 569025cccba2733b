"""What one row of each dated table holds.

Rates and widths are shares (0.10 is 10 %), money is in the currency of the price.  `docs/rules.md` says
for people what stands here for the machine.
"""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ...core import Settings
from ..instruments import Board

Positive = Annotated[Decimal, Field(gt=0)]
Rate = Annotated[Decimal, Field(ge=0, lt=1)]
Steps = tuple[tuple[Decimal, Decimal], ...]


class Row(Settings):
    """One dated row: from when, until when, for which boards or symbols, and who says so.

    since, until
        First and last day; without `until` the row holds until a later one.
    boards, symbols
        Whom it is for; `symbols` may hold `*`.  With both, the symbols of these boards.

    Every market has a tick, a lot and a settlement: before the first row of `ALWAYS`, that row holds.
    """

    ALWAYS: ClassVar[bool] = False

    since: date
    until: date | None = None
    boards: tuple[Board, ...] = ()
    symbols: tuple[str, ...] = ()
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.boards and not self.symbols:
            raise ValueError("the row is for nobody: give 'boards' or 'symbols'")
        if self.until is not None and self.until < self.since:
            raise ValueError(f"the row ends on {self.until} and starts on {self.since}")
        return self

    @property
    def value(self) -> str:
        """The rule in a few words."""
        raise NotImplementedError

    @property
    def group(self) -> tuple[object, ...]:
        """Rows of one board and one group follow each other in time."""
        return (self.symbols,)


class PriceLimit(Row):
    """How far a price may go from the reference price, up and down, or not at all limited (`free`).

    st
        True: under special treatment only.  Left out: the others, and those too where no row is theirs.
    sessions
        First and last session after the listing, the first being 1; such a row counts by the day of
        listing and goes before the others.
    rounding
        "half_up": to the nearest tick.  "inward": to the last tick inside.
    """

    up: Positive | None = None
    down: Annotated[Decimal, Field(gt=0, lt=1)] | None = None
    free: bool = False
    st: bool | None = None
    sessions: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    rounding: Literal["half_up", "inward"] = "half_up"

    @model_validator(mode="after")
    def _limited_or_free(self) -> Self:
        given = [name for name in ("up", "down") if getattr(self, name) is not None]
        if len(given) != (0 if self.free else 2):
            raise ValueError("give 'up' and 'down', or free = true and neither of them")
        if self.sessions is not None and self.sessions[0] > self.sessions[1]:
            raise ValueError("'sessions' are the first and the last one after the listing")
        return self

    @property
    def widths(self) -> tuple[Decimal, Decimal] | None:
        """Down and up; None where the price is free."""
        return None if self.up is None or self.down is None else (self.down, self.up)

    @property
    def value(self) -> str:
        """`10 %`, `+44 % / -36 %` or `none`, and when."""
        if self.widths is None:
            width = "none"
        else:
            down, up = map(percent, self.widths)
            width = up if up == down else f"+{up} / -{down}"
        when = ", ST" if self.st else ""
        if self.sessions is not None:
            first, last = self.sessions
            when += f", session {first}" if first == last else f", sessions {first} to {last}"
            when += " after listing"
        return width + when + (", inward" if self.rounding == "inward" else "")

    @property
    def group(self) -> tuple[object, ...]:
        """Ordinary, special treatment and after the listing are groups of their own."""
        return (self.symbols, self.st, self.sessions)


class Tick(Row):
    """The smallest step between two prices: one `size`, or `steps` of (from this price on, tick)."""

    ALWAYS = True

    size: Positive | None = None
    steps: tuple[tuple[Annotated[Decimal, Field(ge=0)], Positive], ...] = ()

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if (self.size is None) == (not self.steps):
            raise ValueError("give either 'size' or 'steps'")
        if self.steps and self.steps[0][0] != 0:
            raise ValueError("the first of 'steps' starts at price 0")
        for (before, finer), (bound, tick) in pairwise(self.steps):
            if bound <= before:
                raise ValueError("the prices in 'steps' ascend")
            if bound % finer or bound % tick:
                raise ValueError(f"{plain(bound)} in 'steps' is not a whole number of ticks")
        return self

    @property
    def table(self) -> Steps:
        """The steps, one where there is one size."""
        return self.steps or ((Decimal(0), self.size or Decimal(0)),)

    @property
    def value(self) -> str:
        """`0.01`, or `0.01; from 10 0.05; …`."""
        first, *rest = self.table
        return "; ".join([plain(first[1]), *(f"from {plain(b)} {plain(t)}" for b, t in rest)])


class Lot(Row):
    """Buy at least `least`, then in multiples of `step`."""

    ALWAYS = True

    least: int = Field(ge=1)
    step: int = Field(ge=1)

    @property
    def value(self) -> str:
        """`200, then steps of 1`."""
        return f"{self.least}, then steps of {self.step}"


class Settlement(Row):
    """Sessions until what was bought may be sold."""

    ALWAYS = True

    days: int = Field(ge=0, le=10)

    @property
    def value(self) -> str:
        """`T+1`."""
        return f"T+{self.days}"


class Levy(Row):
    """A share of the traded amount."""

    rate: Rate
    sides: Literal["sell", "both"]

    @property
    def value(self) -> str:
        """`0.05 %, seller`."""
        return f"{percent(self.rate)}, {'seller' if self.sides == 'sell' else 'both sides'}"


class StampDuty(Levy):
    """The levy of the state: stamp duty, transaction tax, the SEC's fee."""


class TransferFee(Levy):
    """The levy of the market's institutions."""


class ShareFee(Row):
    """A fee a share sold, with a cap an order."""

    per_share: Annotated[Decimal, Field(ge=0)]
    cap: Annotated[Decimal, Field(ge=0)]

    @property
    def value(self) -> str:
        """`0.000166 a share sold, at most 8.3`."""
        return f"{plain(self.per_share)} a share sold, at most {plain(self.cap)}"


class DividendTax(Row):
    """The tax on a dividend whose share was held up to a month, up to a year, or longer."""

    month: Rate
    year: Rate
    longer: Rate

    @property
    def value(self) -> str:
        """`20 % up to a month, 10 % up to a year, 0 % longer`, or one rate for all."""
        month, year, longer = map(percent, (self.month, self.year, self.longer))
        if month == year == longer:
            return month
        return f"{month} up to a month, {year} up to a year, {longer} longer"


class Commission(Settings):
    """What a broker takes where the user does not say: share of the amount, and the least an order."""

    rate: Annotated[Decimal, Field(ge=0, lt=Decimal("0.1"))]
    minimum: Annotated[Decimal, Field(ge=0)]
    source: str = Field(min_length=1)


TABLES: dict[str, type[Row]] = {
    "price_limit": PriceLimit,
    "tick": Tick,
    "lot": Lot,
    "settlement": Settlement,
    "stamp_duty": StampDuty,
    "transfer_fee": TransferFee,
    "share_fee": ShareFee,
    "dividend_tax": DividendTax,
}


def plain(number: Decimal) -> str:
    """A decimal without needless zeros: 0.10 is 0.1.

    >>> plain(Decimal("10.00")), plain(Decimal("0.00002"))
    ('10', '0.00002')
    """
    return f"{number.normalize():f}"


def percent(share: Decimal) -> str:
    """A share in per cent.

    >>> percent(Decimal("0.00002"))
    '0.002 %'
    """
    return f"{plain(share * 100)} %"
