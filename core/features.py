"""A feature matrix aligned to bars."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from .errors import DataError

Float32Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Features:
    """What the forecasters may look at.

    values
        float32, rows x features, C-contiguous.  Row t uses bars, texts and panic known at the close
        of t or earlier.  NaN marks "not known" (warm-up, no texts): masked later, never filled.
    index
        MultiIndex (symbol, session), the rows' keys, sorted.
    names
        One name a column.
    warm_up
        Rows at the head of each symbol that are not complete yet.
    """

    values: Float32Matrix
    index: pd.MultiIndex
    names: tuple[str, ...]
    warm_up: int

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.index), len(self.names)):
            raise DataError(
                f"features are {self.values.shape}, expected {(len(self.index), len(self.names))}"
            )
        if self.values.dtype != np.float32 or not self.values.flags.c_contiguous:
            raise DataError("features must be one C-contiguous float32 array")
        if not self.index.is_monotonic_increasing or not self.index.is_unique:
            raise DataError("feature rows must be sorted and unique by (symbol, session)")
        if len(set(self.names)) != len(self.names):
            raise DataError(f"feature names must be unique, received {self.names}")
        if np.isinf(self.values).any():
            column = self.names[int(np.argwhere(np.isinf(self.values))[0, 1])]
            raise DataError(f"the feature {column!r} holds an infinite value")

    @property
    def frame(self) -> pd.DataFrame:
        """The matrix as a table, (symbol, session) x names."""
        return pd.DataFrame(self.values, index=self.index, columns=list(self.names))
