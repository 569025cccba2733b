import subprocess
import sys

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from qushi.core import ConfigError
from qushi.forecasters import Forecaster
from qushi.forecasters.models.informer import Informer
from qushi.forecasters.models.patchtsmixer import PatchTSMixer
from qushi.forecasters.models.patchtst import PatchTST
from qushi.forecasters.windows import Panel, Windows

INFORMER = {"width": 8, "heads": 2, "layers": 2, "feed_forward": 16, "dropout": 0.0}
SMALL = {"patch_length": 3, "stride": 1, "width": 8, "layers": 1, "dropout": 0.0}
QUICK = {"epochs": 30, "patience": 30, "learning_rate": 0.02}
ATTENTION = {"heads": 2, "feed_forward": 16}
NETS = [
    PatchTST(**SMALL, **QUICK, **ATTENTION),
    PatchTST(**SMALL, **QUICK, **ATTENTION, norm="layer", channel_attention=True),
    PatchTSMixer(**SMALL, **QUICK),
    Informer(**INFORMER, **QUICK, factor=1),
    PatchTSMixer(**SMALL, **QUICK, norm="batch", gated=False, channel_mixing=True),
]
in_all_nets = pytest.mark.parametrize("model", NETS, ids=lambda m: m.kind)
in_both_kinds = pytest.mark.parametrize("cls", [PatchTST, PatchTSMixer])


def windows(signal=1.0, lookback=7, rows=240):
    """The label is what the first feature was two rows before the decision, and noise."""
    random = np.random.default_rng(0)
    values = random.normal(size=(rows, 3)).astype(np.float32)
    sessions = np.arange(rows).astype("datetime64[D]")
    symbols, first = np.full(rows, "A", dtype=object), np.zeros(rows, dtype=np.int64)
    panel = Panel(values, ("a", "b", "c"), np.ones(rows), symbols, sessions, first)
    ends = np.arange(lookback, rows)
    wanted = signal * values[ends - 2, 0] + random.normal(0.0, 0.1, len(ends))
    return Windows(panel, ends, lookback, wanted.astype(np.float32))


def fitted(model, data, seed=0):
    model = model.model_copy(deep=True)
    model.fit(data, data.subset(np.arange(len(data)) > len(data) // 2), seed=seed)
    return model


def built(model, n_features=3, lookback=7, outputs=2):
    torch.manual_seed(0)
    return model.network(n_features, lookback, outputs).eval()


def rows_of(seed=1, batch=4, lookback=7, features=3):
    return torch.from_numpy(
        np.random.default_rng(seed).normal(size=(batch, lookback, features)).astype(np.float32)
    )


def answers(net, rows):
    with torch.inference_mode():
        return net(rows).numpy()


@in_all_nets
def test_net_answers_with_so_many_outputs_and_all_weights_learn(model):
    net = built(model).train()
    found = net(rows_of())
    assert found.shape == (4, 2)
    found.square().sum().backward()
    still = {name for name, p in net.named_parameters() if p.requires_grad and p.grad is None}
    assert not still


@pytest.mark.parametrize("model", [m for m in NETS if m.kind != "informer"], ids=lambda m: m.kind)
def test_net_answers_as_the_library_s_states_weighed_by_hand(model):
    net, rows = built(model), rows_of()
    with torch.inference_mode():
        states = net.body(past_values=rows).last_hidden_state.numpy()
    assert states.shape == (4, 3, 5, 8)  # windows, features, patches of 7 rows, width
    weights = {k: v.detach().numpy() for k, v in net.named_parameters() if not k.startswith("body")}
    wanted = np.zeros((4, 2))
    for feature in range(3):
        own = states[:, feature].reshape(4, -1) @ weights["own.weight"].T + weights["own.bias"]
        wanted += weights["channels.weight"][0, feature] * own
    np.testing.assert_allclose(answers(net, rows), wanted + weights["channels.bias"], atol=1e-6)


@in_both_kinds
@pytest.mark.parametrize("scaling", ["none", "std", "mean"])
def test_answer_for_a_window_does_not_depend_on_the_others(cls, scaling):
    net = built(cls(**SMALL, window_scaling=scaling))
    rows = rows_of()
    stained = rows.clone()
    stained[1:] = stained[1:] * 50 + 9
    np.testing.assert_allclose(answers(net, rows)[0], answers(net, stained)[0], atol=1e-6)


@in_both_kinds
def test_scaling_by_the_window_forgets_its_level_and_none_keeps_it(cls):
    rows = rows_of()
    moved = rows * 4 + 7
    scaled = built(cls(**SMALL, window_scaling="std"))
    np.testing.assert_allclose(answers(scaled, rows), answers(scaled, moved), atol=1e-4)
    plain = built(cls(**SMALL))
    assert np.abs(answers(plain, rows) - answers(plain, moved)).max() > 1e-3


@pytest.mark.parametrize("meet", [False, True])
@pytest.mark.parametrize(
    ("cls", "key"), [(PatchTST, "channel_attention"), (PatchTSMixer, "channel_mixing")]
)
def test_features_meet_inside_the_net_only_where_that_is_asked_for(cls, key, meet):
    body = built(cls(**SMALL, **{key: meet})).body
    rows = rows_of()
    other = rows.clone()
    other[:, :, 1] += 3.0
    with torch.inference_mode():
        before = body(past_values=rows).last_hidden_state[:, 0]
        after = body(past_values=other).last_hidden_state[:, 0]
    assert bool((before - after).abs().max() > 1e-5) is meet


@in_all_nets
def test_net_finds_what_the_label_was_made_of(model):
    data = windows()
    found = fitted(model, data).predict(data).value.reshape(-1)
    assert np.corrcoef(found, data.targets)[0, 1] > 0.8


@in_all_nets
def test_fit_is_repeated_to_the_bit_under_its_seed_and_differs_under_another(model):
    data = windows()
    short = model.model_copy(update={"epochs": 2})
    one = fitted(short, data, seed=3).predict(data).value
    torch.rand(5)
    np.testing.assert_array_equal(one, fitted(short, data, seed=3).predict(data).value)
    assert not np.array_equal(one, fitted(short, data, seed=4).predict(data).value)


@in_both_kinds
def test_loaded_model_answers_like_the_saved_one(tmp_path, cls):
    data = windows()
    model = fitted(cls(**SMALL, epochs=1), data)
    model.save(tmp_path / "saved")
    loaded = Forecaster.load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.predict(data).value, model.predict(data).value)


@in_both_kinds
def test_patch_as_long_as_the_window_is_refused(cls):
    with pytest.raises(ConfigError, match="patches of 7 rows, but a window has 7"):
        cls(patch_length=7).network(3, 7, 1)


def test_width_that_the_heads_cannot_share_is_refused():
    with pytest.raises(ValidationError, match="cannot be shared by 3 heads"):
        PatchTST(width=8, heads=3)


def test_informer_answers_alike_however_often_and_among_whatever_windows_it_is_asked():
    """With factor 1 it answers 4 of 40 queries: with keys drawn anew, they would be others."""
    net, rows = built(Informer(**INFORMER, factor=1), lookback=40), rows_of(lookback=40)
    for weight in net.body.parameters():
        if weight.ndim == 2:
            weight.data *= 30  # as they come, all rows attend nearly alike
    before = torch.random.get_rng_state()
    one = answers(net, rows)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.rand(9)
    np.testing.assert_array_equal(one, answers(net, rows))
    np.testing.assert_allclose(one[:1], answers(net, rows[:1]), atol=1e-6)
    torch.manual_seed(1)
    with torch.inference_mode():
        drawn_anew = net._answer(rows).numpy()
    assert np.abs(one - drawn_anew).max() > 1e-5


@pytest.mark.parametrize(("halving", "left"), [(True, 3), (False, 10)])
def test_informer_halves_the_rows_between_layers(halving, left):
    net = built(Informer(**{**INFORMER, "layers": 3}, halving=halving), lookback=10)
    with torch.inference_mode():
        states = net.body(inputs_embeds=rows_of(lookback=10)).last_hidden_state
    assert states.shape == (4, left, 8)


def test_package_of_the_models_does_not_import_transformers():
    code = (
        "import sys; from qushi.forecasters.models.patchtst import PatchTST as A; "
        "from qushi.forecasters.models.patchtsmixer import PatchTSMixer as B; "
        "from qushi.forecasters.models.informer import Informer as C; "
        "A(), B(), C(); print('transformers' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
