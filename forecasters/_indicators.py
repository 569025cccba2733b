"""Technical indicators without a scale and with a declared warm-up: from `ta`, and Chinese ones.

The Chinese ones are our own (`_chinese.py`); those that `ta` has too, but otherwise, end in `_cn`.
Offered are only indicators that a truncation test found causal and that forget their start: an
exponential mean with factor a still carries (1 - a)^W of its first value after W rows, so W is declared
long enough that this rest is below 1e-8 and a value computed from W rows equals the one from 4 W rows.
Left out on purpose: KST and Ichimoku's `visual=True` (they read the future), everything with
`fillna=True` (it fills warm-ups, some of them from the future), Vortex (its first row is filled with the
mean of all closes), KAMA, PSAR, STC and the cumulated lines (their start is never forgotten).
ATR and ADX come out of `ta` as 0.0 while they warm up; the declared warm-up turns those rows into NaN.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from . import _chinese

IndicatorName = Literal[
    "adx",
    "aroon",
    "atr",
    "awesome",
    "bollinger",
    "cci",
    "cmf",
    "donchian",
    "ichimoku",
    "macd",
    "mfi",
    "obv",
    "pvo",
    "roc",
    "rsi",
    "stochastic",
    "trix",
    "tsi",
    "ulcer",
    "ultimate",
    "williams_r",
    "wma",
    "atr_cn",
    "bias",
    "boll",
    "brar",
    "cci_cn",
    "dmi",
    "kdj",
    "macd_cn",
    "psy",
    "trix_cn",
]


@dataclass(frozen=True)
class Indicator:
    """Columns, warm-up (rows at the head that are NaN) and the computation of one indicator.

    `compute` takes the back-adjusted open, high, low, close and volume of one symbol, at least
    `warm_up + 1` rows, and returns its columns, scale-free.
    """

    columns: tuple[str, ...]
    warm_up: int
    compute: Callable[[pd.DataFrame], tuple[pd.Series | npt.NDArray[np.float64], ...]]


def forgets(factor: float, stages: int = 1) -> int:
    """Rows after which `stages` exponential means in a row have forgotten their start to 1e-8."""
    if factor == 1.0:
        return 0
    return math.ceil((math.log(1e-8) - 3.0 * (stages - 1)) / math.log(1 - factor))


def _span(n: int) -> float:
    return 2.0 / (n + 1.0)


def _adx(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.trend import ADXIndicator

    with np.errstate(invalid="ignore", divide="ignore"):
        found = ADXIndicator(b["high"], b["low"], b["close"], window=14)
        return found.adx() / 100, found.adx_pos() / 100, found.adx_neg() / 100


def _aroon(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.trend import AroonIndicator

    found = AroonIndicator(b["high"], b["low"], window=25)
    return found.aroon_up() / 100, found.aroon_down() / 100


def _atr(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.volatility import AverageTrueRange

    found = AverageTrueRange(b["high"], b["low"], b["close"], window=14)
    return (found.average_true_range() / b["close"],)


def _awesome(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.momentum import AwesomeOscillatorIndicator

    return (AwesomeOscillatorIndicator(b["high"], b["low"]).awesome_oscillator() / b["close"],)


def _bollinger(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.volatility import BollingerBands

    found = BollingerBands(b["close"], window=20, window_dev=2)
    return found.bollinger_pband(), found.bollinger_wband() / 100


def _cci(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.trend import CCIIndicator

    return (CCIIndicator(b["high"], b["low"], b["close"], window=20).cci() / 100,)


def _cmf(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.volume import ChaikinMoneyFlowIndicator

    found = ChaikinMoneyFlowIndicator(b["high"], b["low"], b["close"], b["volume"], window=20)
    return (found.chaikin_money_flow(),)


def _donchian(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.volatility import DonchianChannel

    found = DonchianChannel(b["high"], b["low"], b["close"], window=20)
    return (found.donchian_channel_pband(),)


def _ichimoku(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.trend import IchimokuIndicator

    found = IchimokuIndicator(b["high"], b["low"], visual=False)
    lines = (
        found.ichimoku_conversion_line(),
        found.ichimoku_base_line(),
        found.ichimoku_a(),
        found.ichimoku_b(),
    )
    return tuple(np.log(line / b["close"]) for line in lines)


def _macd(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.trend import MACD

    found = MACD(b["close"], window_slow=26, window_fast=12, window_sign=9)
    return tuple(s / b["close"] for s in (found.macd(), found.macd_signal(), found.macd_diff()))


def _mfi(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.volume import MFIIndicator

    with np.errstate(invalid="ignore", divide="ignore"):
        found = MFIIndicator(b["high"], b["low"], b["close"], b["volume"], window=14)
        return (found.money_flow_index() / 100,)


def _obv(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.volume import OnBalanceVolumeIndicator

    line = OnBalanceVolumeIndicator(b["close"], b["volume"]).on_balance_volume()
    return (line.diff(20) / b["volume"].rolling(20).sum(),)


def _pvo(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.momentum import PercentageVolumeOscillator

    return (PercentageVolumeOscillator(b["volume"]).pvo() / 100,)


def _roc(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.momentum import ROCIndicator

    return (ROCIndicator(b["close"], window=12).roc() / 100,)


def _rsi(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.momentum import RSIIndicator

    return (RSIIndicator(b["close"], window=14).rsi() / 100,)


def _stochastic(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.momentum import StochasticOscillator

    found = StochasticOscillator(b["high"], b["low"], b["close"], window=14, smooth_window=3)
    return found.stoch() / 100, found.stoch_signal() / 100


def _trix(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.trend import TRIXIndicator

    return (TRIXIndicator(b["close"], window=15).trix() / 100,)


def _tsi(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.momentum import TSIIndicator

    return (TSIIndicator(b["close"], window_slow=25, window_fast=13).tsi() / 100,)


def _ulcer(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.volatility import UlcerIndex

    return (UlcerIndex(b["close"], window=14).ulcer_index() / 100,)


def _ultimate(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.momentum import UltimateOscillator

    return (UltimateOscillator(b["high"], b["low"], b["close"]).ultimate_oscillator() / 100,)


def _williams_r(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.momentum import WilliamsRIndicator

    return (WilliamsRIndicator(b["high"], b["low"], b["close"], lbp=14).williams_r() / 100,)


def _wma(b: pd.DataFrame) -> tuple[pd.Series, ...]:
    from ta.trend import WMAIndicator

    return (np.log(b["close"] / WMAIndicator(b["close"], window=9).wma()),)


INDICATORS: Mapping[str, Indicator] = MappingProxyType(
    {
        "adx": Indicator(("adx", "adx_up", "adx_down"), forgets(1 / 14, 2) + 28, _adx),
        "aroon": Indicator(("aroon_up", "aroon_down"), 25, _aroon),
        "atr": Indicator(("atr",), forgets(1 / 14) + 14, _atr),
        "awesome": Indicator(("awesome",), 33, _awesome),
        "bollinger": Indicator(("bollinger_position", "bollinger_width"), 19, _bollinger),
        "cci": Indicator(("cci",), 19, _cci),
        "cmf": Indicator(("cmf",), 19, _cmf),
        "donchian": Indicator(("donchian",), 19, _donchian),
        "ichimoku": Indicator(
            ("ichimoku_conversion", "ichimoku_base", "ichimoku_a", "ichimoku_b"), 51, _ichimoku
        ),
        "macd": Indicator(("macd", "macd_signal", "macd_difference"), forgets(_span(26), 2), _macd),
        "mfi": Indicator(("mfi",), 14, _mfi),
        "obv": Indicator(("obv",), 20, _obv),
        "pvo": Indicator(("pvo",), forgets(_span(26)), _pvo),
        "roc": Indicator(("roc",), 12, _roc),
        "rsi": Indicator(("rsi",), forgets(1 / 14) + 14, _rsi),
        "stochastic": Indicator(("stochastic_k", "stochastic_d"), 15, _stochastic),
        "trix": Indicator(("trix",), forgets(_span(15), 3), _trix),
        "tsi": Indicator(("tsi",), forgets(_span(25), 2), _tsi),
        "ulcer": Indicator(("ulcer",), 26, _ulcer),
        "ultimate": Indicator(("ultimate",), 28, _ultimate),
        "williams_r": Indicator(("williams_r",), 13, _williams_r),
        "wma": Indicator(("wma",), 8, _wma),
        "atr_cn": Indicator(("atr_cn",), 14, _chinese.atr),
        "bias": Indicator(tuple(f"bias_{n}" for n in _chinese.BIAS_WINDOWS), 23, _chinese.bias),
        "boll": Indicator(("boll_position", "boll_width"), 19, _chinese.boll),
        "brar": Indicator(("brar_ar", "brar_br"), 26, _chinese.brar),
        "cci_cn": Indicator(("cci_cn",), 13, _chinese.cci),
        "dmi": Indicator(("dmi_pdi", "dmi_mdi", "dmi_adx", "dmi_adxr"), 25, _chinese.dmi),
        "kdj": Indicator(("kdj_k", "kdj_d", "kdj_j"), forgets(1 / 3, 2) + 8, _chinese.kdj),
        "macd_cn": Indicator(
            ("macd_cn_dif", "macd_cn_dea", "macd_cn_bar"), forgets(_span(26), 2), _chinese.macd
        ),
        "psy": Indicator(("psy",), 12, _chinese.psy),
        "trix_cn": Indicator(("trix_cn", "trix_cn_signal"), forgets(_span(12), 3) + 9, _chinese.trix),
    }
)
INDICATOR_NAMES: tuple[str, ...] = get_args(IndicatorName)
