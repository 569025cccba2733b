"""Indicators as Chinese trading software draws them, without a scale.

Formulas and windows are those of Tongdaxin (通达信), whose words are kept: EMA(X, n) is the exponential
mean with weight 2/(n+1), SMA(X, n, 1) the one with weight 1/n, MA the plain mean, REF the earlier row.
They differ from the textbook (and from `ta`): MACD's bar is doubled, KDJ smooths by 1/3 from a seed of
50, DMI and ATR take plain sums where Wilder takes exponential means, BOLL the deviation with n - 1.
Percent become parts of 1, prices are over the close.  C, H, L, O are back-adjusted, P is the last close:

    macd_cn  DIF = EMA(C,12) - EMA(C,26), DEA = EMA(DIF,9), bar = 2 (DIF - DEA); each over C
    kdj      RSV = (C - lowest L of 9) / (highest H of 9 - lowest L of 9), 1/2 where that range is 0
             K = SMA(RSV,3,1), D = SMA(K,3,1), both from 1/2 on, J = 3 K - 2 D
    boll     position of C between MA(C,20) - 2 STD and + 2 STD, and the width of that band over MA
    cci_cn   (T - MA(T,14)) / (0.015 x mean distance from that mean) / 100, T = (H + L + C) / 3
    dmi      PDI, MDI = 14 days' rises of H and falls of L, each day's larger one, over the true ranges
             ADX = MA(|PDI - MDI| / (PDI + MDI), 6), 0 where both are 0; ADXR = (ADX + REF(ADX,6)) / 2
    trix_cn  M = EMA(EMA(EMA(C,12),12),12): M / REF(M,1) - 1, and its MA over 9
    atr_cn   MA(true range, 14) over C
    bias     C / MA(C,n) - 1 for n = 6, 12, 24
    psy      share of rising days among 12
    brar     AR = sum(H - O) / sum(O - L), BR = sum(max(H - P, 0)) / sum(max(P - L, 0)), over 26
"""

import numpy as np
import pandas as pd

from ._rolling import Float64Array, rolled, to_rows

BIAS_WINDOWS = (6, 12, 24)

Found = tuple[Float64Array, ...]


def macd(b: pd.DataFrame) -> Found:
    c = _of(b, "close")
    difference = _exponential(c, 2 / 13) - _exponential(c, 2 / 27)
    signal = _exponential(difference, 2 / 10)
    return difference / c, signal / c, 2 * (difference - signal) / c


def kdj(b: pd.DataFrame) -> Found:
    c, h, low = _of(b, "close"), _of(b, "high"), _of(b, "low")
    top, bottom = rolled(h, 9).max(axis=1), rolled(low, 9).min(axis=1)
    at = _ratio(c[8:] - bottom, top - bottom, 0.5)
    k = _exponential(np.concatenate([[0.5], at]), 1 / 3)
    d = _exponential(k, 1 / 3)  # k begins with the seed, and so does d
    lines = (k[1:], d[1:], 3 * k[1:] - 2 * d[1:])
    return tuple(to_rows(line, len(b)) for line in lines)


def boll(b: pd.DataFrame) -> Found:
    w = rolled(_of(b, "close"), 20)
    middle, deviation = w.mean(axis=1), w.std(axis=1, ddof=1)
    position = _ratio(w[:, -1] - middle, 4 * deviation, np.nan) + 0.5
    return to_rows(position, len(b)), to_rows(4 * deviation / middle, len(b))


def cci(b: pd.DataFrame) -> Found:
    w = rolled((_of(b, "high") + _of(b, "low") + _of(b, "close")) / 3, 14)
    off = w - w.mean(axis=1)[:, None]
    distance = np.abs(off).mean(axis=1)
    return (to_rows(_ratio(off[:, -1], 1.5 * distance, np.nan), len(b)),)


def dmi(b: pd.DataFrame) -> Found:
    rise, fall = np.diff(_of(b, "high")), -np.diff(_of(b, "low"))
    span = rolled(_true_range(b), 14).sum(axis=1)
    up = rolled(np.where((rise > 0) & (rise > fall), rise, 0.0), 14).sum(axis=1)
    down = rolled(np.where((fall > 0) & (fall > rise), fall, 0.0), 14).sum(axis=1)
    pdi, mdi = _ratio(up, span, np.nan), _ratio(down, span, np.nan)
    adx = rolled(_ratio(np.abs(mdi - pdi), mdi + pdi, 0.0), 6).mean(axis=1)
    adxr = (adx[6:] + adx[:-6]) / 2
    return tuple(to_rows(line, len(b)) for line in (pdi, mdi, adx, adxr))


def trix(b: pd.DataFrame) -> Found:
    smooth = _of(b, "close")
    for _ in range(3):
        smooth = _exponential(smooth, 2 / 13)
    line = smooth[1:] / smooth[:-1] - 1
    return to_rows(line, len(b)), to_rows(rolled(line, 9).mean(axis=1), len(b))


def atr(b: pd.DataFrame) -> Found:
    return (to_rows(rolled(_true_range(b), 14).mean(axis=1), len(b)) / _of(b, "close"),)


def bias(b: pd.DataFrame) -> Found:
    c = _of(b, "close")
    return tuple(c / to_rows(rolled(c, n).mean(axis=1), len(b)) - 1 for n in BIAS_WINDOWS)


def psy(b: pd.DataFrame) -> Found:
    rising = np.diff(_of(b, "close")) > 0
    return (to_rows(rolled(rising, 12).mean(axis=1), len(b)),)


def brar(b: pd.DataFrame) -> Found:
    o, h, low, before = _of(b, "open"), _of(b, "high"), _of(b, "low"), _of(b, "close")[:-1]
    pairs = (
        (h - o, o - low),
        (np.maximum(h[1:] - before, 0), np.maximum(before - low[1:], 0)),
    )
    sums = [(rolled(up, 26).sum(axis=1), rolled(down, 26).sum(axis=1)) for up, down in pairs]
    return tuple(to_rows(_ratio(up, down, np.nan), len(b)) for up, down in sums)


def _of(b: pd.DataFrame, name: str) -> Float64Array:
    found: Float64Array = b[name].to_numpy(dtype=np.float64)
    return found


def _exponential(values: Float64Array, weight: float) -> Float64Array:
    """Exponential mean that begins with the first value."""
    mean = pd.Series(values).ewm(alpha=weight, adjust=False).mean()
    found: Float64Array = mean.to_numpy(dtype=np.float64)
    return found


def _true_range(b: pd.DataFrame) -> Float64Array:
    """From the second row on: the range of the day and of the close before it."""
    h, low, before = _of(b, "high")[1:], _of(b, "low")[1:], _of(b, "close")[:-1]
    return np.maximum(h, before) - np.minimum(low, before)


def _ratio(part: Float64Array, whole: Float64Array, otherwise: float) -> Float64Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole == 0, otherwise, part / whole)
