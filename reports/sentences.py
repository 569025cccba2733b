"""The warnings at the top: which names a sentence is about, and how many are shown at once.

A warning may open with the results or models it concerns ("a, b: costs above ..."), the same in both
languages.  They are told apart from other sentences with a colon by being names of this very run.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from ..core.notes import Said
from .inputs import ReportInput

MOST = 8
FIRST = 6


@dataclass(frozen=True)
class Warned:
    """One warning: the names that it opens with (may be none), and what it says of them."""

    names: tuple[str, ...]
    said: Said


def warned(inputs: ReportInput) -> tuple[tuple[Warned, ...], tuple[Warned, ...]]:
    """Warnings shown at once and warnings folded away: more than eight show the first six."""
    known = {result.name for result in inputs.results}
    if "model" in inputs.quality:
        known |= set(inputs.quality["model"].astype(str))
    lines = tuple(_parted(said, known) for said in inputs.warnings)
    return (lines, ()) if len(lines) <= MOST else (lines[:FIRST], lines[FIRST:])


def _parted(said: Said, known: Collection[str]) -> Warned:
    opening, mark, english = said.en.partition(": ")
    opening_zh, mark_zh, chinese = said.zh.partition("：")
    names = tuple(opening.split(", "))
    same = tuple(re.split("、|, ", opening_zh)) == names
    if not (mark and mark_zh and same) or any(name not in known for name in names):
        return Warned((), said)
    return Warned(names, Said(english, chinese))
