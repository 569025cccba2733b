"""Nets that can answer at every row, and go on from where they stopped.

A causal net's state after row t holds all that it makes of the rows up to t.  So it can be taught at
every row of a stretch at once, and it can be rolled forward: one step a row instead of `lookback` steps
a forecast.  A rolled forecast has seen everything since the symbol's first complete row, in blocks

    answers(block k), state(k + 1) = net(block k, state(k))

cut at fixed distances from that row, so later rows change nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from torch import Tensor, nn

from ..core import ConfigError
from ._batches import PanelRows, run_starts
from .windows import Float32Array, Panel, Windows

_BLOCK = 256
"""Rows that a rolled net is handed at once."""
_TOGETHER = 256
"""Runs of rows that a rolled net answers for at once."""

States = list[tuple[Tensor, ...]]
"""The last state of each layer, tensors of [1, B, size]."""


class RowNet(nn.Module):
    """A causal net; what it gives back depends on a row and those before it.

    stretch
        Labelled rows in a training stretch; None: taught at the last row of each window only.
    stretches
        Stretches in a step, at most.
    rolled
        Whether forecasts come from the state carried through all rows, not from windows.
    every_row
        Whether `forward` answers [B, rows, outputs] instead of [B, outputs].
    carried
        What `forward` starts from and leaves its states in; None: it starts from nothing.
    """

    stretch: int | None = None
    stretches: int = 1
    rolled: bool = False
    every_row: bool = False
    carried: States | None = None

    @contextmanager
    def answering_rows(self, carried: States | None = None) -> Iterator[None]:
        """Answer at every row inside."""
        self.every_row, self.carried = True, carried
        try:
            yield
        finally:
            self.every_row, self.carried = False, None


def row_net(net: nn.Module) -> RowNet | None:
    """The net, or the part of it, that can answer at every row."""
    return next((part for part in net.modules() if isinstance(part, RowNet)), None)


def check_rows(panel: Panel, setting: str, instead: str) -> None:
    """`ConfigError` where rows look different in each window."""
    if panel.relative:
        names = ", ".join(panel.names[at] for at in panel.relative)
        raise ConfigError(
            f"{setting} needs rows that look the same in every window, and {names} are relative to the "
            f"window's start: set {instead}, or scale them another way"
        )


def roll(net: nn.Module, part: RowNet, rows: PanelRows, windows: Windows) -> Float32Array:
    """Answers [n, outputs] at the last row of each window, from all complete rows before it."""
    starts = run_starts(windows.panel, windows.ends)
    runs, member = np.unique(starts, return_inverse=True)
    stops = np.zeros(len(runs), dtype=np.int64)
    np.maximum.at(stops, member, windows.ends + 1)
    longest = np.argsort(runs - stops, kind="stable")
    place = np.empty(len(runs), dtype=np.int64)
    place[longest] = np.arange(len(runs))
    rank = place[member]
    found: Float32Array | None = None
    for begin in range(0, len(runs), _TOGETHER):
        group = longest[begin : begin + _TOGETHER]
        mine = np.flatnonzero((rank >= begin) & (rank < begin + _TOGETHER))
        at = rank[mine] - begin, windows.ends[mine] - starts[mine]
        answers = _roll_group(net, part, rows, (runs[group], stops[group]), at)
        if found is None:
            found = np.empty((len(windows), answers.shape[1]), dtype=np.float32)
        found[mine] = answers
    return np.empty((0, 0), dtype=np.float32) if found is None else found


def _roll_group(
    net: nn.Module,
    part: RowNet,
    rows: PanelRows,
    runs: tuple[np.ndarray, np.ndarray],
    asked: tuple[np.ndarray, np.ndarray],
) -> Float32Array:
    """Answers at (run, row of the run) pairs; the runs stand longest first."""
    starts, stops = runs
    run, row = asked
    carried: States = []
    found: Float32Array | None = None
    for begin in range(0, int((stops - starts).max()), _BLOCK):
        alive = int((stops - starts > begin).sum())
        carried[:] = [tuple(t[:, :alive].contiguous() for t in state) for state in carried]
        # a run that ends inside the block goes on with its last row: nothing is asked there.
        at = np.minimum(starts[:alive, None] + begin + np.arange(_BLOCK), stops[:alive, None] - 1)
        with part.answering_rows(carried):
            answers = net(rows.take(at)).float().cpu().numpy()
        if found is None:
            found = np.empty((len(run), answers.shape[2]), dtype=np.float32)
        here = np.flatnonzero((row >= begin) & (row < begin + _BLOCK))
        found[here] = answers[run[here], row[here] - begin]
    return np.empty((0, 0), dtype=np.float32) if found is None else found
