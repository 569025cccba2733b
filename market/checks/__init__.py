"""Whether bars can be trusted: by themselves (`check_bars`), against another source (`compare_bars`)."""

from .check import Finding, check_bars
from .compare import Comparison, Difference, compare_bars

__all__ = ["Comparison", "Difference", "Finding", "check_bars", "compare_bars"]
