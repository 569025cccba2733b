"""The tear sheet of a strategy, the comparison page of a run, and the glyphs both need.

Importing this folder is cheap: QuantStats, Matplotlib and Jinja load when a page is written.
"""

from .inputs import Language, ReportInput
from .page import write_report
from .tear_sheet import TearSheetJob, write_tear_sheet, write_tear_sheets

__all__ = [
    "Language",
    "ReportInput",
    "TearSheetJob",
    "write_report",
    "write_tear_sheet",
    "write_tear_sheets",
]
