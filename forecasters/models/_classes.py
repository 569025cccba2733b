"""Labels as classes, down, flat and up, and their probabilities as a prediction.

"trend" knows up and not up, which counts as down.  "direction" has a dead band b around 0: up where the
label is above b, down where it is below -b, else flat.
"""

import numpy as np

from ...core import FitError
from ..base import Prediction
from ..labels import TargetName
from ..windows import Float32Array, Float64Array, Int64Array

DOWN, FLAT, UP = 0, 1, 2


def classes_of(labels: Float32Array, target: TargetName, band: float) -> Int64Array:
    """Class of each log return, in the shape of the labels."""
    if target == "direction":
        return FLAT + (labels > band).astype(np.int64) - (labels < -band)
    return np.where(labels > 0, UP, DOWN).astype(np.int64)


def varied(classes: Int64Array) -> Int64Array:
    """The same classes; `FitError` where all are one, which teaches nothing."""
    if (classes == classes.flat[0]).all():
        raise FitError("all training labels point the same way: use a longer training window")
    return classes


def prediction(shares: Float64Array, target: TargetName) -> Prediction:
    """Probabilities of down, flat and up, along the last of the axes, as a prediction."""
    p_down = shares[..., DOWN] if target == "direction" else None
    return Prediction(p_up=shares[..., UP], p_down=p_down)
