"""Standardising features with the mean and deviation of the training rows, and of no others.

A scaler that saw validation or test rows is a leak that survives every later precaution, so it carries
the window it was fitted on.  Values that may be unknown (those with a `*_known` column) become 0 where
they are unknown: the mean, with the mask beside it saying that it is none.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from ..core import DataError
from .features import KNOWN
from .windows import Float32Array, Float64Array


@dataclass(frozen=True, eq=False)
class Scaler:
    """x -> (x - mean) / deviation, by column.

    mean, deviation
        float64, one a column; over the finite values of the training rows.  A column that is constant
        there gets deviation 1, a `*_known` column is left as it is.
    seen
        False for a column without a single finite value in training: it is masked from then on,
        because no model could learn what it means.
    start, end
        First and last session of the rows it was fitted on.
    """

    names: tuple[str, ...]
    mean: Float64Array
    deviation: Float64Array
    seen: npt.NDArray[np.bool_]
    start: np.datetime64
    end: np.datetime64

    @classmethod
    def fit(
        cls,
        values: Float32Array,
        names: tuple[str, ...],
        sessions: npt.NDArray[np.datetime64],
    ) -> Self:
        """From the training rows, rows x features, and their sessions; NaN values are left out."""
        if len(values) == 0:
            raise DataError("a scaler needs training rows, received none")
        finite = np.isfinite(values)
        count = finite.sum(axis=0)
        wide = np.where(finite, values, 0.0).astype(np.float64)
        mean = wide.sum(axis=0) / np.maximum(count, 1)
        spread = np.where(finite, values - mean, 0.0)
        deviation = np.sqrt((spread**2).sum(axis=0) / np.maximum(count, 1))
        # A constant column has a deviation of rounding errors only; dividing by it would blow them up.
        constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
        mask = np.array([name.endswith(KNOWN) for name in names])
        mean[mask] = 0.0
        deviation[mask | constant] = 1.0
        return cls(names, mean, deviation, count > 0, sessions.min(), sessions.max())

    def transform(self, values: Float32Array) -> Float32Array:
        """Standardised float32 copy; unknown values of masked columns are 0 with mask 0.

        Bar features keep their NaN: no window may hold such a row.
        """
        scaled = ((values - self.mean) / self.deviation).astype(np.float32)
        for value, known in maskable(self.names).items():
            if not self.seen[value]:
                scaled[:, known] = 0.0
            scaled[scaled[:, known] == 0.0, value] = 0.0
        return scaled


def maskable(names: tuple[str, ...]) -> dict[int, int]:
    """Columns that may be unknown, each with the column that says whether it is known.

    >>> maskable(("return_1", "panic_all", "panic_all_known"))
    {1: 2}
    """
    position = {name: i for i, name in enumerate(names)}
    return {i: position[n + KNOWN] for n, i in position.items() if n + KNOWN in position}
