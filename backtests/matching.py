"""At what price an order meets one daily bar, and what stood in its way.

Pure functions of numbers, so that every engine asks the same ones.  What a daily bar can prove:

    market   at the open                      close        at the close
    limit    once the price was there         stop         once triggered, no better than the trigger

A price at the day's limit is one at which nobody stood on the other side: nothing is bought at
limit-up and nothing sold at limit-down, even if the day traded elsewhere later.  Source: trading rules
of the Shanghai and Shenzhen exchanges (price limits, order matching).
"""

from math import nan
from typing import NamedTuple

from ..core.result import Reason


class Quote(NamedTuple):
    """One symbol's bar at one session on which it trades.

    limit_down, limit_up
        The day's price limits; -inf and inf where there is none.
    slack
        Relative distance from a limit that still counts as at it: 0 but for the rounding of a float
        where prices are raw, more where they were adjusted and rounded by their source.
    """

    open: float
    high: float
    low: float
    close: float
    volume: float
    limit_down: float
    limit_up: float
    slack: float


class Match(NamedTuple):
    """The price of a fill, NaN where there is none; then `obstacle` says why."""

    price: float
    obstacle: Reason


def at_open(buy: bool, quote: Quote) -> Match:
    """A market order, at the open."""
    return _unless_limited(buy, quote.open, quote)


def at_close(buy: bool, quote: Quote) -> Match:
    """A close order, at the close."""
    return _unless_limited(buy, quote.close, quote)


def at_limit(buy: bool, limit: float, quote: Quote) -> Match:
    """A limit order: at its limit, or at the open where that is better for its owner."""
    if quote.low > limit if buy else quote.high < limit:
        return Match(nan, "not_reached")
    return _unless_limited(buy, min(quote.open, limit) if buy else max(quote.open, limit), quote)


def triggered(buy: bool, stop: float, quote: Quote) -> bool:
    """Whether the day reached the price from which a stop order is live."""
    return quote.high >= stop if buy else quote.low <= stop


def at_stop(buy: bool, stop: float, quote: Quote) -> Match:
    """A stop order: at its trigger, or at the open where the day began beyond it."""
    if not triggered(buy, stop, quote):
        return Match(nan, "not_reached")
    return _unless_limited(buy, _stopped(buy, stop, quote), quote)


def at_stop_limit(buy: bool, stop: float, limit: float, quote: Quote) -> Match:
    """A stop order that becomes a limit order when triggered.

    Triggered at the open it has the whole day.  Triggered later it fills at the trigger where the
    limit allows that, otherwise only where the close proves that the price came back to the limit.
    """
    if not triggered(buy, stop, quote):
        return Match(nan, "not_reached")
    live = _stopped(buy, stop, quote)
    if live == quote.open:
        return at_limit(buy, limit, quote)
    if live <= limit if buy else live >= limit:
        return _unless_limited(buy, live, quote)
    if quote.close <= limit if buy else quote.close >= limit:
        return _unless_limited(buy, limit, quote)
    return Match(nan, "not_reached")


def off_limits(price: float, quote: Quote) -> bool:
    """Whether the exchange would turn away an order at this price: outside the day's limits."""
    return price > quote.limit_up * (1 + _EXACT) or price < quote.limit_down * (1 - _EXACT)


def slipped(buy: bool, price: float, worse: float, quote: Quote, bound: float) -> float:
    """`worse`, held within the bar's range, the day's limits and `bound` (a limit order's price).

    Never better than `price`.
    """
    if buy:
        return max(price, min(worse, quote.high, quote.limit_up, bound))
    return min(price, max(worse, quote.low, quote.limit_down, bound))


_EXACT = 1e-9  # relative: the rounding of a float, no price


def _stopped(buy: bool, stop: float, quote: Quote) -> float:
    return max(quote.open, stop) if buy else min(quote.open, stop)


def _unless_limited(buy: bool, price: float, quote: Quote) -> Match:
    if buy and price >= quote.limit_up * (1 - quote.slack):
        return Match(nan, "limit_up")
    if not buy and price <= quote.limit_down * (1 + quote.slack):
        return Match(nan, "limit_down")
    return Match(price, "")
