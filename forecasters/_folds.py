"""The bookkeeping of a walk-forward: which rows a fold trains on, validates on and forecasts.

Everything is an index into one table of the traded rows, so that a fold costs a few comparisons of
arrays and no copies but the scaled one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import Bars, DataError, Features, LookAheadError
from .features import relative_columns
from .labels import TargetName, make_labels, make_targets
from .scaling import Scaler, maskable
from .windows import Float32Array, Float64Array, Int64Array, Panel, Windows, window_lengths

if TYPE_CHECKING:
    from .walk_forward import WalkForward

Sessions = npt.NDArray[np.datetime64]
_NEVER = np.datetime64("NaT", "ns")
_ALL = slice(None)


@dataclass(frozen=True, eq=False)
class Table:
    """The traded rows of all symbols, by symbol, then session, with everything a fold needs.

    unscaled, names
        Features as built.
    close, symbol, session, first
        As in `Panel`.
    label, label_end
        As in `make_labels`; NaN and NaT where there is none.
    targets, steps, paths
        What the model is asked for: `make_targets` of these names and steps, [rows, steps, targets].
    raw
        Close, volume and amount as traded: what forecasts of prices and volumes are stated in.
    position
        Position of each row's session among `sessions`, the union of all symbols.
    length
        Rows of the window that ends at each row: the look-back, fewer after the symbol's first row or a
        hole in its features.
    complete
        Rows at which a window with enough rows ends.
    horizon
        Sessions that a label spans.
    """

    unscaled: Float32Array
    names: tuple[str, ...]
    close: Float64Array
    symbol: npt.NDArray[np.object_]
    session: Sessions
    first: Int64Array
    label: Float64Array
    label_end: Sessions
    sessions: pd.DatetimeIndex
    position: Int64Array
    length: Int64Array
    complete: npt.NDArray[np.bool_]
    horizon: int
    targets: tuple[TargetName, ...]
    steps: tuple[int, ...]
    paths: Float64Array
    raw: Mapping[str, Float64Array]

    @property
    def first_complete(self) -> int:
        """Position of the first session at which a window is complete."""
        return int(self.position[self.complete].min())

    def rows_between(self, start: np.datetime64, end: np.datetime64) -> npt.NDArray[np.bool_]:
        """Rows of the sessions from `start` to `end`, both included."""
        found: npt.NDArray[np.bool_] = (self.session >= start) & (self.session <= end)
        return found

    def panel(self, scaler: Scaler, until: np.datetime64, symbol: str | None = None) -> "KnownRows":
        """The scaled rows (of one symbol) up to a session, and nothing later."""
        keep = self.session <= until
        if symbol is not None:
            keep &= self.symbol == symbol
        moved = np.cumsum(keep) - 1
        # A symbol's rows are in time order, so its first row is kept whenever any of them is.
        panel = Panel(
            scaler.transform(self.unscaled[keep]),
            self.names,
            self.close[keep],
            self.symbol[keep],
            self.session[keep],
            moved[self.first[keep]].astype(np.int64),
            relative_columns(self.names),
        )
        return KnownRows(panel, moved, self)

    def nothing_to_forecast(self, first: int, last: int) -> DataError:
        """The error for a test window without a single complete window in it."""
        end = self.sessions[min(last, len(self.sessions) - 1)]
        return DataError(
            f"nothing to forecast from {self.sessions[first]:%Y-%m-%d} to {end:%Y-%m-%d}: "
            "no symbol has a complete window there"
        )

    def too_short(self, settings: "WalkForward", earliest: int, wanted: int) -> DataError:
        """The error for a history that does not reach, saying what is needed and what is there."""
        have = len(self.sessions)
        needs = (
            f"{self.first_complete} for warm-up and look-back, {settings.min_train} to train, "
            f"{settings.valid} to validate and the purge between them, {earliest + 1} in all"
        )
        if wanted >= have and wanted != earliest:
            return DataError(
                f"the forecasts should start on {settings.start}, after the last bar "
                f"({self.sessions[-1]:%Y-%m-%d}): choose an earlier start or fetch more bars"
            )
        if wanted < earliest < have:
            return DataError(
                f"too short a history before {settings.start}: the first forecast needs {needs} "
                f"sessions and there are {wanted + 1}; start on {self.sessions[earliest]:%Y-%m-%d} or "
                "later, or lower min_train, valid or lookback"
            )
        return DataError(
            f"too short a history: the first forecast needs {needs} sessions, and there are {have} "
            f"from {self.sessions[0]:%Y-%m-%d} to {self.sessions[-1]:%Y-%m-%d}; lower min_train, valid "
            "or lookback, or bring more bars"
        )


@dataclass(frozen=True, eq=False)
class KnownRows:
    """A panel, with the map from the table's rows to its own."""

    rows: Panel
    moved: Int64Array
    table: Table

    def windows(
        self, ends: Int64Array, lookback: int, which: slice = _ALL, *, with_targets: bool
    ) -> Windows:
        """The windows that end at these rows of the table, asked for `which` of its steps."""
        steps = self.table.steps[which]
        paths = self.table.paths[ends, which].astype(np.float32) if with_targets else None
        return Windows(
            self.rows,
            self.moved[ends].astype(np.int64),
            lookback,
            None if paths is None else paths[:, -1, 0],
            steps[-1],
            paths,
            steps,
            self.table.length[ends],
        )


@dataclass(frozen=True, eq=False)
class Fold:
    """One refit: rows (indices into the table) and the sessions that bound them.

    train, valid, test
        Decision rows, ascending.
    first, last
        First and last session to forecast.
    known_until
        Last session whose prices the fit may use: `first` minus the embargo.
    fit_start, fit_end
        First session in a training window, last label end in training or validation.
    """

    number: int
    train: Int64Array
    valid: Int64Array
    test: Int64Array
    first: np.datetime64
    last: np.datetime64
    known_until: np.datetime64
    valid_first: np.datetime64
    fit_start: np.datetime64
    fit_end: np.datetime64

    @classmethod
    def plan(cls, table: Table, settings: "WalkForward", number: int, at: int, stop: int) -> Self:
        """The fold that forecasts the sessions at positions `at` ... `stop`."""
        sessions = table.sessions.to_numpy()
        purge = purge_of(settings.horizon)
        known = at - settings.embargo
        valid_last = known - purge
        valid_first = valid_last - settings.valid + 1
        train_last = valid_first - purge if settings.valid else valid_last
        limit = valid_first if settings.valid else known
        train_first = 0 if settings.train is None else max(train_last - settings.train + 1, 0)
        usable = table.complete & np.isfinite(table.label) & np.isfinite(table.paths).all(axis=(1, 2))
        between = (table.position >= train_first) & (table.position <= train_last)
        train = np.flatnonzero(usable & between & ends_by(table, sessions[limit]))
        within = (table.position >= valid_first) & (table.position <= valid_last)
        valid = np.flatnonzero(usable & within & ends_by(table, sessions[known]))
        test = np.flatnonzero(table.complete & (table.position >= at) & (table.position <= stop))
        if len(train) == 0:
            raise DataError(
                f"nothing to train on before {pd.Timestamp(sessions[at]):%Y-%m-%d}: no complete window "
                "has a label that ends in time; start later"
            )
        seen = np.concatenate([train, valid])
        return cls(
            number,
            train,
            valid,
            test,
            sessions[at],
            sessions[stop],
            sessions[known],
            sessions[valid_first] if settings.valid else _NEVER,
            table.session[train - table.length[train] + 1].min(),
            table.label_end[seen].max(),
        )


def by_symbol(table: Table, fold: Fold) -> dict[str, Fold]:
    """The fold of each symbol alone; a symbol without training or test rows has none."""
    found = {}
    for symbol in np.unique(table.symbol[fold.test]):
        own = {
            name: rows[table.symbol[rows] == symbol]
            for name, rows in (("train", fold.train), ("valid", fold.valid), ("test", fold.test))
        }
        if len(own["train"]) and len(own["test"]):
            found[str(symbol)] = replace(fold, **own)
    return found


def purge_of(horizon: int) -> int:
    """Sessions from a decision to the end of its label, for a symbol that trades on all of them."""
    return horizon + 1


def ends_by(table: Table, session: np.datetime64) -> npt.NDArray[np.bool_]:
    """Rows whose label is known at a session: purged by the label's end, not by its start."""
    found: npt.NDArray[np.bool_] = table.label_end <= session
    return found


def check_purged(table: Table, fold: Fold, embargo: int) -> None:
    """Assert that no label of a fold reaches what comes after it; `LookAheadError` otherwise."""
    at = int(table.sessions.searchsorted(pd.Timestamp(fold.first))) - embargo
    limits = [("the forecasts", np.concatenate([fold.train, fold.valid]), table.sessions[at])]
    if len(fold.valid):
        limits.append(("validation", fold.train, pd.Timestamp(table.session[fold.valid].min())))
    for what, rows, limit in limits:
        latest = pd.Timestamp(table.label_end[rows].max())
        if not latest <= limit:
            raise LookAheadError(
                f"fold {fold.number}: a training label ends on {latest:%Y-%m-%d}, after "
                f"{limit:%Y-%m-%d}, where {what} may begin"
            )


def check_scaler(table: Table, fold: Fold, scaler: Scaler) -> None:
    """Assert that a scaler saw training rows only; `LookAheadError` otherwise."""
    latest = table.session[fold.train].max()
    if scaler.end > latest:
        raise LookAheadError(
            f"fold {fold.number}: the scaler saw {pd.Timestamp(scaler.end):%Y-%m-%d}, after the last "
            f"training session {pd.Timestamp(latest):%Y-%m-%d}"
        )


def fold_table(
    features: Features,
    bars: Bars,
    horizon: int,
    lookback: int,
    targets: tuple[TargetName, ...] = ("return",),
    steps: tuple[int, ...] = (),
    shortest: int | None = None,
) -> Table:
    """Join features, prices and targets; `DataError` where they do not belong together.

    `shortest` is how many rows a window needs; left out, `lookback`.
    """
    if not features.index.equals(bars.frame.index):
        raise DataError(
            f"features of {len(features.index)} rows do not belong to bars of {len(bars)} rows: "
            "build them from the same bars"
        )
    frame = bars.frame
    traded = ~frame["suspended"].to_numpy()
    labels = make_labels(bars, horizon)[traded]
    symbol = frame.index.get_level_values("symbol").to_numpy(dtype=object)[traded]
    session = frame.index.get_level_values("session").to_numpy()[traded]
    changed = np.r_[True, symbol[1:] != symbol[:-1]]
    first = np.maximum.accumulate(np.where(changed, np.arange(len(symbol)), 0)).astype(np.int64)
    values = features.values[traded]  # noqa: PD011  # an array, not a frame
    bound = [i for i in range(values.shape[1]) if i not in maskable(features.names)]
    length = window_lengths(np.isfinite(values[:, bound]).all(axis=1), first, lookback)
    needed = shortest or lookback
    complete = length >= needed
    if not complete.any():
        raise DataError(
            f"too short a history for the windows: {features.warm_up} rows of warm-up and {needed} of "
            f"look-back are needed, and the longest symbol has {int(np.bincount(first).max())}, or a "
            "feature is never known"
        )
    sessions = pd.DatetimeIndex(np.unique(session), name="session")
    return Table(
        values,
        features.names,
        (frame["close"] * frame["factor"]).to_numpy()[traded],
        symbol,
        session,
        first,
        labels["label"].to_numpy(),
        labels["label_end"].to_numpy(),
        sessions,
        np.searchsorted(sessions.to_numpy(), session).astype(np.int64),
        length,
        complete,
        horizon,
        targets,
        steps or (horizon,),
        make_targets(bars, targets, steps or (horizon,))[traded],
        {n: frame[n].to_numpy(dtype=float)[traded] for n in ("close", "volume", "amount")},
    )
