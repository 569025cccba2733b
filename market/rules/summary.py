"""What applied to a symbol on a day, in words: one line a rule, with since when and who says so."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from .rows import Lot, PriceLimit, Row, Settlement, ShareFee, StampDuty, Tick, TransferFee, plain
from .ticks import exact

if TYPE_CHECKING:
    from .market_rules import MarketRules


@dataclass(frozen=True)
class RuleRow:
    """One rule as it held: what it said, since when (None: not dated), and who says so."""

    rule: str
    value: str
    since: date | None
    source: str


def summary(rules: "MarketRules", symbol: str, day: date, limit: PriceLimit | None) -> list[RuleRow]:
    """One line a rule; where no row holds, the line says "none"."""
    told = "your setting 'boards'" if symbol in rules.boards else "the code"
    again = _line("sold again", rules.row(Settlement, symbol, day))
    if symbol in rules.same_day:
        again = RuleRow("sold again", "T+0", None, "your setting 'same_day'")
    return [
        RuleRow("board", rules.board(symbol), None, told),
        _line("price limit", limit),
        _line("tick", rules.row(Tick, symbol, day)),
        _line("lot", rules.row(Lot, symbol, day)),
        again,
        RuleRow("commission", _commission(rules), None, "your setting, or the usual"),
        _line("stamp duty", rules.timeline(StampDuty, symbol).at(day)),
        _line("transfer fee", rules.timeline(TransferFee, symbol).at(day)),
        _line("fee a share", rules.timeline(ShareFee, symbol).at(day)),
        _line("dividend tax", rules.dividend_tax_row(symbol, day)),
    ]


def _line(rule: str, row: Row | None) -> RuleRow:
    if row is None:
        return RuleRow(rule, "none", None, "")
    return RuleRow(rule, row.value, row.since, row.source)


def _commission(rules: "MarketRules") -> str:
    rate = plain(exact(rules.commission) * 100)
    return f"{rate} %, at least {plain(exact(rules.commission_minimum))}"
