"""The numbers behind the charts of the page, small enough to carry inside it.

One calendar of sessions for everything; each series is a start position on it and a list of rounded
numbers, null where there is no value (a gap in the chart, never a line across it).  Prices are as
traded, with the steps of the adjustment factor beside them, so the page can show either.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from ..core import BacktestResult, Bars, PanicIndex
from ..core.panic import MARKET
from .encoding import calendar_steps, rounded
from .forecast_charts import forecast_payload
from .inputs import ReportInput
from .words import both, named

RED_UP = ("XSHG", "XTAI")
_BEFORE = 120  # sessions of price shown before the tested window
_MOST_CANDLES = 24_000  # about 1 MB of page; more symbols than fit are left to the files of the run
_SLIP = 0.01  # a fill may lie this far outside its bar: slippage
_JS_WORDS = (
    "symbol",
    "strategy",
    "no_trades",
    "audience_all",
    "audience_public",
    "audience_institution",
    "scope_market",
    "buy",
    "sell",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "panic",
    "no_value",
    "drawdown",
    "benchmark",
    "more_columns",
    "forecast",
    "actual",
    "interval",
    "p_up",
    "step",
    "of_open",
    "of_high",
    "of_low",
    "of_close",
    "of_mid",
    "of_expected",
)


def payload(inputs: ReportInput) -> dict[str, Any]:
    """Everything the charts draw, JSON-like; `drawn` names the symbols with candles."""
    bars, drawn = _drawn_bars(inputs)
    calendar = bars.sessions
    for result in inputs.results:
        calendar = calendar.union(pd.DatetimeIndex(result.equity.index))
    names = [r.name for r in inputs.results]
    first = min((r.equity.index[0] for r in inputs.results), default=calendar[0])
    return {
        "sessions": calendar_steps(calendar),
        "from": int(calendar.searchsorted(first)),
        "up": "red" if inputs.bars.calendar in RED_UP else "green",
        "adjustment": bars.adjustment,
        "symbols": {s: _candles(bars, s, calendar) for s in drawn},
        "strategies": names,
        "equity": {
            r.name: _curve(r.equity["equity"] / r.initial_cash, calendar) for r in inputs.results
        },
        "trades": {r.name: _trades(r, bars, drawn, calendar) for r in inputs.results},
        "benchmark": _benchmark(inputs, calendar),
        "panic": {} if inputs.panic is None else _panic(inputs.panic, drawn, calendar),
        "forecasts": forecast_payload(inputs, drawn),
        "words": {key: [both(key).en, both(key).zh] for key in _JS_WORDS},
    }


def _drawn_bars(inputs: ReportInput) -> tuple[Bars, tuple[str, ...]]:
    """Bars from a little before the window on, and the symbols that fit, most traded first."""
    first, last = inputs.window
    known = inputs.bars.sessions
    start = known[max(0, int(known.searchsorted(first)) - _BEFORE)]
    bars = inputs.bars.between(start, max(last, start))
    fills = [r.fills["symbol"] for r in inputs.results if not r.fills.empty]
    traded = pd.concat(fills).value_counts() if fills else pd.Series(dtype=int)
    order = sorted(bars.symbols, key=lambda s: (-int(traded.get(s, 0)), s))
    sizes = bars.frame.groupby(level="symbol", sort=False).size()
    kept: list[str] = []
    total = 0
    for symbol in order:
        total += int(sizes[symbol])
        if kept and total > _MOST_CANDLES:
            break
        kept.append(symbol)
    return bars.select(kept), tuple(sorted(kept))


def _candles(bars: Bars, symbol: str, calendar: pd.DatetimeIndex) -> dict[str, Any]:
    one = bars.one(symbol)
    at = calendar.searchsorted(one.index)
    digits = max(2, 3 - math.floor(math.log10(float(one["close"].median()))))
    factor = one["factor"].to_numpy(dtype=float)
    change = np.flatnonzero(np.diff(factor, prepend=np.nan) != 0)
    scale = max(0, int(math.log10(max(float(one["volume"].max()), 1.0))) - 3)
    return {
        "at": _runs(at),
        "digits": digits,
        "o": rounded(one["open"], digits),
        "h": rounded(one["high"], digits),
        "l": rounded(one["low"], digits),
        "c": rounded(one["close"], digits),
        "v": rounded(one["volume"] / 10**scale, 0),
        "v_scale": 10**scale,
        "factor": [[int(i), round(float(factor[i]), 8)] for i in change],
    }


def _runs(at: np.ndarray) -> list[list[int]]:
    """Positions as [start, length] of unbroken runs: most symbols need one."""
    breaks = np.flatnonzero(np.diff(at) != 1) + 1
    return [[int(part[0]), len(part)] for part in np.split(at, breaks) if len(part)]


def _curve(values: pd.Series, calendar: pd.DatetimeIndex) -> dict[str, Any]:
    start = int(calendar.searchsorted(values.index[0]))
    end = int(calendar.searchsorted(values.index[-1]))
    return {"start": start, "v": rounded(values.reindex(calendar[start : end + 1]), 5)}


def _trades(
    result: BacktestResult, bars: Bars, drawn: tuple[str, ...], calendar: pd.DatetimeIndex
) -> list[list[float | int | None]]:
    """[session, symbol, quantity (below 0 sold), price] of every fill of a drawn symbol.

    The price is None where the bar as traded does not contain it: a broker that counts in rebased
    prices fills at prices which nobody saw, and they would only mislead beside the candles.
    """
    found: list[list[float | int | None]] = []
    place = {symbol: i for i, symbol in enumerate(drawn)}
    lows, highs = bars.frame["low"], bars.frame["high"]
    for fill in result.fills.itertuples(index=False):
        key = (fill.symbol, fill.session)
        if fill.symbol not in place or key not in lows.index:
            continue
        sign = 1 if fill.side == "buy" else -1
        quantity = round(sign * float(fill.quantity), 2)
        at = int(calendar.searchsorted(fill.session))
        price = float(fill.price)
        seen = lows[key] * (1 - _SLIP) <= price <= highs[key] * (1 + _SLIP)
        found.append([at, place[fill.symbol], quantity, round(price, 4) if seen else None])
    return found


def _benchmark(inputs: ReportInput, calendar: pd.DatetimeIndex) -> dict[str, Any] | None:
    first, last = inputs.window
    returns = inputs.benchmark.loc[first:last].dropna()
    returns = returns[returns.index.isin(calendar)]
    if len(returns) < 2:
        return None
    name = named(inputs.benchmark.name)
    return {"name": name.en, "name_zh": name.zh, **_curve((1 + returns).cumprod(), calendar)}


def _panic(index: PanicIndex, drawn: tuple[str, ...], calendar: pd.DatetimeIndex) -> dict[str, Any]:
    """By scope (a drawn symbol or the market) and audience: panic on the calendar, null for none."""
    found: dict[str, Any] = {}
    for scope in index.scopes:
        if scope != MARKET and scope not in drawn:
            continue
        for audience in index.audiences:
            values = index.one(scope, audience)["panic"].reindex(calendar)
            known = np.flatnonzero(values.notna().to_numpy())
            if len(known):
                part = values.iloc[known[0] : known[-1] + 1]
                found.setdefault(scope, {})[audience] = {
                    "start": int(known[0]),
                    "v": rounded(part, 1),
                }
    return found
