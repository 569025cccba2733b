"""The Chinese indicators against TA-Lib where it has the formula, and against plain loops everywhere."""

import importlib
import math
import statistics
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars
from qushi.forecasters import FeatureSet
from qushi.forecasters._indicators import INDICATORS

NOTHING = {"returns": [], "volatility": [], "volume": [], "calendar": False}


def build(frame, name) -> pd.DataFrame:
    built = FeatureSet(**NOTHING, indicators=[name]).build(Bars.from_frame(frame)).frame
    return built.reset_index(drop=True)


# The second computation: lists, one row after the other ----------------------------------------------


def mean(values):
    return math.fsum(values) / len(values)


def ema(values, n):
    found = [values[0]]
    for x in values[1:]:
        found.append((2 * x + (n - 1) * found[-1]) / (n + 1))
    return found


def last(values, t, n):
    return values[t - n + 1 : t + 1]


def macd(o, h, low, c):
    dif = [a - b for a, b in zip(ema(c, 12), ema(c, 26), strict=True)]
    dea = ema(dif, 9)
    return [(a / x, b / x, 2 * (a - b) / x) for a, b, x in zip(dif, dea, c, strict=True)]


def kdj(o, h, low, c):
    found, k, d = [None] * 8, 50.0, 50.0
    for t in range(8, len(c)):
        top, bottom = max(last(h, t, 9)), min(last(low, t, 9))
        rsv = 100 * (c[t] - bottom) / (top - bottom)
        k = 2 / 3 * k + 1 / 3 * rsv
        d = 2 / 3 * d + 1 / 3 * k
        found.append((k / 100, d / 100, (3 * k - 2 * d) / 100))
    return found


def boll(o, h, low, c):
    found = [None] * 19
    for t in range(19, len(c)):
        middle, deviation = mean(last(c, t, 20)), statistics.stdev(last(c, t, 20))
        upper, lower = middle + 2 * deviation, middle - 2 * deviation
        found.append(((c[t] - lower) / (upper - lower), (upper - lower) / middle))
    return found


def cci(o, h, low, c):
    typical = [(a + b + x) / 3 for a, b, x in zip(h, low, c, strict=True)]
    found = [None] * 13
    for t in range(13, len(c)):
        days = last(typical, t, 14)
        distance = mean([abs(x - mean(days)) for x in days])
        found.append(((typical[t] - mean(days)) / (0.015 * distance) / 100,))
    return found


def true_range(h, low, c, t):
    return max(h[t] - low[t], abs(h[t] - c[t - 1]), abs(c[t - 1] - low[t]))


def dmi(o, h, low, c):
    pdi, mdi, adx, found = {}, {}, {}, [None] * len(c)
    for t in range(14, len(c)):
        up = down = span = 0.0
        for i in range(t - 13, t + 1):
            hd, ld = h[i] - h[i - 1], low[i - 1] - low[i]
            up += hd if hd > 0 and hd > ld else 0.0
            down += ld if ld > 0 and ld > hd else 0.0
            span += true_range(h, low, c, i)
        pdi[t], mdi[t] = up / span, down / span
        if t >= 19:
            adx[t] = mean([abs(mdi[i] - pdi[i]) / (mdi[i] + pdi[i]) for i in range(t - 5, t + 1)])
        if t >= 25:
            found[t] = (pdi[t], mdi[t], adx[t], (adx[t] + adx[t - 6]) / 2)
    return found


def trix(o, h, low, c):
    smooth = ema(ema(ema(c, 12), 12), 12)
    line = [None, *(b / a - 1 for a, b in pairwise(smooth))]
    return [None if t < 9 else (line[t], mean(last(line, t, 9))) for t in range(len(c))]


def atr(o, h, low, c):
    return [
        None if t < 14 else (mean([true_range(h, low, c, i) for i in range(t - 13, t + 1)]) / c[t],)
        for t in range(len(c))
    ]


def bias(o, h, low, c):
    return [
        None
        if t < 23
        else tuple((c[t] - mean(last(c, t, n))) / mean(last(c, t, n)) for n in (6, 12, 24))
        for t in range(len(c))
    ]


def psy(o, h, low, c):
    return [
        None if t < 12 else (sum(c[i] > c[i - 1] for i in range(t - 11, t + 1)) / 12,)
        for t in range(len(c))
    ]


def brar(o, h, low, c):
    found = [None] * 26
    for t in range(26, len(c)):
        days = range(t - 25, t + 1)
        ar = sum(h[i] - o[i] for i in days) / sum(o[i] - low[i] for i in days)
        br = sum(max(0, h[i] - c[i - 1]) for i in days) / sum(max(0, c[i - 1] - low[i]) for i in days)
        found.append((ar, br))
    return found


LOOPS = {
    "atr_cn": atr,
    "bias": bias,
    "boll": boll,
    "brar": brar,
    "cci_cn": cci,
    "dmi": dmi,
    "kdj": kdj,
    "macd_cn": macd,
    "psy": psy,
    "trix_cn": trix,
}


@pytest.mark.parametrize("name", LOOPS)
def test_chinese_indicator_equals_a_loop_over_its_formula(market, name):
    frame = market(rows=330, seed=8)
    built = build(frame, name).to_numpy()
    expected = LOOPS[name](*(frame[k].tolist() for k in ("open", "high", "low", "close")))
    warm_up = INDICATORS[name].warm_up
    assert warm_up < 300
    for t in range(warm_up, len(frame)):
        assert built[t] == pytest.approx(expected[t], rel=1e-5, abs=1e-6), t


def test_every_chinese_indicator_has_its_loop():
    ours = {n for n, i in INDICATORS.items() if i.compute.__module__.endswith("._chinese")}
    assert ours == set(LOOPS)


@pytest.mark.parametrize(
    ("name", "column", "reference"),
    [
        ("macd_cn", "macd_cn_dif", lambda t, b: t.MACD(b.close, 12, 26, 9)[0] / b.close),
        ("macd_cn", "macd_cn_dea", lambda t, b: t.MACD(b.close, 12, 26, 9)[1] / b.close),
        ("macd_cn", "macd_cn_bar", lambda t, b: 2 * t.MACD(b.close, 12, 26, 9)[2] / b.close),
        ("cci_cn", "cci_cn", lambda t, b: t.CCI(b.high, b.low, b.close, 14) / 100),
        ("trix_cn", "trix_cn", lambda t, b: t.TRIX(b.close, 12) / 100),
        ("atr_cn", "atr_cn", lambda t, b: t.SMA(t.TRANGE(b.high, b.low, b.close), 14) / b.close),
        ("bias", "bias_24", lambda t, b: b.close / t.SMA(b.close, 24) - 1),
        (
            "boll",
            "boll_width",
            lambda t, b: 4 * t.STDDEV(b.close, 20) * math.sqrt(20 / 19) / t.SMA(b.close, 20),
        ),
    ],
)
def test_chinese_indicator_equals_ta_lib_where_both_define_it(market, name, column, reference):
    talib = importlib.import_module("talib")
    frame = market(rows=900, seed=5)
    built = build(frame, name)[column].to_numpy()
    expected = np.asarray(reference(talib, frame), dtype=float)
    at = INDICATORS[name].warm_up
    np.testing.assert_allclose(built[at:], expected[at:], atol=1e-6)


def test_kdj_starts_from_fifty(market):
    """Before the warm-up hides it: the first row is two thirds of the seed and a third of the RSV."""
    frame = market(rows=20)
    k, d, j = (np.asarray(line) for line in INDICATORS["kdj"].compute(frame))
    top, bottom = frame["high"].iloc[:9].max(), frame["low"].iloc[:9].min()
    rsv = (frame["close"].iloc[8] - bottom) / (top - bottom)
    assert np.isnan(k[:8]).all()
    assert k[8] == pytest.approx(1 / 3 + rsv / 3)
    assert d[8] == pytest.approx(1 / 3 + k[8] / 3)
    assert j[8] == pytest.approx(3 * k[8] - 2 * d[8])


def test_chinese_indicators_of_a_price_that_stands_still_recover_after_it(market):
    frame = market(rows=400)
    frame.loc[200:240, ["open", "high", "low", "close"]] = 77.7
    kdj_there = build(frame, "kdj").iloc[240]
    assert kdj_there.to_numpy() == pytest.approx([0.5, 0.5, 0.5], abs=1e-4)
    there = build(frame, "dmi").iloc[240]
    assert there.isna().any()  # no true range at all: nothing to divide by
    for name in LOOPS:
        assert build(frame, name).iloc[300:].notna().all().all(), name


def test_chinese_indicator_without_directional_movement_has_an_adx_of_zero(market):
    frame = market(rows=80)
    frame[["open", "close"]] = 10.0
    frame["high"], frame["low"] = 10.5, 9.5
    row = build(frame, "dmi").iloc[70]
    assert row.to_numpy().tolist() == [0.0, 0.0, 0.0, 0.0]
