"""The cells that tables are made of: text, the value it sorts by, and its tone.

Undefined is "n/a", never a zero; a judgement stands in words beside its figure, never in colour alone.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ..core.notes import Said
from .words import COLUMNS

Tone = Literal["", "good", "bad", "soft"]


@dataclass(frozen=True)
class Cell:
    """One cell: its text, what it sorts by, its tone, a remark in words, a link."""

    text: str | Said
    value: float | str | None = None
    tone: Tone = ""
    remark: Said | None = None
    link: str = ""


@dataclass(frozen=True)
class Row:
    """One row; `mark` says in words what is special about it."""

    cells: tuple[Cell, ...]
    mark: Said | None = None
    kind: Literal["", "benchmark", "hold"] = ""


@dataclass(frozen=True)
class Table:
    """Headings (with a one-sentence meaning, may be empty) and rows."""

    heads: tuple[tuple[Said, Said], ...]
    rows: tuple[Row, ...]


NONE = "n/a"
_MINUS = "\u2013"  # the true minus sign is as wide as a character in a Chinese font


def _fixed(value: float, digits: int) -> str:
    # "z": what rounds to nothing has no sign.
    return f"{value:z,.{digits}f}".replace("-", _MINUS)


def _number(digits: int) -> Callable[[float], str]:
    return lambda value: _fixed(value, digits)


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage; "n/a" where undefined."""
    return NONE if math.isnan(value) else f"{_fixed(value * 100, digits)}\u00a0%"


_FORMATS: dict[str, Callable[[float], str]] = {
    **dict.fromkeys(
        ("total_return", "cagr", "volatility", "max_drawdown", "exposure", "win_rate", "excess_return"),
        percent,
    ),
    **dict.fromkeys(("accuracy", "base_rate", "majority", "hits"), percent),
    **dict.fromkeys(("coverage", "measured"), percent),
    "train_seconds": lambda seconds: _fixed(seconds, 0 if seconds >= 100 else 1),
    **dict.fromkeys(("idle_cash", "last_cash", "refusal_share"), percent),
    "refusal_of_cash": lambda share: percent(share, 2),
    **dict.fromkeys(("same_session", "last_three", "next_session"), _number(2)),
    **dict.fromkeys(("sharpe", "sortino", "calmar", "beta", "turnover"), _number(2)),
    **dict.fromkeys(
        ("orders", "fills", "refused", "round_trips", "n", "seed", "texts", "horizon"), _number(0)
    ),
    **dict.fromkeys(("costs", "dividends", "dividend_tax", "final_equity"), _number(0)),
    **dict.fromkeys(
        ("refusal_symbols", "refusal_unfilled", "refusal_money", "refusal_cost"), _number(0)
    ),
    **dict.fromkeys(("balanced_accuracy", "balanced_classes", "mcc", "brier", "brier_base"), _number(3)),
    **dict.fromkeys(("relative_mae", "relative_rmse", "ic"), _number(3)),
    **dict.fromkeys(("p_value", "ic_p_value"), lambda p: "< 0.001" if p < 0.001 else f"{p:.3f}"),
}


def cell(column: str, value: object, tone: Tone = "", remark: Said | None = None) -> Cell:
    """A figure in the form of its column; "n/a" where it is not a number."""
    number = float(value) if isinstance(value, int | float | np.number) else math.nan
    if math.isnan(number):
        return Cell(NONE, None, "soft")
    if math.isinf(number):
        return Cell("∞" if number > 0 else f"{_MINUS}∞", number, tone, remark)
    return Cell(_FORMATS[column](number), number, tone, remark)


def count(number: int) -> Cell:
    """A plain count, faint where it is zero."""
    return Cell(f"{number:,}", float(number), "" if number else "soft")


def plain_heads(keys: Sequence[str]) -> tuple[tuple[Said, Said], ...]:
    """Headings by key, without their sentence."""
    return tuple((COLUMNS[key][0], Said("", "")) for key in keys)


def span(first: pd.Timestamp, last: pd.Timestamp) -> Cell:
    """Two days, "n/a" where one is unknown."""
    if pd.isna(first) or pd.isna(last):
        return Cell(NONE, None, "soft")
    return Cell(f"{day(first)} – {day(last)}", day(first))


def day(moment: object) -> str:
    """A day as text, "n/a" where unknown."""
    return NONE if moment is None or pd.isna(moment) else f"{pd.Timestamp(str(moment)):%Y-%m-%d}"
