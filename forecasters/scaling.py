"""Bringing features to one size with what the training rows show, and no other row.

A scaler that saw validation or test rows is a leak that survives every later precaution, so it carries
the window it was fitted on.  Each column becomes (x - centre) / scale:

    z       mean and standard deviation
    range   middle and half of the range: the training rows lie in -1 ... 1, later ones may lie outside
    robust  median and interquartile range / 1.349, the deviation of a normal column without its tails
    none    0 and 1

-1 ... 1 rather than 0 ... 1, because values that may be unknown (those with a `*_known` column) become 0
where they are unknown, and 0 has to be the middle, with the mask beside it saying that it is none.

A column that windows show relative to their own start (`features.relative_columns`) has no level to
subtract: its centre is 0, and its scale is that of its change from the first to the last row of a window
(z: root of the mean square; range: the largest; robust: as above), so that it comes out at unit size
however far the price has wandered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from ..core import ConfigError, DataError
from ..core.errors import near_names
from .features import relative_columns
from .series import KNOWN
from .windows import Float32Array, Float64Array

ScalingName = Literal["z", "range", "robust", "none"]
"""How a column is brought to size; the definitions stand at the head of this file."""

_QUARTILES_OF_A_NORMAL = 1.349  # their distance, in standard deviations
_ROWS_AT_ONCE = 16384


@dataclass(frozen=True, eq=False)
class Scaler:
    """x -> (x - centre) / scale, by column.

    centre, scale
        float64, one a column; over the finite values of the training rows.  A column that is constant
        there gets scale 1, a `*_known` column is left as it is.
    seen
        False for a column without a single finite value in training: it is masked from then on,
        because no model could learn what it means.
    start, end
        First and last session of the rows it was fitted on.
    """

    names: tuple[str, ...]
    centre: Float64Array
    scale: Float64Array
    seen: npt.NDArray[np.bool_]
    start: np.datetime64
    end: np.datetime64

    @classmethod
    def fit(
        cls,
        values: Float32Array,
        names: tuple[str, ...],
        sessions: npt.NDArray[np.datetime64],
        method: ScalingName = "z",
        *,
        overrides: Mapping[str, ScalingName] | None = None,
        symbols: npt.NDArray[np.object_] | None = None,
        lookback: int = 1,
    ) -> Self:
        """From the training rows, rows x features, and their sessions; NaN values are left out.

        `overrides` gives single columns another method.  `symbols` (one a row, the rows of a symbol
        together and in time order; left out: one symbol) and `lookback` (rows in a window) count for
        columns relative to the window's start only.  Raises `DataError` without rows, and where windows
        of one row are to show such a column; `ConfigError` for an override of no column.
        """
        if len(values) == 0:
            raise DataError("a scaler needs training rows, received none")
        chosen = _methods(names, method, overrides or {})
        relative = relative_columns(names)
        _check_lookback(names, relative, lookback)
        centre, scale = np.zeros(len(names)), np.ones(len(names))
        seen = np.zeros(len(names), dtype=bool)
        for i, name in enumerate(names):
            column = values[:, i].astype(np.float64)
            seen[i] = np.isfinite(column).any()
            if name.endswith(KNOWN) or not seen[i]:
                continue
            if i in relative:
                scale[i] = _scale_of_changes(_changes(column, symbols, lookback), chosen[i])
            else:
                centre[i], scale[i] = _centre_and_scale(column[np.isfinite(column)], chosen[i])
        return cls(names, centre, scale, seen, sessions.min(), sessions.max())

    def transform(self, values: Float32Array) -> Float32Array:
        """Scaled float32 copy; unknown values of masked columns are 0 with mask 0.

        Bar features keep their NaN: no window may hold such a row.
        """
        scaled = np.empty(values.shape, dtype=np.float32)
        for at in range(0, len(values), _ROWS_AT_ONCE):  # float64 for a few rows at a time, not for all
            rows = slice(at, at + _ROWS_AT_ONCE)
            scaled[rows] = (values[rows] - self.centre) / self.scale
        for value, known in maskable(self.names).items():
            if not self.seen[value]:
                scaled[:, known] = 0.0
            scaled[scaled[:, known] == 0.0, value] = 0.0
        return scaled

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything but the names, as arrays that a safetensors file can hold.

        `fitted` holds start and end in nanoseconds since 1970.
        """
        fitted = np.array([self.start, self.end]).astype("datetime64[ns]").astype(np.int64)
        return {"centre": self.centre, "scale": self.scale, "seen": self.seen, "fitted": fitted}

    @classmethod
    def restore(cls, state: Mapping[str, npt.NDArray[np.generic]], names: tuple[str, ...]) -> Self:
        """The scaler that gave this `state`; `DataError` where it is not of these columns."""
        missing = [key for key in ("centre", "scale", "seen", "fitted") if key not in state]
        if missing:
            raise DataError(f"a stored scaler lacks {missing[0]!r}, received {sorted(state)}")
        if len(state["centre"]) != len(names):
            raise DataError(f"a stored scaler has {len(state['centre'])} columns, not {len(names)}")
        start, end = np.asarray(state["fitted"], dtype=np.int64).astype("datetime64[ns]")
        centre, scale = (np.array(state[key], dtype=np.float64) for key in ("centre", "scale"))
        return cls(names, centre, scale, np.array(state["seen"], dtype=bool), start, end)


def maskable(names: tuple[str, ...]) -> dict[int, int]:
    """Columns that may be unknown, each with the column that says whether it is known.

    >>> maskable(("return_1", "panic_all", "panic_all_known"))
    {1: 2}
    """
    position = {name: i for i, name in enumerate(names)}
    return {i: position[n + KNOWN] for n, i in position.items() if n + KNOWN in position}


def _methods(
    names: tuple[str, ...], method: ScalingName, overrides: Mapping[str, ScalingName]
) -> list[ScalingName]:
    for name in overrides:
        if name not in names:
            raise ConfigError(f"no feature {name!r} to scale otherwise: {near_names(name, names)}")
    return [overrides.get(name, method) for name in names]


def _check_lookback(names: tuple[str, ...], relative: tuple[int, ...], lookback: int) -> None:
    if relative and lookback < 2:
        raise DataError(
            f"{names[relative[0]]!r} is shown relative to the first row of a window, and a window of "
            f"{lookback} row has nothing after it: give a lookback of at least 2 or leave levels out"
        )


def _centre_and_scale(x: Float64Array, method: ScalingName) -> tuple[float, float]:
    if method == "none":
        return 0.0, 1.0
    centre, scale = float(x.mean()), float(x.std())
    if method == "range":
        low, high = float(x.min()), float(x.max())
        centre, scale = (low + high) / 2, (high - low) / 2
    if method == "robust":
        centre, scale = float(np.median(x)), _robust(x) or scale
    # A constant column has a deviation of rounding errors only; dividing by it would blow them up.
    constant = scale <= 1e-6 * max(abs(centre), 1e-6)
    return centre, 1.0 if constant else scale


def _robust(x: Float64Array) -> float:
    """0 where the middle half of the values is one value: the standard deviation then serves."""
    low, high = np.percentile(x, [25, 75])
    return float(high - low) / _QUARTILES_OF_A_NORMAL


def _scale_of_changes(x: Float64Array, method: ScalingName) -> float:
    if method == "none" or len(x) == 0:
        return 1.0
    scale = float(np.sqrt((x**2).mean()))
    if method == "range":
        scale = float(np.abs(x).max())
    if method == "robust":
        scale = _robust(x) or scale
    return 1.0 if scale <= 1e-6 else scale


def _changes(
    column: Float64Array, symbols: npt.NDArray[np.object_] | None, lookback: int
) -> Float64Array:
    """From the first to the last row of each window within one symbol, where both are known."""
    apart = lookback - 1
    change = column[apart:] - column[:-apart]
    kept = np.isfinite(change)
    if symbols is not None:
        kept &= symbols[apart:] == symbols[:-apart]
    return change[kept]
