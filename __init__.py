"""qushi (趋势): forecast-driven strategies, backtested under the market's real rules.

    bars --features--> forecasts --+
                                   +--> strategy --> weights --> orders, fills --> returns --> reports
    texts --classifier--> panic ---+

Each folder is one step of that line; `qushi.core` holds the values that travel along it.
"""

from .core import BacktestResult, Bars, Forecasts, PanicIndex, Texts, Weights

__version__ = "0.1.0"
__all__ = ["BacktestResult", "Bars", "Forecasts", "PanicIndex", "Texts", "Weights"]
