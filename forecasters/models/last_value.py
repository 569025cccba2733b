"""Last value: tomorrow is today.

The forecast that every price forecast must beat.  Its expected return is 0, so it has no direction; the
error of the other models is stated relative to its own.
"""

import numpy as np

from ..base import Prediction
from ..windows import Windows
from ._untrained import Untrained


class LastValue(Untrained):
    """Expects a return of 0, always.

    >>> LastValue().kind
    'last_value'
    """

    def predict(self, windows: Windows) -> Prediction:
        """0 for each window."""
        return Prediction(value=np.zeros(len(windows)))
