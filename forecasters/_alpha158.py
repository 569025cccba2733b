"""Alpha158: the features that Microsoft's Qlib feeds its benchmark models, in our own code.

Nine shapes of the day's bar (KMID ... KSFT2), open, high and low over close (OPEN0, HIGH0, LOW0), and 29
operators over each window of n rows (ROC ... VSUMD): 157 columns with the windows 5, 10, 20, 30, 60.
Names and formulas are those of `qlib.contrib.data.loader.Alpha158DL` (Yang et al. 2020, "Qlib: An
AI-oriented quantitative investment platform"), on back-adjusted prices and volume.  What is different:

    VWAP0    left out: it needs the turnover, which many sources do not have
    heads    a window counts when it is complete; Qlib begins with its first row
    zeros    Qlib adds 1e-12 to a denominator.  Here a ratio to a range, or to a sum of moves, is 0 where
             that is 0 (a bar of one price at the limit); VMA and VSTD of a row without volume, and a
             correlation with a constant, are NaN
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ._rolling import Float64Array, RollingSet, rolled, to_rows

BAR = ("KMID", "KLEN", "KMID2", "KUP", "KUP2", "KLOW", "KLOW2", "KSFT", "KSFT2")
PRICE = ("OPEN0", "HIGH0", "LOW0")
OPERATORS = (
    *("ROC", "MA", "STD", "BETA", "RSQR", "RESI", "MAX", "MIN", "QTLU", "QTLD", "RANK", "RSV"),
    *("IMAX", "IMIN", "IMXD", "CORR", "CORD", "CNTP", "CNTN", "CNTD", "SUMP", "SUMN", "SUMD"),
    *("VMA", "VSTD", "WVMA", "VSUMP", "VSUMN", "VSUMD"),
)

_CONSTANT = 1e-12  # a spread below this part of the level is rounding, not movement

Columns = dict[str, Float64Array]


def _names(windows: tuple[int, ...]) -> tuple[str, ...]:
    return (*BAR, *PRICE, *(f"{operator}{n}" for operator in OPERATORS for n in windows))


def _warm_up(windows: tuple[int, ...]) -> int:
    return max(windows, default=0)


def _compute(b: pd.DataFrame, windows: tuple[int, ...]) -> Float64Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = _bar(b)
        for n in windows:
            groups = (_level(b, n), _extremes(b, n), _moves(b, n), _volumes(b, n))
            for group in groups:
                found |= {f"{name}{n}": to_rows(column, len(b)) for name, column in group.items()}
    return np.column_stack([found[name] for name in _names(windows)])


ALPHA158 = RollingSet(_names, _warm_up, _compute)


def _of(b: pd.DataFrame, *names: str) -> tuple[Float64Array, ...]:
    return tuple(b[name].to_numpy(dtype=np.float64) for name in names)


def _bar(b: pd.DataFrame) -> Columns:
    """Shapes of the day's bar, and its prices over the close."""
    o, h, low, c = _of(b, "open", "high", "low", "close")
    top, bottom, length = np.maximum(o, c), np.minimum(o, c), h - low
    found = {"KLEN": length / o, "OPEN0": o / c, "HIGH0": h / c, "LOW0": low / c}
    parts = {"KMID": c - o, "KUP": h - top, "KLOW": bottom - low, "KSFT": 2 * c - h - low}
    for name, part in parts.items():
        found[name] = part / o
        found[f"{name}2"] = _share(part, length)
    return found


def _level(b: pd.DataFrame, n: int) -> Columns:
    """The close of today among the last n closes, and the straight line through these."""
    (c,) = _of(b, "close")
    w = rolled(c, n)
    now, mean = w[:, -1], w.mean(axis=1)
    off = w - mean[:, None]
    days = np.arange(n) - (n - 1) / 2  # centred, so that slope and mean do not mix
    squares = float((days**2).sum())
    slope = (off * days).sum(axis=1) / squares
    spread = (off**2).sum(axis=1)
    moves = _moving(w, spread)
    ordered = np.sort(w, axis=1)
    below, ties = (w < now[:, None]).sum(axis=1), (w == now[:, None]).sum(axis=1)
    return {
        "ROC": c[:-n] / c[n:],
        "MA": mean / now,
        "STD": np.sqrt(spread / (n - 1)) / now,
        "BETA": slope / now,
        "RSQR": np.where(moves, slope**2 * squares / spread, np.nan),
        "RESI": (off[:, -1] - slope * days[-1]) / now,
        "QTLU": _quantile(ordered, 0.8) / now,
        "QTLD": _quantile(ordered, 0.2) / now,
        "RANK": (below + (ties + 1) / 2) / n,
    }


def _extremes(b: pd.DataFrame, n: int) -> Columns:
    """Highest high and lowest low of n rows, and how long ago they were (the last row counts n)."""
    h, low, c = _of(b, "high", "low", "close")
    highs, lows, now = rolled(h, n), rolled(low, n), c[n - 1 :]
    top, bottom = highs.max(axis=1), lows.min(axis=1)
    at_top, at_bottom = highs.argmax(axis=1) + 1, lows.argmin(axis=1) + 1
    return {
        "MAX": top / now,
        "MIN": bottom / now,
        "RSV": _share(now - bottom, top - bottom),
        "IMAX": at_top / n,
        "IMIN": at_bottom / n,
        "IMXD": (at_top - at_bottom) / n,
    }


def _moves(b: pd.DataFrame, n: int) -> Columns:
    """Rising and falling days of the last n: their count, and the sum of their moves."""
    (c,) = _of(b, "close")
    moves = rolled(np.diff(c), n)
    up, down = (moves > 0).sum(axis=1) / n, (moves < 0).sum(axis=1) / n
    return {"CNTP": up, "CNTN": down, "CNTD": up - down, **_gains(moves, "SUM")}


def _volumes(b: pd.DataFrame, n: int) -> Columns:
    """Volume of n rows by itself, and how price and volume go together."""
    c, v = _of(b, "close", "volume")
    w = rolled(v, n)
    now = np.where(w[:, -1] > 0, w[:, -1], np.nan)
    ratio = c[1:] / c[:-1]
    weighted = rolled(np.abs(ratio - 1) * v[1:], n)
    return {
        "CORR": _correlation(rolled(c, n), rolled(np.log(v + 1), n)),
        "CORD": _correlation(rolled(ratio, n), rolled(np.log(v[1:] / v[:-1] + 1), n)),
        "VMA": w.mean(axis=1) / now,
        "VSTD": w.std(axis=1, ddof=1) / now,
        "WVMA": _share(weighted.std(axis=1, ddof=1), weighted.mean(axis=1)),
        **_gains(rolled(np.diff(v), n), "VSUM"),
    }


def _gains(moves: Float64Array, prefix: str) -> Columns:
    """Rises and falls as shares of all movement; falls are not 1 - rises where nothing moved."""
    up, down = np.maximum(moves, 0).sum(axis=1), np.maximum(-moves, 0).sum(axis=1)
    total = np.abs(moves).sum(axis=1)
    return {
        f"{prefix}P": _share(up, total),
        f"{prefix}N": _share(down, total),
        f"{prefix}D": _share(up - down, total),
    }


def _share(part: Float64Array, whole: Float64Array) -> Float64Array:
    """The part over the whole, and 0 where there is no whole to have a part of."""
    return np.where(whole == 0, 0.0, part / whole)


def _moving(windows: Float64Array, squares: Float64Array) -> npt.NDArray[np.bool_]:
    """Whether a window moves at all; `squares` are the sums of its squared distances from the mean."""
    level = np.abs(windows).max(axis=1)
    moving: npt.NDArray[np.bool_] = np.sqrt(squares) > _CONSTANT * level
    return moving


def _correlation(x: Float64Array, y: Float64Array) -> Float64Array:
    """Pearson's, of each pair of windows; NaN where one of the two does not move."""
    dx, dy = x - x.mean(axis=1)[:, None], y - y.mean(axis=1)[:, None]
    xx, yy = (dx**2).sum(axis=1), (dy**2).sum(axis=1)
    moves = _moving(x, xx) & _moving(y, yy)
    return np.where(moves, (dx * dy).sum(axis=1) / np.sqrt(xx * yy), np.nan)


def _quantile(ordered: Float64Array, share: float) -> Float64Array:
    """Quantile of windows in ascending order, straight between neighbours (as numpy and pandas do)."""
    position = share * (ordered.shape[1] - 1)
    below = int(position)
    above = min(below + 1, ordered.shape[1] - 1)
    found: Float64Array = ordered[:, below] + (position - below) * (
        ordered[:, above] - ordered[:, below]
    )
    return found
