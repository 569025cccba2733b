"""The tables of orders that were not, or not wholly, filled: how many, why, and what it cost.

A cost below 0 is money saved; it is shown as such and never set against the costs of others in silence.
"""

import math

import pandas as pd

from ..core.notes import Said
from ..core.result import REASON_WORDS
from .cells import Cell, Row, Table, Tone, cell, count, day
from .inputs import ReportInput
from .words import COLUMNS, both

_MONEY = ("refusal_cost", "refusal_of_cash", "refusal_money")
_SPAN = ("refusal_first", "refusal_last")
BY_REASON = (
    "name",
    "refusal_reason",
    "refusal_orders",
    *_MONEY,
    "refusal_share",
    "refusal_partial",
    "refusal_symbols",
    *_SPAN,
)
LARGEST = (
    "name",
    "refusal_symbol",
    "refusal_side",
    "refusal_reason",
    *_MONEY,
    "refusal_unfilled",
    "refusal_sent",
    *_SPAN,
)


def by_reason(inputs: ReportInput) -> Table | None:
    """A row a strategy and reason, and one for all reasons together; None where all orders filled."""
    frame = inputs.refusals
    if frame.empty:
        return None
    rows = []
    for name, part in frame.groupby("strategy", sort=False):
        rows += [
            _reason(inputs, values, REASON_WORDS[values["reason"]]) for _, values in part.iterrows()
        ]
        if len(part) > 1:
            rows.append(_reason(inputs, _together(inputs, str(name), part), both("all_reasons")))
    return Table(tuple(COLUMNS[key] for key in BY_REASON), tuple(rows))


def largest(inputs: ReportInput) -> Table | None:
    """The refusals that cost or saved most, or None where all orders filled."""
    frame = inputs.largest_refusals
    if frame.empty:
        return None
    sides = {"buy": both("side_buy"), "sell": both("side_sell")}
    rows = []
    for _, values in frame.iterrows():
        name, symbol, reason = (str(values[key]) for key in ("strategy", "symbol", "reason"))
        cells = (
            Cell(name, name),
            Cell(symbol, symbol),
            Cell(sides[values["side"]], str(values["side"])),
            Cell(REASON_WORDS[reason], reason),
            *_money(inputs, values),
            cell("refusal_unfilled", values["unfilled"]),
            count(int(values["orders"])),
            *_span(values),
        )
        rows.append(Row(cells))
    return Table(tuple(COLUMNS[key] for key in LARGEST), tuple(rows))


def _reason(inputs: ReportInput, values: pd.Series, reason: Said) -> Row:
    name, key = str(values["strategy"]), str(values["reason"])
    cells = (
        Cell(name, name),
        Cell(reason, key),
        count(int(values["orders"])),
        *_money(inputs, values),
        cell("refusal_share", values["share"]),
        count(int(values["partial"])),
        cell("refusal_symbols", values["symbols"]),
        *_span(values),
    )
    return Row(cells)


def _together(inputs: ReportInput, name: str, part: pd.DataFrame) -> pd.Series:
    """All reasons of a strategy in one row; a symbol counts once, so their number is read anew."""
    refused = next(result.refused for result in inputs.results if result.name == name)
    sums = part[["orders", "partial", "money", "cost", "share"]].sum()
    return pd.Series(
        {
            **sums,
            "strategy": name,
            "reason": "~",  # sorts behind every reason
            "symbols": refused["symbol"].nunique(),
            "first": part["first"].min(),
            "last": part["last"].max(),
        }
    )


def _span(values: pd.Series) -> tuple[Cell, Cell]:
    first, last = day(values["first"]), day(values["last"])
    return Cell(first, first, "soft"), Cell(last, last, "soft")


def _money(inputs: ReportInput, values: pd.Series) -> tuple[Cell, Cell, Cell]:
    cash = next(r.initial_cash for r in inputs.results if r.name == values["strategy"])
    cost = float(values["cost"])
    tone: Tone = "" if math.isnan(cost) else "bad" if cost > 0 else "good" if cost < 0 else ""
    remark = both("saved") if cost < 0 else None
    return (
        cell("refusal_cost", cost, tone, remark),
        cell("refusal_of_cash", cost / cash, tone),
        cell("refusal_money", values["money"]),
    )
