"""Strategies: one file each; signals in, target weights out."""

from ._base import Signals, Strategy, decide_on_change

__all__ = ["Signals", "Strategy", "decide_on_change"]
