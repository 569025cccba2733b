"""Ticks, limits, charges and lots of an exchange, computed naively, without qushi's tables or rounding.

Only the years that `markets` draws from are covered.  Money is a fraction of the currency, a price a
whole number of ten-thousandths.
"""

from datetime import date
from fractions import Fraction

UNIT = 10_000  # a price is a whole number of ten-thousandths
SHARES = ("main", "chinext", "star", "bse")
CENT = Fraction(1, 100)
_TW_TICKS = ((10, 100), (50, 500), (100, 1000), (500, 5000), (1000, 10_000), (10**9, 50_000))


def tick_of(board: str, price: Fraction | int) -> int:
    """The tick at a price, both in ten-thousandths."""
    if board == "fund":
        return 10
    if board == "index":
        return 1
    if board == "us":
        return 100 if price >= UNIT else 1
    if board == "tw_fund":
        return 500 if price >= 50 * UNIT else 100
    if board == "tw":
        return next(tick for below, tick in _TW_TICKS if price < below * UNIT)
    return 100


def half_up(board: str, price: Fraction | int) -> int:
    """The tick nearest to a price, the upper one of two equally near."""
    tick = tick_of(board, price)
    return int((2 * price + tick) // (2 * tick)) * tick


def widths(board: str, symbol: str, day: date, st: bool, age: int | None, listed: date | None):
    """Per cent down and up from the reference; None where the day has no limit.  `age` 1: first day."""
    if board in ("us", "index"):
        return None
    if board in ("tw", "tw_fund"):
        free = board == "tw" and age is not None and age <= 5
        return None if free else (10, 10) if day >= date(2015, 6, 1) else (7, 7)
    if age is not None and listed is not None and board != "fund":
        reform = {"main": date(2023, 4, 10), "chinext": date(2020, 8, 24)}.get(board, date(2019, 7, 22))
        if listed >= reform and age <= (1 if board == "bse" else 5):
            return None
        if listed < reform and age == 1:
            return (36, 44) if listed >= date(2014, 6, 13) else None
    if board == "fund":
        return (20, 20) if symbol.startswith("588") else (10, 10)
    if board in ("star", "bse"):
        return (20, 20) if board == "star" else (30, 30)
    if board == "chinext" and day >= date(2020, 8, 24):
        return 20, 20
    if st and not (board == "main" and day >= date(2026, 7, 6)):
        return 5, 5
    return 10, 10


def band_of(board: str, reference: int, width: tuple[int, int] | None) -> tuple[int, int] | None:
    """Lowest and highest price of a day."""
    if width is None:
        return None
    low, high = (Fraction(reference * (100 + w), 100) for w in (-width[0], width[1]))
    if board.startswith("tw"):
        down, up = tick_of(board, low), tick_of(board, high)
        return int(-(-low // down)) * down, int(high // up) * up
    tick = tick_of(board, reference)
    low, high = half_up(board, low), half_up(board, high)
    return (
        reference - tick if reference - low < tick else low,
        reference + tick if high - reference < tick else high,
    )


def cents(amount: Fraction) -> Fraction:
    """Rounded half-up to the cent."""
    return (amount / CENT + Fraction(1, 2)) // 1 * CENT


def fees(board: str, day: date, buy: bool, shares: Fraction, price: int) -> tuple[Fraction, ...]:
    """Commission, levy of the state and fee of the market's institutions."""
    if not shares:
        return Fraction(0), Fraction(0), Fraction(0)
    amount = shares * Fraction(price, UNIT)
    if board == "us":
        return Fraction(0), cents(_sec(day, amount) * (not buy)), cents(_taf(day, shares) * (not buy))
    if board.startswith("tw"):
        tax = Fraction(3 if board == "tw" else 1, 1000)
        return (
            cents(max(amount * Fraction("0.001425"), Fraction(20))),
            cents(amount * tax * (not buy)),
            Fraction(0),
        )
    commission = cents(max(amount * Fraction("0.00025"), Fraction(5)))
    if board not in SHARES:
        return commission, Fraction(0), Fraction(0)
    stamp = Fraction("0.0005") if day >= date(2023, 8, 28) else Fraction("0.001")
    transfer = Fraction("0.00002") if day >= date(2015, 8, 1) else Fraction(0)
    transfer = Fraction("0.00001") if day >= date(2022, 4, 29) else transfer
    return commission, cents(amount * stamp * (not buy)), cents(amount * transfer)


def _sec(day: date, amount: Fraction) -> Fraction:
    if day < date(2024, 5, 22):
        return amount * 8 / 1_000_000
    return amount * Fraction("27.8") / 1_000_000 if day < date(2025, 5, 14) else Fraction(0)


def _taf(day: date, shares: Fraction) -> Fraction:
    rate, cap = ("0.000166", "8.30") if day < date(2026, 1, 1) else ("0.000195", "9.79")
    return min(shares * Fraction(rate), Fraction(cap))


def dividend_tax_rate(board: str, bought: date, sold: date) -> Fraction:
    """A fifth within a month of the purchase, then a tenth: no window here is longer than a year."""
    if board not in SHARES:
        return Fraction(0)
    month = bought.month % 12 + 1
    year = bought.year + (bought.month == 12)
    day = bought.day
    while True:  # the last day of a shorter month
        try:
            return Fraction(1, 5) if sold <= date(year, month, day) else Fraction(1, 10)
        except ValueError:
            day -= 1


def settles_at_once(board: str, symbol: str, day: date) -> bool:
    """Whether shares may be sold on the day of their purchase."""
    cross_border = symbol.startswith("513") and day >= date(2015, 1, 19)
    return cross_border or board in ("us", "tw", "tw_fund")


def buy_steps(board: str) -> tuple[int, int]:
    """A purchase is at least the first, then in steps of the second."""
    if board in ("index", "us"):
        return 1, 1
    if board.startswith("tw"):
        return 1000, 1000
    return {"star": (200, 1), "bse": (100, 1)}.get(board, (100, 100))


def legal_buy(board: str, wanted: Fraction) -> int:
    least, step = buy_steps(board)
    most = int(wanted + Fraction(1, 10**6))
    return 0 if most < least else most - most % step


def is_legal_sale(board: str, shares: int, settled: int) -> bool:
    """All that may be sold, or full lots, with or without the odd remainder of all."""
    least, step = buy_steps(board)
    if shares == settled:
        return True
    if step == 1:
        return shares >= least
    return shares % step in (0, settled % step)


def legal_sale(board: str, wanted: Fraction, settled: Fraction) -> int:
    """The most shares up to `wanted` that one sale may name, by trying all."""
    have = int(settled + Fraction(1, 10**6))
    most = min(int(wanted + Fraction(1, 10**6)), have)
    while most > 0 and not is_legal_sale(board, most, have):
        most -= 1
    return most
