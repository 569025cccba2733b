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
    level_x       ln x[t] of x = open, high, low, close, volume (NaN where V[t] is 0): a window shows it
                  relative to its own first row i, ln(x[t] / x[i]), and never by its height
    KMID ... VSUMD60     the set Alpha158 of Qlib (`_alpha158.py`), under the names it has there
    panic_a, panic_z_a, attention_a   of audience a, as published for t (panic over 100), each with a
                         `*_known` column that is 1 where the value is known and 0 where it is not
    series_x_form        an external series as known at the close of t (`series.py`), with its `*_known`

Smoothing, where asked for, is done to the five adjusted values, before any feature:

    s[t] = gamma x[t] + (1 - gamma) s[t-1],    s[0] = x[0] of the symbol's first traded row

Prices rather than features, as the literature does it: then each feature is that of a smooth market, and
L <= O, C <= H still holds, because all are averaged with the same weights.  A centred filter
(Savitzky-Golay, LOWESS, wavelets over the whole series) would read the future.  Labels, prices that are
traded, the calendar, panic and external series are never smoothed.

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
from ._indicators import INDICATOR_NAMES, INDICATORS, IndicatorName, forgets
from ._rolling import RollingSet
from .series import KNOWN, ExternalSeries, chosen_series

LevelName = Literal["open", "high", "low", "close", "volume"]
LEVELS: tuple[LevelName, ...] = get_args(LevelName)

_LEVEL = "level_"
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
    levels
        Adjusted values ("open", "high", "low", "close", "volume") that each window shows relative to its
        own first row: normalisation per window.
    sets
        Named sets of many features: "alpha158", those of Qlib's benchmarks.
    windows
        Window lengths in rows of the sets; without `sets` they count for nothing.
    panic
        Audiences ("public", "institution", "all") whose panic index becomes a feature.
    series
        External series, by name, that become features.
    smoothing
        Weight of the newest row, above 0 and up to 1, in an exponential mean of prices and volume before
        features are computed; left out: none.  Small weights warm up for long: 0.1 for 175 rows.

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
    levels: tuple[LevelName, ...] = ()
    sets: tuple[SetName, ...] = ()
    windows: tuple[Lines, ...] = (5, 10, 20, 30, 60)
    panic: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    smoothing: float | None = Field(default=None, gt=0, le=1)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in their order, but for those of external series, which come last."""
        names = [f"return_{n}" for n in self.returns]
        names += [f"volatility_{n}" for n in self.volatility]
        names += [f"volume_{n}" for n in self.volume]
        names += _CALENDAR if self.calendar else ()
        names += _CANDLE if self.candle else ()
        names += [c for name in self.indicators for c in INDICATORS[name].columns]
        names += [f"{_LEVEL}{name}" for name in self.levels]
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
        return max([0, *needs]) + self._smooth_after

    @property
    def _smooth_after(self) -> int:
        """Rows until smoothed prices no longer depend on where they started, to 1e-8 of their spread."""
        return 0 if self.smoothing is None else forgets(self.smoothing)

    def build(
        self, bars: Bars, panic: PanicIndex | None = None, series: Sequence[ExternalSeries] = ()
    ) -> Features:
        """The feature matrix, one row a bar; row t uses what is known at the close of t only.

        Suspended bars are not trades: their rows are NaN and no window counts them.  `DataError` where
        nothing is selected, where a panic audience is selected and `panic` does not hold it, or an
        external series that is not among `series`.
        """
        outside = chosen_series(self.series, series)
        names = self.names + tuple(c for one in outside for c in one.columns)
        if not names:
            raise DataError("the feature set is empty: select returns, indicators or another feature")
        if self.panic and panic is None:
            raise DataError(f"the features {self.panic} need a panic index, but there is none")
        at = bars.frame.index
        values = np.full((len(at), len(names)), np.nan, dtype=np.float32)
        traded = ~bars.frame["suspended"].to_numpy()
        by_symbol = bars.frame.groupby(level="symbol", sort=False).indices
        for symbol, rows in by_symbol.items():
            kept = rows[traded[rows]]
            if len(kept) == 0:
                continue
            parts = [self._of_symbol(bars.frame.iloc[kept].droplevel("symbol"))]
            if panic is not None and self.panic:
                parts.append(self._of_panic(panic, str(symbol), at[kept]))
            sessions = pd.DatetimeIndex(at[kept].get_level_values("session"))
            parts += [one.at(sessions, bars.calendar) for one in outside]
            values[kept] = np.hstack(parts)
        return Features(values, at, names, self.warm_up)

    def _of_symbol(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Every feature of the bars of one symbol, without panic and external series."""
        b = frame[["open", "high", "low", "close"]].mul(frame["factor"], axis=0)
        b["volume"] = frame["volume"] / frame["factor"]
        if self.smoothing is None:
            return self._of_values(b)
        after = self._smooth_after
        table = self._of_values(_smoothed(b, self.smoothing).iloc[after:])
        head = np.full((min(after, len(b)), table.shape[1]), np.nan)
        return np.vstack([head, table])

    def _of_values(self, b: pd.DataFrame) -> npt.NDArray[np.float64]:
        """The same, of adjusted or smoothed values."""
        log_close = np.log(b["close"])
        daily = log_close.diff()
        columns: list[pd.Series] = [log_close.diff(n) for n in self.returns]
        columns += [daily.rolling(n).std() for n in self.volatility]
        volume = b["volume"].where(b["volume"] > 0)
        for n in self.volume:
            usual = b["volume"].rolling(n).median()
            columns.append(np.log(volume / usual.where(usual > 0)))
        if self.calendar:
            columns += _calendar(pd.DatetimeIndex(b.index))
        if self.candle:
            columns.append(np.log(b["open"]) - log_close.shift(1))
            columns.append(log_close - np.log(b["open"]))
            columns.append(np.log(b["high"] / b["low"]))
        for name in self.indicators:
            columns += _indicator(name, b)
        columns += [np.log(b[name].where(b[name] > 0)) for name in self.levels]
        parts = [np.asarray(c, dtype=float)[:, None] for c in columns]
        parts += [_SETS[name].compute(b, self.windows) for name in self.sets]
        table: npt.NDArray[np.float64] = np.hstack([np.empty((len(b), 0)), *parts])
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
        candle=True,
        indicators=INDICATOR_NAMES,
        levels=LEVELS,
        sets=get_args(SetName),
        panic=tuple(panic),
    )


def relative_columns(names: Sequence[str]) -> tuple[int, ...]:
    """Positions of the columns that each window shows relative to its own first row: the levels.

    >>> relative_columns(("return_1", "level_close", "level_volume"))
    (1, 2)
    """
    relative = {f"{_LEVEL}{name}" for name in LEVELS}
    return tuple(i for i, name in enumerate(names) if name in relative)


def _smoothed(b: pd.DataFrame, weight: float) -> pd.DataFrame:
    return b.ewm(alpha=weight, adjust=False).mean()


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
