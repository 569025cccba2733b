"""Bars of several symbols on one common list of sessions, as plain arrays.

Backtrader waits with its first `next` until every feed has a bar, and shifts feeds with gaps against
each other.  So every symbol gets a row in every session in which any of them has one; `present` says
where that row is the symbol's own and `tradable` where it may be traded, all other rows exist to value
holdings at the last known close.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import Bars
from ..core.bars import PRICES

FloatMatrix = npt.NDArray[np.float64]
BoolMatrix = npt.NDArray[np.bool_]
Bands = tuple[pd.DataFrame, pd.DataFrame]


@dataclass(frozen=True, eq=False)
class Panel:
    """Prices (sessions x symbols) as the bars have them, in currency.

    open, high, low, close
        NaN before a symbol's first row; a missing row afterwards repeats the last close, so it is
        known at its session.
    volume
        0 where there is no row.
    limit_down, limit_up
        The session's price limits, known before its open; NaN where there is none.
    factor
        Back-adjustment relative to the symbol's first row, 1 before it.
    present
        True where the symbol has a row.
    tradable
        True where the symbol has a row, is not suspended and has volume.
    st
        True where it has a row under special treatment.
    """

    sessions: pd.DatetimeIndex
    symbols: tuple[str, ...]
    open: FloatMatrix
    high: FloatMatrix
    low: FloatMatrix
    close: FloatMatrix
    volume: FloatMatrix
    limit_down: FloatMatrix
    limit_up: FloatMatrix
    factor: FloatMatrix
    present: BoolMatrix
    tradable: BoolMatrix
    st: BoolMatrix

    @classmethod
    def build(cls, bars: Bars, symbols: Sequence[str], bands: Bands | None = None) -> Self:
        """Align the symbols' bars; column order is that of `symbols`.

        `bands` are the lowest and the highest price of each session, wide, where limits hold; they may
        cover more sessions than the bars, so that the first one has its limits too.
        """
        sessions, columns = bars.sessions, list(symbols)
        at = sessions.get_indexer(bars.frame.index.get_level_values("session"))
        of = pd.Index(columns).get_indexer(bars.frame.index.get_level_values("symbol"))
        mine = of >= 0

        def matrix(name: str) -> FloatMatrix:
            found = np.full((len(sessions), len(columns)), np.nan)
            found[at[mine], of[mine]] = bars.frame[name].to_numpy(dtype=float)[mine]
            return found

        prices = {name: matrix(name) for name in PRICES}
        present = ~np.isnan(prices["close"])
        known = _last_known(prices["close"])
        volume, factor = np.nan_to_num(matrix("volume")), _last_known(matrix("factor"))
        first = np.take_along_axis(factor, present.argmax(axis=0)[None, :], axis=0)
        return cls(
            sessions,
            tuple(columns),
            **{name: np.where(present, values, known) for name, values in prices.items()},
            volume=volume,
            **_limits(bands, sessions, columns),
            factor=np.where(np.isnan(factor), 1.0, factor / first),
            present=present,
            tradable=present & (volume > 0) & (matrix("suspended") == 0),
            st=matrix("st") == 1,
        )


def _last_known(values: FloatMatrix) -> FloatMatrix:
    """Each column with its gaps filled by the value before; NaN before the first."""
    rows = np.arange(len(values))[:, None]
    latest = np.maximum.accumulate(np.where(np.isnan(values), 0, rows), axis=0)
    return np.take_along_axis(values, latest, axis=0)


def _limits(
    bands: Bands | None, sessions: pd.DatetimeIndex, columns: list[str]
) -> dict[str, FloatMatrix]:
    names = ("limit_down", "limit_up")
    if bands is None:
        return {name: np.full((len(sessions), len(columns)), np.nan) for name in names}
    aligned = [band.reindex(index=sessions, columns=columns).to_numpy(dtype=float) for band in bands]
    return dict(zip(names, aligned, strict=True))
