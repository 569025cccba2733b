"""Causal features of bars and panic, one row a bar.

Each symbol is computed alone, over the rows in which it traded, on back-adjusted prices (price times
`factor`) and back-adjusted volume (volume over `factor`, so that price times volume stays the turnover):
a dividend or split with ex-date after t changes nothing at or before t.  All features are logs or
ratios, so that one global model may learn from several symbols.  C, H, L, O, V are the adjusted values:

    return_n      ln(C[t] / C[t-n])
    volatility_n  standard deviation (n - 1 in the denominator) of return_1 over n rows
    volume_n      ln(V[t] / median of V over the n rows up to t), NaN where V[t] or the median is 0
    weekday_*, month_*   sine and cosine of the position in the five-day week and in the year
    gap, body, spread    ln(O[t]/C[t-1]), ln(C[t]/O[t]), ln(H[t]/L[t])
    KMID ... VSUMD60     the set Alpha158 of Qlib (`_alpha158.py`), under the names it has there
    panic_a, panic_z_a, attention_a   of audience a, as published for t (panic over 100), each with a
                         `*_known` column that is 1 where the value is known and 0 where it is not

NaN is "not known" (warm-up, no trade, no texts) and is never filled here.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from ..core import Bars, DataError, Features, PanicIndex, Settings
from ..core.panic import ALL
from ..core.texts import AUDIENCES
from ._alpha158 import ALPHA158
from ._indicators import INDICATOR_NAMES, INDICATORS, IndicatorName
from ._rolling import RollingSet

KNOWN = "_known"
"""Suffix of the column that says whether the value of the column before it is known."""

_CALENDAR = ("weekday_sin", "weekday_cos", "month_sin", "month_cos")
_CANDLE = ("gap", "body", "spread")
_PANIC = {"panic": "panic", "z": "panic_z", "attention": "attention"}

Rows = Annotated[int, Field(ge=1)]
Spans = Annotated[int, Field(ge=2)]
Lines = Annotated[int, Field(ge=3)]  # through two points every line fits

SetName = Literal["alpha158"]
_SETS: Mapping[str, RollingSet] = MappingProxyType({"alpha158": ALPHA158})


class FeatureSet(Settings):
    """Which features to build; keys are the same in an experiment file.

    returns, volatility, volume
        Window lengths in rows (sessions in which the symbol traded).
    calendar, candle
        Whether to add weekday and month, and the shape of the day's bar.
    indicators
        Standard windows, from `ta` or as Chinese software draws them (kdj, dmi, bias, those in `_cn`,
        ...): see `feature_names()` for what their columns are called.
    sets
        Named sets of many features: "alpha158", those of Qlib's benchmarks.
    windows
        Window lengths in rows of the sets; without `sets` they count for nothing.
    panic
        Audiences ("public", "institution", "all") whose panic index becomes a feature.

    >>> FeatureSet(returns=[1, 5], volatility=[5], volume=[], calendar=False, indicators=[]).names
    ('return_1', 'return_5', 'volatility_5')
    >>> plain = FeatureSet(returns=[], volatility=[], volume=[], calendar=False, indicators=[])
    >>> names = plain.model_copy(update={"sets": ("alpha158",)}).names
    >>> len(names), names[:2], names[-1]
    (157, ('KMID', 'KLEN'), 'VSUMD60')
    """

    returns: tuple[Rows, ...] = (1, 2, 5, 10, 20)
    volatility: tuple[Spans, ...] = (5, 20)
    volume: tuple[Spans, ...] = (5, 20)
    calendar: bool = True
    candle: bool = False
    indicators: tuple[IndicatorName, ...] = ("rsi", "macd", "bollinger")
    sets: tuple[SetName, ...] = ()
    windows: tuple[Lines, ...] = (5, 10, 20, 30, 60)
    panic: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in their order."""
        names = [f"return_{n}" for n in self.returns]
        names += [f"volatility_{n}" for n in self.volatility]
        names += [f"volume_{n}" for n in self.volume]
        names += _CALENDAR if self.calendar else ()
        names += _CANDLE if self.candle else ()
        names += [c for name in self.indicators for c in INDICATORS[name].columns]
        names += [c for name in self.sets for c in _SETS[name].names(self.windows)]
        for audience in self.panic:
            for prefix in _PANIC.values():
                names += [f"{prefix}_{audience}", f"{prefix}_{audience}{KNOWN}"]
        return tuple(names)

    @property
    def warm_up(self) -> int:
        """Rows at the head of each symbol that are incomplete: the longest warm-up of all features."""
        needs = [*self.returns, *self.volatility, *(n - 1 for n in self.volume), int(self.candle)]
        needs += [INDICATORS[name].warm_up for name in self.indicators]
        needs += [_SETS[name].warm_up(self.windows) for name in self.sets]
        return max([0, *needs])

    def build(self, bars: Bars, panic: PanicIndex | None = None) -> Features:
        """The feature matrix, one row a bar; row t uses bars and panic of t or earlier only.

        Suspended bars are not trades: their rows are NaN and no window counts them.  `DataError` where
        nothing is selected, or a panic audience is selected and `panic` does not hold it.
        """
        if not self.names:
            raise DataError("the feature set is empty: select returns, indicators or another feature")
        if self.panic and panic is None:
            raise DataError(f"the features {self.panic} need a panic index, but there is none")
        at = bars.frame.index
        values = np.full((len(at), len(self.names)), np.nan, dtype=np.float32)
        traded = ~bars.frame["suspended"].to_numpy()
        by_symbol = bars.frame.groupby(level="symbol", sort=False).indices
        for symbol, rows in by_symbol.items():
            kept = rows[traded[rows]]
            if len(kept) == 0:
                continue
            table = self._of_symbol(bars.frame.iloc[kept].droplevel("symbol"))
            if panic is not None and self.panic:
                table = np.hstack([table, self._of_panic(panic, str(symbol), at[kept])])
            values[kept] = table
        return Features(values, at, self.names, self.warm_up)

    def _of_symbol(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Every feature of the bars of one symbol, without panic."""
        b = frame[["open", "high", "low", "close"]].mul(frame["factor"], axis=0)
        b["volume"] = frame["volume"] / frame["factor"]
        log_close = np.log(b["close"])
        daily = log_close.diff()
        columns: list[pd.Series] = [log_close.diff(n) for n in self.returns]
        columns += [daily.rolling(n).std() for n in self.volatility]
        volume = b["volume"].where(b["volume"] > 0)
        for n in self.volume:
            usual = b["volume"].rolling(n).median()
            columns.append(np.log(volume / usual.where(usual > 0)))
        if self.calendar:
            columns += _calendar(pd.DatetimeIndex(frame.index))
        if self.candle:
            columns.append(np.log(b["open"]) - log_close.shift(1))
            columns.append(log_close - np.log(b["open"]))
            columns.append(np.log(b["high"] / b["low"]))
        for name in self.indicators:
            columns += _indicator(name, b)
        parts = [np.asarray(c, dtype=float)[:, None] for c in columns]
        parts += [_SETS[name].compute(b, self.windows) for name in self.sets]
        table: npt.NDArray[np.float64] = np.hstack([np.empty((len(frame), 0)), *parts])
        table[~np.isfinite(table)] = np.nan  # a division by zero is a value that is not known
        return table

    def _of_panic(self, panic: PanicIndex, symbol: str, at: pd.MultiIndex) -> npt.NDArray[np.float64]:
        sessions = pd.DatetimeIndex(at.get_level_values("session"))
        columns = []
        for audience in self.panic:
            for source in _PANIC:
                wide = panic.for_symbols((symbol,), sessions, audience, source)
                value = wide[symbol].to_numpy(dtype=float) / (100.0 if source == "panic" else 1.0)
                columns += [value, np.isfinite(value).astype(float)]
        return np.column_stack(columns)


def feature_names() -> tuple[str, ...]:
    """Every feature on offer, with the default windows: what a `FeatureSet` can be asked for.

    >>> len(feature_names()) > 50 and "rsi" in feature_names()
    True
    """
    return everything().names


def everything(panic: Sequence[str] = (*AUDIENCES, ALL)) -> FeatureSet:
    """The feature set with all that is on offer, for the tests and the audit."""
    return FeatureSet(
        candle=True, indicators=INDICATOR_NAMES, sets=get_args(SetName), panic=tuple(panic)
    )


def _calendar(at: pd.DatetimeIndex) -> list[pd.Series]:
    week = 2 * np.pi * at.dayofweek.to_numpy() / 5.0
    year = 2 * np.pi * (at.month.to_numpy() - 1) / 12.0
    return [pd.Series(f(angle), index=at) for angle in (week, year) for f in (np.sin, np.cos)]


def _indicator(name: str, b: pd.DataFrame) -> list[pd.Series]:
    """The columns of one indicator, NaN over its declared warm-up whatever `ta` puts there."""
    indicator = INDICATORS[name]
    if len(b) <= indicator.warm_up:
        return [pd.Series(np.nan, index=b.index) for _ in indicator.columns]
    columns = []
    for column in indicator.compute(b):
        masked = np.array(column, dtype=float)
        masked[: indicator.warm_up] = np.nan
        columns.append(pd.Series(masked, index=b.index))
    return columns
