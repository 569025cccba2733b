import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from qushi.core import DataError, FitError
from qushi.forecasters import Forecaster
from qushi.forecasters.models._attention import Attention, EncoderLayer, positions
from qushi.forecasters.models.dlinear import DLinear, trend_of
from qushi.forecasters.models.mlp import MLP
from qushi.forecasters.models.multi_branch import MultiBranch
from qushi.forecasters.models.nhits import NHiTS, line_weights
from qushi.forecasters.models.tcn import TCN
from qushi.forecasters.models.temporal_fusion import TemporalFusion, _ResidualGate
from qushi.forecasters.models.transformer import Transformer
from qushi.forecasters.models.transformer_encoder import TransformerEncoder
from qushi.forecasters.windows import Panel, Windows

NAN = float("nan")
QUICK = {"epochs": 40, "patience": 40, "learning_rate": 0.02}
SMALL = {"width": 8, "heads": 2, "layers": 1, "feed_forward": 16, "dropout": 0.0}
NETS = [
    MLP(hidden=[12], **QUICK),
    TCN(channels=[6, 6], dropout=0.0, **QUICK),
    DLinear(kernel=3, **QUICK),
    DLinear(kernel=3, per_channel=True, **QUICK),
    NHiTS(hidden=[12], **QUICK),
    TransformerEncoder(**SMALL, **QUICK),
    Transformer(**SMALL, **QUICK | {"learning_rate": 0.01}),
    TemporalFusion(width=8, heads=2, dropout=0.0, **QUICK | {"learning_rate": 0.01}),
    MultiBranch(price=["b"], hidden=[4], indicator_hidden=8, dense=8, **QUICK),
    MultiBranch(price=["a"], hidden=[8], indicator_hidden=4, dense=8, **QUICK),
]
in_all_nets = pytest.mark.parametrize("model", NETS, ids=lambda m: m.kind)


def windows(signal=0.0, lookback=6, values=None):
    random = np.random.default_rng(0)
    rows = 240
    if values is None:
        values = random.normal(size=(rows, 3)).astype(np.float32)
    names = ("a", "b", "c")
    sessions = np.arange(rows).astype("datetime64[D]")
    symbols, first = np.full(rows, "A", dtype=object), np.zeros(rows, dtype=np.int64)
    panel = Panel(values, names, np.ones(rows), symbols, sessions, first)
    ends = np.arange(lookback, rows)
    wanted = signal * values[ends, 0] + random.normal(0.01, 0.05, len(ends))
    return Windows(panel, ends, lookback, wanted.astype(np.float32))


def fitted(model, data):
    model = model.model_copy(deep=True)
    model.fit(data, data.subset(np.arange(len(data)) > len(data) // 2))
    return model


def built(model, n_features=3, lookback=6, outputs=1):
    """A net with weights under a seed, in evaluation mode."""
    torch.manual_seed(0)
    if isinstance(model, MultiBranch):
        model = model.model_copy(deep=True)
        model._is_price = tuple(n == 0 for n in range(n_features))
    return model.network(n_features, lookback, outputs).eval()


def answers(net, rows):
    with torch.inference_mode():
        return net(torch.as_tensor(np.asarray(rows, dtype=np.float32))).numpy()


def sizes(net):
    return sum(p.numel() for p in net.parameters())


def some_rows(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# All of them ------------------------------------------------------------------------------------------


@in_all_nets
@pytest.mark.parametrize("outputs", [1, 4])
def test_net_maps_windows_to_outputs_and_every_weight_learns(model, outputs):
    torch.manual_seed(3)
    net = built(model, outputs=outputs).train()
    found = net(torch.from_numpy(some_rows(5, 6, 3)))
    assert found.shape == (5, outputs)
    found.square().sum().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None] == []


@in_all_nets
def test_net_on_a_single_row_answers(model):
    assert answers(built(model, lookback=1), some_rows(2, 1, 3)).shape == (2, 1)


@in_all_nets
def test_net_answers_each_window_alone(model):
    net, rows = built(model), some_rows(7, 6, 3)
    together = answers(net, rows)
    for at in range(7):
        np.testing.assert_allclose(answers(net, rows[at : at + 1])[0], together[at], atol=1e-6)


@in_all_nets
def test_net_finds_a_planted_signal(model):
    data = windows(signal=0.1)
    found = fitted(model, data).predict(data)
    assert np.corrcoef(found.value, data.targets)[0, 1] > 0.7


@in_all_nets
def test_fit_leaves_the_settings_and_torch_random_state_as_they_were(model):
    data, before = windows(), torch.get_rng_state()
    quick = model.model_copy(update={"epochs": 1}, deep=True)
    fitted(quick, data)
    assert torch.equal(torch.get_rng_state(), before)
    assert quick.state() == {}


@pytest.mark.parametrize(
    ("model", "key"),
    [(MLP, "hidden"), (TCN, "channels"), (NHiTS, "hidden"), (MultiBranch, "hidden")],
)
@pytest.mark.parametrize("sizes", [[], [0]])
def test_net_without_layers_is_refused(model, key, sizes):
    with pytest.raises(ValidationError):
        model(**{key: sizes})


# Perceptron -------------------------------------------------------------------------------------------


def test_mlp_has_the_layers_that_hidden_names():
    shapes = [tuple(p.shape) for p in MLP(hidden=[128, 64]).network(7, 20, 2).parameters()]
    assert shapes == [(128, 140), (128,), (64, 128), (64,), (2, 64), (2,)]
    assert sizes(MLP().network(7, 20, 1)) == 140 * 128 + 128 + 128 + 1


def test_mlp_equals_the_formula():
    net, rows = built(MLP(hidden=[5, 4])), some_rows(3, 6, 3)
    w1, b1, w2, b2, w3, b3 = (p.detach().numpy() for p in net.parameters())
    for window, found in zip(rows, answers(net, rows), strict=True):
        inner = np.maximum(w1 @ window.ravel() + b1, 0)
        inner = np.maximum(w2 @ inner + b2, 0)
        np.testing.assert_allclose(found, w3 @ inner + b3, atol=1e-6)


# Temporal convolutions --------------------------------------------------------------------------------


def test_tcn_parameters_are_those_of_the_paper():
    # a block: two convolutions with a gain a channel (weight norm), 1 x 1 where the widths differ.
    def block(before, after, kernel=3):
        convolutions = (before + after) * after * kernel + 4 * after
        return convolutions + (before != after) * (before * after + after)

    wanted = block(7, 32) + 2 * block(32, 32) + 33
    assert sizes(TCN().network(7, 20, 1)) == wanted


def test_tcn_convolution_equals_the_sum_over_earlier_rows():
    net = built(TCN(channels=[4, 5]))
    block, steps = net.blocks[1], some_rows(2, 4, 9)
    weight, bias = block.first.weight.detach().numpy(), block.first.bias.detach().numpy()
    g = block.first.parametrizations.weight.original0.detach().numpy()
    v = block.first.parametrizations.weight.original1.detach().numpy()
    np.testing.assert_allclose(weight, g * v / np.sqrt((v**2).sum((1, 2), keepdims=True)), atol=1e-6)

    def convolved(x, w, b):
        found = np.zeros((len(x), len(w), x.shape[2]))
        for t in range(x.shape[2]):
            for j in range(w.shape[2]):
                if t - 2 * j >= 0:
                    found[:, :, t] += x[:, :, t - 2 * j] @ w[:, :, w.shape[2] - 1 - j].T
        return np.maximum(found + b[:, None], 0)

    inner = convolved(steps, weight, bias)
    second = block.second.weight.detach().numpy(), block.second.bias.detach().numpy()
    shortcut = block.shortcut.weight.detach().numpy()[:, :, 0], block.shortcut.bias.detach().numpy()
    beside = np.einsum("oc,bct->bot", shortcut[0], steps) + shortcut[1][:, None]
    np.testing.assert_allclose(
        answers(block, steps), np.maximum(beside + convolved(inner, *second), 0), atol=1e-5
    )


@pytest.mark.parametrize("at", [0, 3, 10])
def test_tcn_blocks_see_no_later_row(at):
    blocks, steps = built(TCN(channels=[4, 4])).blocks, some_rows(2, 3, 12)
    changed = steps.copy()
    changed[:, :, at + 1 :] = 99
    before, after = answers(blocks, steps), answers(blocks, changed)
    np.testing.assert_array_equal(before[:, :, : at + 1], after[:, :, : at + 1])
    assert (before[:, :, at + 1 :] != after[:, :, at + 1 :]).any()


@pytest.mark.parametrize(("channels", "kernel"), [([4], 2), ([4, 4], 3), ([4, 4, 4], 2)])
def test_tcn_answer_depends_on_the_receptive_field_and_no_further(channels, kernel):
    model = TCN(channels=channels, kernel=kernel)
    net, seen = built(model, lookback=40), model.receptive_field
    with torch.no_grad():
        for weight in net.parameters():  # all above 0, so that no ReLU is shut
            weight.abs_()
    rows = torch.from_numpy(np.abs(some_rows(2, 40, 3))).requires_grad_()
    net(rows).sum().backward()
    moved = (rows.grad != 0).any(dim=2).any(dim=0)
    assert moved[-seen:].all()
    assert not moved[:-seen].any()


# DLinear ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [1, 3, 5, 25])
def test_dlinear_trend_is_the_centred_mean_with_the_ends_repeated(kernel):
    steps = some_rows(2, 3, 8)
    found = trend_of(torch.from_numpy(steps), kernel).numpy()
    half = kernel // 2
    for t in range(8):
        near = [steps[:, :, min(max(s, 0), 7)] for s in range(t - half, t + half + 1)]
        np.testing.assert_allclose(found[:, :, t], np.mean(near, axis=0), atol=1e-6)


@pytest.mark.parametrize("per_channel", [False, True])
def test_dlinear_equals_two_linear_maps_over_time_and_one_over_features(per_channel):
    net = built(DLinear(kernel=3, per_channel=per_channel), outputs=2)
    rows = some_rows(4, 6, 3)
    trend = trend_of(torch.from_numpy(rows).transpose(1, 2), 3).numpy()
    rest = rows.transpose(0, 2, 1) - trend
    maps = {k: v.detach().numpy() for k, v in net.named_parameters()}
    wanted = np.full((4, 2), maps["channels.bias"][0], dtype=np.float64)
    for f in range(3):
        own = f if per_channel else 0
        for part, steps in (("trend", trend), ("rest", rest)):
            over_time = steps[:, f] @ maps[f"{part}.weight"][own] + maps[f"{part}.bias"][own]
            wanted += maps["channels.weight"][0, f] * over_time
    np.testing.assert_allclose(answers(net, rows), wanted, atol=1e-5)


def test_dlinear_parameters_are_two_maps_or_two_a_feature():
    assert sizes(DLinear().network(7, 20, 2)) == 2 * (20 * 2 + 2) + 8
    assert sizes(DLinear(per_channel=True).network(7, 20, 2)) == 7 * 2 * (20 * 2 + 2) + 8


def test_dlinear_with_an_even_kernel_is_refused():
    with pytest.raises(ValidationError, match="odd number of rows, received 4"):
        DLinear(kernel=4)


# N-HiTS -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("knots", "steps"), [(1, 1), (1, 5), (2, 5), (3, 8), (8, 8)])
def test_nhits_lines_run_straight_from_knot_to_knot(knots, steps):
    heights = some_rows(knots)
    found = heights @ line_weights(knots, steps).numpy()
    for at in range(steps):
        if knots == 1:
            wanted = heights[0]
        else:
            place = at * (knots - 1) / max(steps - 1, 1)
            left = min(int(place), knots - 2)
            wanted = heights[left] + (place - left) * (heights[left + 1] - heights[left])
        assert found[at] == pytest.approx(wanted, abs=1e-6)


def test_nhits_stacks_pool_subtract_their_backcast_and_add_up():
    net = built(NHiTS(pooling=[4, 1], downsample=[3, 1], hidden=[8]), lookback=6, outputs=4)
    window = some_rows(6, 3)
    left, wanted = window.T, np.zeros(4)
    for block, pooling, knots in zip(net.blocks, (4, 1), ((2, 2), (6, 4)), strict=True):
        pooled = np.array([[c[i : i + pooling].max() for i in range(0, 6, pooling)] for c in left])
        w, b = (p.detach().numpy() for p in block.layers.parameters())
        inner = np.maximum(w @ pooled.ravel() + b, 0)
        forecast = block.forecast.weight.detach().numpy() @ inner + block.forecast.bias.detach().numpy()
        assert len(forecast) == knots[1]
        wanted += np.interp(np.arange(4), np.linspace(0, 3, knots[1]), forecast)
        if block.backcast is not None:
            heights = block.backcast.weight.detach().numpy() @ inner
            heights = (heights + block.backcast.bias.detach().numpy()).reshape(3, knots[0])
            at = np.linspace(0, 5, knots[0])
            left = left - np.array([np.interp(np.arange(6), at, h) for h in heights])
    np.testing.assert_allclose(answers(net, window[None])[0], wanted, atol=1e-5)
    assert [block.backcast is None for block in net.blocks] == [False, True]


def test_nhits_with_stacks_that_do_not_match_is_refused():
    with pytest.raises(ValidationError, match="pooling names 3 stacks and downsample 2"):
        NHiTS(downsample=[2, 1])


# Attention --------------------------------------------------------------------------------------------


def naive_attention(layer, asking, asked, hidden):
    """One window, one head, one query after the other."""
    project = {
        name: (part.weight.detach().numpy(), part.bias.detach().numpy())
        for name, part in layer.named_children()
        if isinstance(part, nn.Linear)
    }
    w, b = project["query"]
    query = asking @ w.T + b
    key, value = (asked @ project[name][0].T + project[name][1] for name in ("key", "value"))
    size = query.shape[1] // layer.heads
    found = np.zeros_like(query)
    for head in range(layer.heads):
        of = slice(head * size, (head + 1) * size)
        for q in range(len(query)):
            seen = [k for k in range(len(key)) if not hidden[q, k]]
            score = np.array([query[q, of] @ key[k, of] / math.sqrt(size) for k in seen])
            weight = np.exp(score - score.max())
            weight /= weight.sum()
            found[q, of] = sum(a * value[k, of] for a, k in zip(weight, seen, strict=True))
    w, b = project["out"]
    return found @ w.T + b


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_equals_the_formula_computed_query_by_query(heads):
    torch.manual_seed(0)
    layer = Attention(8, heads, 0.0).eval()
    asking, asked = some_rows(3, 5, 8), some_rows(3, 7, 8, seed=2)
    hidden = np.random.default_rng(3).random((3, 5, 7)) < 0.4
    hidden[:, :, 0] = False
    with torch.inference_mode():
        parts = (torch.from_numpy(part) for part in (asking, asked, hidden[:, None]))
        found = layer(*parts).numpy()
    for at in range(3):
        wanted = naive_attention(layer, asking[at], asked[at], hidden[at])
        np.testing.assert_allclose(found[at], wanted, atol=1e-5)


@pytest.mark.parametrize("norm_first", [True, False])
def test_encoder_layer_equals_the_one_of_torch(norm_first):
    torch.manual_seed(0)
    ours = EncoderLayer(8, 2, 16, 0.0, norm_first=norm_first).eval()
    theirs = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, norm_first=norm_first).eval()
    parts = (ours.attention.query, ours.attention.key, ours.attention.value)
    theirs.load_state_dict(
        {
            "self_attn.in_proj_weight": torch.cat([p.weight for p in parts]),
            "self_attn.in_proj_bias": torch.cat([p.bias for p in parts]),
            "self_attn.out_proj.weight": ours.attention.out.weight,
            "self_attn.out_proj.bias": ours.attention.out.bias,
            "linear1.weight": ours.feed_forward[0].weight,
            "linear1.bias": ours.feed_forward[0].bias,
            "linear2.weight": ours.feed_forward[3].weight,
            "linear2.bias": ours.feed_forward[3].bias,
            "norm1.weight": ours.around_attention.norm.weight,
            "norm1.bias": ours.around_attention.norm.bias,
            "norm2.weight": ours.around_feed_forward.norm.weight,
            "norm2.bias": ours.around_feed_forward.norm.bias,
        }
    )
    rows = some_rows(3, 6, 8)
    np.testing.assert_allclose(answers(ours, rows), answers(theirs, rows), atol=1e-5)


@pytest.mark.parametrize("width", [1, 5, 8])
def test_positions_are_sines_and_cosines(width):
    found = positions(7, width)
    assert found.shape == (7, width)
    for p in range(7):
        for column in range(width):
            angle = p / 10000 ** ((column - column % 2) / width)
            wanted = math.cos(angle) if column % 2 else math.sin(angle)
            assert found[p, column] == pytest.approx(wanted, abs=1e-5)


def attention_size(width):
    return 4 * (width * width + width)


def test_transformers_have_the_parameters_of_the_paper():
    d, f, layers = 32, 64, 2
    feed_forward = 2 * d * f + d + f
    encoder = attention_size(d) + feed_forward + 2 * 2 * d
    decoder = 2 * attention_size(d) + feed_forward + 3 * 2 * d
    embed = 7 * d + d
    alone = embed + layers * encoder + 2 * d + (d + 1) * 3
    assert sizes(TransformerEncoder().network(7, 20, 3)) == alone
    both = embed + 3 * d + layers * (encoder + decoder) + d + 1
    assert sizes(Transformer().network(7, 20, 3)) == both


@pytest.mark.parametrize("model", [TransformerEncoder(), Transformer()], ids=lambda m: m.kind)
def test_transformers_tell_the_order_of_the_rows(model):
    net, rows = built(model), some_rows(2, 6, 3)
    turned = np.concatenate([rows[:, 1::-1], rows[:, 2:]], axis=1)
    assert np.abs(answers(net, rows) - answers(net, turned)).min() > 1e-4


def test_width_that_the_heads_cannot_share_is_refused():
    with pytest.raises(ValidationError, match="a width of 10 cannot be shared by 4 heads"):
        Transformer(width=10)


# Padding ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padded", [1, 4])
def test_transformer_with_padded_rows_answers_as_without_them(padded):
    net, rows = built(Transformer(), lookback=6, outputs=3), some_rows(4, 6, 3)
    short = rows[:, padded:]
    rows[:, :padded] = NAN
    np.testing.assert_allclose(answers(net, rows), answers(net, short), atol=1e-6)


def test_transformer_with_padded_columns_answers_as_a_narrower_net():
    net, narrow = built(Transformer()), built(Transformer(), n_features=2)
    weights = net.state_dict()
    narrow.load_state_dict(weights | {"embed.weight": weights["embed.weight"][:, :2]})
    rows = some_rows(4, 6, 3)
    rows[:, :, 2] = NAN
    np.testing.assert_allclose(answers(net, rows), answers(narrow, rows[:, :, :2]), atol=1e-6)


def test_transformer_answers_padded_and_whole_windows_of_one_batch_as_alone():
    net, rows = built(Transformer()), some_rows(3, 6, 3)
    rows[0, :3] = NAN
    rows[1, :, 1] = NAN
    together = answers(net, rows)
    for at in range(3):
        np.testing.assert_allclose(answers(net, rows[at : at + 1])[0], together[at], atol=1e-6)


def test_transformer_outputs_see_no_later_question():
    net, rows = built(Transformer(), outputs=3), some_rows(4, 6, 3)
    before = answers(net, rows)
    with torch.no_grad():
        net.questions[2] += 1
    after = answers(net, rows)
    np.testing.assert_array_equal(before[:, :2], after[:, :2])
    assert (before[:, 2] != after[:, 2]).all()


def short_and_narrow():
    """Windows of six rows: some lack the first row, some the third feature, some nothing."""
    data = windows(signal=0.1)
    values, ends = data.panel.values.copy(), data.ends
    values[0:80:6] = NAN
    values[80:160, 2] = NAN
    short = (ends < 80) & (ends % 6 == 5)
    narrow = (ends >= 85) & (ends < 160)
    whole = ends >= 165
    held = replace(data, panel=replace(data.panel, values=values))
    return held.subset(short | narrow | whole)


def test_transformer_trains_on_windows_of_different_length_and_width():
    data = short_and_narrow()
    held = data.gather(np.arange(len(data)))
    assert np.isnan(held[:, 0]).all(axis=1).sum() > 10
    assert np.isnan(held[:, :, 2]).all(axis=1).sum() > 10
    model = fitted(Transformer(**SMALL, **QUICK | {"learning_rate": 0.01}), data)
    found = model.predict(data).value
    assert np.isfinite(found).all()
    assert np.corrcoef(found, data.targets)[0, 1] > 0.7


@pytest.mark.parametrize("stained", [(slice(103, 104), 1), (slice(100, 107), slice(None))])
def test_transformer_with_a_hole_or_with_padding_only_is_a_fit_error(stained):
    data = windows()
    model = fitted(Transformer(**SMALL, epochs=1), data)
    values = data.panel.values.copy()
    values[stained] = NAN
    with pytest.raises(FitError, match="not a number"):
        model.predict(replace(data, panel=replace(data.panel, values=values)))


# Temporal fusion --------------------------------------------------------------------------------------


def naive_gate(gate, inner, beside):
    """norm(beside + W x * sigmoid(V x)), by numpy."""
    w, b = (p.detach().numpy() for p in gate.gate.parameters())
    both = inner @ w.T + b
    half = both.shape[-1] // 2
    total = beside + both[..., :half] / (1 + np.exp(-both[..., half:]))
    spread = np.sqrt(total.var(-1, keepdims=True) + 1e-5)
    scale, shift = (p.detach().numpy() for p in gate.norm.parameters())
    return (total - total.mean(-1, keepdims=True)) / spread * scale + shift


def affine(layer, rows):
    w, b = (p.detach().numpy() for p in layer.parameters())
    return rows @ w.T + b


@pytest.mark.parametrize("after", [4, 6])
def test_residual_gate_equals_the_formula(after):
    torch.manual_seed(0)
    net, rows = _ResidualGate(6, after, 0.0).eval(), some_rows(5, 6)
    inner = affine(net.first, rows)
    inner = affine(net.second, np.where(inner > 0, inner, np.expm1(inner)))
    beside = rows if after == 6 else affine(net.beside, rows)
    np.testing.assert_allclose(answers(net, rows), naive_gate(net.gate, inner, beside), atol=1e-5)


def test_temporal_fusion_has_one_gate_net_a_feature():
    net = built(TemporalFusion(width=8, heads=2))
    each, single = net.choice.each, _ResidualGate(8, 8, 0.0).eval()
    embedded = some_rows(3, 5, 8)
    found = answers(each, embedded)
    for feature in range(3):
        for ours, theirs in (
            (each.first, single.first),
            (each.second, single.second),
            (each.gate.gate, single.gate.gate),
        ):
            theirs.load_state_dict({"weight": ours.weight[feature].T, "bias": ours.bias[feature, 0]})
        wanted = answers(single, embedded[feature])
        np.testing.assert_allclose(found[feature], wanted, atol=1e-5)


def test_temporal_fusion_weighs_the_features_of_each_row():
    choice = built(TemporalFusion(width=8, heads=2)).choice
    rows = some_rows(4, 6, 3)
    found = answers(choice, rows)
    w, b = choice.embed.weight.detach().numpy(), choice.embed.bias.detach().numpy()
    for at in np.ndindex(4, 6):
        embedded = torch.from_numpy(rows[at][:, None, None] * w + b)
        with torch.inference_mode():
            weights = choice.weights(embedded)[:, 0].numpy()
            parts = choice.each(embedded)[:, 0].numpy()
        assert weights.sum() == pytest.approx(1, abs=1e-6)
        assert (weights > 0).all()
        np.testing.assert_allclose(found[at], weights @ parts, atol=1e-5)


def test_temporal_fusion_attention_shares_its_values_between_heads():
    attention, rows = built(TemporalFusion(width=8, heads=2)).attention, some_rows(5, 8)
    query, key, value = (affine(getattr(attention, n), rows) for n in ("query", "key", "value"))
    wanted = np.zeros((5, 4))
    for at in range(5):
        for head in (slice(0, 4), slice(4, 8)):
            weight = np.exp([query[at, head] @ key[k, head] / 2 for k in range(5)])
            wanted[at] += weight / weight.sum() @ value / 2
    with torch.inference_mode():
        window = torch.from_numpy(rows[None])
        found = attention(window, window).numpy()[0]
    np.testing.assert_allclose(found, affine(attention.out, wanted), atol=1e-5)


def test_temporal_fusion_parameters_follow_from_its_parts():
    d, f, heads, outputs = 16, 7, 4, 2
    gate = 2 * d * (d + 1) + 2 * d
    residual = 2 * d * (d + 1) + gate
    each = f * (4 * d * (d + 1)) + 2 * d  # the features share the norm alone
    score = (f * d + 1) * f + (f + 1) * f + (f * d + 1) * f + 2 * f * (f + 1) + 2 * f
    lstm = 4 * d * (2 * d + 2)
    attention = 2 * d * (d + 1) + (d + 1) * d // heads + (d // heads + 1) * d
    wanted = 2 * f * d + score + each + lstm + attention + 2 * residual + 3 * gate + (d + 1) * outputs
    assert sizes(TemporalFusion().network(f, 20, outputs)) == wanted


# Branches ---------------------------------------------------------------------------------------------


def test_multi_branch_sorts_the_features_by_their_names():
    model = MultiBranch(price=["b"], hidden=[4], indicator_hidden=5, dense=3, epochs=1)
    model = fitted(model, windows())
    shapes = {name: value.shape for name, value in model.state().items()}
    assert shapes["net.layers.0.weight_ih_l0"] == (16, 1)
    assert shapes["net.last.weight"] == (5, 2)
    assert shapes["net.dense.weight"] == (3, 9)
    assert model.state()["is_price"].tolist() == [False, True, False]


def test_multi_branch_sees_earlier_rows_of_prices_only():
    net, rows = built(MultiBranch(hidden=[4])), some_rows(2, 6, 3)
    before = answers(net, rows)
    indicators, prices = rows.copy(), rows.copy()
    indicators[:, :-1, 1:] = 9
    prices[:, :-1, 0] = 9
    np.testing.assert_array_equal(answers(net, indicators), before)
    assert (answers(net, prices) != before).all()


@pytest.mark.parametrize("price", [["x"], ["a", "b", "c"]])
def test_multi_branch_with_an_empty_branch_is_a_fit_error(price):
    data = windows()
    with pytest.raises(FitError, match="needs prices and indicators"):
        MultiBranch(price=price).fit(data, data)


def test_multi_branch_asked_about_other_columns_raises():
    data = windows()
    model = fitted(MultiBranch(price=["a"], hidden=[4], epochs=1), data)
    turned = replace(data, panel=replace(data.panel, names=("b", "a", "c")))
    with pytest.raises(DataError, match="not where multi_branch was fitted"):
        model.predict(turned)


def test_multi_branch_before_it_has_read_the_names_builds_no_net():
    with pytest.raises(FitError, match="knows 0 features by name"):
        MultiBranch().network(3, 6, 1)


def test_multi_branch_loaded_again_answers_the_same(tmp_path):
    data = windows()
    model = fitted(MultiBranch(price=["a"], hidden=[4], epochs=1), data)
    model.save(tmp_path)
    loaded = Forecaster.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(data).value, model.predict(data).value)
