"""Bars that a model makes up: the continuation of each start by the model's own forecasts.

    close[t+k] = close[t+k-1] exp(answer),   open = high = low = close,   volume and amount of bar t,
    session t+k of the exchange's calendar;  panic and external series stay as they were known at t

All starts go on together: each with as many real bars before it as features warm up for, one behind the
other in one long table.  Real rows keep their features; only the made-up row is computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import Bars, ConfigError, DataError
from ..core import calendar as exchange
from ._folds import Table
from .base import Forecaster, Prediction
from .features import _CALENDAR, FeatureSet, _calendar, relative_columns
from .scaling import Scaler, maskable
from .windows import Float32Array, Float64Array, Int64Array, Panel, Windows

_STARTS_AT_ONCE = 256
_HISTORY = 1000
"""Rows before a start that models of closing prices (`ema`, `arima` ...) may look back on."""


def check_one_step(forecaster: Forecaster, horizon: int) -> None:
    """Refuse what cannot be continued: `ConfigError` unless the target is "close", one step ahead."""
    if forecaster.targets != ("close",) or horizon != 1:
        raise ConfigError(
            'a recursive forecast needs a model of the next close (target = "close", horizon 1), '
            f"received {forecaster.kind} with the target {', '.join(forecaster.targets)} and the "
            f"horizon {horizon}",
            key="target",
        )


def recursive_prediction(
    forecaster: Forecaster,
    scaler: Scaler,
    feature_set: FeatureSet,
    table: Table,
    bars: Bars,
    rows: Int64Array,
    steps: int,
    lookback: int,
) -> Prediction:
    """The next `steps` closes from each of these rows of the table: `value` is [n, steps].

    Log returns from the close of the row, NaN from the step on at which a feature is not known.  `table`
    holds the traded rows of `bars`; only rows up to each start are looked at.
    """
    if steps < 1:
        raise ConfigError(f"a recursive forecast has at least 1 step, received {steps}")
    asker = Asker(forecaster, scaler, lookback, table)
    parts = []
    for at in range(0, len(rows), _STARTS_AT_ONCE):
        parts.append(_continued_all(asker, feature_set, bars, rows[at : at + _STARTS_AT_ONCE], steps))
    return Prediction(value=np.concatenate(parts) if parts else np.empty((0, steps)))


def _continued_all(
    asker: "Asker", feature_set: FeatureSet, bars: Bars, rows: Int64Array, steps: int
) -> Float64Array:
    """Log returns from the start, [n, steps]."""
    found = np.full((len(rows), steps), np.nan)
    paths = Paths.of(asker.table, feature_set, bars, rows, steps)
    values: list[Float32Array] = []
    for step in range(steps):
        found[:, step] = asker.next_return(rows, values, found[:, :step])
        found[:, step] += found[:, step - 1] if step else 0.0
        if step + 1 < steps:
            values.append(paths.features_after(found[:, : step + 1]))
    return found


@dataclass(frozen=True, eq=False)
class Asker:
    """The model, and the windows that it is asked about: real rows, then made-up ones."""

    forecaster: Forecaster
    scaler: Scaler
    lookback: int
    table: Table

    def next_return(
        self, rows: Int64Array, values: Sequence[Float32Array], path: Float64Array
    ) -> Float64Array:
        """The answer after the made-up rows, [n]; NaN where a window is not complete.

        `values` are the unscaled features of the made-up rows, [n, F] each, `path` the log returns from
        the start to their closes, [n, made up].
        """
        made = path.shape[1]
        alive = np.isfinite(path).all(axis=1)
        for row in values[-self.lookback :]:
            alive &= np.isfinite(row[:, self._bound]).all(axis=1)
        answer = np.full(len(rows), np.nan)
        if not alive.any():
            return answer
        panel, ends = self._panel(rows[alive], [row[alive] for row in values], path[alive])
        # the rows behind a start are complete as far as its own window goes, and so are those made up.
        lengths = np.minimum(self.table.length[rows[alive]] + made, self.lookback)
        windows = Windows(panel, ends, self.lookback, horizon=1, lengths=lengths)
        value = self.forecaster.predict(windows).value
        if value is None:
            raise DataError(f"{self.forecaster.kind} gave no value for the close after {made} steps")
        answer[alive] = value.reshape(len(value), -1)[:, 0]
        return answer

    @property
    def _bound(self) -> list[int]:
        return [i for i in range(len(self.table.names)) if i not in maskable(self.table.names)]

    def _panel(
        self, rows: Int64Array, values: Sequence[Float32Array], path: Float64Array
    ) -> tuple[Panel, Int64Array]:
        """Each start as a symbol of its own: its last rows, then those made up."""
        table, made = self.table, path.shape[1]
        tails = [np.arange(max(table.first[r], r - _HISTORY + 1), r + 1) for r in rows]
        lengths = np.array([len(tail) + made for tail in tails])
        first = np.cumsum(lengths) - lengths
        real = np.concatenate([f + np.arange(len(t)) for f, t in zip(first, tails, strict=True)])
        source = np.concatenate(tails)
        total = int(lengths.sum())
        unscaled = np.empty((total, len(table.names)), dtype=np.float32)
        close = np.empty(total)
        session = np.empty(total, dtype="datetime64[ns]")
        unscaled[real], close[real], session[real] = (
            table.unscaled[source],
            table.close[source],
            table.session[source],
        )
        last = first + lengths - 1
        for k in range(made):
            at = last - made + 1 + k
            unscaled[at] = values[k]
            close[at] = table.close[rows] * np.exp(path[:, k])
            session[at] = table.session[rows]  # when it was decided: no model may know a later one
        panel = Panel(
            self.scaler.transform(unscaled),
            table.names,
            close,
            np.repeat(table.symbol[rows], lengths),
            session,
            np.repeat(first, lengths).astype(np.int64),
            relative_columns(table.names),
        )
        return panel, last.astype(np.int64)


@dataclass(frozen=True, eq=False)
class Paths:
    """The bars of each start as far as features look back, and what is made up after them.

    frame, last
        The real bars by `number` of the start, oldest first, and the last of each.
    sessions
        Those of the made-up bars, [n, steps].
    held, from_bars, names
        Features of the last real row, which of them come from bars alone, and the names of those.
    """

    feature_set: FeatureSet
    calendar: str
    frame: pd.DataFrame
    sessions: npt.NDArray[np.datetime64]
    last: pd.DataFrame
    held: Float32Array
    from_bars: npt.NDArray[np.bool_]
    names: tuple[str, ...]

    @classmethod
    def of(
        cls, table: Table, feature_set: FeatureSet, bars: Bars, rows: Int64Array, steps: int
    ) -> "Paths":
        inner = feature_set.model_copy(update={"panic": (), "series": ()})
        known = set(inner.names)
        traded = bars.frame[~bars.frame["suspended"]].reset_index()
        need = inner.warm_up + 1
        tails = [np.arange(max(table.first[r], r - need + 1), r + 1) for r in rows]
        frame = traded.iloc[np.concatenate(tails)].copy()
        numbers = np.repeat(np.arange(len(rows)), [len(tail) for tail in tails])
        frame["number"] = numbers
        last = traded.iloc[rows].assign(number=np.arange(len(rows)))
        return cls(
            inner,
            bars.calendar,
            frame,
            _coming(bars.calendar, table.session[rows], steps),
            last,
            table.unscaled[rows],
            np.array([name in known for name in table.names]),
            inner.names,
        )

    def features_after(self, path: Float64Array) -> Float32Array:
        """Unscaled features of the last made-up row, [n, F]; NaN where the path has come to an end."""
        values = self.held.copy()
        alive = ~np.isnan(path[:, -1])
        if self.from_bars.any():
            values[:, self.from_bars] = np.nan
            if alive.any():
                values[np.ix_(alive, self.from_bars)] = self._computed(path, alive)
        return values

    def _computed(self, path: Float64Array, alive: npt.NDArray[np.bool_]) -> Float32Array:
        """What the bars alone tell, of the paths that are alive."""
        frame = self._continued(path, alive)
        values = self._last_rows(_in_line(frame, self.calendar))
        if self.feature_set.calendar:
            at = pd.DatetimeIndex(self.sessions[alive, path.shape[1] - 1])
            columns = [self.names.index(name) for name in _CALENDAR]
            values[:, columns] = np.column_stack(_calendar(at))
        # A value that is not known may spoil the starts after it, and a level must be the real one.
        alone = ~np.isfinite(values).all(axis=1) | bool(self.feature_set.levels)
        if alone.any():
            own = frame[frame["number"].isin(np.flatnonzero(alive)[alone])]
            values[alone] = self._last_rows(own.assign(symbol=own["number"].map("{:06d}".format)))
        return values

    def _last_rows(self, frame: pd.DataFrame) -> Float32Array:
        """Features of the last row of each start, in their order."""
        bars = Bars.from_frame(frame.drop(columns="number"), calendar=self.calendar)
        number = frame["number"].to_numpy()
        ends = np.flatnonzero(np.r_[number[1:] != number[:-1], True])
        return self.feature_set.build(bars).values[ends]  # noqa: PD011  # an array, not a frame

    def _continued(self, path: Float64Array, alive: npt.NDArray[np.bool_]) -> pd.DataFrame:
        """The bars of each start that is alive, real ones and then those made up, start by start."""
        parts = [self.frame[alive[self.frame["number"].to_numpy()]]]
        for k in range(path.shape[1]):
            bar = self.last[alive].copy()
            close = bar["close"].to_numpy() * np.exp(path[alive, k])
            for name in ("open", "high", "low", "close"):
                bar[name] = close
            bar["session"] = self.sessions[alive, k]
            parts.append(bar)
        return pd.concat(parts).sort_values("number", kind="stable", ignore_index=True)


def _in_line(frame: pd.DataFrame, calendar: str) -> pd.DataFrame:
    """Many starts one behind the other as if they were one symbol: one pass computes them all.

    Each begins with as many rows as features warm up for, which forget what stood before them.  Prices
    begin at 1 in each, so that the seam is no larger than a price has moved; sessions are any, one after
    the other, and calendar features are put right by the caller.
    """
    days = exchange.sessions(calendar)
    number = frame["number"].to_numpy()
    starts = np.flatnonzero(np.r_[True, number[1:] != number[:-1]])
    lengths = np.diff(np.r_[starts, len(frame)])
    tail = np.repeat(np.arange(len(starts)), lengths)
    room = max(len(days) // int(lengths.max()), 1)
    line = tail // room
    begun = (frame["close"] * frame["factor"]).to_numpy()[starts]
    return frame.assign(
        symbol=[f"{one:06d}" for one in line],
        session=days[np.arange(len(frame)) - starts[line * room]],
        factor=frame["factor"].to_numpy() / begun[tail],
    )


def _coming(calendar: str, starts: npt.NDArray[np.datetime64], steps: int) -> npt.NDArray[np.datetime64]:
    """The next sessions of the exchange after each start, [n, steps]."""
    known = exchange.sessions(calendar).to_numpy()
    at = np.searchsorted(known, starts)[:, None] + np.arange(1, steps + 1)
    if at.max() >= len(known):
        raise DataError(
            f"the sessions of {calendar} are known to {pd.Timestamp(known[-1]):%Y-%m-%d}, too few for "
            f"{steps} steps from {pd.Timestamp(starts.max()):%Y-%m-%d}: ask for fewer steps"
        )
    found: npt.NDArray[np.datetime64] = known[at]
    return found
