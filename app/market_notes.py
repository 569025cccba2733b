"""How true to the market a run is: prices, limits, lots, dividends, and what left the exchange."""

from collections.abc import Iterable, Sequence

import pandas as pd

from ..backtests import Broker
from ..core import BacktestResult, Bars
from ..core.notes import Said
from ..market import MarketRules

_FEW = 5  # symbols named in one sentence
_WITH_LIMITS = ("XSHG", "XTAI")

_ADJUSTED_SOURCE = Said(
    "The source gives adjusted prices only: orders and costs are counted in prices that were never "
    "traded, and what dividends, splits and their taxes did to the account is not known.",
    "数据源只有复权价：委托与费用均按并非真实成交的价格计算，股息、送转与红利税对账户的影响无从得知。",
)
_ADJUSTED_LIMITS = Said(
    "Price limits are taken from adjusted closes, because the experiment asks for them (limits = true): "
    "they are right to about 0.2 %.",
    "按实验要求（limits = true）以复权收盘价推算涨跌停，误差约 0.2 %。",
)
_ADJUSTED_LOTS = Said(
    "Lots are counted in adjusted prices, because the experiment asks for them (lots = true): so many "
    "shares could not have been bought for this money.",
    "按实验要求（lots = true）以复权价计算手数：当时这笔资金买不到这个股数。",
)
_NO_LIMITS = Said(
    "Daily price limits are not enforced ({why}): fills on limit-up and limit-down days are too kind.",
    "未执行涨跌停限制（{why}）：涨停、跌停日的成交过于乐观。",
)
_BY_OPTION = Said("limits = false", "limits = false")
_BY_SOURCE = Said("they hold for raw prices only", "仅适用于未复权价")
_INDEX = Said(
    "{names}: an index level cannot be bought, and a fund on it differs by fees and tracking.",
    "{names}：指数点位不可直接买入，实际指数基金会有费用与跟踪误差。",
)
_FRACTIONS = Said(
    "Fractions of a share are traded, which no exchange accepts.",
    "按小数份额交易，任何交易所都不接受。",
)
_REINVESTED = Said(
    "{names}: corporate actions are known from the adjustment factor only. Each is counted as shares "
    "reinvested at the reference price: without tax, cash or the choice of rights.",
    "{names}：公司行动只能由复权因子得知，一律按除权参考价再投资为股份计算，不计税、不派现，也不涉及配股选择。",
)
_BY_CHOICE = Said(
    "Dividends are reinvested at the reference price, without tax, because the experiment asks for it.",
    "按实验要求，股息以除权参考价再投资，且不计税。",
)
_ENDED = Said(
    "Still held at the end, but without a bar since then and without a known day of delisting: {names}. "
    "Valued at the last close, at which nobody may buy.",
    "期末仍持有，但此后没有行情且退市日未知：{names}。按最后收盘价估值，未必有人接手。",
)
_DELISTED = Said(
    "{names}: left the exchange while held, and paid out at {share:.0%} of the last close, which is an "
    "assumption (delisting_value).",
    "{names}：持有期间退市，按最后收盘价的 {share:.0%} 兑付，此比例为假设（delisting_value）。",
)
_AT_CLOSE = Said(
    "Orders fill at the close of the session after the decision, not at its open: nobody can be sure of "
    "trading at exactly that price.",
    "委托在决策后下一交易日的收盘价成交，而非开盘价：实际未必能恰好以收盘价成交。",
)


def market_notes(
    broker: Broker, rules: MarketRules, bars: Bars, results: Sequence[BacktestResult]
) -> list[Said]:
    """What a reader must know of prices and fills before the numbers; none where all is as traded."""
    settled = broker.resolved(bars)
    notes = _about_adjusted(settled) if bars.adjustment == "adjusted" else []
    indices = [s for s in bars.symbols if rules.board(s) == "index"]
    if indices:
        notes.append(_INDEX.fill(names=_few(indices)))
    if len(indices) < len(bars.symbols):
        notes += _about_shares(settled, bars)
    if broker.fill == "next_close":
        notes.append(_AT_CLOSE)
    return notes + _about_companies(broker, results) + _about_ends(broker, bars, results)


def _about_adjusted(settled: Broker) -> list[Said]:
    asked = ((settled.limits, _ADJUSTED_LIMITS), (settled.lots, _ADJUSTED_LOTS))
    return [_ADJUSTED_SOURCE, *(said for on, said in asked if on)]


def _about_shares(settled: Broker, bars: Bars) -> list[Said]:
    notes = [] if settled.lots else [_FRACTIONS]
    if not settled.limits and bars.calendar in _WITH_LIMITS:
        why = _BY_SOURCE if bars.adjustment == "adjusted" else _BY_OPTION
        notes.append(_NO_LIMITS.fill(why=why))
    return notes


def _about_companies(broker: Broker, results: Sequence[BacktestResult]) -> list[Said]:
    notes = []
    if broker.dividends == "reinvest":
        notes.append(_BY_CHOICE)
    reinvested = {s for result in results for s in result.conditions.get("reinvested", ())}
    if reinvested:
        notes.append(_REINVESTED.fill(names=_few(sorted(reinvested))))
    return notes


def _about_ends(broker: Broker, bars: Bars, results: Sequence[BacktestResult]) -> list[Said]:
    gone = {s for r in results for s in r.actions.loc[r.actions["kind"] == "delisted", "symbol"]}
    ended: dict[str, pd.Timestamp] = {}
    for result in results:
        last = result.equity.index[-1]
        for symbol in result.positions.loc[result.positions["session"] == last, "symbol"]:
            traded = bars.one(symbol).loc[:last].index[-1]
            listing = bars.listings.get(symbol)
            if traded < last and (listing is None or listing.delisted is None):
                ended[symbol] = traded
    notes = []
    if gone:
        notes.append(_DELISTED.fill(names=_few(sorted(gone)), share=broker.delisting_value))
    if ended:
        notes.append(_ENDED.fill(names=_few(f"{s} ({ended[s]:%Y-%m-%d})" for s in sorted(ended))))
    return notes


def _few(names: Iterable[str]) -> Said:
    """The first names, and how many more there are."""
    listed = list(names)
    english, chinese = ", ".join(listed[:_FEW]), "、".join(listed[:_FEW])
    if len(listed) <= _FEW:
        return Said(english, chinese)
    return Said(f"{english} and {len(listed) - _FEW} more", f"{chinese} 等 {len(listed)} 个")
