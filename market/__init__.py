"""Bars: where they come from, where they are kept, whether they are sound, how they may be traded."""

from .bar_file import read_bars, write_bars
from .check import Finding, check_bars
from .instruments import board_of
from .loading import load_bars
from .rules import Costs, MarketRules, rules_for
from .sources._base import BarSource
from .store import BarStore, SymbolUpdate, UpdateReport

__all__ = [
    "BarSource",
    "BarStore",
    "Costs",
    "Finding",
    "MarketRules",
    "SymbolUpdate",
    "UpdateReport",
    "board_of",
    "check_bars",
    "load_bars",
    "read_bars",
    "rules_for",
    "write_bars",
]
