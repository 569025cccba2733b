"""Forecasters: bars in, out-of-sample forecasts out.

    bars --FeatureSet--> features --WalkForward(model)--> forecasts --forecast_quality--> a table

One file a model in `models/`; a model only ever sees windows that hold nothing it may not know.
"""

from ._walker import LastFold, Walk
from .base import Forecaster, Prediction, Targeted
from .features import FeatureSet, feature_names
from .labels import make_labels, make_targets
from .quality import forecast_quality
from .walk_forward import WalkForward
from .windows import Windows

__all__ = [
    "FeatureSet",
    "Forecaster",
    "LastFold",
    "Prediction",
    "Targeted",
    "Walk",
    "WalkForward",
    "Windows",
    "feature_names",
    "forecast_quality",
    "make_labels",
    "make_targets",
]
