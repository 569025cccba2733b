"""Newey-West by moving sums against statsmodels, and against its definition where there are holes."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from qushi.sentiment.study._regressions import (
    correlations,
    few_lags,
    fit,
    lags_for,
    many_lags,
    predictive_regressions,
    two_sided,
    window_sums,
)


def wandering(random, n, phi=0.8):
    noise = random.normal(size=n)
    for t in range(1, n):
        noise[t] += phi * noise[t - 1]
    return noise


def reference(y, columns, lags):
    return sm.OLS(y, columns).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=False
    )


@pytest.mark.parametrize("lags", [0, 1, 7, 40])
def test_fit_equals_the_hac_errors_of_statsmodels(lags):
    random = np.random.default_rng(3)
    x, z = wandering(random, 300), wandering(random, 300)
    y = 0.1 * x + wandering(random, 300, 0.5)
    columns = np.column_stack([np.ones(300), x, z])
    found, expected = fit(y, columns, lags), reference(y, columns, lags)
    np.testing.assert_allclose(found.slopes, expected.params, rtol=1e-10)
    np.testing.assert_allclose(found.covariance, expected.cov_params(), rtol=1e-8)
    assert found.r2 == pytest.approx(expected.rsquared, rel=1e-10)
    difference = found.of(np.array([0, 1.0, -1]))
    assert difference[2] == pytest.approx(float(expected.t_test([0, 1, -1]).tvalue.item()), rel=1e-8)


def test_correlations_have_the_t_of_the_regression_in_any_unit():
    random = np.random.default_rng(5)
    y = wandering(random, 200)
    several = np.stack([wandering(random, 200) * scale + scale for scale in (1.0, 1e-4, 1e5)])
    found = correlations(several, y, 6)
    for row, x in enumerate(several):
        expected = reference(y, sm.add_constant(x), 6)
        assert found.t[row] == pytest.approx(expected.tvalues[1], rel=1e-8)
        assert found.r[row] == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-10)
        assert found.error[row] == pytest.approx(found.r[row] / found.t[row], rel=1e-10)


def test_sessions_without_a_value_keep_their_place():
    """The definition, lag by lag, with u = 0 in the holes."""
    random = np.random.default_rng(7)
    x, y, lags = wandering(random, 120), wandering(random, 120), 4
    x[[3, 50, 51, 52]] = np.nan
    y[[10, 51]] = np.nan
    kept = np.isfinite(x) & np.isfinite(y)
    columns = np.column_stack([np.ones(120), x])
    slopes = np.linalg.lstsq(columns[kept], y[kept], rcond=None)[0]
    u = np.where(kept[:, None], columns * (y - columns @ slopes)[:, None], 0.0)
    u = np.nan_to_num(u)
    middle = u.T @ u
    for lag in range(1, lags + 1):
        gamma = u[lag:].T @ u[:-lag]
        middle += (1 - lag / (lags + 1)) * (gamma + gamma.T)
    inverse = np.linalg.inv(columns[kept].T @ columns[kept])
    covariance = inverse @ middle @ inverse * kept.sum() / (kept.sum() - 2)
    found = fit(y, columns, lags)
    np.testing.assert_allclose(found.covariance, covariance, rtol=1e-9)
    assert found.n == kept.sum() == 115
    alone = correlations(x[None, :], y, lags)
    assert alone.t[0] == pytest.approx(slopes[1] / np.sqrt(covariance[1, 1]), rel=1e-9)


def test_window_sums_are_sums_of_neighbours_the_ends_included():
    assert window_sums(np.array([1.0, 2, 3]), 2).tolist() == [1, 3, 5, 3]
    assert window_sums(np.array([[1.0, 2, 3]]), 1).tolist() == [[1, 2, 3]]


def test_too_few_or_flat_or_dependent_values_give_nan():
    y = np.arange(30.0)
    flat = correlations(np.stack([np.full(30, 0.1), np.where(y < 19, y**2, np.nan)]), y, 2)
    assert np.isnan(flat.t).all()
    assert np.isnan(flat.r).all()
    twice = fit(y, np.column_stack([np.ones(30), y, 2 * y]), 2)
    assert np.isnan(twice.slopes).all()
    assert np.isnan(fit(y[:19], np.ones((19, 1)), 2).of(np.array([1.0]))[1])


def test_lag_rules_cover_the_overlap():
    assert few_lags(100) == 4
    assert many_lags(100) == 13
    assert many_lags(100, overlap=20) == 19
    assert lags_for(1900, 1) == few_lags(1900) == 7
    assert all(lags_for(n, h) >= h - 1 for n in (60, 250, 2000) for h in (1, 5, 20, 60))


def test_p_is_about_right_where_panic_persists_and_returns_overlap():
    random = np.random.default_rng(11)
    alarms = []
    for _ in range(150):
        x = wandering(random, 400, 0.9)
        steps = np.append(random.normal(size=400), np.full(5, np.nan))
        overlapping = np.lib.stride_tricks.sliding_window_view(steps, 5).sum(axis=1)[:400]
        lags = lags_for(400, 5)
        t = correlations(x[None, :], overlapping, lags)
        alarms.append(two_sided(t.t, t.n, lags)[0] < 0.05)
    assert 0.01 < np.mean(alarms) < 0.12


def test_regressions_of_one_horizon_use_the_same_sessions_and_state_the_slope_per_ten_points():
    random = np.random.default_rng(1)
    panic = 50 + 10 * wandering(random, 300)
    past = random.normal(0, 0.01, 300)
    past[:3] = np.nan
    panic[100:110] = np.nan
    target = -0.002 * panic / 10 + random.normal(0, 1e-5, 300)
    found = predictive_regressions(panic, past, {1: target}, controls=True)
    assert found["model"].tolist() == ["panic", "past_return", "both", "both"]
    assert set(found["n"]) == {287}
    assert found["slope"].iloc[0] == pytest.approx(-0.002, rel=1e-2)
    assert found["r2"].iloc[0] > 0.99 > 0.1 > found["r2"].iloc[1]
    assert found["regressor"].tolist() == ["panic", "past_return", "panic", "past_return"]
    kept = np.isfinite(panic) & np.isfinite(past)
    both = sm.OLS(target[kept], sm.add_constant(np.column_stack([panic, past])[kept])).fit()
    np.testing.assert_allclose(found["slope"].iloc[2:], both.params[1:] * [10, 1], rtol=1e-8)
    alone = predictive_regressions(panic, past, {1: target}, controls=False)
    pd.testing.assert_frame_equal(alone, found.iloc[:2])
