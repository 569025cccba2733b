"""Recurrent nets: sizes by formula, our own layers against a second computation, what they can learn."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from qushi.core.extensions import find
from qushi.forecasters import Forecaster
from qushi.forecasters.models._recurrent import (
    AdditiveAttention,
    masked_gru,
    masked_lstm,
    sequence_mask,
)
from qushi.forecasters.models.attention_lstm import AttentionLSTM
from qushi.forecasters.models.bidirectional_lstm import BidirectionalLSTM
from qushi.forecasters.models.cnn_lstm import CNNLSTM
from qushi.forecasters.models.gru import GRU
from qushi.forecasters.models.lstm import LSTM
from qushi.forecasters.models.peephole_lstm import PeepholeLSTM
from qushi.forecasters.windows import Panel, Windows

KINDS = ("lstm", "gru", "bidirectional_lstm", "attention_lstm", "peephole_lstm", "cnn_lstm")
MASKED = {LSTM: (nn.LSTM, masked_lstm), GRU: (nn.GRU, masked_gru)}
every_kind = pytest.mark.parametrize("kind", KINDS)


def small(kind, **more):
    model = find("qushi.forecasters.models", kind, Forecaster)
    table = {"hidden": [12], "dense": 8, "attention": 4, "channels": [8], "learning_rate": 0.02}
    return model(**{key: value for key, value in table.items() if key in model.model_fields}, **more)


def windows_of(values, wanted, lookback):
    """Windows of one symbol that end at every row from the first complete one on."""
    rows = len(values)
    panel = Panel(
        values.astype(np.float32),
        tuple(f"f{n}" for n in range(values.shape[1])),
        np.full(rows, 100.0),
        np.full(rows, "A", dtype=object),
        np.arange(rows).astype("datetime64[D]"),
        np.zeros(rows, dtype=np.int64),
    )
    ends = np.arange(lookback - 1, rows)
    return Windows(panel, ends, lookback, wanted[ends].astype(np.float32))


@pytest.fixture
def random_rows():
    """Rows [4, 6, 3] as torch has them, seeded; what a test draws afterwards is seeded too."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield torch.randn(4, 6, 3)


def parameters(module):
    return sum(p.numel() for p in module.parameters())


def arrays(module):
    return {name: p.detach().double().numpy() for name, p in module.named_parameters()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Sizes ---------------------------------------------------------------------------------------------


@every_kind
def test_net_answers_each_window_with_so_many_outputs(kind, random_rows):
    net = small(kind).network(3, 6, 2).eval()
    found = net(random_rows)
    assert found.shape == (4, 2)
    for at in range(4):
        torch.testing.assert_close(net(random_rows[at : at + 1])[0], found[at], rtol=0, atol=1e-6)


def head(reads, dense, outputs=1):
    return (reads + 1) * dense + (dense + 1) * outputs


def lstm(inputs, size):
    return 4 * size * (inputs + size + 2)  # torch keeps two biases


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (LSTM(), lstm(7, 128) + 2 * lstm(128, 128) + head(128, 16)),
        (GRU(hidden=[10, 6], dense=5), 30 * (7 + 10 + 2) + 18 * (10 + 6 + 2) + head(6, 5)),
        (BidirectionalLSTM(hidden=[10, 6], dense=5), 2 * (lstm(7, 10) + lstm(20, 6)) + head(12, 5)),
        (
            AttentionLSTM(hidden=[10], attention=3, dense=5),
            lstm(7, 10) + (10 * 3 + 3) + 10 * 3 + 3 + head(20, 5),
        ),
        # Gers & Schmidhuber: 4 H (I + H + 1) weights and biases, and 3 H peepholes
        (
            PeepholeLSTM(hidden=[10, 6], dense=5),
            4 * 10 * (7 + 10 + 1) + 3 * 10 + 4 * 6 * (10 + 6 + 1) + 3 * 6 + head(6, 5),
        ),
        (
            CNNLSTM(channels=[8, 4], kernel=3, hidden=[10], attention=3, dense=5),
            8 * (7 * 3 + 1) + 4 * (8 * 3 + 1) + lstm(4, 10) + 63 + 3 + head(20, 5),
        ),
    ],
)
def test_net_has_as_many_parameters_as_the_formula_says(model, expected):
    assert parameters(model.network(7, 20, 1)) == expected


@every_kind
def test_recurrent_net_without_layers_is_refused(kind):
    model = find("qushi.forecasters.models", kind, Forecaster)
    for hidden in ([], [0]):
        with pytest.raises(ValidationError):
            model(hidden=hidden)


# Layers against a second computation ---------------------------------------------------------------


def test_peephole_layer_equals_the_paper_computed_unit_by_unit(random_rows):
    layer = PeepholeLSTM(hidden=[5]).network(3, 6, 1).layers[0]
    found = layer(random_rows)[0].detach().numpy()
    w = arrays(layer)
    for window, rows in enumerate(random_rows.double().numpy()):
        h, c = np.zeros(5), np.zeros(5)
        for t, x in enumerate(rows):
            new_h, new_c = np.zeros(5), np.zeros(5)
            for unit in range(5):

                def net(gate, unit=unit, x=x, h=h):
                    at = gate * 5 + unit
                    return w["weight_input"][at] @ x + w["weight_state"][at] @ h + w["bias"][at]

                enter = sigmoid(net(0) + w["peephole"][0, unit] * c[unit])
                forget = sigmoid(net(1) + w["peephole"][1, unit] * c[unit])
                new_c[unit] = forget * c[unit] + enter * np.tanh(net(2))
                output = sigmoid(net(3) + w["peephole"][2, unit] * new_c[unit])
                new_h[unit] = output * np.tanh(new_c[unit])
            h, c = new_h, new_c
            np.testing.assert_allclose(found[window, t], h, atol=1e-6)


def test_peephole_layer_with_closed_peepholes_is_torch_s_lstm(random_rows):
    layer = PeepholeLSTM(hidden=[5]).network(3, 6, 1).layers[0]
    plain = nn.LSTM(3, 5, batch_first=True)
    with torch.no_grad():
        layer.peephole.zero_()
        plain.weight_ih_l0.copy_(layer.weight_input)
        plain.weight_hh_l0.copy_(layer.weight_state)
        plain.bias_ih_l0.copy_(layer.bias)
        plain.bias_hh_l0.zero_()
    torch.testing.assert_close(layer(random_rows)[0], plain(random_rows)[0], rtol=0, atol=1e-6)
    torch.testing.assert_close(layer(random_rows)[1][1], plain(random_rows)[1][1][0], rtol=0, atol=1e-6)


def test_peephole_layer_starts_with_open_forget_gates():
    layer = PeepholeLSTM(hidden=[5]).network(3, 6, 1).layers[0]
    assert (layer.bias[5:10] == 1).all()
    assert not (layer.bias[:5] == 1).any()


def test_additive_attention_equals_the_paper_computed_row_by_row(random_rows):
    layer = AdditiveAttention(3, 4)
    found = layer(random_rows).detach().numpy()
    weights = layer.weights(random_rows).detach().numpy()
    w = arrays(layer)
    for window, states in enumerate(random_rows.double().numpy()):
        asked = w["query.weight"] @ states[-1] + w["query.bias"]
        scores = [w["score.weight"][0] @ np.tanh(asked + w["key.weight"] @ h) for h in states]
        share = np.exp(scores) / np.exp(scores).sum()
        context = sum(a * h for a, h in zip(share, states, strict=True))
        np.testing.assert_allclose(weights[window], share, atol=1e-6)
        np.testing.assert_allclose(found[window], [*context, *states[-1]], atol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)


def test_bidirectional_lstm_reads_the_final_state_of_each_direction(random_rows):
    net = BidirectionalLSTM(hidden=[5]).network(3, 6, 1).eval()
    ways = []
    for suffix, rows in (("", random_rows), ("_reverse", random_rows.flip(1))):
        way = nn.LSTM(3, 5, batch_first=True)
        state = net.layers[0].state_dict()
        way.load_state_dict({k: state[k + suffix] for k in way.state_dict()})
        ways.append(way(rows)[0][:, -1])
    torch.testing.assert_close(
        net.read(net.states(random_rows)), torch.cat(ways, dim=1), rtol=0, atol=1e-6
    )


def test_cnn_lstm_convolution_equals_the_formula(random_rows):
    net = CNNLSTM(channels=[4], kernel=3).network(3, 6, 1)
    found = net.patterns(random_rows).detach().numpy()
    w = arrays(net.convolutions[0])
    for window, rows in enumerate(random_rows.double().numpy()):
        for t in range(6):
            total = w["bias"].copy()
            for back in range(3):
                if t - back >= 0:
                    total += w["weight"][:, :, 2 - back] @ rows[t - back]
            np.testing.assert_allclose(found[window, t], np.maximum(total, 0), atol=1e-6)


def test_cnn_lstm_states_do_not_see_later_rows(random_rows):
    net = CNNLSTM(channels=[4, 5], kernel=3).network(3, 6, 1).eval()
    for t in range(5):
        stained = random_rows.clone()
        stained[:, t + 1 :] += 10
        for part in (net.patterns, net.states):
            before, after = part(random_rows), part(stained)
            assert torch.equal(before[:, : t + 1], after[:, : t + 1])
            assert not torch.equal(before[:, t + 1], after[:, t + 1])


def test_cnn_lstm_kernel_may_be_longer_than_the_window(random_rows):
    assert CNNLSTM(kernel=9).network(3, 6, 1)(random_rows).shape == (4, 1)


# Variational dropout -------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [LSTM, GRU])
def test_masked_layer_at_a_rate_of_0_is_torch_s_layer(model, random_rows):
    make, masked = MASKED[model]
    layer = make(3, 5, batch_first=True)
    torch.testing.assert_close(masked(layer, random_rows, 0.0), layer(random_rows)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("model", [LSTM, GRU])
def test_masked_layer_equals_the_paper_computed_row_by_row(model, random_rows):
    make, masked = MASKED[model]
    layer = make(3, 5, batch_first=True)
    torch.manual_seed(7)
    found = masked(layer, random_rows, 0.5).detach().numpy()
    torch.manual_seed(7)
    seen = sequence_mask(random_rows, 3, 0.5).double().numpy()
    kept = sequence_mask(random_rows, 5, 0.5).double().numpy()
    w = arrays(layer)
    for window, rows in enumerate(random_rows.double().numpy()):
        h, c = np.zeros(5), np.zeros(5)
        for t, x in enumerate(rows):
            below = w["weight_ih_l0"] @ (x * seen[window]) + w["bias_ih_l0"]
            before = w["weight_hh_l0"] @ (h * kept[window]) + w["bias_hh_l0"]
            if model is LSTM:
                enter, forget, new, output = np.split(below + before, 4)
                c = sigmoid(forget) * c + sigmoid(enter) * np.tanh(new)
                h = sigmoid(output) * np.tanh(c)
            else:
                reset, update, new = zip(np.split(below, 3), np.split(before, 3), strict=True)
                share = sigmoid(sum(update))
                h = (1 - share) * np.tanh(new[0] + sigmoid(sum(reset)) * new[1]) + share * h
            np.testing.assert_allclose(found[window, t], h, atol=1e-6)


def test_sequence_mask_keeps_the_mean_and_differs_between_windows():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        mask = sequence_mask(torch.empty(2000, 1, 1), 10, 0.25)
    assert mask.unique().tolist() == [0.0, pytest.approx(4 / 3)]
    assert float(mask.mean()) == pytest.approx(1, abs=0.02)
    assert len(mask.unique(dim=0)) > 100


@pytest.mark.parametrize("model", [LSTM, GRU])
def test_variational_dropout_is_for_training_only(model, random_rows):
    net = model(hidden=[5, 4], variational_dropout=0.5).network(3, 6, 1)
    plain = model(hidden=[5, 4]).network(3, 6, 1)
    plain.load_state_dict(net.state_dict())
    assert torch.equal(net.eval()(random_rows), plain.eval()(random_rows))
    net.train()
    assert not torch.equal(net(random_rows), net(random_rows))


@pytest.mark.parametrize("model", [LSTM, GRU])
def test_variational_dropout_passes_gradients_to_every_weight(model, random_rows):
    net = model(hidden=[5, 4], variational_dropout=0.2).network(3, 6, 1).train()
    net(random_rows).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.layers.parameters())


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_variational_dropout_under_one_seed_learns_the_same(kind):
    data = noisy_windows()
    found = []
    for seed in (0, 0, 1):
        model = small(kind, variational_dropout=0.3, epochs=2)
        model.fit(data, data, seed=seed)
        found.append(model.predict(data).value)
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


# What they can learn -------------------------------------------------------------------------------


def noisy_windows():
    """The label is a tenth of the first feature, and noise."""
    random = np.random.default_rng(0)
    values = random.normal(size=(220, 3))
    return windows_of(values, 0.1 * values[:, 0] + random.normal(0.01, 0.05, 220), 3)


@every_kind
@pytest.mark.parametrize("target", ["return", "trend"])
def test_recurrent_net_finds_a_planted_signal(kind, target):
    data = noisy_windows()
    model = small(kind, target=target, epochs=40, patience=40)
    model.fit(data, data.subset(np.arange(len(data)) > len(data) // 2))
    found = model.predict(data)
    if target == "return":
        assert found.p_up is None
        assert np.corrcoef(found.value, data.targets)[0, 1] > 0.7
    else:
        assert found.value is None
        assert ((found.p_up > 0.5) == (data.targets > 0)).mean() > 0.8


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_recurrent_net_with_variational_dropout_finds_a_planted_signal(kind):
    data = noisy_windows()
    model = small(kind, variational_dropout=0.1, epochs=40, patience=40)
    model.fit(data, data.subset(np.arange(len(data)) > len(data) // 2))
    assert np.corrcoef(model.predict(data).value, data.targets)[0, 1] > 0.7


@every_kind
def test_recurrent_net_continues_a_sine_over_three_periods_from_its_own_forecasts(kind):
    # from one row alone the direction of a sine cannot be told
    wave = np.sin(2 * np.pi * np.arange(401) / 25)
    data = windows_of(wave[:-1, None], np.diff(wave), 12)
    at = np.arange(len(data))
    epochs = 200 if kind in ("lstm", "gru") else 60  # taught at every row, an epoch has few steps
    model = small(kind, epochs=epochs, patience=epochs, batch=32)
    model.fit(data.subset(at < 250), data.subset((at >= 250) & (at < 300)))
    later = data.subset(at >= 300)
    error = np.sqrt(np.mean((model.predict(later).value - later.targets) ** 2))
    last_value = np.sqrt(np.mean(later.targets**2))
    assert error / last_value < 0.2

    path = list(wave[300:312])
    for _ in range(75):
        own = windows_of(np.array(path[-12:])[:, None], np.zeros(12), 12)
        path.append(path[-1] + float(model.predict(own).value[-1]))
    assert np.corrcoef(path[12:], wave[312:387])[0, 1] > 0.9
    assert np.abs(np.array(path[12:]) - wave[312:387]).mean() < 0.35
