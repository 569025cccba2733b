"""Prices on ticks, in decimal arithmetic: what the exchange rounds, binary floats round wrongly.

    limit = round_half_up(reference x (1 +- width))          mainland
    limit = the last tick inside reference x (1 +- width)    Taiwan ("inward")

Where a limit is less than a tick from the reference, it is one tick from it.  A tick may depend on the
price: steps are pairs (from this price on, tick), ascending.  Source: trading rules of the exchanges.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from .rows import PriceLimit, Steps

Towards = Literal["up", "down", "nearest"]

DUST = Decimal("1e-8")
"""What a price differs by in the noise of floats: 10.010000000000002 is 10.01."""


def exact(price: float) -> Decimal:
    """The number as it is written, without the noise of floats.

    >>> exact(0.1 + 0.2)
    Decimal('0.30000000')
    """
    return Decimal(repr(float(price))).quantize(DUST, rounding=ROUND_HALF_UP)


def tick_at(steps: Steps, price: Decimal) -> Decimal:
    """The tick at a price."""
    found = steps[0][1]
    for bound, tick in steps:
        if price < bound:
            break
        found = tick
    return found


def to_tick(price: Decimal, steps: Steps, towards: Towards) -> Decimal:
    """The tick at, above, below or nearest to a price; half a tick goes up.

    >>> to_tick(Decimal("5.005"), ((Decimal(0), Decimal("0.01")),), "nearest")
    Decimal('5.01')
    """
    tick = tick_at(steps, price)
    ticks, rest = divmod(price, tick)
    above = towards == "up" and rest > 0
    return (ticks + (above or (towards == "nearest" and 2 * rest >= tick))) * tick


def band(reference: Decimal, limit: PriceLimit, steps: Steps) -> tuple[Decimal, Decimal] | None:
    """Lowest and highest price of a session; None where its limit is free.

    The reference price is put on a tick first, as the exchange publishes it.

    >>> row = PriceLimit(since="1996-12-16", boards=["main"], up="0.1", down="0.1", source="example")
    >>> band(Decimal("4.55"), row, ((Decimal(0), Decimal("0.01")),))
    (Decimal('4.10'), Decimal('5.01'))
    """
    if limit.widths is None:
        return None
    down, up = limit.widths
    least = steps[0][1]
    reference = max(to_tick(reference, steps, "nearest"), least)
    inward = limit.rounding == "inward"
    high = to_tick(reference * (1 + up), steps, "down" if inward else "nearest")
    low = to_tick(reference * (1 - down), steps, "up" if inward else "nearest")
    tick = tick_at(steps, reference)
    return max(min(low, reference - tick), least), max(high, reference + tick)
