"""qushi (趋势): forecast-driven strategies, backtested under the market's real rules.

    bars --features--> forecasts --+
                                   +--> strategy --> weights --> orders, fills --> returns --> reports
    texts --classifier--> panic ---+

Each folder is one step of that line; `qushi.core` holds the values that travel along it.  The names
below are the front door; they are loaded when first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import read_experiment, run_experiment
    from .backtests import Broker, backtest, performance
    from .core import BacktestResult, Bars, Forecasts, PanicIndex, Texts, Weights
    from .forecasters import FeatureSet, Forecaster, WalkForward, forecast_quality
    from .market import load_bars
    from .sentiment import Classifier, panic_index
    from .strategies import Signals, Strategy

__version__ = "0.1.0"

_HOMES = {
    "BacktestResult": "core",
    "Bars": "core",
    "Broker": "backtests",
    "Classifier": "sentiment",
    "FeatureSet": "forecasters",
    "Forecaster": "forecasters",
    "Forecasts": "core",
    "PanicIndex": "core",
    "Signals": "strategies",
    "Strategy": "strategies",
    "Texts": "core",
    "WalkForward": "forecasters",
    "Weights": "core",
    "backtest": "backtests",
    "forecast_quality": "forecasters",
    "load_bars": "market",
    "panic_index": "sentiment",
    "performance": "backtests",
    "read_experiment": "app",
    "run_experiment": "app",
}

__all__ = [
    "BacktestResult",
    "Bars",
    "Broker",
    "Classifier",
    "FeatureSet",
    "Forecaster",
    "Forecasts",
    "PanicIndex",
    "Signals",
    "Strategy",
    "Texts",
    "WalkForward",
    "Weights",
    "backtest",
    "forecast_quality",
    "load_bars",
    "panic_index",
    "performance",
    "read_experiment",
    "run_experiment",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'qushi' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
