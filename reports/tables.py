"""The tables of the page.

Nothing is sugar-coated: a figure that is worse than doing nothing carries the tone "bad" and the words
that say so.
"""

import math

import numpy as np
import pandas as pd

from ..core.calendar import PER_YEAR, sessions
from ..core.notes import Said
from .cells import Cell, Row, Table, Tone, cell, count, day, plain_heads, span
from .inputs import ReportInput
from .summary import benchmark_figures, in_window, is_hold
from .words import COLUMNS, both, named

PERFORMANCE = (
    "total_return",
    "excess_return",
    "costs",
    "dividends",
    "dividend_tax",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "beta",
    "exposure",
    "idle_cash",
    "last_cash",
    "turnover",
    "round_trips",
    "win_rate",
    "orders",
    "fills",
    "refused",
    "final_equity",
)
_IF_ANY = ("dividends", "dividend_tax")


def strategies(inputs: ReportInput) -> Table:
    """Strategies by return, best first, the benchmark among them."""
    shown = _columns(inputs.performance)
    figures = benchmark_figures(in_window(inputs), PER_YEAR[inputs.bars.calendar])
    rows: list[tuple[float, Row]] = []
    for result in inputs.results:
        values = inputs.performance.loc[result.name]
        cells = tuple(cell(c, values[c], _return_tone(c, values[c])) for c in shown)
        hold = is_hold(result.name)
        mark = both("mark_idle") if result.fills.empty else both("mark_hold") if hold else None
        sheet = inputs.tear_sheets.get(result.name, "")
        name = Cell(result.name, result.name, link=sheet)
        row = Row((name, *cells), mark, "hold" if hold else "")
        rows.append((float(values.get("total_return", math.nan)), row))
    if figures:
        # What a benchmark has no say in (orders, costs) stays empty rather than undefined.
        cells = tuple(cell(c, figures[c]) if c in figures else Cell("") for c in shown)
        name = Cell(named(inputs.benchmark.name), str(inputs.benchmark.name))
        line = Row((name, *cells), both("mark_benchmark"), "benchmark")
        rows.append((figures["total_return"], line))
    rows.sort(key=lambda pair: (math.isnan(pair[0]), -pair[0]))
    heads = (COLUMNS["name"], *(COLUMNS[c] for c in shown))
    return Table(heads, tuple(row for _, row in rows))


def _columns(performance: pd.DataFrame) -> list[str]:
    """What there is to show; dividends and their tax only where somebody had any."""
    paid = [c for c in _IF_ANY if c in performance.columns and performance[c].fillna(0.0).any()]
    return [c for c in PERFORMANCE if c in performance.columns and (c in paid or c not in _IF_ANY)]


def _return_tone(column: str, value: object) -> Tone:
    if column != "excess_return" or not isinstance(value, int | float | np.number):
        return ""
    return "bad" if float(value) < 0 else "good" if float(value) > 0 else ""


def data(inputs: ReportInput) -> Table:
    """One row a symbol: what the bars cover and what they lack."""
    bars = inputs.bars
    expected = sessions(bars.calendar, bars.sessions[0], bars.sessions[-1])
    rows = []
    for symbol in bars.symbols:
        one = bars.one(symbol)
        first, last = one.index[0], one.index[-1]
        due = int(((expected >= first) & (expected <= last)).sum())
        counts = (
            due - len(one),
            int(one["suspended"].sum()),
            int((one["volume"] == 0).sum()),
            int(one["st"].sum()),
        )
        rows.append(
            Row(
                (
                    Cell(symbol, symbol),
                    Cell(day(first), day(first)),
                    Cell(day(last), day(last)),
                    count(len(one)),
                    *(count(c) for c in counts),
                    Cell(f"{one['close'].iloc[-1]:,.2f}", float(one["close"].iloc[-1])),
                )
            )
        )
    keys = (
        "symbol",
        "first",
        "last",
        "sessions",
        "missing",
        "suspended",
        "no_volume",
        "st",
        "last_close",
    )
    return Table(plain_heads(keys), tuple(rows))


def fits(inputs: ReportInput) -> Table | None:
    """What each model and seed was fitted on, first and last fold."""
    if inputs.forecasts is None:
        return None
    rows = []
    for (model, seed), part in inputs.forecasts.frame.groupby(["model", "seed"], sort=True):
        order = part.sort_values(["fold", "session"])
        first, last = order.iloc[0], order.iloc[-1]
        rows.append(
            Row(
                (
                    Cell(str(model), str(model)),
                    Cell(str(seed), float(seed)),
                    count(int(part["fold"].nunique())),
                    span(first["fit_start"], first["fit_end"]),
                    span(last["fit_start"], last["fit_end"]),
                    span(part["session"].min(), part["session"].max()),
                )
            )
        )
    keys = ("model", "seed", "folds", "first_fit", "last_fit", "forecasts")
    return Table(plain_heads(keys), tuple(rows))


def alignment(inputs: ReportInput) -> Table | None:
    """Correlations of the panic index with returns, or None without an index."""
    keys = ("scope", "audience", "n", "same_session", "last_three", "next_session")
    frame = inputs.alignment
    if frame.empty:
        return None
    order = {"market": 0, "public": 0, "institution": 1, "all": 2}
    shown = frame[~_same_as_other(frame)].sort_values(
        ["scope", "audience"], key=lambda names: names.map(lambda n: (order.get(n, 1), n)), kind="stable"
    )
    return _plain(shown, keys)


def _same_as_other(frame: pd.DataFrame) -> pd.Series:
    """Rows of everyone in a scope that has one audience only: the same texts twice."""
    audiences = frame.groupby("scope")["audience"].transform("nunique")
    return (frame["audience"] == "all") & (audiences == 2)


def classifier_check(inputs: ReportInput) -> Table | None:
    """The classifier on texts labelled by hand, against always saying the majority class, or None."""
    keys = ("symbol", "texts", "hits", "majority", "balanced_classes")
    names = {"accuracy": "hits", "balanced_accuracy": "balanced_classes"}
    return _plain(inputs.classifier_check.rename(columns=names), keys)


def _plain(frame: pd.DataFrame, keys: tuple[str, ...]) -> Table | None:
    if frame.empty:
        return None
    words = ("scope", "symbol", "audience")
    rows = []
    for _, values in frame.iterrows():
        cells = [
            Cell(_name(k, values[k]), str(values[k])) if k in words else cell(k, values[k]) for k in keys
        ]
        if "hits" in keys and values["hits"] <= values["majority"]:
            cells[keys.index("hits")] = cell("hits", values["hits"], "bad", both("below_majority"))
        rows.append(Row(tuple(cells)))
    return Table(tuple(COLUMNS[key] for key in keys), tuple(rows))


def _name(column: str, value: object) -> Said:
    return both("all_texts") if (column, value) == ("symbol", "all") else named(value)
