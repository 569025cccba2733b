"""Models that are no nets, each against a second computation and a signal that was planted."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.signal import lfilter
from statsmodels.tsa.arima.model import ARIMA as Reference

from qushi.core import ConfigError, DataError, FitError
from qushi.forecasters.models import lightgbm as lightgbm_file
from qushi.forecasters.models._series import pack, training_closes, unpack
from qushi.forecasters.models.arima import ARIMA
from qushi.forecasters.models.exponential_smoothing import ExponentialSmoothing
from qushi.forecasters.models.lightgbm import LightGBM
from qushi.forecasters.models.ridge import Ridge
from qushi.forecasters.models.seasonal import Seasonal
from qushi.forecasters.models.sign_bayes import SignBayes
from qushi.forecasters.windows import Panel, Windows

ALL = [ARIMA(), ExponentialSmoothing(), LightGBM(), Ridge(), Seasonal(), SignBayes()]
CLOSES_ONLY = (ARIMA, ExponentialSmoothing)
each_model = pytest.mark.parametrize("model", ALL, ids=lambda m: m.kind)


def windows(returns=None, lookback=3, horizon=1, signal=0.0, seed=0):
    """Windows of symbols A, B ... with these log returns on weekdays; the label is what comes after."""
    random = np.random.default_rng(seed)
    if returns is None:
        returns = [random.normal(0, 0.02, 300), random.normal(0, 0.02, 200)]
    sizes = [len(r) for r in returns]
    starts = np.cumsum([0, *sizes[:-1]])
    weekdays = np.busday_offset("2010-01-04", np.arange(max(sizes)))
    panel = Panel(
        random.normal(size=(sum(sizes), 3)).astype(np.float32),
        ("a", "b", "c"),
        np.concatenate([100 * np.exp(np.cumsum(r)) for r in returns]),
        np.repeat(np.array(list("ABCD")[: len(sizes)], dtype=object), sizes),
        np.concatenate([weekdays[:n] for n in sizes]),
        np.repeat(starts, sizes).astype(np.int64),
    )
    spans = zip(starts, sizes, strict=True)
    ends = np.concatenate([np.arange(s + lookback, s + n - horizon) for s, n in spans]).astype(np.int64)
    log = np.log(panel.close)
    wanted = log[ends + horizon] - log[ends] + signal * panel.values[ends, 0]
    return Windows(panel, ends, lookback, wanted.astype(np.float32), horizon)


def fitted(model, data, **more):
    model.fit(data, data.subset(np.arange(len(data)) > len(data) // 2), **more)
    return model


def answers(model, data):
    found = model.predict(data)
    return found.p_up if found.value is None else found.value


# What all of them owe ------------------------------------------------------------------------------


@each_model
def test_model_refuses_to_predict_before_it_has_learned(model):
    with pytest.raises(DataError, match="after fit only"):
        model.predict(windows())


@each_model
def test_model_without_training_windows_is_a_fit_error(model):
    none = windows().subset(np.empty(0, dtype=np.int64))
    with pytest.raises(FitError):
        model.model_copy(deep=True).fit(none, none)


@pytest.mark.parametrize("model", [m for m in ALL if not isinstance(m, CLOSES_ONLY)])
def test_model_that_learns_labels_refuses_windows_without_them(model):
    blind = replace(windows(), targets=None)
    with pytest.raises(FitError, match="targets"):
        model.model_copy(deep=True).fit(blind, blind)


@each_model
@pytest.mark.parametrize("horizon", [1, 5])
def test_model_answers_each_window_alone(model, horizon):
    data = windows(signal=0.1, horizon=horizon)
    model = fitted(model.model_copy(deep=True), data)
    together = answers(model, data)
    assert len(answers(model, data.subset(np.empty(0, dtype=np.int64)))) == 0
    for at in (0, 7, 250, len(data) - 1):
        np.testing.assert_array_equal(answers(model, data.subset(np.array([at]))), together[[at]])


@each_model
def test_model_does_not_look_past_a_window(model):
    """Closes and features after a window's end are others; what was learned stays."""
    data = windows(signal=0.1)
    model = fitted(model.model_copy(deep=True), data)
    panel, cut = data.panel, 150
    later = np.arange(len(panel.close)) > cut
    other = Panel(
        np.where(later[:, None], 9.0, panel.values).astype(np.float32),
        panel.names,
        np.where(later, 3.0, panel.close),
        panel.symbols,
        panel.sessions,
        panel.first,
    )
    before = data.subset(data.ends <= cut)
    changed = Windows(other, before.ends, before.lookback)
    np.testing.assert_array_equal(answers(model, changed), answers(model, before))


@each_model
def test_model_restored_from_its_state_answers_alike(model):
    data = windows(signal=0.1)
    model = fitted(model.model_copy(deep=True), data)
    other = type(model)()
    other.restore(model.state())
    np.testing.assert_array_equal(answers(other, data), answers(model, data))
    assert sorted(other.state()) == sorted(model.state())


# Seasonal mean -------------------------------------------------------------------------------------


def test_seasonal_gives_each_weekday_its_mean_label():
    data = windows()
    found = fitted(Seasonal(), data).predict(data).value
    weekday = data.sessions.astype("datetime64[D]").astype(object)
    weekday = np.array([d.weekday() for d in weekday])
    for day in range(5):
        on = weekday == day
        np.testing.assert_allclose(found[on], np.mean([float(t) for t in data.targets[on]]))


def test_seasonal_position_hangs_on_the_date_and_not_on_the_rows():
    data = windows()
    model = fitted(Seasonal(period=10), data)
    later = data.subset(np.arange(40, len(data)))
    np.testing.assert_array_equal(model.predict(later).value, model.predict(data).value[40:])


def test_seasonal_with_shrinkage_lies_between_the_position_and_the_overall_mean():
    data = windows()
    plain = fitted(Seasonal(), data).predict(data).value
    count = np.array([np.sum(plain == value) for value in plain])
    found = fitted(Seasonal(shrinkage=50), data).predict(data).value
    mean = data.targets.astype(np.float64).mean()
    np.testing.assert_allclose(found, (count * plain + 50 * mean) / (count + 50))


def test_seasonal_at_a_position_never_seen_has_no_forecast():
    data = windows(returns=[np.full(30, 0.01)])
    model = Seasonal(period=20)
    model.fit(data.subset(np.arange(8)), data)
    found = model.predict(data).value
    assert np.isfinite(found[:8]).all()
    assert np.isnan(found[8:20]).all()


# Naive Bayes of signs ------------------------------------------------------------------------------


def test_sign_bayes_equals_bayes_rule_written_out():
    data = windows(returns=[np.random.default_rng(3).normal(0, 0.02, 120)], lookback=1)
    model = fitted(SignBayes(signs=3, smoothing=0.5), data)
    found = model.predict(data).p_up
    up = np.diff(np.log(data.panel.close)) > 0
    rows = [(up[end - 3 : end], label > 0) for end, label in zip(data.ends, data.targets, strict=True)]
    rows = [(signs, label) for signs, label in rows if len(signs) == 3]
    assert len(rows) == len(data) - 2
    for end, answer in list(zip(data.ends, found, strict=True))[2:40]:
        chance = []
        for label in (False, True):
            of = [signs for signs, y in rows if y == label]
            product = len(of) + 0.5
            for i in range(3):
                same = sum(signs[i] == up[end - 3 + i] for signs in of)
                product *= (same + 0.5) / (len(of) + 1.0)
            chance.append(product)
        assert answer == pytest.approx(chance[1] / sum(chance))


def test_sign_bayes_without_enough_history_has_no_forecast():
    data = windows(lookback=3)
    found = fitted(SignBayes(signs=10), data).predict(data).p_up
    short = data.ends - data.panel.first[data.ends] < 10
    assert short.any()
    np.testing.assert_array_equal(np.isnan(found), short)


def test_sign_bayes_finds_signs_that_go_on():
    random = np.random.default_rng(1)
    sign = np.cumprod(np.where(random.random(600) < 0.1, -1, 1))
    data = windows(returns=[sign * np.abs(random.normal(0, 0.02, 600))])
    found = fitted(SignBayes(signs=2), data).predict(data).p_up
    known = np.isfinite(found)
    assert ((found > 0.5) == (data.targets > 0))[known].mean() > 0.8


def test_sign_bayes_with_more_signs_than_history_is_a_fit_error():
    data = windows(returns=[np.full(30, 0.01)])
    with pytest.raises(FitError, match="lower signs"):
        SignBayes(signs=60).fit(data, data)


# Ridge regression ----------------------------------------------------------------------------------


def test_ridge_solves_the_normal_equations_and_finds_a_planted_signal():
    data = windows(signal=0.1)
    found = fitted(Ridge(penalty=0.3), data).predict(data).value
    rows, labels = data.last().astype(np.float64), data.targets.astype(np.float64)
    x, y = rows - rows.mean(axis=0), labels - labels.mean()
    weights = np.linalg.solve(x.T @ x / len(y) + 0.3 * np.eye(3), x.T @ y / len(y))
    np.testing.assert_allclose(found, labels.mean() + x @ weights)
    assert np.corrcoef(found, labels)[0, 1] > 0.9


def test_ridge_shrinks_towards_the_mean_label():
    data = windows(signal=0.1)
    loose, tight = (np.std(fitted(Ridge(penalty=p), data).predict(data).value) for p in (1.0, 100.0))
    assert tight < loose / 20


def paths(data, outputs=2):
    """The same windows, two steps and some targets: step s, target o, s + o times as large."""
    times = np.arange(1, 3)[:, None] + np.arange(outputs)
    return replace(data, paths=data.targets[:, None, None] * times.astype(np.float32), steps=(1, 2))


def test_ridge_answers_all_targets_and_steps_as_if_each_were_alone():
    data = paths(windows(signal=0.1))
    model = fitted(Ridge(target=["open", "close"]), data)
    found = model.predict(data).value
    assert found.shape == (len(data), 2, 2)
    for s, o in np.ndindex(2, 2):
        alone = replace(data, targets=data.paths[:, s, o], paths=None, steps=())
        np.testing.assert_allclose(found[:, s, o], fitted(Ridge(), alone).predict(alone).value)
    other = Ridge(target=["open", "close"])
    other.restore(model.state())
    np.testing.assert_array_equal(other.predict(data).value, found)


def test_ridge_asked_about_other_steps_raises():
    data = paths(windows(), outputs=1)
    model = fitted(Ridge(), data)
    with pytest.raises(DataError, match="fitted on 2 steps, asked about 1"):
        model.predict(replace(data, targets=None, paths=None, steps=()))


@pytest.mark.parametrize("target", ["trend", "direction"])
def test_ridge_of_classes_is_refused(target):
    with pytest.raises(ConfigError, match=f"ask logistic for '{target}'"):
        Ridge.parse({"target": target}, "[here]")
    with pytest.raises(ConfigError, match="leave it out"):
        Ridge.parse({"band": 0.01}, "[here]")


@pytest.mark.parametrize("model", [LightGBM(), Ridge()])
def test_model_of_features_sees_a_column_relative_to_its_window(model):
    """A level that grows on and on says nothing, its change within the window everything."""
    data = windows(lookback=3)
    level = np.cumsum(data.panel.values[:, 0]) + np.arange(len(data.panel.close))
    values = data.panel.values.copy()
    values[:, 0] = level
    change = level[data.ends] - level[data.ends - 2]
    panel = replace(data.panel, values=values, relative=(0,))
    data = replace(data, panel=panel, targets=change.astype(np.float32), paths=None)
    found = fitted(model.model_copy(deep=True), data).predict(data).value
    assert np.corrcoef(found, change)[0, 1] > 0.95


def test_ridge_asked_about_other_features_raises():
    data = windows()
    model = fitted(Ridge(), data)
    panel = replace(data.panel, values=data.panel.values[:, :2], names=("a", "b"))
    with pytest.raises(DataError, match="fitted on 3 features"):
        model.predict(replace(data, panel=panel))


# Exponential smoothing -----------------------------------------------------------------------------


def smoothed(closes, parameters, horizon):
    """The recursion of level and trend as it stands in the books."""
    alpha, beta, phi = parameters
    level, trend = closes[0], 0.0
    found, errors = [], []
    for value in closes:
        error = value - level - phi * trend
        before = level
        level = alpha * value + (1 - alpha) * (before + phi * trend)
        trend = beta * (level - before) + (1 - beta) * phi * trend
        found.append(level + sum(phi**k for k in range(1, horizon + 1)) * trend - value)
        errors.append(error)
    return np.array(found), np.array(errors)


@pytest.mark.parametrize("trend", ["none", "linear", "damped"])
@pytest.mark.parametrize("horizon", [1, 5])
def test_exponential_smoothing_equals_the_recursion_of_level_and_trend(trend, horizon):
    data = windows(horizon=horizon)
    model = ExponentialSmoothing(trend=trend)
    model.restore({"names": np.empty(0, dtype=np.uint8), "values": np.array([TRENDS[trend]])})
    found = model.predict(data).value
    for start, stop in data.panel.spans():
        own = (data.ends >= start) & (data.ends < stop)
        naive, _ = smoothed(np.log(data.panel.close[start:stop]), TRENDS[trend], horizon)
        np.testing.assert_allclose(found[own], naive[data.ends[own] - start], atol=1e-12)


TRENDS = {"none": (0.4, 0.0, 0.0), "linear": (0.4, 0.2, 1.0), "damped": (0.4, 0.2, 0.9)}


@pytest.mark.parametrize("trend", ["none", "linear", "damped"])
def test_exponential_smoothing_finds_the_least_error(trend):
    data = windows()
    model = fitted(ExponentialSmoothing(trend=trend), data)
    best = model.state()["values"][0]
    series = [closes for _, closes in training_closes(data)]

    def loss(parameters):
        return sum(float(np.sum(smoothed(closes, parameters, 1)[1] ** 2)) for closes in series)

    assert [b for b, t in zip(best, TRENDS[trend], strict=True) if t in (0.0, 1.0)] == [
        t for t in TRENDS[trend] if t in (0.0, 1.0)
    ]
    for parameters in ([0.4, 0.2, 0.9], [0.9, 0.1, 0.85], [0.99, 0.01, 0.95], [0.1, 0.1, 0.8]):
        other = [p if t not in (0.0, 1.0) else t for p, t in zip(parameters, TRENDS[trend], strict=True)]
        assert loss(best) <= loss(other) * (1 + 1e-9)


def test_exponential_smoothing_finds_a_level_behind_noise():
    random = np.random.default_rng(2)
    level = np.cumsum(random.normal(0, 0.005, 800))
    closes = level + random.normal(0, 0.02, 800)
    data = windows(returns=[np.diff(closes, prepend=0.0)])
    model = fitted(ExponentialSmoothing(trend="none"), data)
    # The best gain of a random walk seen through noise: q = 1/16, alpha = (sqrt(q^2 + 4 q) - q) / 2.
    ratio = (0.005 / 0.02) ** 2
    assert model.state()["values"][0][0] == pytest.approx(
        (np.sqrt(ratio**2 + 4 * ratio) - ratio) / 2, abs=0.07
    )
    assert np.corrcoef(model.predict(data).value, data.targets)[0, 1] > 0.5


def test_exponential_smoothing_fitted_by_symbol_leaves_out_the_short_ones():
    random = np.random.default_rng(4)
    data = windows(returns=[random.normal(0, 0.02, 200), random.normal(0, 0.02, 30)])
    model = fitted(ExponentialSmoothing(pooled=False), data)
    found = model.predict(data).value
    np.testing.assert_array_equal(np.isnan(found), data.symbols == "B")
    with pytest.raises(FitError, match="no symbol has 300 closes"):
        fitted(ExponentialSmoothing(pooled=False, min_rows=300), data)


def test_exponential_smoothing_learns_from_the_closes_of_training_only():
    data = windows()
    train = data.subset((data.ends >= 50) & (data.ends < 120))
    ((symbol, closes),) = training_closes(train)
    assert symbol == "A"
    np.testing.assert_array_equal(closes, np.log(data.panel.close[48:120]))


@pytest.mark.parametrize("model", [ExponentialSmoothing(), ARIMA()])
def test_closes_that_never_move_are_a_fit_error(model):
    flat = windows(returns=[np.zeros(200)])
    with pytest.raises(FitError, match="never move"):
        model.model_copy(deep=True).fit(flat, flat)


def test_parameters_by_symbol_survive_packing():
    values = {"000300.SH": np.array([1.0, 2.0]), "贵州茅台": np.array([3.0, 4.0])}
    found = unpack(pack(values))
    assert list(found) == list(values)
    np.testing.assert_array_equal(np.stack(list(found.values())), [[1.0, 2.0], [3.0, 4.0]])
    assert pack({}) == {}
    assert unpack({}) == {}


# ARIMA ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(1, 1, 1), (2, 1, 0), (0, 1, 2), (1, 0, 1), (1, 2, 1)])
def test_arima_forecasts_like_statsmodels_own_model_of_the_closes(order):
    """statsmodels is asked about each row anew, with the closes up to it and our parameters."""
    p, d, q = order
    random = np.random.default_rng(5)
    shocks = random.normal(0, 0.02, 160)
    data = windows(returns=[lfilter([1, 0.4], [1, -0.3], shocks)], horizon=4, lookback=4)
    model = fitted(ARIMA(p=p, d=d, q=q), data)
    found = model.predict(data).value
    scale, *parameters = model.state()["values"][0]
    closes = np.log(data.panel.close)
    for at in (0, 30, 100, len(data) - 1):
        known = np.diff(closes[: data.ends[at] + 1], d) / scale
        # Its constant is the mean of the process; ours, like SARIMAX', the intercept.
        mean = parameters[0] / (1 - sum(parameters[1 : 1 + p]))
        reference = Reference(known, order=(p, 0, q), trend="c")
        coming = reference.filter([mean, *parameters[1:]]).forecast(4) * scale
        if d == 0:
            expected = coming[-1] - closes[data.ends[at]]
        elif d == 1:
            expected = coming.sum()
        else:
            last = closes[data.ends[at]] - closes[data.ends[at] - 1]
            expected = (last + np.cumsum(coming)).sum()
        assert found[at] == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_arima_finds_the_process_that_was_planted():
    shocks = np.random.default_rng(6).normal(0, 0.02, 1500)
    data = windows(returns=[lfilter([1], [1, -0.5], shocks)])
    model = fitted(ARIMA(q=0), data)
    scale, constant, phi, variance = model.state()["values"][0]
    assert phi == pytest.approx(0.5, abs=0.06)
    assert scale**2 * variance == pytest.approx(0.02**2, rel=0.1)
    assert abs(constant) < 0.1
    assert np.corrcoef(model.predict(data).value, data.targets)[0, 1] > 0.4


def test_arima_with_nothing_but_a_constant_is_the_drift_of_the_symbol():
    data = windows(returns=[np.random.default_rng(7).normal(0.01, 0.02, 200)], horizon=5)
    model = fitted(ARIMA(p=0, q=0), data)
    ((_, closes),) = training_closes(data)
    np.testing.assert_allclose(model.predict(data).value, 5 * np.diff(closes).mean(), rtol=1e-3)


def test_arima_leaves_out_symbols_that_are_short_in_training():
    random = np.random.default_rng(8)
    data = windows(returns=[random.normal(0, 0.02, 200), random.normal(0, 0.02, 40)])
    found = fitted(ARIMA(q=0), data).predict(data).value
    np.testing.assert_array_equal(np.isnan(found), data.symbols == "B")


def test_arima_that_does_not_converge_is_a_fit_error():
    data = windows()
    with pytest.raises(FitError, match=r"ARIMA\(2, 1, 2\) of A found no greatest likelihood"):
        ARIMA(p=2, q=2, max_iterations=1).fit(data, data)


def test_arima_search_that_is_stuck_on_a_slope_is_a_fit_error(monkeypatch):
    class Stuck:
        mle_retvals = {"converged": False, "warnflag": 2, "gopt": np.array([0.5]), "iterations": 3}  # noqa: RUF012

    process = type("Process", (), {"fit": lambda self, **_: Stuck()})
    monkeypatch.setattr(ARIMA, "_process", lambda self, values: process())
    data = windows()
    with pytest.raises(FitError, match="in 3 iterations"):
        ARIMA().fit(data, data)


def test_arima_without_a_warning_of_statsmodels(recwarn):
    data = windows(returns=[np.random.default_rng(9).normal(0, 0.02, 300)])
    fitted(ARIMA(d=2), data).predict(data)
    assert [str(w.message) for w in recwarn] == []


# LightGBM ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["return", "trend"])
def test_lightgbm_finds_a_planted_signal(target):
    data = windows(signal=0.1)
    found = fitted(LightGBM(target=target, min_leaf=10), data).predict(data)
    if target == "return":
        assert found.p_up is None
        assert np.corrcoef(found.value, data.targets)[0, 1] > 0.8
        assert np.std(found.value) < np.std(data.targets)
    else:
        assert found.value is None
        assert ((found.p_up > 0.5) == (data.targets > 0)).mean() > 0.8


def test_lightgbm_finds_up_flat_and_down():
    data = windows(signal=0.1)
    found = fitted(LightGBM(target="direction", band=0.05, min_leaf=10), data).predict(data)
    assert found.value is None
    said = np.select([found.p_up > 0.5, found.p_down > 0.5], [1, -1], 0)
    true = np.select([data.targets > 0.05, data.targets < -0.05], [1, -1], 0)
    assert (said == true).mean() > 0.75
    assert (found.p_up + found.p_down <= 1).all()


def test_lightgbm_quantiles_cover_as_much_as_they_say():
    """Noise whose spread is the feature's size: no point forecast, yet intervals to be found."""
    random = np.random.default_rng(3)
    data = windows(returns=[random.normal(0, 0.02, 1500)])
    spread = np.exp(data.last()[:, 0].astype(float))
    labels = (0.01 * spread * random.normal(size=len(data))).astype(np.float32)
    data = replace(data, targets=labels, paths=None)
    first, rest = (data.subset(np.arange(len(data)) % 3 < 2), data.subset(np.arange(len(data)) % 3 == 2))
    model = LightGBM(head="quantile", quantiles=[0.1, 0.4, 0.6, 0.9], trees=60)
    model.fit(first, rest)
    found = model.predict(rest)
    assert found.levels == (0.1, 0.4, 0.6, 0.9)
    assert found.quantiles.shape == (len(rest), 1, 4)
    for level, values in zip(found.levels, found.quantiles[:, 0].T, strict=True):
        assert np.mean(rest.targets < values) == pytest.approx(level, abs=0.06)
    width = found.quantiles[:, 0, 3] - found.quantiles[:, 0, 0]
    assert np.corrcoef(width, spread[np.arange(len(data)) % 3 == 2])[0, 1] > 0.7
    np.testing.assert_allclose(found.value, found.quantiles[:, 0, 1:3].mean(axis=1))
    other = LightGBM(**model.model_dump())
    other.restore(model.state())
    np.testing.assert_array_equal(other.predict(rest).quantiles, found.quantiles)


@pytest.mark.parametrize(("quantiles", "value"), [([0.5], 0), ([0.2, 0.5, 0.7], 1), ([0.3, 0.6], None)])
def test_lightgbm_value_is_its_median(quantiles, value):
    data = windows(signal=0.1)
    found = fitted(LightGBM(head="quantile", quantiles=quantiles, trees=10), data).predict(data)
    of = found.quantiles[:, 0]
    middle = (of[:, 0] + 2 * of[:, 1]) / 3 if value is None else of[:, value]
    np.testing.assert_allclose(found.value, middle)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quantiles": [0.9, 0.5]}, "quantiles must ascend"),
        ({"quantiles": [0.6, 0.9]}, "on both sides of 0.5"),
        ({"quantiles": []}, "on both sides of 0.5"),
        ({"head": "quantile", "target": "trend"}, "has no quantiles"),
        ({"target": ["open", "close"]}, "target"),
    ],
)
def test_lightgbm_head_that_cannot_be_is_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        LightGBM.parse(settings, "[here]")


def test_lightgbm_sees_an_earlier_row_by_its_lag_only():
    data = windows(lookback=4)
    late = data.panel.values[data.ends - 2, 1].astype(np.float64)
    data = replace(data, targets=late.astype(np.float32))
    blind = fitted(LightGBM(), data).predict(data).value
    seeing = fitted(LightGBM(lags=[2]), data).predict(data).value
    assert np.corrcoef(seeing, late)[0, 1] > 0.9
    assert np.corrcoef(blind, late)[0, 1] < 0.8


def test_lightgbm_stops_early_and_keeps_the_best_trees():
    def trees(model):
        return model.state()["model_0"].tobytes().decode().count("\nTree=")

    data = windows()
    noise = data.subset(np.arange(len(data)) % 2 == 0), data.subset(np.arange(len(data)) % 2 == 1)
    model = LightGBM(trees=80, patience=5)
    model.fit(*noise)
    assert 1 <= trees(model) < 80
    nothing = data.subset(np.empty(0, dtype=np.int64))
    model = LightGBM(trees=80, patience=5)
    model.fit(data, nothing)
    assert trees(model) == 80


def test_lightgbm_seed_changes_the_answers_and_the_same_seed_does_not():
    data = windows(signal=0.1)
    one, same, other = (fitted(LightGBM(), data, seed=s).predict(data).value for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_lightgbm_with_a_lag_before_the_window_is_a_data_error():
    data = windows(lookback=3)
    with pytest.raises(DataError, match="a lag of 3 reaches before a window of 3 rows"):
        fitted(LightGBM(lags=[1, 3]), data)


def test_lightgbm_with_labels_of_one_kind_is_a_fit_error():
    data = replace(windows(), targets=np.ones(len(windows()), dtype=np.float32))
    with pytest.raises(FitError, match="are the same"):
        LightGBM().fit(data, data)
    with pytest.raises(FitError, match="same way"):
        LightGBM(target="trend").fit(data, data)


def test_lightgbm_asked_about_other_features_raises():
    data = windows()
    model = fitted(LightGBM(), data)
    panel = replace(data.panel, values=data.panel.values[:, :2], names=("a", "b"))
    with pytest.raises(DataError, match="fitted on 3 features"):
        model.predict(replace(data, panel=panel))


def test_lightgbm_without_the_system_library_says_what_to_install(monkeypatch):
    import builtins

    real = builtins.__import__

    def broken(name, *rest, **more):
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file")
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(FitError, match="libgomp1 on Debian"):
        lightgbm_file._library()


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        (ARIMA, {"d": 3}),
        (ExponentialSmoothing, {"trend": "cubic"}),
        (LightGBM, {"lags": [0]}),
        (LightGBM, {"window_share": 0}),
        (Ridge, {"penalty": 0}),
        (Seasonal, {"period": 1}),
        (SignBayes, {"smoothing": 0}),
    ],
)
def test_settings_out_of_bounds_are_refused(model, settings):
    with pytest.raises(ValidationError):
        model(**settings)
