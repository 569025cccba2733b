import numpy as np
import pandas as pd
import pytest
from scipy import stats

from qushi.core import Bars, Forecasts
from qushi.core.calendar import sessions
from qushi.forecasters.calibration import COVERAGE, RELIABILITY, coverage, reliability, wilson
from qushi.forecasters.labels import make_targets


def walk(n: int = 300, symbols=("600519.SH", "000001.SZ"), together: bool = False) -> Bars:
    rng = np.random.default_rng(2)
    days = sessions("XSHG", "2015-01-05")[:n]
    steps = rng.normal(0, 0.02, (len(symbols), n))
    if together:
        steps[:] = steps[0]
    parts = []
    for symbol, step in zip(symbols, steps, strict=True):
        price = 50 * np.exp(np.cumsum(step))
        table = {"symbol": symbol, "session": days, "open": price, "high": price, "low": price}
        parts.append(pd.DataFrame(table).assign(close=price, volume=1e6))
    return Bars.from_frame(pd.concat(parts))


def told(bars: Bars, **columns) -> Forecasts:
    frame = bars.frame.index.to_frame(index=False)
    given = {"expected_return": np.nan, "p_up": np.nan, "model": "m", "seed": 0, "horizon": 1, **columns}
    frame = frame.assign(**given, fold=0)
    frame["fit_start"], frame["fit_end"] = pd.Timestamp("2010-01-04"), pd.Timestamp("2014-12-31")
    return Forecasts(frame)


def test_reliability_equals_tenths_counted_one_by_one():
    bars = walk()
    p = np.random.default_rng(0).uniform(0.2, 0.8, len(bars))
    table = reliability(told(bars, p_up=p), bars)
    label = make_targets(bars, ("return",), (1,))[:, 0, 0]
    known = sorted((q, y > 0) for q, y in zip(p, label, strict=True) if not np.isnan(y))
    assert tuple(table.columns) == RELIABILITY
    assert len(table) == 10
    cut = np.quantile([q for q, _ in known], np.linspace(0, 1, 11))
    for row in table.itertuples():
        low, high = cut[row.group], cut[row.group + 1]
        inside = [(q, up) for q, up in known if low < q <= high or (row.group == 0 and q == low)]
        assert row.n == len(inside)
        assert row.stated == pytest.approx(np.mean([q for q, _ in inside]))
        assert row.share == pytest.approx(np.mean([up for _, up in inside]))
    assert table["n"].sum() == len(known)


def test_a_model_that_always_says_the_same_has_one_group():
    bars = walk()
    table = reliability(told(bars, p_up=0.5), bars)
    assert len(table) == 1
    label = make_targets(bars, ("return",), (1,))[:, 0, 0]
    assert table["share"].iloc[0] == pytest.approx((label[~np.isnan(label)] > 0).mean())


def test_probabilities_of_a_dead_band_are_left_out():
    bars = walk()
    assert reliability(told(bars, p_up=0.4, target="direction"), bars).empty
    assert len(reliability(told(bars, p_up=0.4, target="trend"), bars)) == 1
    assert reliability(told(bars, expected_return=0.0), bars).empty


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (3, 10), (50, 100), (10, 10)])
def test_wilson_equals_scipy(hits, n):
    bounds = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits / n, n) == pytest.approx((bounds.low, bounds.high), abs=1e-12)


def test_symbols_that_move_together_do_not_narrow_the_bounds():
    one = walk(symbols=("600519.SH",))
    twins = walk(symbols=("600519.SH", "000001.SZ", "000002.SZ", "000004.SZ"), together=True)
    alone, four = (reliability(told(bars, p_up=0.5), bars).iloc[0] for bars in (one, twins))
    assert four["n"] == 4 * alone["n"]
    assert four["high"] - four["low"] == pytest.approx(alone["high"] - alone["low"], rel=0.02)


def test_coverage_equals_the_count_and_its_bounds_hold_the_share():
    bars = walk()
    levels = {"q0.05": -0.033, "q0.25": -0.01, "q0.5": 0.0, "q0.75": 0.01, "q0.95": 0.033}
    forecasts = told(bars, expected_return=0.0, **levels)
    table = coverage(forecasts, bars)
    label = make_targets(bars, ("return",), (1,))[:, 0, 0]
    label = label[~np.isnan(label)]
    assert tuple(table.columns) == COVERAGE
    assert table["nominal"].tolist() == [0.9, 0.5]
    for row, edge in zip(table.itertuples(), (0.033, 0.01), strict=True):
        assert row.measured == pytest.approx(np.mean(np.abs(label) <= edge))
        assert row.n == len(label)
        assert row.low < row.measured < row.high


def test_coverage_is_about_the_models_own_target():
    bars = walk()
    close = make_targets(bars, ("close",), (3,))[:, 0, 0]
    sure = {"q0.1": close - 1e-6, "q0.9": close + 1e-6}
    of_close = told(bars, expected_return=close, target="close", horizon=3, **sure)
    assert coverage(of_close, bars)["measured"].tolist() == [1.0]
    of_return = told(bars, expected_return=close, horizon=3, **sure)
    assert coverage(of_return, bars)["measured"].iloc[0] < 0.1


def test_without_quantiles_there_is_no_coverage():
    bars = walk()
    table = coverage(told(bars, p_up=0.5), bars)
    assert table.empty
    assert tuple(table.columns) == COVERAGE
