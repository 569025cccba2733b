"""Plain sentences about results that deserve suspicion.

The thresholds are rules of thumb, not tests: below 30 round trips a win rate says little, and daily
strategies on liquid markets with a Sharpe ratio above 3 are, nearly always, a defect somewhere.
"""

import math
from collections.abc import Mapping

from ..core import BacktestResult
from ..core.notes import Said
from ..core.result import REASON_WORDS

FEW_TRIPS = 30
HIGH_SHARPE = 3.0
HIGH_WIN_RATE = 0.8
MANY_REFUSED = 0.2
DEAR = 0.1  # costs, as a share of the initial cash
HECTIC = 50.0  # turnover a year
SHORT = 250  # sessions


_NEVER = Said("never traded", "从未成交")
_ALL_REFUSED = Said(
    "never traded: every order was refused, most often for: {reason}",
    "从未成交：所有委托均被拒，最常见原因为{reason}",
)
_FEW = Said(
    "fewer than {least} round trips: win rate and returns may be luck",
    "完整买卖不足 {least} 次：胜率与收益可能只是运气",
)
_SHARP = Said(
    "a Sharpe ratio above {limit:g}: look for look-ahead before believing it",
    "夏普比率高于 {limit:g}：请先排查未来函数再相信它",
)
_WINNER = Said(
    "more than {limit:.0%} of round trips won: look for look-ahead, or for rare large losses",
    "胜率高于 {limit:.0%}：请排查未来函数，或罕见的巨额亏损",
)
_REFUSED = Said(
    "more than {limit:.0%} of orders refused, most often for {reason}: not tradable as decided",
    "超过 {limit:.0%} 的委托被拒，最常见原因为{reason}：无法按决策成交",
)
_DEAR = Said("costs above {limit:.0%} of the initial cash", "费用超过初始资金的 {limit:.0%}")
_EATEN = Said("a loss made by costs: without them there is a gain", "亏损来自费用：若无费用则为盈利")
_HECTIC = Said(
    "capital turned over more than {limit:g} times a year: small errors in costs or slippage decide",
    "年换手超过 {limit:g} 次：费用或滑点的微小误差即可左右结果",
)
_SHORT = Said("{n} sessions only: annualised figures exaggerate", "仅运行 {n} 个交易日：年化数字会夸大")
_SINGLE = Said("more than half of the profit from a single round trip", "一半以上的盈利来自单次买卖")


def suspicions(result: BacktestResult, figures: Mapping[str, float]) -> tuple[Said, ...]:
    """What a careful reader would ask about a result; each says a thing once, without the result's name.

    So the same remark about several results is one sentence of a report.  `figures` are those of
    `performance`.  A strategy that never traded gets that one remark only.
    """
    if not figures["fills"]:
        if not figures["orders"]:
            return (_NEVER,)
        return (_ALL_REFUSED.fill(reason=_main_reason(result)),)
    found = []
    if figures["round_trips"] < FEW_TRIPS:
        found.append(_FEW.fill(least=FEW_TRIPS))
    if _above(figures["sharpe"], HIGH_SHARPE):
        found.append(_SHARP.fill(limit=HIGH_SHARPE))
    if _above(figures["win_rate"], HIGH_WIN_RATE) and figures["round_trips"] >= FEW_TRIPS:
        found.append(_WINNER.fill(limit=HIGH_WIN_RATE))
    return tuple(found + _about_execution(result, figures))


def _about_execution(result: BacktestResult, figures: Mapping[str, float]) -> list[Said]:
    found = []
    if figures["refused"] / figures["orders"] > MANY_REFUSED:
        found.append(_REFUSED.fill(limit=MANY_REFUSED, reason=_main_reason(result)))
    dear = figures["costs"] / result.initial_cash
    if dear > DEAR:
        found.append(_DEAR.fill(limit=DEAR))
    if figures["total_return"] + dear > 0 > figures["total_return"]:
        found.append(_EATEN)
    if figures["turnover"] > HECTIC:
        found.append(_HECTIC.fill(limit=HECTIC))
    if len(result.equity) < SHORT:
        found.append(_SHORT.fill(n=len(result.equity)))
    if len(result.fills) and _concentrated(result):
        found.append(_SINGLE)
    return found


def _concentrated(result: BacktestResult) -> bool:
    from .performance import round_trips

    profits = round_trips(result)["profit"]
    gained = float(profits.sum())
    return len(profits) > 2 and gained > 0 and float(profits.max()) > gained / 2


def _main_reason(result: BacktestResult) -> Said:
    refused = result.orders.loc[result.orders["status"] == "refused", "reason"]
    return REASON_WORDS[str(refused.mode().iloc[0])]


def _above(value: float, limit: float) -> bool:
    return not math.isnan(value) and value > limit
