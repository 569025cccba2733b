"""Where a session stands among those before it, for many series at once: steps 5 and 6.

Series are rows of a matrix: on the left what each remembers of earlier sessions, right-aligned behind
empty cells, then its new sessions.  So the window of a new cell is the run of cells before it, whether
the sessions came one by one or all together, and its sums add the same numbers in the same order: an
index that grew session by session is bit-equal to one that was made at once.
Series are taken in blocks, so that memory stays bounded.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .settings import PanicSettings

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
CountArray = npt.NDArray[np.int32]
_CELLS = 1 << 14  # cells compared at once: they fit a core's cache
_WINDOW_CELLS = 1 << 19  # cells of windows held at once: 4 MB
NO_COUNT = np.int32(np.iinfo(np.int32).max)
"""The count of a session before a series begins: sorts behind every other."""

_windows = np.lib.stride_tricks.sliding_window_view


@dataclass(frozen=True)
class Standing:
    """Where each session stands among those before it; NaN where there is no standing.

    panic, z
        [series, sessions]; panic before it is shrunk.
    remembered
        [series, window]: the last values, as the next sessions are ranked against them.
    """

    panic: FloatArray
    z: FloatArray
    remembered: FloatArray


def rank_against_history(
    b: FloatArray, valued: BoolArray, remembered: FloatArray, settings: PanicSettings
) -> Standing:
    """Percentile and z of `b` [series, sessions] among the earlier sessions that are `valued`.

    `remembered` [series, window] are values of before, right-aligned behind NaN.  Session t only uses
    `b[:, :t + 1]`.
    """
    window = settings.window
    number = valued.sum(axis=1)
    packed = np.full((len(b), window + int(number.max(initial=0))), np.nan)
    packed[:, :window] = remembered
    row, session = np.nonzero(valued)
    place = np.cumsum(valued, axis=1)[row, session] - 1
    packed[row, window + place] = b[row, session]
    known = np.isfinite(remembered).sum(axis=1)
    size = np.minimum(known[:, None] + np.arange(packed.shape[1] - window), window)
    panic, z = np.full(b.shape, np.nan), np.full(b.shape, np.nan)
    panic[row, session] = _percentiles(packed, size, settings)[row, place]
    z[row, session] = _scaled(packed, size, settings)[row, place]
    last = number[:, None] + np.arange(window)
    return Standing(panic, z, np.take_along_axis(packed, last, axis=1))


def _percentiles(packed: FloatArray, size: npt.NDArray[np.int64], settings: PanicSettings) -> FloatArray:
    """Of the cells behind the first `window`, among the `size` values before each."""
    window, wide = settings.window, size.shape[1]
    found = np.full(size.shape, np.nan)
    step = max(1, _CELLS // max(1, wide))
    for first in range(0, len(size), step):
        block = packed[first : first + step]
        today = np.ascontiguousarray(block[:, window:])
        twice_below = np.zeros(today.shape, dtype=np.int32)
        compared = np.empty(today.shape, dtype=bool)
        for back in range(window):
            past = block[:, back : back + wide]
            for compare in (np.less, np.less_equal):
                compare(past, today, out=compared)
                np.add(twice_below, compared.view(np.int8), out=twice_below)
        number = size[first : first + step]
        enough = number >= settings.min_history
        np.divide(100.0 * (0.5 * twice_below), number, out=found[first : first + step], where=enough)
    return found


def _scaled(packed: FloatArray, size: npt.NDArray[np.int64], settings: PanicSettings) -> FloatArray:
    """The z value of the same cells; 0 where all values before are one."""
    window, wide = settings.window, size.shape[1]
    found = np.full(size.shape, np.nan)
    zeroed = np.nan_to_num(packed)
    flat = _run_before(packed, window) >= size
    step = max(1, _WINDOW_CELLS // (window * max(1, wide)))
    for first in range(0, len(size), step):
        rows = slice(first, first + step)
        number = size[rows]
        if not (number >= settings.min_history).any():
            continue
        past = _windows(zeroed[rows], window, axis=1)[:, :-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = past.sum(axis=2) / number
            apart = past - mean[:, :, None]
            short = slice(0, int((number < window).any(axis=0).sum()))  # the first cells, if any
            empty = (window - number[:, short])[:, :, None]
            apart[:, short][np.arange(window) < empty] = 0.0
            spread = np.sqrt(np.multiply(apart, apart, out=apart).sum(axis=2) / number)
            z = np.where(flat[rows], 0.0, (packed[rows, window:] - mean) / spread)
        z = np.clip(z, -settings.z_clip, settings.z_clip)
        found[rows] = np.where(number >= settings.min_history, z, np.nan)
    return found


def _run_before(packed: FloatArray, window: int) -> npt.NDArray[np.int64]:
    """How many cells before each new one hold one and the same value without a break."""
    changed = np.ones(packed.shape, dtype=bool)
    changed[:, 1:] = packed[:, 1:] != packed[:, :-1]
    place = np.arange(packed.shape[1])
    since = np.maximum.accumulate(np.where(changed, place, 0), axis=1)
    run: npt.NDArray[np.int64] = (place - since + 1)[:, window - 1 : -1]
    return run


def abnormal_attention(
    texts: npt.NDArray[np.int64], alive: BoolArray, remembered: CountArray, settings: PanicSettings
) -> tuple[FloatArray, CountArray]:
    """`ln(1 + N)` minus its median over the previous `window` sessions, and what is remembered then.

    `texts` [series, sessions] count from the first `alive` session on; `remembered` [series, window]
    are counts of before, right-aligned behind `NO_COUNT`.  Sessions without a text count as 0.  NaN
    before `min_history` sessions.
    """
    window = settings.window
    counts = np.concatenate([remembered, np.where(alive, texts, NO_COUNT).astype(np.int32)], axis=1)
    begun = np.cumsum(counts != NO_COUNT, axis=1)[:, window - 1 : -1]
    size = np.minimum(begun, window)
    row, session = np.nonzero(alive & (size >= settings.min_history))
    usual = np.full(texts.shape, np.nan)
    before = _windows(counts, window, axis=1)
    step = max(1, _WINDOW_CELLS // window)
    for first in range(0, len(row), step):
        at = (row[first : first + step], session[first : first + step])
        ordered = np.sort(before[at], axis=1)
        middle = [
            np.log1p(np.take_along_axis(ordered, place[:, None], axis=1)[:, 0].astype(float))
            for place in (size[at] // 2, (size[at] - 1) // 2)
        ]
        usual[at] = (middle[0] + middle[1]) / 2
    return np.log1p(texts.astype(float)) - usual, counts[:, counts.shape[1] - window :]
