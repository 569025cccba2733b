"""Simple moving average, stated as the price forecast that tutorials make of it.

The forecast price is the mean of the last n closes; as a return, ln(mean / C[t]).  It therefore bets on
reversal towards the average, the opposite of trend following, and looks good by price error only.
"""

from typing import ClassVar

import numpy as np
from pydantic import Field

from ..base import Prediction
from ..search import Range, Space, space
from ..windows import Windows
from ._untrained import Untrained


class SMA(Untrained):
    """Expects the price to be the mean of the last `window` closes; NaN where history is shorter.

    >>> SMA(window=20).kind
    'sma'
    """

    search: ClassVar[Space] = space(window=Range(2, 120, log=True))

    window: int = Field(default=5, ge=2)

    def predict(self, windows: Windows) -> Prediction:
        """Log of the average over the last close."""
        average = windows.closes(self.window).mean(axis=1)
        return Prediction(value=np.log(average / windows.close))
