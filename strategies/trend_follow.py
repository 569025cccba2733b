"""Long while the forecast says up, in cash otherwise.

The state of a symbol turns long when its signal exceeds `enter` and flat when it falls to `exit` or
below; between the two it stays what it was (hysteresis, which saves costs).  Every symbol owns 1/n of
the equity, so the decisions of different symbols never compete for the same money.
"""

from typing import ClassVar, Literal, Self

import numpy as np
import pandas as pd
from pydantic import model_validator

from ..core import DataError, Weights
from ._base import Need, Signals, Strategy, decide_on_change

_NEUTRAL = {"p_up": 0.5, "expected_return": 0.0}


class TrendFollow(Strategy):
    """Long above `enter`, flat at or below `exit`, 1/n of the equity a symbol.

    signal
        "p_up": the probability of a rise; "expected_return": the log return over the horizon;
        "auto": `p_up` where the model gives one, else `expected_return`, cell by cell.
    enter, exit
        Thresholds in the unit of the signal; both default to its neutral value (0.5 or 0).  With
        "auto" they must stay unset, because the unit is not known beforehand.

    A NaN forecast is no decision: the symbol is held as it is.

    >>> TrendFollow(signal="p_up", enter=0.55, exit=0.5).enter
    0.55
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"forecast"})

    signal: Literal["auto", "p_up", "expected_return"] = "auto"
    enter: float | None = None
    exit: float | None = None

    @model_validator(mode="after")
    def _thresholds(self) -> Self:
        if self.signal == "auto":
            if self.enter is not None or self.exit is not None:
                raise ValueError(
                    "enter and exit need a unit: set signal = 'p_up' or signal = 'expected_return'"
                )
            return self
        enter, leave = self._levels(self.signal)
        if leave > enter:
            raise ValueError(f"exit ({leave:g}) must not be above enter ({enter:g})")
        if self.signal == "p_up" and not (leave >= 0 and enter <= 1):
            raise ValueError(f"thresholds on p_up lie within 0 and 1, received {enter:g} and {leave:g}")
        return self

    def weights(self, signals: Signals) -> Weights:
        """1/n or 0 at the sessions at which a symbol's state changes, NaN everywhere else."""
        if self.signal == "auto":
            state = self._state(signals, "p_up").where(
                _signal(signals, "p_up").notna(), self._state(signals, "expected_return")
            )
        else:
            state = self._state(signals, self.signal)
        targets = state.ffill() / max(len(signals.symbols), 1)
        return Weights(decide_on_change(targets), "trend_follow")

    def _levels(self, signal: str) -> tuple[float, float]:
        enter = _NEUTRAL[signal] if self.enter is None else self.enter
        leave = min(_NEUTRAL[signal], enter) if self.exit is None else self.exit
        return enter, leave

    def _state(self, signals: Signals, name: Literal["p_up", "expected_return"]) -> pd.DataFrame:
        """1 where the signal enters, 0 where it exits, NaN where it does neither."""
        values = _signal(signals, name)
        enter, leave = self._levels(name)
        state = pd.DataFrame(np.nan, index=values.index, columns=values.columns)
        return state.mask(values > enter, 1.0).mask(values <= leave, 0.0)


def _signal(signals: Signals, name: Literal["p_up", "expected_return"]) -> pd.DataFrame:
    values = signals.p_up if name == "p_up" else signals.expected_return
    if values is None:
        raise DataError("trend_follow needs forecasts: name a forecaster in the experiment")
    return values.astype(float)
