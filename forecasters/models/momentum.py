"""Momentum: the return of the last n sessions goes on, at the same pace, over the horizon.

Time-series momentum (Moskowitz, Ooi & Pedersen 2012) as a forecast:
expected return = h ln(C[t] / C[t-n]) / n over a horizon of h sessions.
"""

from typing import ClassVar

import numpy as np
from pydantic import Field

from ..base import Prediction
from ..search import Range, Space, space
from ..windows import Windows
from ._untrained import Untrained


class Momentum(Untrained):
    """Expects the mean daily return of the last `window` sessions on every session of the horizon.

    NaN where history is shorter.

    >>> Momentum(window=60).kind
    'momentum'
    """

    search: ClassVar[Space] = space(window=Range(2, 250, log=True))

    window: int = Field(default=20, ge=1)

    def predict(self, windows: Windows) -> Prediction:
        """Mean daily log return of each window's last closes, times the horizon."""
        closes = windows.closes(self.window + 1)
        pace = np.log(closes[:, -1] / closes[:, 0]) / self.window
        return Prediction(value=pace * windows.horizon)
