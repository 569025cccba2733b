"""Exponential moving average, stated as a price forecast (simple exponential smoothing).

E[t] = a C[t] + (1 - a) E[t-1] with a = 2 / (span + 1), started at the symbol's first close; as a return,
ln(E[t] / C[t]).  Like the simple average it bets on reversal.
"""

from typing import ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from ..base import Prediction
from ..search import Range, Space, space
from ..windows import Windows
from ._untrained import Untrained


class EMA(Untrained):
    """Expects the price to be the exponential mean of all closes so far.

    >>> EMA(span=10).kind
    'ema'
    """

    search: ClassVar[Space] = space(span=Range(2, 120, log=True))

    span: int = Field(default=5, ge=1)

    def predict(self, windows: Windows) -> Prediction:
        """Log of the average over the last close."""
        panel = windows.panel
        average = np.empty(len(panel.close))
        for start, stop in panel.spans():
            closes = pd.Series(panel.close[start:stop])
            average[start:stop] = closes.ewm(span=self.span, adjust=False).mean()
        return Prediction(value=np.log(average[windows.ends] / windows.close))
