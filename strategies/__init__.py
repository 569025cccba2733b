"""Strategies: one file each; signals in, target weights out."""

from ._base import Signals, Strategy

__all__ = ["Signals", "Strategy"]
