"""What was forecast beside what came, and the newest forecast: the numbers behind the two charts.

A return stands on the session of its decision t, for it is what the decision earns (open of t+1 to open
of t+1+h); a price, a volume or a volatility stands on the session it is about, t+h along the symbol's
own trades.  Prices are raw as of t, and so is the close that they are held against.  The page stays
small: the last sessions of some symbols, at the first and the last step of each model (`_MOST_NUMBERS`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..core import Bars
from ..core.calendar import sessions
from ..forecasters.calibration import outcomes, target_of
from ..forecasters.labels import PRICES
from .encoding import calendar_steps, rounded
from .inputs import ReportInput

_MOST_NUMBERS = 60_000  # some 0.4 MB of page
_MOST_SYMBOLS = 12
_MOST_SESSIONS = 500
_FEWEST_SESSIONS = 60
_BEFORE = 60  # candles before the newest forecast
_PATHS = ("price_close", "price_mid", "price_open", "price_high", "price_low")
_CANDLE = ("price_open", "price_high", "price_low", "price_close")
_LEVELS = ("volume", "amount")


@dataclass(frozen=True)
class _Line:
    """Forecasts of one model and seed for one symbol and step, with what came of them.

    `drawn` are the sessions they are drawn on; `unit` is "return", "volatility" (both in
    percent), "price" or "level".
    """

    drawn: pd.DatetimeIndex
    unit: str
    said: pd.Series
    came: pd.Series
    low: pd.Series
    high: pd.Series
    p_up: pd.Series


def forecast_payload(inputs: ReportInput, symbols: Sequence[str]) -> dict[str, Any]:
    """Both charts, JSON-like; empty without forecasts.

    `symbols` in the order in which they are wanted; `drawn`, `all` and `kept` tell how many of them and
    how many sessions the page holds.
    """
    if inputs.forecasts is None:
        return {}
    frame = inputs.forecasts.frame
    known = set(frame["symbol"])
    wanted = [s for s in (*symbols, *sorted(known - set(symbols))) if s in known]
    models = _models(frame)
    chosen, kept = _cap(frame, wanted, models, 2 + 2 * bool(inputs.forecasts.levels))
    days = pd.DatetimeIndex(np.sort(frame["session"].unique()))[-kept:]
    calendar = inputs.bars.sessions
    calendar = calendar[calendar >= days[0]]
    part = frame[frame["symbol"].isin(chosen)].sort_values(["session", "horizon"])
    groups = dict(iter(part.groupby(["model", "seed", "symbol"], sort=False)))
    bars = [inputs.bars.select([symbol]) for symbol in chosen]
    last = inputs.bars.sessions[-1]
    lines: list[list[Any]] = []
    following: list[dict[str, Any]] = []
    for m, model in enumerate(models):
        for s, symbol in enumerate(chosen):
            rows = groups.get((model["model"], model["seed"], symbol))
            if rows is None:
                continue
            recent = rows[rows["session"] >= days[0]]
            for step, at_step in recent.groupby("horizon"):
                if step in model["steps"]:
                    line = _line(at_step, bars[s], symbol, int(step))
                    lines.append([m, s, int(step), _numbers(line, calendar)])
            following.append({"m": m, "s": s, **_next(rows, bars[s], symbol, last)})
    return {
        "sessions": calendar_steps(calendar),
        "symbols": chosen,
        "models": models,
        "lines": lines,
        "next": following,
        "candles": [_candles(bars[i], s, _newest(following, i)) for i, s in enumerate(chosen)],
        "kept": len(days),
        "drawn": len(chosen),
        "all": len(wanted),
    }


def _models(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Model and seed, the name shown, and the first and the last step."""
    found = []
    for model, part in frame.groupby("model", sort=True):
        seeds = sorted(int(s) for s in part["seed"].unique())
        ends = sorted({int(part["horizon"].min()), int(part["horizon"].max())})
        for seed in seeds:
            label = f"{model} #{seed}" if len(seeds) > 1 else str(model)
            named = {"model": str(model), "seed": seed, "label": label}
            found.append({**named, "steps": ends, "target": target_of(part)})
    return found


def _cap(
    frame: pd.DataFrame, wanted: list[str], models: list[dict[str, Any]], columns: int
) -> tuple[list[str], int]:
    """The symbols that are drawn and the sessions kept of each, so that the page stays small."""
    session = columns * sum(len(model["steps"]) for model in models)
    fit = _MOST_NUMBERS // (session * 2 * _FEWEST_SESSIONS)
    chosen = wanted[: max(1, min(_MOST_SYMBOLS, fit))]
    kept = _MOST_NUMBERS // (session * len(chosen))
    kept = max(_FEWEST_SESSIONS, min(_MOST_SESSIONS, kept))
    return chosen, min(kept, int(frame["session"].nunique()))


def _line(rows: pd.DataFrame, bars: Bars, symbol: str, step: int) -> _Line:
    target = target_of(rows)
    came = outcomes(rows, bars, target, step)
    ends = [c for c in _quantiles(rows) if rows[c].notna().any()]
    empty = pd.Series(np.nan, index=rows.index)
    low, high = (rows[ends[0]], rows[ends[-1]]) if len(ends) > 1 else (empty, empty)
    at = pd.DatetimeIndex(rows["session"])
    if target in PRICES or target in _LEVELS:
        basis = "close" if target in PRICES else str(target)
        raw = bars.one(symbol)[basis].reindex(at).set_axis(rows.index)
        said = rows.get(f"price_{target}" if target in PRICES else target, empty)
        came, low, high = (raw * np.exp(values) for values in (came, low, high))
        unit = "price" if target in PRICES else "level"
        return _Line(_later(bars, symbol, at, step), unit, said, came, low, high, rows["p_up"])
    column = "volatility" if target == "volatility" else "expected_return"
    said = rows.get(column, empty)
    values = [series * 100 for series in (said, came, low, high)]
    if target == "volatility":
        at = _later(bars, symbol, at, step)
    unit = "volatility" if target == "volatility" else "return"
    return _Line(at, unit, values[0], values[1], values[2], values[3], rows["p_up"])


def _quantiles(rows: pd.DataFrame) -> list[str]:
    found = [c for c in rows.columns if str(c).startswith("q") and str(c)[1:2].isdigit()]
    return sorted(found, key=lambda c: float(c[1:]))


def _later(bars: Bars, symbol: str, at: pd.DatetimeIndex, step: int) -> pd.DatetimeIndex:
    """The symbol's own trades `step` after each session; NaT beyond the last bar."""
    own = _traded(bars, symbol).index
    place = own.searchsorted(at) + step
    inside = place < len(own)
    found = own.to_numpy()[np.minimum(place, len(own) - 1)]
    return pd.DatetimeIndex(np.where(inside, found, np.datetime64("NaT")))


def _traded(bars: Bars, symbol: str) -> pd.DataFrame:
    one = bars.one(symbol)
    return one[~one["suspended"]]


def _numbers(line: _Line, calendar: pd.DatetimeIndex) -> dict[str, Any]:
    """Each column from its first position on the calendar on, None for a session without a value."""
    found: dict[str, Any] = {"unit": line.unit}
    inside = line.drawn.notna() & line.drawn.isin(calendar)
    if not inside.any():
        return found
    columns = {"f": line.said, "a": line.came, "lo": line.low, "hi": line.high, "p": line.p_up * 100}
    places = calendar.searchsorted(line.drawn[inside])
    found["start"] = int(places.min())
    for name, values in columns.items():
        known = values.to_numpy(dtype=float)[inside]
        if not np.isfinite(known).any():
            continue
        dense = np.full(int(places.max() - places.min()) + 1, np.nan)
        dense[places - places.min()] = known
        found[name] = rounded(dense, _digits(known, line.unit) if name != "p" else 1)
    return found


def _digits(values: np.ndarray, unit: str) -> int:
    """Digits after the point: two or more of a price, three of a percentage, none of a volume."""
    if unit in ("return", "volatility"):
        return 3
    if unit == "level":
        return 0
    middle = float(np.nanmedian(np.abs(values)))
    return max(2, 3 - math.floor(math.log10(middle))) if middle > 0 else 2


def _next(rows: pd.DataFrame, bars: Bars, symbol: str, last: pd.Timestamp) -> dict[str, Any]:
    """The newest session's forecasts by step: candles or a path of prices, raw as of that session."""
    newest = rows["session"].max()
    own = rows[rows["session"] == newest]
    close = float(bars.one(symbol).loc[newest, "close"])
    digits = max(2, 3 - math.floor(math.log10(close)))
    steps = [int(h) for h in own["horizon"]]
    found: dict[str, Any] = {
        "at": f"{newest:%Y-%m-%d}",
        "close": round(close, digits),
        "steps": steps,
        "days": _days_after(bars, symbol, newest, last, steps),
    }
    stated = [c for c in _CANDLE if c in own.columns and own[c].notna().all()]
    if len(stated) == len(_CANDLE):
        found |= {c[6]: rounded(own[c], digits) for c in _CANDLE}
    path, column = own["expected_return"], "expected"
    path = close * np.exp(path)
    for price in _PATHS:
        if price in own.columns and own[price].notna().any():
            path, column = own[price], price.removeprefix("price_")
            break
    if path.notna().any():
        found |= {"path": rounded(path, digits), "of": column}
    ends = [c for c in _quantiles(own) if own[c].notna().any()]
    if len(ends) > 1 and target_of(own) in (*PRICES, "return"):
        found["lo"] = rounded(close * np.exp(own[ends[0]]), digits)
        found["hi"] = rounded(close * np.exp(own[ends[-1]]), digits)
    if own["p_up"].notna().any():
        found["p"] = rounded(own["p_up"] * 100, 1)
    return found


def _days_after(
    bars: Bars, symbol: str, newest: pd.Timestamp, last: pd.Timestamp, steps: list[int]
) -> list[str]:
    """The sessions that the steps fall on: the symbol's own trades, then the exchange's after `last`.

    After the last session that the exchange has announced, weekdays stand in.
    """
    traded = _traded(bars, symbol).index
    later = traded[traded > newest]
    announced = sessions(bars.calendar, last + pd.Timedelta(days=1))
    end = announced[-1] if len(announced) else last
    weekdays = pd.bdate_range(end + pd.Timedelta(days=1), periods=max(steps))
    days = [*later, *announced[: max(steps)], *weekdays]
    return [f"{days[step - 1]:%Y-%m-%d}" for step in steps]


def _newest(following: list[dict[str, Any]], symbol: int) -> pd.Timestamp:
    """The session as of which the candles of a symbol are drawn: its newest decision."""
    return max(pd.Timestamp(found["at"]) for found in following if found["s"] == symbol)


def _candles(bars: Bars, symbol: str, newest: pd.Timestamp) -> dict[str, Any]:
    """The last candles up to the decision and all after it, in prices as of the decision."""
    own = _traded(bars, symbol)
    place = int(own.index.searchsorted(newest))
    own = own.iloc[max(0, place - _BEFORE) : place + 1 + _BEFORE]
    scale = own["factor"] / float(bars.one(symbol).loc[newest, "factor"])
    digits = max(2, 3 - math.floor(math.log10(float(own["close"].median()))))
    prices = {name[0]: rounded(own[name] * scale, digits) for name in ("open", "high", "low", "close")}
    return {"days": [f"{day:%Y-%m-%d}" for day in own.index], "digits": digits, **prices}
