"""Alpha158 against a second computation: one window at a time, in plain loops over its definitions."""

import math
import statistics
import warnings

import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars, ConfigError, DataError
from qushi.forecasters import FeatureSet
from qushi.forecasters._alpha158 import BAR, OPERATORS, PRICE
from qushi.forecasters._rolling import rolled, to_rows

NOTHING = {"returns": [], "volatility": [], "volume": [], "calendar": False, "indicators": []}


def alpha(**more) -> FeatureSet:
    return FeatureSet(**NOTHING, sets=["alpha158"], **more)


def build(frame, **more) -> pd.DataFrame:
    return alpha(**more).build(Bars.from_frame(frame)).frame.reset_index(drop=True)


# The second computation -----------------------------------------------------------------------------


def mean(values):
    return math.fsum(values) / len(values)


def correlation(x, y):
    mx, my = mean(x), mean(y)
    cross = math.fsum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    return cross / math.sqrt(math.fsum((a - mx) ** 2 for a in x) * math.fsum((b - my) ** 2 for b in y))


def line(y):
    """Slope and intercept of the least squares line through (1, y1) ... (n, yn), by the normal sums."""
    n = len(y)
    x = range(1, n + 1)
    sx, sy, sxx = sum(x), math.fsum(y), sum(i * i for i in x)
    sxy = math.fsum(i * v for i, v in zip(x, y, strict=True))
    slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
    return slope, (sy - slope * sx) / n


def quantile(values, share):
    ordered = sorted(values)
    position = share * (len(values) - 1)
    k = math.floor(position)
    return ordered[k] + (position - k) * (ordered[min(k + 1, len(ordered) - 1)] - ordered[k])


def gains(moves):
    up = math.fsum(m for m in moves if m > 0)
    down = math.fsum(-m for m in moves if m < 0)
    total = up + down
    return (up / total, down / total, (up - down) / total) if total else (0.0, 0.0, 0.0)


def naive(frame, t, n):
    """Every operator over the n rows up to t, and the shapes of row t."""
    o, h, low, c, v = (frame[k].tolist() for k in ("open", "high", "low", "close", "volume"))
    days = range(t - n + 1, t + 1)
    closes, highs, lows, volumes = ([s[i] for i in days] for s in (c, h, low, v))
    steps = [c[i] - c[i - 1] for i in days]
    slope, at_zero = line(closes)
    up, down = sum(s > 0 for s in steps) / n, sum(s < 0 for s in steps) / n
    weighted = [abs(c[i] / c[i - 1] - 1) * v[i] for i in days]
    first_top = next(k for k, x in enumerate(highs, 1) if x == max(highs))
    first_bottom = next(k for k, x in enumerate(lows, 1) if x == min(lows))
    sump, sumn, sumd = gains(steps)
    vsump, vsumn, vsumd = gains([v[i] - v[i - 1] for i in days])
    rank = statistics.mean(k for k, x in enumerate(sorted(closes), 1) if x == c[t]) / n
    span = h[t] - low[t]
    return {
        "ROC": c[t - n] / c[t],
        "MA": mean(closes) / c[t],
        "STD": statistics.stdev(closes) / c[t],
        "BETA": slope / c[t],
        "RSQR": correlation(list(range(n)), closes) ** 2,
        "RESI": (c[t] - (slope * n + at_zero)) / c[t],
        "MAX": max(highs) / c[t],
        "MIN": min(lows) / c[t],
        "QTLU": quantile(closes, 0.8) / c[t],
        "QTLD": quantile(closes, 0.2) / c[t],
        "RANK": rank,
        "RSV": (c[t] - min(lows)) / (max(highs) - min(lows)),
        "IMAX": first_top / n,
        "IMIN": first_bottom / n,
        "IMXD": (first_top - first_bottom) / n,
        "CORR": correlation(closes, [math.log(x + 1) for x in volumes]),
        "CORD": correlation(
            [c[i] / c[i - 1] for i in days], [math.log(v[i] / v[i - 1] + 1) for i in days]
        ),
        "CNTP": up,
        "CNTN": down,
        "CNTD": up - down,
        "SUMP": sump,
        "SUMN": sumn,
        "SUMD": sumd,
        "VMA": mean(volumes) / v[t],
        "VSTD": statistics.stdev(volumes) / v[t],
        "WVMA": statistics.stdev(weighted) / mean(weighted),
        "VSUMP": vsump,
        "VSUMN": vsumn,
        "VSUMD": vsumd,
    }, {
        "KMID": (c[t] - o[t]) / o[t],
        "KLEN": span / o[t],
        "KMID2": (c[t] - o[t]) / span,
        "KUP": (h[t] - max(o[t], c[t])) / o[t],
        "KUP2": (h[t] - max(o[t], c[t])) / span,
        "KLOW": (min(o[t], c[t]) - low[t]) / o[t],
        "KLOW2": (min(o[t], c[t]) - low[t]) / span,
        "KSFT": (2 * c[t] - h[t] - low[t]) / o[t],
        "KSFT2": (2 * c[t] - h[t] - low[t]) / span,
        "OPEN0": o[t] / c[t],
        "HIGH0": h[t] / c[t],
        "LOW0": low[t] / c[t],
    }


@pytest.fixture
def with_ties(market):
    """Prices and volumes on a coarse grid: equal closes, equal extremes, days without a move."""
    frame = market(rows=160, seed=11)
    frame["close"] = frame["close"].round()
    frame["open"] = frame["open"].round()
    frame["high"] = frame[["open", "close"]].max(axis=1) + 1
    frame["low"] = frame[["open", "close"]].min(axis=1) - 1
    frame["volume"] = (frame["volume"] / 1e5).round() * 1e5 + 1e5
    return frame


@pytest.mark.parametrize("kind", ["continuous", "with ties"])
def test_alpha158_equals_a_loop_over_its_definitions(market, with_ties, kind):
    frame = with_ties if kind == "with ties" else market(rows=160, seed=4)
    windows = (5, 10, 60)
    built = build(frame, windows=windows)
    assert len(built.columns) == len(BAR) + len(PRICE) + len(OPERATORS) * len(windows)
    for t in (60, 61, 97, 158, 159):
        for n in windows:
            rolling, bar = naive(frame, t, n)
            assert set(rolling) == set(OPERATORS)
            assert set(bar) == {*BAR, *PRICE}
            expected = bar | {f"{name}{n}": value for name, value in rolling.items()}
            for name, value in expected.items():
                assert built[name].iloc[t] == pytest.approx(value, rel=1e-5, abs=1e-6), (name, t)


def test_alpha158_has_the_columns_of_qlib_in_its_order_but_vwap():
    names = alpha().names
    assert len(names) == 157
    assert names[:12] == (*BAR, "OPEN0", "HIGH0", "LOW0")
    assert names[12:18] == ("ROC5", "ROC10", "ROC20", "ROC30", "ROC60", "MA5")
    assert names[-1] == "VSUMD60"
    assert alpha().warm_up == 60


def test_alpha158_uses_back_adjusted_prices_and_volume(market):
    frame = market(rows=120)
    split = frame.copy()
    split.loc[70:, ["open", "high", "low", "close"]] /= 4.0
    split.loc[70:, "volume"] *= 4.0
    split.loc[70:, "factor"] = 4.0
    np.testing.assert_allclose(build(frame), build(split), atol=1e-6)


def test_alpha158_after_its_warm_up_equals_the_one_with_four_times_of_it(market):
    features = alpha()
    frame = market(rows=400).set_index("session")
    for end in range(245, 400, 31):
        short = features._of_symbol(frame.iloc[end - features.warm_up : end + 1])[-1]
        long = features._of_symbol(frame.iloc[end - 4 * features.warm_up : end + 1])[-1]
        assert np.isfinite(short).all()
        np.testing.assert_array_equal(short, long)


def test_alpha158_of_a_bar_of_one_price_is_known(market):
    frame = market(rows=90)
    limit = frame["close"].iloc[79] * 1.1
    frame.loc[80, ["open", "high", "low", "close"]] = limit
    built = build(frame)
    assert np.isfinite(built.iloc[80]).all()
    assert (built.loc[80, ["KMID2", "KUP2", "KLOW2", "KSFT2"]] == 0).all()


def test_alpha158_of_a_price_that_stands_still_has_no_correlation_and_no_gains(market):
    frame = market(rows=90)
    frame.loc[70:76, ["open", "high", "low", "close"]] = 3.3
    built = build(frame, windows=[5]).iloc[76]
    undefined = ["RSQR5", "CORR5", "CORD5"]
    assert built[undefined].isna().all()
    assert built.drop(undefined).notna().all()
    zero = ["SUMP5", "SUMN5", "SUMD5", "CNTP5", "CNTN5", "STD5", "RSV5", "WVMA5"]
    assert (built[zero] == 0).all()
    assert built["RANK5"] == pytest.approx(0.6)  # the middle of five equal ranks


def test_alpha158_of_a_row_without_volume_does_not_know_ratios_to_it(market):
    frame = market(rows=40)
    frame.loc[30, "volume"] = 0.0
    built = build(frame, windows=[5])
    assert built.loc[30, ["VMA5", "VSTD5"]].isna().all()
    assert built.loc[30, ["CORR5", "CORD5", "WVMA5", "VSUMP5"]].notna().all()
    assert built.loc[31:35, "CORD5"].isna().all()  # a ratio to the volume of row 30
    assert built.loc[36].notna().all()


def test_alpha158_warns_of_nothing(market):
    frame = market(rows=40)
    frame.loc[30, "volume"] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(frame)


def test_alpha158_of_a_history_shorter_than_its_windows_is_nan_there(market):
    built = build(market(rows=8))
    assert built["ROC60"].isna().all()
    assert built["MA5"].notna().sum() == 4
    assert built["ROC5"].notna().sum() == 3
    assert built["KMID"].notna().all()


def test_alpha158_without_windows_is_the_shape_of_the_bar():
    assert alpha(windows=[]).names == (*BAR, *PRICE)
    assert alpha(windows=[]).warm_up == 0


def test_windows_without_a_set_change_nothing():
    assert FeatureSet(windows=[7]).names == FeatureSet().names
    assert FeatureSet(windows=[700]).warm_up == FeatureSet().warm_up


def test_a_window_given_twice_raises(bars):
    with pytest.raises(DataError, match="unique"):
        alpha(windows=[5, 5]).build(bars)


@pytest.mark.parametrize("wrong", [{"sets": ["alpha101"]}, {"windows": [2]}])
def test_feature_set_with_an_unknown_set_or_a_window_too_short_is_a_config_error(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        FeatureSet.parse(wrong, "[features]")


def test_rolled_of_too_few_rows_is_empty_and_stays_empty():
    assert rolled(np.arange(3.0), 4).shape == (0, 4)
    assert np.isnan(to_rows(rolled(np.arange(3.0), 4).mean(axis=1), 3)).all()
