"""Every price below 1200 that a share in Taiwan may have since 2005-03-01, by counting up."""

from fractions import Fraction

_TICKS = ((1000, "5"), (500, "1"), (100, "0.5"), (50, "0.1"), (10, "0.05"), (0, "0.01"))


def _counted(top: int) -> list[Fraction]:
    price, found = Fraction(0), []
    while price < top:
        found.append(price)
        price += Fraction(next(tick for bound, tick in _TICKS if price >= bound))
    return found


TAIWAN = _counted(1200)
