"""Always up: the direction forecast that every direction forecast must beat.

In a market that rises on 53 % of all days it is right 53 % of the time.  It says so with probability 1,
as a tip would; the Brier score shows what that certainty costs.
"""

import numpy as np

from ..base import Prediction
from ..windows import Windows
from ._untrained import Untrained


class AlwaysUp(Untrained):
    """Gives p_up = 1, always, and no expected return.

    >>> AlwaysUp().kind
    'always_up'
    """

    def predict(self, windows: Windows) -> Prediction:
        """1 for each window."""
        return Prediction(p_up=np.ones(len(windows)))
