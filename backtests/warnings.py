"""Plain sentences about results that deserve suspicion.

The thresholds are rules of thumb, not tests: below 30 round trips a win rate says little, and daily
strategies on liquid markets with a Sharpe ratio above 3 are, nearly always, a defect somewhere.
"""

import math
from collections.abc import Mapping

from ..core import BacktestResult

FEW_TRIPS = 30
HIGH_SHARPE = 3.0
HIGH_WIN_RATE = 0.8
MANY_REFUSED = 0.2
DEAR = 0.1  # costs, as a share of the initial cash
HECTIC = 50.0  # turnover a year
SHORT = 250  # sessions


def suspicions(result: BacktestResult, figures: Mapping[str, float]) -> tuple[str, ...]:
    """What a careful reader would ask about a result; one sentence each, each names the result.

    `figures` are those of `performance`.  A strategy that never traded gets that one sentence only.
    """
    name = result.name
    if not figures["fills"]:
        sent = int(figures["orders"])
        why = ""
        if sent:
            why = f": all {sent} orders were refused, most often {_main_reason(result)!r}"
        return (f"{name} never traded{why}.",)
    found = []
    if figures["round_trips"] < FEW_TRIPS:
        found.append(
            f"{name} made {int(figures['round_trips'])} round trips, below {FEW_TRIPS}: "
            "its win rate and its returns may be luck."
        )
    if _above(figures["sharpe"], HIGH_SHARPE):
        found.append(
            f"{name} has a Sharpe ratio of {figures['sharpe']:.1f}: look for look-ahead before "
            "believing it."
        )
    if _above(figures["win_rate"], HIGH_WIN_RATE) and figures["round_trips"] >= FEW_TRIPS:
        found.append(
            f"{name} wins {figures['win_rate']:.0%} of its round trips: look for look-ahead, or for "
            "rare large losses."
        )
    return tuple(found + _about_execution(result, figures))


def _about_execution(result: BacktestResult, figures: Mapping[str, float]) -> list[str]:
    name, found = result.name, []
    refused = figures["refused"] / figures["orders"]
    if refused > MANY_REFUSED:
        found.append(
            f"{name} had {refused:.0%} of its orders refused, most often {_main_reason(result)!r}: "
            "it could not be traded as decided."
        )
    dear = figures["costs"] / result.initial_cash
    if dear > DEAR:
        found.append(f"{name} paid {dear:.0%} of the initial cash in costs.")
    gross = figures["total_return"] + dear
    if gross > 0 > figures["total_return"]:
        found.append(f"{name} lost money to costs: without them it would have gained about {gross:.1%}.")
    if figures["turnover"] > HECTIC:
        found.append(
            f"{name} turns its capital over {figures['turnover']:.0f} times a year: small errors in "
            "costs or slippage decide its result."
        )
    if len(result.equity) < SHORT:
        found.append(
            f"{name} ran over {len(result.equity)} sessions only: annualised figures exaggerate."
        )
    if len(result.fills) and _concentrated(result):
        found.append(f"{name} owes more than half of its profit to a single round trip.")
    return found


def _concentrated(result: BacktestResult) -> bool:
    from .performance import round_trips

    profits = round_trips(result)["profit"]
    gained = float(profits.sum())
    return len(profits) > 2 and gained > 0 and float(profits.max()) > gained / 2


def _main_reason(result: BacktestResult) -> str:
    return str(result.orders.loc[result.orders["status"] == "refused", "reason"].mode().iloc[0])


def _above(value: float, limit: float) -> bool:
    return not math.isnan(value) and value > limit
