"""Bars of several symbols on one common list of sessions, as plain arrays.

Backtrader waits with its first `next` until every feed has a bar, and shifts feeds with gaps against
each other.  So every symbol gets a row in every session in which any of them has one; `tradable` says
where that row may be traded, all other rows exist to value holdings at the last known close.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ..core import Bars, ConfigError
from ..core.bars import PRICES
from .settings import Prices

FloatMatrix = npt.NDArray[np.float64]
BoolMatrix = npt.NDArray[np.bool_]
_SAME = 1e-9  # relative change of a factor that is only a rounding of its source


@dataclass(frozen=True, eq=False)
class Panel:
    """Prices (sessions x symbols) in the currency in which the backtest counts.

    open, high, low, close
        NaN before a symbol's first row; a missing row afterwards repeats the last close, so it is
        known at its session.
    volume
        0 where there is no row.
    tradable
        True where the symbol has a row, is not suspended and has volume.
    """

    sessions: pd.DatetimeIndex
    symbols: tuple[str, ...]
    open: FloatMatrix
    high: FloatMatrix
    low: FloatMatrix
    close: FloatMatrix
    volume: FloatMatrix
    tradable: BoolMatrix

    @classmethod
    def build(cls, bars: Bars, symbols: Sequence[str], prices: Prices) -> Self:
        """Align the symbols' bars; column order is that of `symbols`.

        "adjusted" multiplies prices by the factor relative to the symbol's first row, so amounts of
        money stay of the size that was real at the start of the window.  "raw" raises `ConfigError`
        where the factor changes (a corporate action this backtest would miss).
        """
        columns = list(symbols)
        sessions = bars.sessions
        wide = {name: bars.wide(name).reindex(index=sessions, columns=columns) for name in PRICES}
        if prices == "raw":
            _refuse_actions(bars)
        else:
            factor = bars.wide("factor").reindex(index=sessions, columns=columns)
            scale = factor / factor.bfill().iloc[0]
            wide = {name: frame * scale for name, frame in wide.items()}
        known = wide["close"].ffill()
        filled = {n: f.where(f.notna(), known).to_numpy(dtype=float) for n, f in wide.items()}
        volume = bars.wide("volume").reindex(index=sessions, columns=columns).fillna(0.0)
        halted = bars.frame["suspended"].astype(float).unstack("symbol")
        halted = halted.reindex(index=sessions, columns=columns).fillna(1.0)
        tradable = (volume > 0) & (halted == 0) & wide["open"].notna()
        return cls(
            sessions,
            tuple(columns),
            **filled,
            volume=volume.to_numpy(dtype=float),
            tradable=tradable.to_numpy(dtype=bool),
        )


def _refuse_actions(bars: Bars) -> None:
    if bars.adjustment == "adjusted":
        raise ConfigError(
            "broker.prices = 'raw' needs raw bars, these were adjusted by their source: "
            "use prices = 'adjusted'"
        )
    for symbol in bars.symbols:
        factor = bars.one(symbol)["factor"]
        moved = (factor / factor.iloc[0] - 1).abs() > _SAME
        if moved.any():
            raise ConfigError(
                f"broker.prices = 'raw' cannot hold {symbol} over its corporate action of "
                f"{moved.idxmax():%Y-%m-%d}: use prices = 'adjusted', or a window without one"
            )
