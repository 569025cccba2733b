"""What a net trains on, batch by batch: one window a label, or one stretch of rows for many labels.

A window a label asks a recurrent net for `lookback` steps a label.  A stretch of s labelled rows, with
the `lookback` - 1 rows before it, asks for (lookback - 1 + s) / s steps, and every label is still the
last of at least `lookback` rows:

    rows    a - lookback + 1 ... a + s - 1,    labels    a ... a + s - 1

Stretches are cut anew in each epoch, so that no row always stands first.  They never reach into another
symbol or over a hole, and only rows whose label was handed in count, each once an epoch.  Where a run
of rows begins less than `lookback` rows before a, its stretch begins with the run.

Windows may differ in length.  A batch holds windows of one length and no padding: the windows of an
epoch are drawn in one random order, cut into batches length by length, and the batches are shuffled.
Where few windows have a length, its batches are small.

The panel's rows lie on the device when it is a GPU with room for them; a batch is gathered there.
"""

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .windows import Float32Array, Int64Array, Panel, Windows

_ANSWERED = 256
"""Labels that are answered for at once where no gradient is wanted."""
_STEPS = 8
"""Steps of a pass over few stretches: large batches would leave a short history too few of them."""
_SPARE = 2
"""How many times its own size must be free before a panel is put on a GPU."""


@dataclass(frozen=True)
class Batch:
    """Inputs [B, rows, F], the labels [n, ...], and which of the B x rows answers they are for.

    `answers` is None where the net answers once a window, else n positions in [B x rows].
    """

    inputs: Tensor
    labels: Tensor
    answers: Tensor | None = None


class PanelRows:
    """The rows of a panel as a tensor that batches are gathered from."""

    def __init__(self, panel: Panel, device: torch.device) -> None:
        with warnings.catch_warnings():
            # torch warns that the rows are read-only; nothing here writes to them.
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
            values = torch.from_numpy(panel.values)
        if device.type == "cuda" and torch.cuda.mem_get_info(device)[0] > _SPARE * values.nbytes:
            values = values.to(device)
        self.values, self.device = values, device
        self.relative = list(panel.relative)

    def take(self, rows: Int64Array) -> Tensor:
        """The rows [B, n] as [B, n, F] on the device, relative columns not yet subtracted."""
        at = torch.from_numpy(rows.reshape(-1)).to(self.values.device)
        return self.values.index_select(0, at).view(*rows.shape, -1).to(self.device)

    def windows(self, windows: Windows, which: Int64Array) -> Tensor:
        """The windows `which`, all of one length, as `Windows.gather` gives them."""
        rows = np.arange(1 - windows.length_of(which), 1)
        found = self.take(windows.ends[which][:, None] + rows)
        if self.relative:
            found[..., self.relative] -= found[:, :1, self.relative]
        return found


class Batches(ABC):
    """The batches of a pass over some windows; `rows` are those of the windows' panel."""

    def __init__(self, rows: PanelRows, windows: Windows, labels: Float32Array, size: int) -> None:
        self.rows, self.windows, self.labels, self.size = rows, windows, labels, size

    @abstractmethod
    def plan(self, entropy: tuple[int, int]) -> list[Int64Array]:
        """Batches of `size` windows or stretches for one pass, in a random order."""

    @abstractmethod
    def in_order(self) -> list[Int64Array]:
        """Batches of one pass without gradients, always the same."""

    @abstractmethod
    def batch(self, part: Int64Array) -> Batch:
        """What a part of a plan stands for."""

    def _labels(self, which: Int64Array) -> Tensor:
        return torch.from_numpy(self.labels[which]).to(self.rows.device)


class WindowBatches(Batches):
    """One window a label; a batch holds windows of one length."""

    def plan(self, entropy: tuple[int, int]) -> list[Int64Array]:
        """Positions of the windows."""
        random = np.random.default_rng(entropy)
        buckets = self.windows.by_length(random.permutation(len(self.windows)))
        parts = [part for bucket in buckets for part in _cut(bucket, self.size)]
        if len(buckets) > 1:  # else an epoch would go from the short windows to the long ones
            parts = [parts[at] for at in random.permutation(len(parts))]
        return parts

    def in_order(self) -> list[Int64Array]:
        """Positions of the windows."""
        return list(self.windows.batches(max(self.size, _ANSWERED)))

    def batch(self, part: Int64Array) -> Batch:
        """Windows and their labels."""
        return Batch(self.rows.windows(self.windows, part), self._labels(part))


class StretchBatches(Batches):
    """Stretches of rows, a label at each row that has one.

    size
        Stretches in a batch, at most: a pass has `_STEPS` batches where there are stretches for them.
    stretch
        Labelled rows in a stretch, at most.
    """

    def __init__(
        self, rows: PanelRows, windows: Windows, labels: Float32Array, size: int, stretch: int
    ) -> None:
        super().__init__(rows, windows, labels, size)
        self.stretch = stretch
        self.order = np.argsort(windows.ends, kind="stable")
        self.ends = windows.ends[self.order]
        begins = windows.starts[self.order]
        self.runs = _runs(self.ends, windows.panel.first[self.ends], begins)
        self.size = max(1, min(size, len(self._cuts(np.full(len(self.runs), stretch))) // _STEPS))

    def plan(self, entropy: tuple[int, int]) -> list[Int64Array]:
        """Stretches as [B, 4].

        First labelled row, the row after the last, the last row of the run, and the earliest row that
        may stand before them.
        """
        random = np.random.default_rng(entropy)
        table = self._cuts(random.integers(1, self.stretch + 1, len(self.runs)))
        return _cut(table[random.permutation(len(table))], self.size)

    def in_order(self) -> list[Int64Array]:
        """Stretches, the first cut at the first labelled row of each run."""
        table = self._cuts(np.full(len(self.runs), self.stretch))
        return _cut(table, max(self.size, _ANSWERED // self.stretch))

    def _cuts(self, lead: Int64Array) -> Int64Array:
        found = [np.empty((0, 4), dtype=np.int64)]
        for (first, last, begin), after in zip(self.runs, lead.tolist(), strict=True):
            starts = np.r_[first, np.arange(first + after, last + 1, self.stretch)]
            stops = np.r_[starts[1:], last + 1]
            run = np.broadcast_to([last, begin], (len(starts), 2))
            found.append(np.column_stack([starts, stops, run]))
        return np.concatenate(found)

    def batch(self, part: Int64Array) -> Batch:
        """Rows of the stretches, and the labels of those that have one."""
        before = self.windows.lookback - 1
        starts, stops, last, earliest = (column[:, None] for column in part.T)
        begin = np.maximum(starts - before, earliest)
        # past the end of a run its last row is repeated: nothing is asked there.
        rows = np.minimum(begin + np.arange(before + self.stretch), last)
        asked = np.minimum(starts + np.arange(self.stretch), last)
        found = np.minimum(np.searchsorted(self.ends, asked), len(self.ends) - 1)
        fresh = starts + np.arange(self.stretch) < stops
        known = fresh & (self.ends[found] == asked)
        at = np.arange(len(part))[:, None] * rows.shape[1] + asked - begin
        answers = torch.from_numpy(at[known]).to(self.rows.device)
        return Batch(self.rows.take(rows), self._labels(self.order[found[known]]), answers)


def _cut(table: Int64Array, size: int) -> list[Int64Array]:
    return [table[start : start + size] for start in range(0, len(table), size)]


def _runs(ends: Int64Array, first: Int64Array, begins: Int64Array) -> list[tuple[int, int, int]]:
    """Each run of rows of one symbol without a hole between them.

    First and last labelled row, and where the window of the first begins: a symbol or a hole ends there
    if it is short.  Windows that touch or overlap leave no room for a hole.
    """
    if len(ends) == 0:
        return []
    apart = (begins[1:] > ends[:-1] + 1) | (np.diff(first) != 0)
    starts = np.r_[0, np.flatnonzero(apart) + 1]
    stops = np.r_[starts[1:], len(ends)] - 1
    return list(zip(ends[starts].tolist(), ends[stops].tolist(), begins[starts].tolist(), strict=True))


def run_starts(panel: Panel, ends: Int64Array) -> Int64Array:
    """First row of the symbol's rows that lead up to each end without an unknown value."""
    finite = np.asarray(np.isfinite(panel.values).all(axis=1))
    holes = np.maximum.accumulate(np.where(finite, -1, np.arange(len(finite))))
    starts: Int64Array = np.maximum(panel.first[ends], holes[ends] + 1)
    return starts
