"""The numbers behind the panes of the panic page: one calendar, null where nothing is known.

Each scope and audience has its rows from its first session on.  An audience whose rows are those of
another (everyone, where only one audience spoke) is stored as that one's name.  Scopes are kept while
they fit the page (`_MOST_ROWS`): the one shown first, the market, sectors, then symbols by how many
texts they have.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..core import Bars
from ..core.panic import DIVERGENCE, MARKET, QUALITIES, SECTOR
from .charts import RED_UP
from .encoding import calendar_steps, rounded
from .panic_inputs import PanicPageInput, views_of
from .panic_words import SCRIPT_WORDS, both, named

_MOST_ROWS = 15_000  # some 0.6 MB of page
_MOST_CANDLES = 10_000  # some 0.3 MB
_DIGITS = {
    "panic": 1,
    "z": 2,
    "texts": 0,
    "effective": 1,
    "bearishness": 2,
    "session_bearishness": 2,
    "attention": 2,
    "agreement": 3,
}


def payload(inputs: PanicPageInput) -> dict[str, Any]:
    """Everything the panes draw, JSON-like; `scopes` of `all_scopes` are in it."""
    calendar = calendar_of(inputs)
    scopes = drawn_scopes(inputs)
    return {
        "sessions": calendar_steps(calendar),
        "up": "red" if inputs.calendar in RED_UP else "green",
        "scopes": list(scopes),
        "all_scopes": len(inputs.panic.scopes),
        "views": {scope: list(views_of(inputs.panic, scope)) for scope in scopes},
        "first": {"scope": inputs.scope, "audience": inputs.audience},
        "extreme": inputs.extreme,
        "series": {scope: _audiences(inputs, scope, calendar) for scope in scopes},
        "implied": _implied(inputs, calendar),
        "symbols": _prices(inputs, scopes, calendar),
        "benchmark": _benchmark(inputs, calendar),
        "words": {key: [both(key).en, both(key).zh] for key in SCRIPT_WORDS},
    }


def calendar_of(inputs: PanicPageInput) -> pd.DatetimeIndex:
    """The sessions of the page: every one that the index has a row for."""
    return pd.DatetimeIndex(np.sort(inputs.panic.frame["session"].unique()), name="session")


def drawn_scopes(inputs: PanicPageInput) -> tuple[str, ...]:
    """The scopes that the page holds: the first shown, the market, sectors, symbols of most texts."""
    frame = inputs.panic.frame
    texts = frame.groupby("scope")["texts"].sum()
    rows = frame.groupby("scope").size()

    def place(scope: str) -> tuple[int, float, str]:
        kind = 0 if scope == inputs.scope else 1 if scope == MARKET else 2 if _sector(scope) else 3
        return kind, -float(texts[scope]), scope

    kept: list[str] = []
    total = 0
    for scope in sorted(inputs.panic.scopes, key=place):
        total += int(rows[scope])
        if kept and total > _MOST_ROWS:
            break
        kept.append(scope)
    return tuple(sorted(kept, key=lambda s: (s != MARKET, not _sector(s), s)))


def _sector(scope: str) -> bool:
    return scope.startswith(SECTOR)


def _audiences(inputs: PanicPageInput, scope: str, calendar: pd.DatetimeIndex) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for view in views_of(inputs.panic, scope):
        if view == DIVERGENCE:
            values = inputs.panic.divergence(scope).reindex(calendar)
            found[view] = _placed(values, 1)
            continue
        packed = _rows(inputs.panic.one(scope, view), calendar)
        same = next((name for name, other in found.items() if other == packed), None)
        found[view] = packed if same is None else same
    return found


def _rows(one: pd.DataFrame, calendar: pd.DatetimeIndex) -> dict[str, Any]:
    """The columns of one scope and audience, each as long as the others, from `start` on."""
    start, end = calendar.searchsorted(one.index[0]), calendar.searchsorted(one.index[-1])
    dense = one.reindex(calendar[start : end + 1])
    quality = dense["quality"].astype(object).where(dense["quality"].notna(), "none")
    marks = quality.map({name: str(i) for i, name in enumerate(QUALITIES)})
    columns = {name: rounded(dense[name], digits) for name, digits in _DIGITS.items()}
    return {"start": int(start), **columns, "quality": "".join(marks)}


def _placed(values: pd.Series, digits: int) -> dict[str, Any]:
    """A series on the calendar from its first known value to its last."""
    known = np.flatnonzero(np.isfinite(values.to_numpy(dtype=float)))
    if not len(known):
        return {"start": 0, "v": []}
    part = values.iloc[known[0] : known[-1] + 1]
    return {"start": int(known[0]), "v": rounded(part, digits)}


def _implied(inputs: PanicPageInput, calendar: pd.DatetimeIndex) -> list[dict[str, Any]]:
    found = []
    for name, values in inputs.implied.items():
        placed = _placed(values.astype(float).reindex(calendar), 2)
        if placed["v"]:
            found.append({"name": name, **placed})
    return found


def _prices(inputs: PanicPageInput, scopes: Sequence[str], calendar: pd.DatetimeIndex) -> dict[str, Any]:
    """Candles of the scopes that are symbols of the bars, and of a benchmark that is one."""
    if inputs.bars is None:
        return {}
    beside = [] if inputs.benchmark is None else [str(inputs.benchmark.name)]
    wanted = [s for s in dict.fromkeys([inputs.scope, *beside, *scopes]) if s in inputs.bars.symbols]
    most = max(1, _MOST_CANDLES // len(calendar))
    return {symbol: _candles(inputs.bars, symbol, calendar) for symbol in wanted[:most]}


def _candles(bars: Bars, symbol: str, calendar: pd.DatetimeIndex) -> dict[str, Any]:
    """Back-adjusted to the last price, so that a dividend is no fall; null where nothing traded."""
    one = bars.one(symbol)
    one = one[~one["suspended"]].reindex(calendar)
    scale = one["factor"] / one["factor"].dropna().iloc[-1] if one["factor"].notna().any() else 1.0
    digits = _price_digits(one["close"])
    columns = {name[0]: rounded(one[name] * scale, digits) for name in ("open", "high", "low", "close")}
    return {"digits": digits, **columns}


def _price_digits(close: pd.Series) -> int:
    middle = float(np.nanmedian(close)) if close.notna().any() else 1.0
    return max(2, 3 - math.floor(math.log10(middle)))


def _benchmark(inputs: PanicPageInput, calendar: pd.DatetimeIndex) -> dict[str, Any] | None:
    if inputs.benchmark is None:
        return None
    closes = inputs.benchmark.astype(float).reindex(calendar)
    digits = _price_digits(closes)
    placed = _placed(closes, digits)
    if not placed["v"]:
        return None
    said = named(inputs.benchmark.name)
    return {"name": str(inputs.benchmark.name), "said": [said.en, said.zh], "digits": digits, **placed}
