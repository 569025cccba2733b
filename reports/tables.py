"""The tables of the page, as rows of cells: text, the value it sorts by, and its tone.

Nothing is sugar-coated: a figure that is worse than doing nothing carries the tone "bad" and the words
that say so.  Undefined is a dash, never a zero.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ..core.calendar import PER_YEAR, sessions
from .inputs import ReportInput
from .words import COLUMNS, REASONS, Said, both

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


def _number(digits: int) -> Callable[[float], str]:
    return lambda value: f"{value:,.{digits}f}".replace("-", "\u2212")


def percent(value: float, digits: int = 1) -> str:
    """A share as a percentage with a true minus sign; a dash where undefined."""
    return "–" if math.isnan(value) else f"{value * 100:,.{digits}f} %".replace("-", "\u2212")


_FORMATS: dict[str, Callable[[float], str]] = {
    **dict.fromkeys(
        ("total_return", "cagr", "volatility", "max_drawdown", "exposure", "win_rate", "excess_return"),
        percent,
    ),
    **dict.fromkeys(("accuracy", "base_rate"), percent),
    **dict.fromkeys(("sharpe", "sortino", "calmar", "beta", "turnover"), _number(2)),
    **dict.fromkeys(("orders", "fills", "refused", "round_trips", "n", "seed"), _number(0)),
    **dict.fromkeys(("costs", "final_equity"), _number(0)),
    **dict.fromkeys(("balanced_accuracy", "mcc", "brier", "brier_base"), _number(3)),
    **dict.fromkeys(("relative_mae", "relative_rmse", "ic"), _number(3)),
    **dict.fromkeys(("p_value", "ic_p_value"), lambda p: "< 0.001" if p < 0.001 else f"{p:.3f}"),
}
PERFORMANCE = (
    "total_return",
    "excess_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "beta",
    "exposure",
    "turnover",
    "round_trips",
    "win_rate",
    "orders",
    "fills",
    "refused",
    "costs",
    "final_equity",
)
QUALITY = (
    "n",
    "accuracy",
    "base_rate",
    "p_value",
    "balanced_accuracy",
    "mcc",
    "brier",
    "brier_base",
    "relative_mae",
    "relative_rmse",
    "ic",
    "ic_p_value",
)


def _cell(column: str, value: object, tone: Tone = "", remark: Said | None = None) -> Cell:
    number = float(value) if isinstance(value, int | float | np.number) else math.nan
    if math.isnan(number):
        return Cell("–", None, "soft")
    if math.isinf(number):
        return Cell("∞" if number > 0 else "\u2212∞", number, tone, remark)
    return Cell(_FORMATS[column](number), number, tone, remark)


def benchmark_figures(returns: pd.Series, per_year: int) -> dict[str, float]:
    """The benchmark's own row: simple returns over the tested window, without costs."""
    values = returns.dropna().to_numpy(dtype=float)
    if len(values) < 2:
        return {}
    wealth = np.concatenate([[1.0], np.cumprod(1 + values)])
    deviation = float(np.std(values, ddof=1))
    drawdown = float((wealth / np.maximum.accumulate(wealth) - 1).min())
    cagr = float(wealth[-1] ** (per_year / len(values)) - 1)
    downside = float(np.sqrt(np.mean(np.minimum(values, 0) ** 2)))
    scale = math.sqrt(per_year) * float(values.mean())
    return {
        "total_return": float(wealth[-1] - 1),
        "cagr": cagr,
        "volatility": deviation * math.sqrt(per_year),
        "sharpe": scale / deviation if deviation > 1e-12 else math.nan,
        "sortino": scale / downside if downside > 1e-12 else math.nan,
        "max_drawdown": drawdown,
        "calmar": cagr / -drawdown if drawdown < 0 else math.nan,
    }


def in_window(inputs: ReportInput) -> pd.Series:
    """The benchmark's returns inside the tested window."""
    first, last = inputs.window
    return inputs.benchmark.loc[first:last]


def strategies(inputs: ReportInput) -> Table:
    """Strategies by return, best first, the benchmark among them."""
    shown = [c for c in PERFORMANCE if c in inputs.performance.columns]
    figures = benchmark_figures(in_window(inputs), PER_YEAR[inputs.bars.calendar])
    rows: list[tuple[float, Row]] = []
    for result in inputs.results:
        values = inputs.performance.loc[result.name]
        cells = tuple(_cell(c, values[c], _return_tone(c, values[c])) for c in shown)
        hold = _is_hold(result.name)
        mark = both("mark_idle") if result.fills.empty else both("mark_hold") if hold else None
        sheet = inputs.tear_sheets.get(result.name, "")
        name = Cell(result.name, result.name, link=sheet)
        row = Row((name, *cells), mark, "hold" if hold else "")
        rows.append((float(values.get("total_return", math.nan)), row))
    if figures:
        cells = tuple(_cell(c, figures.get(c, math.nan)) for c in shown)
        name = Cell(str(inputs.benchmark.name), str(inputs.benchmark.name))
        line = Row((name, *cells), both("mark_benchmark"), "benchmark")
        rows.append((figures["total_return"], line))
    rows.sort(key=lambda pair: (math.isnan(pair[0]), -pair[0]))
    heads = (COLUMNS["name"], *(COLUMNS[c] for c in shown))
    return Table(heads, tuple(row for _, row in rows))


def _return_tone(column: str, value: object) -> Tone:
    if column != "excess_return" or not isinstance(value, int | float | np.number):
        return ""
    return "bad" if float(value) < 0 else "good" if float(value) > 0 else ""


def _is_hold(name: str) -> bool:
    plain = name.lower().replace("-", "_").replace(" ", "_").replace("&", "and")
    return plain.startswith(("buy_and_hold", "买入持有"))


def quality(inputs: ReportInput) -> Table | None:
    """Forecast quality by model and seed, or None without forecasts."""
    frame = inputs.quality
    if frame.empty:
        return None
    shown = [c for c in QUALITY if c in frame.columns]
    seeds = len(set(frame["seed"])) > 1 or frame["model"].duplicated().any()
    rows = []
    for _, values in frame.iterrows():
        lead = [Cell(str(values["model"]), str(values["model"]))]
        if seeds:
            lead.append(_cell("seed", values["seed"]))
        dates = [Cell(_day(values.get(c)), _day(values.get(c)), "soft") for c in ("first", "last")]
        rows.append(Row((*lead, *(_judged(c, values) for c in shown), *dates)))
    heads = [COLUMNS["model"], *([COLUMNS["seed"]] if seeds else []), *(COLUMNS[c] for c in shown)]
    return Table((*heads, COLUMNS["first"], COLUMNS["last"]), tuple(rows))


def _judged(column: str, values: pd.Series) -> Cell:
    """A figure with its verdict beside it."""
    value = values[column]
    if pd.isna(value):
        return _cell(column, math.nan)
    if column == "accuracy" and value < values["base_rate"]:
        return _cell(column, value, "bad", both("below_base"))
    if column == "accuracy" and value > values["base_rate"] and values["p_value"] < 0.05:
        return _cell(column, value, "good")
    if column in ("relative_mae", "relative_rmse") and value > 1:
        return _cell(column, value, "bad", both("worse_last"))
    if column == "brier" and value > values.get("brier_base", math.nan):
        return _cell(column, value, "bad")
    if column in ("p_value", "ic_p_value") and value >= 0.05:
        return _cell(column, value, "soft")
    return _cell(column, value)


def refusals(inputs: ReportInput) -> Table | None:
    """Orders not filled by strategy and reason, or None where all were filled."""
    counts = {
        result.name: result.refused["reason"].value_counts()
        for result in inputs.results
        if len(result.refused)
    }
    if not counts:
        return None
    reasons = [r for r in REASONS if any(r in c.index for c in counts.values())]
    rows = []
    for name, count in counts.items():
        cells = [_count(int(count.get(reason, 0))) for reason in reasons]
        rows.append(Row((Cell(name, name), *cells, _count(int(count.sum())))))
    empty = Said("", "")
    heads = [COLUMNS["name"], *((REASONS[r], empty) for r in reasons)]
    return Table((*heads, (COLUMNS["refused"][0], empty)), tuple(rows))


def _count(number: int) -> Cell:
    return Cell(f"{number:,}", float(number)) if number else Cell("–", 0.0, "soft")


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
                    Cell(_day(first), _day(first)),
                    Cell(_day(last), _day(last)),
                    _count(len(one)),
                    *(_count(c) for c in counts),
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
    return Table(_plain_heads(keys), tuple(rows))


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
                    _count(int(part["fold"].nunique())),
                    _span(first["fit_start"], first["fit_end"]),
                    _span(last["fit_start"], last["fit_end"]),
                    _span(part["session"].min(), part["session"].max()),
                )
            )
        )
    keys = ("model", "seed", "folds", "first_fit", "last_fit", "forecasts")
    return Table(_plain_heads(keys), tuple(rows))


def _plain_heads(keys: Sequence[str]) -> tuple[tuple[Said, Said], ...]:
    return tuple((COLUMNS[key][0], Said("", "")) for key in keys)


def _span(first: pd.Timestamp, last: pd.Timestamp) -> Cell:
    if pd.isna(first) or pd.isna(last):
        return Cell("–", None, "soft")
    return Cell(f"{_day(first)} – {_day(last)}", _day(first))


def _day(moment: object) -> str:
    return "–" if moment is None or pd.isna(moment) else f"{pd.Timestamp(str(moment)):%Y-%m-%d}"


def in_short(inputs: ReportInput) -> tuple[Said, ...]:
    """Three to five sentences that a hurried reader may rely on."""
    said = _short_returns(inputs) if inputs.results else [both("short_nothing")]
    frame = inputs.quality
    if not frame.empty:
        known = frame.dropna(subset=["p_value"])
        if len(known):
            better = (known["accuracy"] > known["base_rate"]) & (known["p_value"] < 0.05)
            chance = f"{0.05 * len(known):.1f}".rstrip("0").rstrip(".")
            said.append(both("short_direction", k=int(better.sum()), n=len(known), chance=chance))
        priced = frame["relative_mae"].dropna()
        if len(priced):
            said.append(both("short_error", k=int((priced < 1).sum()), n=len(priced)))
    orders = sum(len(r.orders) for r in inputs.results)
    refused = sum(len(r.refused) for r in inputs.results)
    if refused:
        said.append(both("short_refused", refused=f"{refused:,}", orders=f"{orders:,}"))
    return tuple(said)


def _short_returns(inputs: ReportInput) -> list[Said]:
    totals = inputs.performance["total_return"].astype(float).loc[[r.name for r in inputs.results]]
    base = float((1 + in_window(inputs).dropna()).prod() - 1)
    if totals.notna().sum() == 0:
        return []
    facts = {
        "n": len(totals),
        "name": totals.idxmax(),
        "total": percent(float(totals.max())),
        "benchmark": str(inputs.benchmark.name),
        "base": percent(base),
    }
    if len(totals) == 1:
        return [both("short_only", **facts)]
    beat = both("short_beat", k=int((totals > base).sum()), n=len(totals))
    return [both("short_best", **facts), beat]
