"""What prices did around the sessions in which panic became extreme.

An event is an entry: panic in the zone, its last known value outside.  Of entries closer than the
cool-down the first counts, so that no session is told twice.  From the event session D on

    offset k <= 0    ln(C[D+k] / C[D])          what had happened, already over
    offset k >= 1    ln(C[D+k] / O[D+1])        what could be earned, bought at the next open

The night between C[D] and O[D+1] is in neither: nobody could hold it on what was known at D.  The error
is that across events; `expected` and the band are of the same events on shuffled dates, so a market that
only rises is not mistaken for a rebound.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ._regressions import FloatArray
from ._shuffles import IntArray, maxima, share_beyond

EVENTS = ("zone", "offset", "events", "mean", "error", "expected", "low", "high", "p_shuffled")


@dataclass(frozen=True, eq=False)
class Zone:
    """Events of one zone.

    `at` holds their positions; z is the mean path after them, less that of shuffled dates, in units of
    its spread there: [offsets after], and its largest |z| on shuffled dates [shuffles].
    """

    table: pd.DataFrame
    at: IntArray
    z: FloatArray
    maxima: FloatArray


def entries(inside: FloatArray, cooldown: int) -> IntArray:
    """Positions at which the zone is entered; `inside` is 1, 0 or NaN (not known) by session.

    The first known session is none: nobody saw it come.
    """
    found, before, last = [], np.nan, -np.inf
    for place, now in enumerate(inside):
        if np.isnan(now):
            continue
        if now == 1 and before == 0 and place - last >= cooldown:
            found.append(place)
            last = place
        before = now
    return np.array(found, dtype=np.int64)


def paths(opened: FloatArray, closed: FloatArray, before: int, after: int) -> FloatArray:
    """The path around every session, [sessions, before + 1 + after]; NaN where prices end.

    `opened` and `closed` are log levels [sessions].
    """
    n = len(closed)
    found = np.full((n, before + 1 + after), np.nan)
    at = np.arange(n)
    for column, offset in enumerate(range(-before, after + 1)):
        there = at + offset
        kept = (there >= 0) & (there < n)
        start = opened[at[kept] + 1] if offset > 0 else closed[at[kept]]
        found[kept, column] = closed[there[kept]] - start
    return found


def event_study(zone: str, at: IntArray, around: FloatArray, before: int, by: IntArray) -> Zone:
    """Mean path of the events at positions `at` of `around` [sessions, offsets], and that by chance."""
    width = around.shape[1]
    offsets = np.arange(width) - before
    mean, error = _mean(around[at])
    there = np.argsort(by, axis=1)  # where each session's value has gone
    chance = np.array([_mean(around[row[at]])[0] for row in there]).reshape(len(by), width)
    expected, spread = _over(chance)
    table = pd.DataFrame(
        {
            "zone": zone,
            "offset": offsets,
            "events": np.isfinite(around[at]).sum(axis=0),
            "mean": mean,
            "error": error,
            "expected": expected,
            "low": _quantile(chance, 0.025),
            "high": _quantile(chance, 0.975),
            "p_shuffled": share_beyond(mean - expected, chance - expected),
        },
        columns=list(EVENTS),
    )
    table.loc[offsets == 0, "p_shuffled"] = np.nan  # the start of every path
    later = offsets > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(spread > 0, (mean - expected) / spread, np.nan)[later]
        z_chance = np.where(spread > 0, (chance - expected) / spread, np.nan)[:, later]
    return Zone(table, at, z, maxima(z_chance))


def _mean(rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and its error over the rows that know a value; NaN below one and below two of them."""
    known = np.isfinite(rows)
    n = known.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(known, rows, 0.0).sum(axis=0) / np.where(n > 0, n, np.nan)
        left = np.where(known, rows - mean, 0.0)
        error = np.sqrt((left**2).sum(axis=0) / np.where(n > 1, n - 1, np.nan) / n)
    return mean, error


def _over(chance: FloatArray) -> tuple[FloatArray, FloatArray]:
    mean, error = _mean(chance)
    spread: FloatArray = error * np.sqrt(np.isfinite(chance).sum(axis=0))
    return mean, spread


def _quantile(chance: FloatArray, share: float) -> FloatArray:
    found = pd.DataFrame(chance).quantile(share).to_numpy(dtype=float)
    return np.asarray(found, dtype=np.float64)
