"""Plain sentences about results that deserve suspicion.

The thresholds are rules of thumb, not tests: below 30 round trips a win rate says little, and daily
strategies on liquid markets with a Sharpe ratio above 3 are, nearly always, a defect somewhere.
"""

import math
from collections.abc import Mapping

from ..core import BacktestResult
from ..core.notes import Said

FEW_TRIPS = 30
HIGH_SHARPE = 3.0
HIGH_WIN_RATE = 0.8
MANY_REFUSED = 0.2
DEAR = 0.1  # costs, as a share of the initial cash
HECTIC = 50.0  # turnover a year
SHORT = 250  # sessions


_NEVER = Said("{name} never traded.", "{name} 从未成交。")
_ALL_REFUSED = Said(
    "{name} never traded: all {n} orders were refused, most often for {reason!r}.",
    "{name} 从未成交：{n} 笔委托全部被拒，最常见原因为 {reason!r}。",
)
_FEW = Said(
    "{name} made {n} round trips, below {least}: its win rate and its returns may be luck.",
    "{name} 仅有 {n} 次完整买卖，少于 {least} 次：胜率与收益可能只是运气。",
)
_SHARP = Said(
    "{name} has a Sharpe ratio of {sharpe:.1f}: look for look-ahead before believing it.",
    "{name} 夏普比率为 {sharpe:.1f}：请先排查未来函数再相信它。",
)
_WINNER = Said(
    "{name} wins {rate:.0%} of its round trips: look for look-ahead, or for rare large losses.",
    "{name} 胜率高达 {rate:.0%}：请排查未来函数，或罕见的巨额亏损。",
)
_REFUSED = Said(
    "{name} had {share:.0%} of its orders refused, most often for {reason!r}: it could not be traded as "
    "decided.",
    "{name} 有 {share:.0%} 的委托被拒，最常见原因为 {reason!r}：无法按决策成交。",
)
_DEAR = Said(
    "{name} paid {share:.0%} of the initial cash in costs.", "{name} 的费用占初始资金的 {share:.0%}。"
)
_EATEN = Said(
    "{name} lost money to costs: without them it would have gained about {gross:.1%}.",
    "{name} 的亏损来自费用：若无费用约可盈利 {gross:.1%}。",
)
_HECTIC = Said(
    "{name} turns its capital over {times:.0f} times a year: small errors in costs or slippage decide "
    "its result.",
    "{name} 每年换手 {times:.0f} 次：费用或滑点的微小误差即可左右结果。",
)
_SHORT = Said(
    "{name} ran over {n} sessions only: annualised figures exaggerate.",
    "{name} 仅运行 {n} 个交易日：年化数字会夸大。",
)
_SINGLE = Said(
    "{name} owes more than half of its profit to a single round trip.",
    "{name} 一半以上的盈利来自单次买卖。",
)


def suspicions(result: BacktestResult, figures: Mapping[str, float]) -> tuple[Said, ...]:
    """What a careful reader would ask about a result; one sentence each, each names the result.

    `figures` are those of `performance`.  A strategy that never traded gets that one sentence only.
    """
    name = result.name
    if not figures["fills"]:
        sent = int(figures["orders"])
        if not sent:
            return (_NEVER.fill(name=name),)
        return (_ALL_REFUSED.fill(name=name, n=sent, reason=_main_reason(result)),)
    found = []
    trips = int(figures["round_trips"])
    if trips < FEW_TRIPS:
        found.append(_FEW.fill(name=name, n=trips, least=FEW_TRIPS))
    if _above(figures["sharpe"], HIGH_SHARPE):
        found.append(_SHARP.fill(name=name, sharpe=figures["sharpe"]))
    if _above(figures["win_rate"], HIGH_WIN_RATE) and trips >= FEW_TRIPS:
        found.append(_WINNER.fill(name=name, rate=figures["win_rate"]))
    return tuple(found + _about_execution(result, figures))


def _about_execution(result: BacktestResult, figures: Mapping[str, float]) -> list[Said]:
    name, found = result.name, []
    refused = figures["refused"] / figures["orders"]
    if refused > MANY_REFUSED:
        found.append(_REFUSED.fill(name=name, share=refused, reason=_main_reason(result)))
    dear = figures["costs"] / result.initial_cash
    if dear > DEAR:
        found.append(_DEAR.fill(name=name, share=dear))
    gross = figures["total_return"] + dear
    if gross > 0 > figures["total_return"]:
        found.append(_EATEN.fill(name=name, gross=gross))
    if figures["turnover"] > HECTIC:
        found.append(_HECTIC.fill(name=name, times=figures["turnover"]))
    if len(result.equity) < SHORT:
        found.append(_SHORT.fill(name=name, n=len(result.equity)))
    if len(result.fills) and _concentrated(result):
        found.append(_SINGLE.fill(name=name))
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
