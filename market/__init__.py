"""Bars: where they come from, where they are kept, whether they are sound, how they may be traded."""

from .bar_file import read_bars, write_bars
from .checks import Comparison, Difference, Finding, check_bars, compare_bars
from .instruments import board_of
from .loading import load_bars
from .rules import Costs, MarketRules, RuleRow, price_bands, reference_prices, rules_for
from .sources._base import BarSource
from .store import BarStore, SymbolUpdate, UpdateReport

__all__ = [
    "BarSource",
    "BarStore",
    "Comparison",
    "Costs",
    "Difference",
    "Finding",
    "MarketRules",
    "RuleRow",
    "SymbolUpdate",
    "UpdateReport",
    "board_of",
    "check_bars",
    "compare_bars",
    "load_bars",
    "price_bands",
    "read_bars",
    "reference_prices",
    "rules_for",
    "write_bars",
]
