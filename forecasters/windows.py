"""Look-back windows as views: one float32 array of rows, and the index of each window's last row.

Windows of 60 rows copied out of 2,500 rows x 300 symbols x 20 features would take 3.6 GB; the rows
themselves take 60 MB.  So a window is only an index, and a batch is gathered into a buffer that is used
again.  Masking: a value that is not known is 0 after scaling, and its `*_known` column says so.

A window may be shorter than the look-back: a symbol's first rows, and those after a hole, have fewer
rows behind them.  Nothing is padded; windows of one length are gathered together (length bucketing).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from ..core import DataError

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

_LEFT_OUT: Int64Array = np.empty(0, dtype=np.int64)
"""Stands for lengths that are all the look-back."""


@dataclass(frozen=True, eq=False)
class Panel:
    """The rows that windows look at: every traded bar up to a session, by symbol, then session.

    values
        float32, rows x features, standardised; finite inside every window.
    names
        One name a column.
    close
        float64, back-adjusted close of each row, for the models that look at prices.
    symbols, sessions
        Key of each row.
    first
        int64, index of the first row of the same symbol: history never reaches below it.
    relative
        Columns that every window shows relative to its own first row.

    Arrays are read-only, and shared by all windows.
    """

    values: Float32Array
    names: tuple[str, ...]
    close: Float64Array
    symbols: npt.NDArray[np.object_]
    sessions: npt.NDArray[np.datetime64]
    first: Int64Array
    relative: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        rows = len(self.values)
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise DataError(f"values are {self.values.shape}, expected (rows, {len(self.names)})")
        for name in ("close", "symbols", "sessions", "first"):
            if len(getattr(self, name)) != rows:
                raise DataError(f"{name!r} has {len(getattr(self, name))} rows, the values have {rows}")
        for name in ("values", "close", "symbols", "sessions", "first"):
            getattr(self, name).flags.writeable = False

    def spans(self) -> Iterator[tuple[int, int]]:
        """First row and row after the last of each symbol."""
        starts = np.unique(self.first)
        yield from zip(starts.tolist(), [*starts[1:].tolist(), len(self.first)], strict=True)


@dataclass(frozen=True, eq=False)
class Windows:
    """Some windows of a panel, and in training their targets.

    panel
        The shared rows.  It ends with the last session that the holder may know.
    ends
        int64, index of each window's last row: the row of the decision.
    lookback
        Rows in a window, at most.
    targets
        float32 [n], the first target at the last step (`labels.py`), None where none may be known.
    horizon
        Sessions that a target or an answer spans, from the open of t+1 to that of t+1+horizon.
    paths
        float32 [n, steps, outputs]: every target at every step that is asked for; left out, `targets`
        is all there is.
    steps
        The steps asked for, ascending; the last is the horizon.
    lengths
        int64 [n], rows in each window; left out, `lookback` in all of them.
    """

    panel: Panel
    ends: Int64Array
    lookback: int
    targets: Float32Array | None = None
    horizon: int = 1
    paths: Float32Array | None = None
    steps: tuple[int, ...] = ()
    lengths: Int64Array = field(default_factory=lambda: _LEFT_OUT)

    def __post_init__(self) -> None:
        if not self.steps:
            object.__setattr__(self, "steps", (self.horizon,))
        if self.paths is None and self.targets is not None:
            object.__setattr__(self, "paths", self.targets[:, None, None])
        if self.lookback < 1:
            raise DataError(f"a window has at least 1 row, received {self.lookback}")
        if self.lengths is _LEFT_OUT:  # one number seen n times: it takes no memory
            whole = np.broadcast_to(np.int64(self.lookback), len(self.ends))
            object.__setattr__(self, "lengths", whole)
        if self.targets is not None and len(self.targets) != len(self.ends):
            raise DataError(f"{len(self.ends)} windows but {len(self.targets)} targets")
        if len(self.lengths) != len(self.ends):
            raise DataError(f"{len(self.ends)} windows but {len(self.lengths)} lengths")
        if len(self.ends) == 0:
            return
        if self.ends.min() < 0 or self.ends.max() >= len(self.panel.close):
            raise DataError(f"windows end outside the {len(self.panel.close)} rows")
        if self.lengths.min() < 1 or self.lengths.max() > self.lookback:
            raise DataError(
                f"windows have 1 to {self.lookback} rows, received {self.lengths.min()} to "
                f"{self.lengths.max()}"
            )
        if (self.starts < self.panel.first[self.ends]).any():
            raise DataError("a window reaches into another symbol: drop the first rows of each symbol")

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def n_features(self) -> int:
        """Features in a row."""
        return len(self.panel.names)

    @property
    def starts(self) -> Int64Array:
        """Index of each window's first row."""
        return self.ends - self.lengths + 1

    @property
    def shortest(self) -> int:
        """Rows in the shortest window; `lookback` where there are none."""
        return int(self.lengths.min(initial=self.lookback))

    @property
    def symbols(self) -> npt.NDArray[np.object_]:
        """Symbol of each window."""
        return self.panel.symbols[self.ends]

    @property
    def sessions(self) -> npt.NDArray[np.datetime64]:
        """Decision session of each window."""
        return self.panel.sessions[self.ends]

    @property
    def close(self) -> Float64Array:
        """Back-adjusted close of each window's last row."""
        return self.panel.close[self.ends]

    def subset(self, which: npt.NDArray[np.bool_] | Int64Array) -> Self:
        """Some of the windows, on the same panel."""
        targets = None if self.targets is None else self.targets[which]
        paths = None if self.paths is None else self.paths[which]
        lengths = self.lengths[which]
        return replace(self, ends=self.ends[which], targets=targets, paths=paths, lengths=lengths)

    def last(self) -> Float32Array:
        """Features of each window's last row, [n, F]."""
        return self.row(0)

    def row(self, lag: int) -> Float32Array:
        """Features of the row `lag` before each window's last, [n, F]; NaN in windows without it.

        Raises `DataError` for a lag that is outside every window: `lookback` or more.
        """
        if not 0 <= lag < self.lookback:
            raise DataError(f"a window of {self.lookback} rows has no row {lag} before its last")
        rows = self.panel.values[np.maximum(self.ends - lag, 0)]
        columns = list(self.panel.relative)
        if columns:
            rows[:, columns] -= self.panel.values[self.starts][:, columns]
        rows[self.lengths <= lag] = np.nan
        return rows

    def gather(self, which: Int64Array, out: Float32Array | None = None) -> Float32Array:
        """The windows `which` as [B, length, F], written into the head of `out` where one is given.

        `out` is [>= B, lookback, F] and is overwritten by the next call that gets it.  Raises
        `DataError` for windows of different lengths: `batches` and `by_length` keep them apart.
        """
        if out is None:
            out = self.buffer(len(which))
        length = self.length_of(which)
        rows = self.ends[which][:, None] + np.arange(1 - length, 1)
        target = out[: len(which), :length]
        # mode="clip" only because "raise" would gather into a second array first: rows were checked.
        np.take(self.panel.values, rows, axis=0, out=target, mode="clip")
        for column in self.panel.relative:
            target[..., column] -= target[:, :1, column].copy()
        return target

    def buffer(self, batch: int) -> Float32Array:
        """An array for `gather` to fill again and again."""
        return np.empty((batch, self.lookback, self.n_features), dtype=np.float32)

    def closes(self, rows: int) -> Float64Array:
        """The last `rows` closes of each window, [n, rows], oldest first; NaN before the first trade."""
        at = self.ends[:, None] + np.arange(1 - rows, 1)
        known = at >= self.panel.first[self.ends][:, None]
        return np.where(known, self.panel.close[np.maximum(at, 0)], np.nan)

    def length_of(self, which: Int64Array) -> int:
        """Rows in each of the windows `which`; `DataError` where they are not of one length."""
        lengths = self.lengths[which]
        if len(lengths) == 0:
            return self.lookback
        if lengths.min() < lengths.max():
            raise DataError(
                f"windows of {lengths.min()} to {lengths.max()} rows cannot be gathered together: "
                "gather those of one length at a time, as `batches` gives them"
            )
        return int(lengths[0])

    def by_length(self, which: Int64Array) -> list[Int64Array]:
        """The windows `which` by length, the shortest first, each length in the order given."""
        lengths = self.lengths[which]
        order = np.argsort(lengths, kind="stable")
        return np.split(which[order], np.flatnonzero(np.diff(lengths[order])) + 1)

    def batches(self, size: int) -> Iterator[Int64Array]:
        """Positions of the windows by length, in order within a length, `size` at a time."""
        for bucket in self.by_length(np.arange(len(self), dtype=np.int64)):
            for start in range(0, len(bucket), size):
                yield bucket[start : start + size]


def window_lengths(finite: npt.NDArray[np.bool_], first: Int64Array, lookback: int) -> Int64Array:
    """Rows of the longest window that ends at each row: finite, of one symbol, at most `lookback`.

    >>> finite = np.array([True, True, True, False, True, True])
    >>> window_lengths(finite, np.zeros(6, dtype=np.int64), 2).tolist()
    [1, 2, 2, 0, 1, 2]
    """
    at = np.arange(len(finite))
    last_hole = np.maximum.accumulate(np.where(finite, -1, at)) if len(at) else at
    lengths: Int64Array = np.minimum(np.minimum(at - last_hole, at - first + 1), lookback)
    return lengths


def complete_ends(
    finite: npt.NDArray[np.bool_], first: Int64Array, lookback: int
) -> npt.NDArray[np.bool_]:
    """Rows at which a window of `lookback` rows of one symbol ends, all of them finite.

    >>> finite = np.array([True, True, True, False, True, True])
    >>> complete_ends(finite, np.zeros(6, dtype=np.int64), 2).tolist()
    [False, True, True, False, False, True]
    """
    filled: npt.NDArray[np.bool_] = window_lengths(finite, first, lookback) >= lookback
    return filled
