"""Rotation: every few sessions, hold the k symbols with the best forecasts.

Ranks rather than levels: a model may be biased for all symbols alike and still rank them well.  Ties
go to the symbol that sorts first, so the same signals always give the same weights.
"""

from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from ..core import DataError, Weights
from ._base import Need, Signals, Strategy

_NEUTRAL = {"p_up": 0.5, "expected_return": 0.0}


class TopK(Strategy):
    """Hold the `k` best symbols, 1/k of the equity each, re-ranked every `every` sessions.

    signal
        What is ranked: "p_up", "expected_return", or "auto": `p_up` in a session in which any symbol has
        one, else `expected_return`; the two units are never ranked against each other.
    every
        Sessions between two rotations, counted from the first session that has any forecast.
    positive_only
        Leave a place in cash rather than fill it with a symbol whose forecast is not above neutral
        (0, or 0.5 for p_up).

    At a rotation every symbol is decided: 1/k or 0.  A symbol without a forecast or without a bar is
    not ranked.  A rotation without any forecast is no decision.

    >>> TopK(k=2, every=5).signal
    'auto'
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"forecast"})

    k: int = Field(default=1, ge=1)
    every: int = Field(default=20, ge=1)
    signal: Literal["auto", "p_up", "expected_return"] = "auto"
    positive_only: bool = True

    def weights(self, signals: Signals) -> Weights:
        """1/k or 0 at rotations, NaN everywhere else.  `DataError` with fewer than k symbols."""
        if self.k > len(signals.symbols):
            raise DataError(f"top_k holds {self.k} symbols, the experiment has {len(signals.symbols)}")
        values = self._above_neutral(signals)
        eligible = values.where(values > 0) if self.positive_only else values
        chosen = eligible.rank(axis=1, method="first", ascending=False) <= self.k
        targets = chosen.astype(float) / self.k
        rotates = self._rotations(values.notna().any(axis=1))
        return Weights(targets.where(_spread(rotates, targets)), f"top_{self.k}")

    def _above_neutral(self, signals: Signals) -> pd.DataFrame:
        """What is ranked, less its neutral value; NaN where a symbol is not ranked."""
        p_up, expected = (_lean(signals, name) for name in ("p_up", "expected_return"))
        if self.signal != "auto":
            return p_up if self.signal == "p_up" else expected
        return p_up.where(_spread(p_up.notna().any(axis=1), p_up), expected)

    def _rotations(self, known: pd.Series) -> pd.Series:
        """True at every `every`-th session from the first with a forecast, where there is one."""
        since = known.cummax().cumsum() - 1
        return known & (since % self.every == 0)


def _lean(signals: Signals, name: Literal["p_up", "expected_return"]) -> pd.DataFrame:
    values = signals.p_up if name == "p_up" else signals.expected_return
    if values is None:
        raise DataError("top_k needs forecasts: name a forecaster in the experiment")
    return values.astype(float).where(signals.close.notna()) - _NEUTRAL[name]


def _spread(rows: pd.Series, like: pd.DataFrame) -> pd.DataFrame:
    cells = np.broadcast_to(rows.to_numpy(dtype=bool)[:, None], like.shape)
    return pd.DataFrame(cells, index=like.index, columns=like.columns)
