"""What all nets share: heads, several targets and steps at once, symbols, warm starts, their state."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import norm

from qushi.core import ConfigError, DataError, FitError
from qushi.forecasters import FeatureSet, Forecaster, WalkForward
from qushi.forecasters.models._heads import (
    Direction,
    Gaussian,
    Point,
    Quantiles,
    Scale,
    gaussian_nll,
    pinball,
)
from qushi.forecasters.models._symbols import UNKNOWN, SymbolEmbedding, numbered
from qushi.forecasters.models.lstm import LSTM
from qushi.forecasters.models.mlp import MLP
from qushi.forecasters.models.multi_branch import MultiBranch
from qushi.forecasters.models.transformer import Transformer
from qushi.forecasters.windows import Panel, Windows

QUICK = {"hidden": [16], "epochs": 30, "patience": 30, "batch": 128, "learning_rate": 0.01}
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def windows(values, paths, steps=(1,), *, symbols=None, lookback=1, relative=()):
    """Windows that end at every row from which a whole one is behind; paths [rows, steps, targets]."""
    rows = len(values)
    symbols = np.full(rows, "A", dtype=object) if symbols is None else np.array(symbols, dtype=object)
    changed = np.r_[True, symbols[1:] != symbols[:-1]]
    first = np.maximum.accumulate(np.where(changed, np.arange(rows), 0)).astype(np.int64)
    panel = Panel(
        values.astype(np.float32),
        tuple("abcdefgh"[: values.shape[1]]),
        np.full(rows, 100.0),
        symbols,
        np.arange(rows).astype("datetime64[D]"),
        first,
        relative,
    )
    at = np.arange(rows)
    ends = at[at - first + 1 >= lookback]
    paths = paths[ends].astype(np.float32)
    return Windows(panel, ends, lookback, paths[:, -1, 0], steps[-1], paths, steps)


def fitted(model, data, **more):
    """Fitted on the first three quarters of each window set, the rest being for validation."""
    model = model.model_copy(deep=True)
    late = np.arange(len(data)) % 4 == 3
    model.fit(data.subset(~late), data.subset(late), **more)
    return model


def linear_data(rows=900, seed=0, weight=0.1, noise=0.02, **more):
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, 2))
    label = weight * values[:, 0] + random.normal(0, noise, rows)
    return windows(values, label[:, None, None], **more)


def correlation(one, other):
    return float(np.corrcoef(one, other)[0, 1])


# Quantiles and variances ----------------------------------------------------------------------------


def test_pinball_loss_equals_a_naive_computation():
    random = np.random.default_rng(0)
    found, wanted = random.normal(size=(5, 3, 2)), random.normal(size=(5, 2))
    levels = (0.1, 0.5, 0.8)
    total = 0.0
    for b in range(5):
        for q, level in enumerate(levels):
            for k in range(2):
                error = wanted[b, k] - found[b, q, k]
                total += level * error if error >= 0 else (level - 1) * error
    answer = pinball(torch.from_numpy(found), torch.from_numpy(wanted), levels)
    assert float(answer) == pytest.approx(total / 30, rel=1e-12)
    above = torch.from_numpy(found - norm.ppf(levels)[:, None]).flatten(1)
    flat = Quantiles(levels).loss(above, torch.from_numpy(wanted))
    assert float(flat) == pytest.approx(float(answer), rel=1e-12)


def test_gaussian_loss_is_the_log_density_of_the_normal():
    random = np.random.default_rng(0)
    mean, log_variance, wanted = (random.normal(size=(6, 2)) for _ in range(3))
    density = norm(mean, np.exp(log_variance / 2)).logpdf(wanted)
    answer = gaussian_nll(*(torch.from_numpy(part) for part in (mean, log_variance, wanted)))
    assert float(answer) == pytest.approx(-density.mean() - np.log(2 * np.pi) / 2, rel=1e-12)


def test_gaussian_head_keeps_the_variance_within_bounds():
    raw = np.zeros((3, 2, 1, 1))
    raw[:, 1, 0, 0] = -1e6, 0.0, 1e6
    scale = Scale(np.zeros((1, 1)), np.ones((1, 1)))
    found = Gaussian((0.5, norm.cdf(1.0))).predict(raw, scale, ("close",)).quantiles[:, 0]
    np.testing.assert_allclose(found[:, 1] - found[:, 0], np.exp([-3, 0, 3]))


def noisy_data(rows, seed):
    """The deviation of the label is 0.01 exp(0.7 b), its mean 0.01 a."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, 2))
    spread = 0.01 * np.exp(0.7 * values[:, 1])
    label = 0.01 * values[:, 0] + spread * random.normal(size=rows)
    return windows(values, label[:, None, None]), spread


@pytest.fixture(scope="module", params=["quantile", "gaussian"])
def interval(request):
    """A net that learned noise of varying width, its answers on new windows, and the true width."""
    model = fitted(MLP(head=request.param, **QUICK), noisy_data(5000, 0)[0])
    data, spread = noisy_data(6000, 1)
    return model, model.predict(data), data, spread


def test_central_interval_covers_as_often_as_it_says_wherever_the_noise_is(interval):
    _, found, data, spread = interval
    assert found.levels == LEVELS
    inside = (found.quantiles[:, 0, 0] <= data.targets) & (data.targets <= found.quantiles[:, 0, -1])
    assert inside.mean() == pytest.approx(0.9, abs=0.02)
    third = np.argsort(np.argsort(spread)) * 3 // len(spread)
    for part in range(3):
        assert inside[third == part].mean() == pytest.approx(0.9, abs=0.04)
    for at, level in enumerate(found.levels):
        assert (data.targets <= found.quantiles[:, 0, at]).mean() == pytest.approx(level, abs=0.03)


def test_interval_widens_where_the_noise_is_larger(interval):
    _, found, _, spread = interval
    width = found.quantiles[:, 0, -1] - found.quantiles[:, 0, 0]
    assert (width > 0).all()
    assert correlation(np.log(width), np.log(spread)) > 0.9
    assert np.median(width / (2 * norm.ppf(0.95) * spread)) == pytest.approx(1, abs=0.15)


def test_value_of_an_interval_head_is_its_median(interval):
    _, found, data, _ = interval
    np.testing.assert_allclose(found.value, found.quantiles[:, 0, 2], rtol=0, atol=1e-12)
    assert correlation(found.value, data.panel.values[:, 0]) > 0.8


def test_gaussian_head_on_the_return_says_how_likely_it_is_above_0(interval):
    model, found, data, spread = interval
    if model.head == "quantile":
        assert found.p_up is None
        return
    truth = norm.cdf(0.01 * data.panel.values[:, 0] / spread)
    assert np.abs(found.p_up - truth).mean() < 0.06
    z = (found.quantiles[:, 0, -1] - found.value) / norm.ppf(0.95)
    np.testing.assert_allclose(found.p_up, norm.cdf(found.value / z), atol=1e-9)


def test_gaussian_head_on_a_price_says_nothing_of_the_tradable_return():
    data = linear_data()
    assert fitted(MLP(head="gaussian", target="close", **QUICK), data).predict(data).p_up is None


def test_quantiles_that_cross_are_sorted():
    raw = (np.array([3.0, -1.0, 2.0]) - norm.ppf([0.2, 0.5, 0.8])).reshape(1, 3, 1, 1)
    scale = Scale(np.full((1, 1), 1.0), np.full((1, 1), 2.0))
    found = Quantiles((0.2, 0.5, 0.8)).predict(raw, scale, ("return",))
    np.testing.assert_allclose(found.quantiles, [[[-1.0, 5.0, 7.0]]], rtol=1e-12)
    np.testing.assert_allclose(found.value, [5.0], rtol=1e-12)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [((0.5,), 0.0), ((0.1, 0.5), 1.0), ((0.5, 0.9), 0.0), ((0.1, 0.4, 0.8), 1.25), ((0.4, 0.6), 0.5)],
)
def test_median_between_two_levels_lies_on_a_straight_line(levels, expected):
    wanted = np.arange(float(len(levels)))
    raw = (wanted - norm.ppf(levels)).reshape(1, -1, 1, 1)
    scale = Scale(np.zeros((1, 1)), np.ones((1, 1)))
    found = Quantiles(levels).predict(raw, scale, ("return",)).value[0]
    assert found == pytest.approx(expected, abs=1e-12)
    assert found == pytest.approx(np.interp(0.5, levels, wanted), abs=1e-12)


# Probabilities --------------------------------------------------------------------------------------


def test_direction_gives_probabilities_of_up_and_down_that_leave_room_for_flat():
    data = linear_data(weight=0.03, noise=0.02)
    found = fitted(MLP(target="direction", band=0.01, **QUICK), data).predict(data)
    assert found.value is None
    total = found.p_up + found.p_down
    assert ((total > 0) & (total < 1)).all()
    up, down = data.targets > 0.01, data.targets < -0.01
    assert found.p_up.mean() == pytest.approx(up.mean(), abs=0.05)
    assert found.p_down.mean() == pytest.approx(down.mean(), abs=0.05)
    signal = data.panel.values[:, 0]
    assert correlation(found.p_up, signal) > 0.9
    assert correlation(found.p_down, signal) < -0.9
    truth = 1 - norm.cdf((0.01 - 0.03 * signal) / 0.02)
    assert np.abs(found.p_up - truth).mean() < 0.06


def test_direction_labels_are_flat_within_the_band_ends_included():
    paths = np.array([-0.02, -0.01, 0.0, 0.01, 0.02]).reshape(-1, 1, 1)
    assert Direction(0.01).labels(paths, Scale.none(paths)).ravel().tolist() == [0, 1, 1, 1, 2]
    assert Direction().labels(paths, Scale.none(paths)).ravel().tolist() == [0, 0, 1, 2, 2]


@pytest.mark.parametrize("target", ["trend", "direction"])
def test_probabilities_of_several_steps_are_those_of_each_step(target):
    random = np.random.default_rng(0)
    values = random.normal(size=(900, 2))
    data = windows(values, 0.1 * values[:, :, None] * [[[1.0], [-1.0]]], (1, 5))
    found = fitted(MLP(target=target, band=0.0, **QUICK), data).predict(data)
    assert found.p_up.shape == (900, 2)
    assert correlation(found.p_up[:, 0], values[:, 0]) > 0.8
    assert correlation(found.p_up[:, 1], values[:, 1]) < -0.8


# Several targets and steps --------------------------------------------------------------------------

THREE = ("return", "volatility", "close")


def many_data():
    """Three targets at two steps, each a feature of its own."""
    random = np.random.default_rng(0)
    values = random.normal(size=(900, 6))
    paths = values.reshape(900, 2, 3) * [0.1, 0.02, 3.0] + [0.0, 0.01, 5.0]
    return windows(values, paths + random.normal(0, 0.001, paths.shape), (1, 5))


@pytest.mark.parametrize("head", ["point", "quantile", "gaussian"])
def test_several_targets_and_steps_at_once_are_each_found(head):
    data = many_data()
    found = fitted(MLP(target=THREE, head=head, **QUICK), data).predict(data)
    assert found.value.shape == (900, 2, 3)
    for step in range(2):
        for at, name in enumerate(THREE):
            wanted = data.paths[:, step, at]
            if name == "volatility":
                wanted = np.maximum(wanted, 0)
            error = np.sqrt(np.mean((found.value[:, step, at] - wanted) ** 2))
            assert error < 0.25 * wanted.std()
    assert (found.value[:, :, 1] >= 0).all()
    assert (found.value[:, :, 1] == 0).any()
    if head != "point":
        assert found.quantiles.shape == (900, 2, 5)
        assert correlation(found.quantiles[:, 1, 2], data.paths[:, 1, 0]) > 0.95


def test_one_target_at_several_steps_has_no_axis_of_targets():
    data = many_data()
    data = replace(data, paths=data.paths[:, :, :1])
    assert fitted(MLP(**QUICK | {"epochs": 1}), data).predict(data).value.shape == (900, 2)


@pytest.mark.parametrize("head", [Quantiles((0.5, 0.9)), Gaussian((0.1, 0.5))])
def test_quantiles_of_a_volatility_are_not_below_0(head):
    raw = np.full((1, 2, 1, 1), -5.0)
    scale = Scale(np.zeros((1, 1)), np.ones((1, 1)))
    found = head.predict(raw, scale, ("volatility",))
    assert found.value.tolist() == [0.0]
    assert found.quantiles.min() == 0
    assert head.predict(raw, scale, ("close",)).quantiles.min() < 0


@pytest.mark.parametrize(("kind", "norm_of"), [("mse", np.square), ("mae", np.abs)])
def test_loss_of_a_point_is_the_one_that_is_named(kind, norm_of):
    random = np.random.default_rng(0)
    found, wanted = random.normal(size=(2, 7, 3))
    answer = Point(kind).loss(torch.from_numpy(found), torch.from_numpy(wanted))
    assert float(answer) == pytest.approx(norm_of(found - wanted).mean())


def test_loss_decides_what_is_learned_from_labels_with_outliers():
    random = np.random.default_rng(0)
    label = np.where(random.random(800) < 0.2, 1.0, 0.0)[:, None, None]
    data = windows(np.zeros((800, 1)), label)
    values = {
        kind: fitted(MLP(loss=kind, **QUICK), data).predict(data).value[0] for kind in ("mse", "mae")
    }
    assert values["mse"] == pytest.approx(0.2, abs=0.03)
    assert values["mae"] == pytest.approx(0.0, abs=0.03)


def test_windows_with_other_targets_or_steps_are_refused():
    data = many_data()
    with pytest.raises(FitError, match="mlp forecasts return, and the windows have 3 targets"):
        MLP().fit(data, data)
    model = fitted(MLP(target=THREE, **QUICK | {"epochs": 1}), data)
    with pytest.raises(DataError, match=r"fitted on the steps \(1, 5\), asked about \(5,\)"):
        model.predict(replace(data, paths=data.paths[:, 1:], steps=(5,)))


def test_no_windows_get_no_answers():
    data = linear_data()
    for head in ("point", "quantile", "gaussian"):
        found = fitted(MLP(head=head, **QUICK | {"epochs": 1}), data).predict(data.subset(np.arange(0)))
        assert found.value.shape == (0,)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_label_that_is_not_a_number_is_a_fit_error(bad):
    data = linear_data()
    paths = data.paths.copy()
    paths[3] = bad
    with pytest.raises(FitError, match="not a finite number"):
        MLP().fit(replace(data, paths=paths), data)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            {"head": "gaussian", "target": "trend"},
            "the head 'gaussian' forecasts values, and the target",
        ),
        ({"head": "quantile", "target": "direction"}, "'direction' is answered with probabilities"),
        ({"target": ["return", "trend"]}, "'trend' is answered with probabilities and stands alone"),
        ({"quantiles": [0.5, 0.1]}, "ascending order"),
        ({"quantiles": [0.5, 0.5]}, "ascending order"),
        ({"quantiles": [0.6, 0.9]}, "both sides of 0.5"),
        ({"quantiles": []}, "both sides of 0.5"),
        ({"quantiles": [0.0, 0.5]}, "greater than 0"),
        ({"quantiles": [0.5, 1.0]}, "less than 1"),
        ({"head": "quantile", "loss": "mse"}, "the head 'quantile' has a loss of its own"),
        ({"target": "trend", "loss": "mae"}, "the target 'trend' has a loss of its own"),
        ({"head": "normal"}, "choose from: gaussian, point, quantile"),
        ({"refit_epochs": 0}, "greater than or equal to 1"),
        ({"refit_epochs": 2, "warmup": 2}, "2 epochs of warmup leave none of the 2 refit_epochs"),
        ({"symbol_embedding": -1}, "greater than or equal to 0"),
        ({"band": -0.1}, "greater than or equal to 0"),
    ],
)
def test_bad_settings_are_refused_in_a_sentence(table, sentence):
    with pytest.raises(ConfigError, match=sentence):
        LSTM.parse(table, "[net]")


# Symbols --------------------------------------------------------------------------------------------


def opposite_data(symbols, *, size=300, seed=0, **more):
    """The label follows the first feature, against it where the symbol's letter is odd."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(size * len(symbols), 2))
    names = np.repeat(list(symbols), size)
    sign = np.where([ord(name) % 2 for name in names], -1.0, 1.0)
    label = 0.1 * sign * values[:, 0] + random.normal(0, 0.01, len(values))
    return windows(values, label[:, None, None], symbols=names, **more)


def of(data, symbol):
    return data.subset(data.symbols == symbol)


def test_symbol_embedding_lets_a_net_learn_opposite_signs():
    data = opposite_data("AB")
    told = fitted(MLP(symbol_embedding=2, **QUICK), data).predict(data).value
    untold = fitted(MLP(**QUICK), data).predict(data).value
    assert correlation(told, data.targets) > 0.95
    assert correlation(untold, data.targets) < 0.3


def test_unseen_symbol_gets_the_answer_for_some_symbol():
    # of two symbols with opposite signs, a third may be either: the best answer is near 0.
    model = fitted(MLP(symbol_embedding=2, **QUICK), opposite_data("AB"))
    new = opposite_data("ABC", seed=1)
    found = model.predict(new).value
    known, unseen = found[new.symbols == "A"], found[new.symbols == "C"]
    assert unseen.std() < 0.4 * known.std()
    again = model.predict(replace(new, panel=replace(new.panel, symbols=new.panel.symbols + "x")))
    np.testing.assert_array_equal(again.value[new.symbols == "C"], unseen)
    assert not np.array_equal(again.value[new.symbols == "A"], known)


def test_symbol_is_hidden_from_some_windows_while_training_only():
    seen = torch.nn.Flatten()
    net = SymbolEmbedding(seen, 3, 2)
    rows = torch.zeros(4000, 1, 2)
    rows[:, 0, 1] = 2
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        hidden = (net.train()(rows)[:, 1:] == net.table.weight[0]).all(1)
    assert float(hidden.float().mean()) == pytest.approx(UNKNOWN, abs=0.02)
    assert (net.eval()(rows)[:, 1:] == net.table.weight[2]).all()


def test_numbered_windows_are_the_windows_with_the_symbol_in_one_more_column():
    data = opposite_data("ABC", size=20, lookback=4, relative=(1,))
    later = data.subset(np.arange(len(data)) > 30)
    one, other = numbered(("A", "C"), data, later)
    assert one.panel is other.panel
    which = np.arange(len(data))
    found = one.gather(which)
    np.testing.assert_array_equal(found[..., :2], data.gather(which))
    number = [{"A": 1, "B": 0, "C": 2}[symbol] for symbol in data.symbols]
    np.testing.assert_array_equal(found[..., 2], np.repeat(np.array(number)[:, None], 4, axis=1))
    assert one.panel.names == ("a", "b", "symbol")
    assert data.panel.names == ("a", "b")


def test_symbol_embedding_is_the_same_under_one_seed():
    data = opposite_data("AB")
    quick = MLP(symbol_embedding=2, **QUICK | {"epochs": 2})
    found = [fitted(quick, data, seed=seed).predict(data).value for seed in (0, 0, 1)]
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_new_symbol_in_a_warm_fit_starts_unknown_and_is_learned():
    model = fitted(MLP(symbol_embedding=2, **QUICK), opposite_data("CB"))
    before = model.state()["net.table.weight"]
    data = opposite_data("ABCD", seed=1)
    still = model.model_copy(deep=True, update={"learning_rate": 1e-12, "refit_epochs": 1})
    grown = fitted(still, data)
    np.testing.assert_allclose(grown.state()["net.table.weight"][:3], before, atol=1e-9)
    np.testing.assert_allclose(grown.predict(data).value, model.predict(data).value, atol=1e-6)
    again = fitted(model.model_copy(deep=True, update={"refit_rate": 1.0, "refit_epochs": 30}), data)
    assert again.state()["net.table.weight"].shape == (5, 2)
    for symbol in "ABCD":
        part = of(data, symbol)
        assert correlation(again.predict(part).value, part.targets) > 0.9


def test_multi_branch_takes_the_symbol_for_an_indicator():
    data = opposite_data("AB", lookback=3)
    model = fitted(MultiBranch(price=["a"], symbol_embedding=2, **QUICK | {"hidden": [8]}), data)
    assert model.state()["net.net.last.weight"].shape == (32, 3)
    assert correlation(model.predict(data).value, data.targets) > 0.9


def test_net_that_is_rolled_through_its_rows_is_told_the_symbol_too():
    data = opposite_data("AB", lookback=3)
    model = LSTM(symbol_embedding=2, supervise="rows", context="rolled", dense=8, **QUICK)
    assert correlation(fitted(model, data).predict(data).value, data.targets) > 0.9


def test_symbol_embedding_leaves_padding_padding():
    data = opposite_data("AB", size=60, lookback=4)
    values = data.panel.values.copy()
    values[0:120:4] = np.nan
    short = replace(data, panel=replace(data.panel, values=values)).subset(data.ends % 4 == 3)
    sizes = {"width": 8, "heads": 2, "layers": 1, "feed_forward": 8}
    model = fitted(Transformer(symbol_embedding=2, epochs=2, **sizes), short)
    assert np.isfinite(model.predict(short).value).all()


# Warm starts ----------------------------------------------------------------------------------------


def error(model, data):
    return float(np.sqrt(np.mean((model.predict(data).value - data.targets) ** 2)))


def test_warm_fit_reaches_in_one_epoch_what_a_cold_one_does_not():
    first, second, later = (linear_data(seed=seed) for seed in range(3))
    model = MLP(refit_epochs=1, **QUICK)
    warm = fitted(fitted(model, first), second)
    cold = fitted(MLP(**QUICK | {"epochs": 1}), second)
    assert len(warm.history.train) == len(cold.history.train) == 1
    assert error(warm, later) < 1.15 * 0.02
    assert error(cold, later) > 2 * 0.02


@pytest.mark.parametrize(
    ("settings", "passes"),
    [({"epochs": 7}, 3), ({"epochs": 3, "refit_epochs": 2}, 2), ({"epochs": 7, "warmup": 4}, 5)],
)
def test_warm_fit_takes_a_third_of_the_passes_where_none_are_named(settings, passes):
    model = fitted(MLP(**QUICK | {"patience": 30} | settings), linear_data(seed=0))
    assert len(model.history.train) == settings["epochs"]
    assert len(fitted(model, linear_data(seed=1)).history.train) == passes


def test_model_without_warm_start_forgets():
    first, second = linear_data(seed=0), linear_data(seed=1)
    model = MLP(warm_start=False, refit_epochs=1, **QUICK | {"epochs": 3})
    assert not model.warm
    assert MLP().warm
    again, fresh = fitted(fitted(model, first), second), fitted(model, second)
    assert len(again.history.train) == 3
    for name, value in fresh.state().items():
        np.testing.assert_array_equal(again.state()[name], value)


@pytest.mark.parametrize(("hidden", "lookback"), [((16,), 3), ((5,), 1)])
def test_fit_of_other_shapes_starts_cold(hidden, lookback):
    second = linear_data(seed=1, lookback=lookback)
    model = MLP(refit_epochs=1, **QUICK | {"epochs": 3})
    held = fitted(model, linear_data(seed=0)).model_copy(deep=True, update={"hidden": hidden})
    fresh = model.model_copy(deep=True, update={"hidden": hidden})
    again, fresh = fitted(held, second), fitted(fresh, second)
    assert len(again.history.train) == 3
    for name, value in fresh.state().items():
        np.testing.assert_array_equal(again.state()[name], value)


def test_warm_fit_keeps_the_first_label_scale():
    first, second = linear_data(seed=0), linear_data(seed=1, weight=0.2)
    model = fitted(MLP(**QUICK), first)
    again = fitted(model.model_copy(deep=True, update={"refit_epochs": 30}), second)
    np.testing.assert_array_equal(again.state()["label"], model.state()["label"])
    assert fitted(MLP(**QUICK), second).state()["label"][1, 0, 0] > 1.5 * model.state()["label"][1, 0, 0]
    assert error(again, second) < 0.03  # the weights make up for the scale


class Stops:
    """A progress that presses Ctrl-C after some epochs, and knows how many came at once."""

    def __init__(self, left=2):
        self.left, self.most = left, 0

    def begin(self, task, total):
        pass

    def advance(self, task, steps=1):
        self.left -= steps
        self.most = max(self.most, steps)
        if steps and self.left <= 0:
            raise KeyboardInterrupt

    def note(self, message):
        pass


def test_interrupted_warm_fit_resumes_to_the_same_weights(tmp_path):
    first, second = linear_data(seed=0), linear_data(seed=1)
    model = fitted(MLP(symbol_embedding=1, **QUICK | {"epochs": 5}), first)
    with pytest.raises(KeyboardInterrupt):
        fitted(model, second, checkpoint=tmp_path, progress=Stops())
    counts = Stops(100)
    resumed = fitted(model, second, checkpoint=tmp_path, progress=counts)
    whole = fitted(model, second)
    assert counts.most == 2  # epochs that were taken over
    assert resumed.history == whole.history
    for name, value in whole.state().items():
        np.testing.assert_array_equal(resumed.state()[name], value)


def test_checkpoint_of_a_fit_that_started_elsewhere_is_not_resumed(tmp_path):
    first, second = linear_data(seed=0), linear_data(seed=1)
    cold = MLP(**QUICK | {"epochs": 4})
    starts = [cold, fitted(cold, first), fitted(cold, first, seed=1)]
    label = starts[1].state()["label"]
    with pytest.raises(KeyboardInterrupt):
        fitted(starts[1], second, checkpoint=tmp_path, progress=Stops())
    for start in (starts[0], starts[2]):
        found, whole = fitted(start, second, checkpoint=tmp_path), fitted(start, second)
        assert found.history == whole.history
        np.testing.assert_array_equal(found.predict(first).value, whole.predict(first).value)
    np.testing.assert_array_equal(starts[2].state()["label"], label)


def test_walk_forward_goes_on_from_fold_to_fold(two_symbols):
    walk = WalkForward(lookback=3, min_train=300, valid=40, refit_every=90, horizon=2, steps="all")
    features = FeatureSet(returns=[1], volatility=[], volume=[], indicators=[]).build(two_symbols)
    model = MLP(hidden=[4], epochs=3, patience=3, refit_epochs=1, symbol_embedding=1, head="gaussian")
    warm = walk.walk("warm", model, features, two_symbols)
    cold = walk.walk("cold", model.model_copy(update={"warm_start": False}), features, two_symbols)
    epochs = [w.fits.groupby("fold").size().tolist() for w in (warm, cold)]
    assert len(epochs[0]) > 2
    assert epochs == [[3] + [1] * (len(epochs[0]) - 1), [3] * len(epochs[0])]
    one, other = (w.forecasts.frame for w in (warm, cold))
    assert warm.forecasts.horizons == (1, 2)
    assert (one["q0.05"] < one["q0.95"]).all()
    same = one["expected_return"].to_numpy() == other["expected_return"].to_numpy()
    assert same[one["fold"] == 0].all()
    assert not same[one["fold"] > 0].any()


# State ----------------------------------------------------------------------------------------------

TINY = {"hidden": [5], "epochs": 2}
SAVED = {
    "point": MLP(**TINY),
    "quantile": LSTM(supervise="last", head="quantile", quantiles=[0.1, 0.5, 0.7], **TINY),
    "gaussian": MLP(head="gaussian", **TINY),
    "trend": MLP(target="trend", **TINY),
    "direction": LSTM(supervise="last", target="direction", band=0.02, **TINY),
    "several": MLP(target=["return", "close"], head="quantile", refit_epochs=1, **TINY),
    "symbols": MLP(symbol_embedding=3, head="gaussian", **TINY),
    "branches": MultiBranch(price=["a"], symbol_embedding=2, **TINY),
}
PARTS = ("value", "p_up", "p_down", "quantiles")


def saved_data(name):
    data = opposite_data("BAC", size=40, lookback=3, relative=(1,))
    if name != "several":
        return data
    paths = np.stack([data.paths, 2 * data.paths**2], axis=1)[:, :, :, 0]
    return replace(data, paths=np.concatenate([paths, -paths], axis=2), steps=(1, 3), horizon=3)


def answers(model, name):
    found = model.predict(saved_data(name))
    return {f"{name}.{part}": getattr(found, part) for part in PARTS if getattr(found, part) is not None}


ELSEWHERE = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[2])
from test_nets import SAVED, answers
from qushi.forecasters import FeatureSet, Forecaster, WalkForward
found = {}
for name in SAVED:
    found |= answers(Forecaster.load(Path(sys.argv[1]) / name), name)
np.savez(Path(sys.argv[1]) / "found.npz", **found)
"""


def test_every_head_loaded_in_a_new_process_answers_bit_for_bit_the_same(tmp_path, request):
    wanted = {}
    for name, model in SAVED.items():
        data = saved_data(name)
        known = fitted(model, data.subset(data.symbols != "C"))
        known.save(tmp_path / name)
        wanted |= answers(known, name)
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path), str(request.path.parent)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    with np.load(tmp_path / "found.npz") as found:
        assert sorted(found) == sorted(wanted)
        for name, value in wanted.items():
            np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("name", SAVED)
def test_loaded_model_goes_on_learning_as_the_saved_one(tmp_path, name):
    data = saved_data(name)
    model = fitted(SAVED[name], data.subset(data.symbols != "C"))
    model.save(tmp_path)
    loaded = Forecaster.load(tmp_path)
    assert loaded.model_dump() == model.model_dump()
    assert loaded.history is None
    one, other = fitted(model, data).state(), fitted(loaded, data).state()
    assert sorted(one) == sorted(other)
    for key, value in one.items():
        np.testing.assert_array_equal(other[key], value)
    if "symbols" in one:
        assert one["symbols"].tobytes() == b"A\nB\nC"


def test_quantile_head_of_a_fresh_net_states_the_intervals_of_normal_labels():
    random = np.random.default_rng(4)
    labels = random.normal(0.01, 0.03, 3000)
    data = windows(random.normal(size=(3000, 2)), labels[:, None, None])
    model = MLP(hidden=[3], epochs=1, learning_rate=1e-9, head="quantile", quantiles=[0.05, 0.5, 0.95])
    found = fitted(model, data).predict(data)
    inside = (labels >= found.quantiles[:, 0, 0]) & (labels <= found.quantiles[:, 0, 2])
    assert abs(inside.mean() - 0.9) < 0.1
