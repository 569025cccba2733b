"""Target weights: what a strategy wants to hold."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .errors import DataError

_SLACK = 1e-9


@dataclass(frozen=True, eq=False)
class Weights:
    """Target weights, sessions x symbols.

    frame
        Row t is decided with what is known at the close of t and traded from the open of t+1.  A
        number is a decision: the share of equity wanted in the symbol, 0 ... 1.  NaN is no decision:
        hold what is held, without rebalancing.  The decided weights of a row sum to 1 at most.
    name
        The strategy's name in tables and files.
    """

    frame: pd.DataFrame
    name: str

    def __post_init__(self) -> None:
        values = self.frame.to_numpy(dtype=float)
        if not self.frame.index.is_monotonic_increasing or not self.frame.index.is_unique:
            raise DataError(f"{self.name}: weights must be sorted by session, one row each")
        if np.isinf(values).any() or (values < -_SLACK).any() or (values > 1 + _SLACK).any():
            raise DataError(
                f"{self.name}: weights are shares of equity from 0 to 1 (no short selling), received "
                f"{np.nanmin(values):g} to {np.nanmax(values):g}"
            )
        total = np.nansum(values, axis=1)
        if (total > 1 + 1e-6).any():
            at = self.frame.index[int(np.argmax(total))]
            raise DataError(
                f"{self.name}: weights of {at:%Y-%m-%d} sum to {total.max():g}, at most 1 allowed"
            )

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols, in column order."""
        return tuple(str(c) for c in self.frame.columns)

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """Sessions, ascending."""
        return pd.DatetimeIndex(self.frame.index)

    def in_force(self) -> pd.DataFrame:
        """The last decision of each symbol, sessions x symbols; 0 before the first."""
        return self.frame.ffill().fillna(0.0)
