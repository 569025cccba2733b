from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.linear_model import LogisticRegression

from qushi.core import ConfigError, DataError, FitError
from qushi.forecasters.models.always_up import AlwaysUp
from qushi.forecasters.models.drift import Drift
from qushi.forecasters.models.ema import EMA
from qushi.forecasters.models.last_value import LastValue
from qushi.forecasters.models.logistic import Logistic
from qushi.forecasters.models.lstm import LSTM
from qushi.forecasters.models.momentum import Momentum
from qushi.forecasters.models.sma import SMA
from qushi.forecasters.windows import Panel, Windows


def windows(signal=0.0, lookback=3, stop=120, targets=True):
    random = np.random.default_rng(0)
    sizes = (120, 80)
    rows = sum(sizes)
    values = random.normal(size=(rows, 3)).astype(np.float32)
    panel = Panel(
        values,
        ("a", "b", "c"),
        100 * np.exp(np.cumsum(random.normal(0, 0.02, rows))),
        np.repeat(np.array(["A", "B"], dtype=object), sizes),
        np.concatenate([np.arange(n) for n in sizes]).astype("datetime64[D]"),
        np.repeat([0, sizes[0]], sizes).astype(np.int64),
    )
    ends = np.r_[lookback:stop, sizes[0] + lookback : rows].astype(np.int64)
    wanted = signal * values[ends, 0] + random.normal(0.01, 0.05, len(ends))
    return Windows(panel, ends, lookback, wanted.astype(np.float32) if targets else None)


def fitted(model, data=None, **more):
    data = data or windows()
    model.fit(data, data.subset(np.arange(len(data)) > len(data) // 2), **more)
    return model


def test_last_value_expects_nothing():
    found = LastValue().predict(windows())
    assert not found.value.any()
    assert found.p_up is None


def test_always_up_is_certain():
    assert (AlwaysUp().predict(windows()).p_up == 1).all()


def test_drift_expects_the_mean_label_of_training():
    data = windows()
    found = fitted(Drift(), data).predict(data).value
    np.testing.assert_allclose(found, np.mean([float(t) for t in data.targets]))


def test_momentum_expects_the_mean_of_the_last_daily_returns():
    data = windows()
    found = Momentum(window=5).predict(data).value
    close = data.panel.close
    for at, end in enumerate(data.ends):
        if end - 5 < data.panel.first[end]:
            assert np.isnan(found[at])
        else:
            daily = np.diff(np.log(close[end - 5 : end + 1]))
            assert found[at] == pytest.approx(daily.mean())
    week = Momentum(window=5).predict(replace(data, horizon=5)).value
    np.testing.assert_allclose(week, 5 * found)


def test_sma_states_the_average_price_as_a_return():
    data = windows()
    found = SMA(window=4).predict(data).value
    close = data.panel.close
    for at in (0, 10, 60, len(data) - 1):
        end = data.ends[at]
        expected = np.log(np.mean(close[end - 3 : end + 1]) / close[end])
        assert found[at] == pytest.approx(expected)


def test_ema_recursion_starts_anew_with_each_symbol():
    data = windows()
    found = EMA(span=6).predict(data).value
    close, first = data.panel.close, data.panel.first
    average = close.copy()
    for row in range(len(close)):
        if row > first[row]:
            average[row] = 2 / 7 * close[row] + 5 / 7 * average[row - 1]
    np.testing.assert_allclose(found, np.log(average[data.ends] / data.close))


def test_logistic_equals_scikit_learn_and_finds_a_planted_signal():
    data = windows(signal=0.1)
    found = fitted(Logistic(inverse_penalty=1.0), data).predict(data).p_up
    reference = LogisticRegression(C=1.0, max_iter=500).fit(data.last(), data.targets > 0)
    np.testing.assert_allclose(found, reference.predict_proba(data.last())[:, 1], atol=1e-4)
    assert ((found > 0.5) == (data.targets > 0)).mean() > 0.8


def test_logistic_on_direction_equals_scikit_learn_with_three_classes():
    data = windows(signal=0.1)
    found = fitted(Logistic(target="direction", band=0.05, inverse_penalty=1.0), data).predict(data)
    classes = np.select([data.targets > 0.05, data.targets < -0.05], [1, -1], 0)
    reference = LogisticRegression(C=1.0, max_iter=500).fit(data.last(), classes)
    shares = reference.predict_proba(data.last())
    np.testing.assert_allclose(found.p_down, shares[:, 0], atol=1e-4)
    np.testing.assert_allclose(found.p_up, shares[:, 2], atol=1e-4)


def test_logistic_on_direction_gives_a_class_that_never_came_no_probability():
    data = windows(signal=0.1)
    found = fitted(Logistic(target="direction"), data).predict(data)  # no label is exactly 0
    np.testing.assert_allclose(found.p_up + found.p_down, 1)
    trend = fitted(Logistic(), data).predict(data)
    np.testing.assert_allclose(found.p_up, trend.p_up)


def test_logistic_of_a_value_is_refused():
    with pytest.raises(ConfigError, match="choose from: direction, trend"):
        Logistic.parse({"target": "return"}, "[here]")


def test_logistic_answers_each_row_alone():
    data = windows(signal=0.1)
    model = fitted(Logistic(), data)
    all_at_once = model.predict(data).p_up
    for at in (0, 7, 100):
        assert model.predict(data.subset(np.array([at]))).p_up[0] == all_at_once[at]


def test_logistic_with_labels_of_one_kind_is_a_fit_error():
    data = windows()
    up = Windows(data.panel, data.ends, data.lookback, np.abs(data.targets) + np.float32(0.1))
    with pytest.raises(FitError, match="same way"):
        Logistic().fit(up, up)


def test_logistic_that_does_not_converge_is_a_fit_error():
    data = windows(signal=0.1)
    with pytest.raises(FitError, match="did not converge"):
        Logistic(max_iterations=1).fit(data, data)


def test_lstm_by_default_has_three_layers_of_128_then_16_then_1():
    net = LSTM().network(7, 20, 1)
    shapes = {name: tuple(p.shape) for name, p in net.named_parameters()}
    assert shapes["layers.0.weight_ih_l0"] == (4 * 128, 7)
    assert shapes["layers.2.weight_hh_l0"] == (4 * 128, 128)
    assert "layers.3.weight_ih_l0" not in shapes
    assert shapes["dense.weight"] == (16, 128)
    assert shapes["out.weight"] == (1, 16)


@pytest.mark.parametrize("target", ["return", "trend"])
def test_lstm_finds_a_planted_signal(target):
    data = windows(signal=0.1)
    model = LSTM(hidden=[12], dense=8, target=target, epochs=40, patience=40, learning_rate=0.02)
    found = fitted(model, data).predict(data)
    if target == "return":
        assert found.p_up is None
        assert np.corrcoef(found.value, data.targets)[0, 1] > 0.7
        assert np.std(found.value) < np.std(data.targets)
    else:
        assert found.value is None
        assert ((found.p_up > 0.5) == (data.targets > 0)).mean() > 0.8


def test_lstm_asked_about_other_windows_raises():
    model = fitted(LSTM(hidden=[4], dense=2, epochs=1))
    with pytest.raises(DataError, match="fitted on windows of 3 rows"):
        model.predict(windows(lookback=5))


def test_lstm_with_labels_that_do_not_vary_is_a_fit_error():
    data = windows()
    flat = Windows(data.panel, data.ends, data.lookback, np.zeros(len(data), dtype=np.float32))
    with pytest.raises(FitError, match="are the same"):
        LSTM(hidden=[4]).fit(flat, flat)


@pytest.mark.parametrize("hidden", [[], [0]])
def test_lstm_without_layers_is_refused(hidden):
    with pytest.raises(ValidationError):
        LSTM(hidden=hidden)


@pytest.mark.parametrize("model", [Drift(), Logistic(), LSTM()])
def test_models_that_learn_refuse_to_predict_before_they_have(model):
    with pytest.raises(DataError, match="after fit only"):
        model.predict(windows())


@pytest.mark.parametrize("model", [Drift(), Logistic(), LSTM()])
def test_models_that_learn_refuse_windows_without_targets(model):
    blind = windows(targets=False)
    with pytest.raises(FitError, match="targets"):
        model.fit(blind, blind)
