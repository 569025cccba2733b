"""Values, errors and hashing: what every other folder may import, and which imports none of them."""

from .actions import Actions
from .bars import Bars
from .errors import (
    ConfigError,
    DataError,
    FitError,
    InputError,
    LookAheadError,
    MissingExtraError,
    QushiError,
    SourceError,
    UserCodeError,
)
from .features import Features
from .forecasts import Forecasts
from .listings import Listing
from .panic import PanicIndex
from .progress import QUIET, Progress
from .result import BacktestResult
from .settings import Settings
from .texts import Texts
from .weights import Weights

__all__ = [
    "QUIET",
    "Actions",
    "BacktestResult",
    "Bars",
    "ConfigError",
    "DataError",
    "Features",
    "FitError",
    "Forecasts",
    "InputError",
    "Listing",
    "LookAheadError",
    "MissingExtraError",
    "PanicIndex",
    "Progress",
    "QushiError",
    "Settings",
    "SourceError",
    "Texts",
    "UserCodeError",
    "Weights",
]
