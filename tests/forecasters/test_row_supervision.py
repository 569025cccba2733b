"""Nets that are taught at every row and rolled: against naive loops, never past what they may know."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from qushi.core import ConfigError
from qushi.forecasters._batches import PanelRows, StretchBatches
from qushi.forecasters._row_nets import roll, row_net
from qushi.forecasters.models.gru import GRU
from qushi.forecasters.models.lstm import LSTM
from qushi.forecasters.training import Training, predict_network, train_network
from qushi.forecasters.windows import Panel, Windows, complete_ends

LOOKBACK = 4
CPU = torch.device("cpu")
both = pytest.mark.parametrize("model", [LSTM, GRU])


def panel(lengths=(90, 300), seed=0, holes=()):
    """Symbols of so many rows; rows in `holes` are unknown."""
    random, rows = np.random.default_rng(seed), sum(lengths)
    values = random.normal(size=(rows, 3)).astype(np.float32)
    values[list(holes)] = np.nan
    starts = np.cumsum((0, *lengths[:-1]))
    return Panel(
        values,
        ("a", "b", "c"),
        np.ones(rows),
        np.repeat(np.array([f"S{n}" for n in range(len(lengths))], dtype=object), lengths),
        np.concatenate([np.arange(n) for n in lengths]).astype("datetime64[D]"),
        np.repeat(starts, lengths).astype(np.int64),
    )


def all_windows(rows):
    """Every complete window; its label is the number of its last row."""
    finite = np.isfinite(rows.values).all(axis=1)
    ends = np.flatnonzero(complete_ends(finite, rows.first, LOOKBACK)).astype(np.int64)
    return Windows(rows, ends, LOOKBACK, ends.astype(np.float32))


def small(model, **more):
    table = {"hidden": [6, 5], "dense": 4, "supervise": "rows", "stretch": 16, "stretches": 3}
    return model(**{**table, **more})


def fresh(model, **more):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return small(model, **more).network(3, LOOKBACK, 2).eval()


def stretches(windows, stretch=16, size=3):
    return StretchBatches(PanelRows(windows.panel, CPU), windows, windows.targets, size, stretch)


# Stretches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stretch", [1, 7, 16, 1000])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_each_label_comes_once_an_epoch_with_its_own_rows_before_it(stretch, share):
    data = all_windows(panel(lengths=(90, 5, 120), holes=(30, 31, 150)))
    data = data.subset(np.random.default_rng(2).permutation(len(data))[: int(share * len(data))])
    made = stretches(data, stretch)
    for plan in (made.plan((0, 0)), made.plan((0, 1)), made.in_order()):
        came = []
        for part in plan:
            batch = made.batch(part)
            count, rows = batch.inputs.shape[:2]
            assert rows == LOOKBACK - 1 + stretch
            assert count <= max(made.size, 256)
            for at, label in zip(batch.answers.tolist(), batch.labels.tolist(), strict=True):
                inputs = batch.inputs.numpy()[at // rows]
                end = int(label)
                assert at % rows >= LOOKBACK - 1
                np.testing.assert_array_equal(
                    inputs[at % rows - LOOKBACK + 1 : at % rows + 1],
                    data.panel.values[end - LOOKBACK + 1 : end + 1],
                )
                before = inputs[: at % rows + 1]
                first = end - at % rows
                assert first >= data.panel.first[end]
                np.testing.assert_array_equal(before, data.panel.values[first : end + 1])
                came.append(end)
            assert torch.isfinite(batch.inputs).all()
        assert sorted(came) == sorted(data.ends.tolist())


def test_stretches_are_cut_anew_in_each_epoch_and_the_same_under_one_seed():
    made = stretches(all_windows(panel()))

    def table(entropy):
        return np.concatenate(made.plan(entropy))

    np.testing.assert_array_equal(table((0, 1)), table((0, 1)))
    assert set(table((0, 1))[:, 0]) != set(table((0, 2))[:, 0])


def test_batches_are_small_where_large_ones_would_leave_few_steps():
    data = all_windows(panel(lengths=(200,)))
    steps = [len(stretches(data, 16, size).plan((0, 0))) for size in (1, 2, 1000)]
    assert steps[0] in (13, 14)
    assert steps[1] == steps[2] == steps[0]
    long = all_windows(panel(lengths=(2000,)))
    assert len(stretches(long, 16, 1000).plan((0, 0))) in (8, 9)


def test_labels_that_are_not_handed_in_are_not_looked_at():
    rows = panel()
    whole = all_windows(rows)
    wanted = whole.subset(whole.ends % 5 != 0)
    made = stretches(wanted)
    seen = np.concatenate([made.batch(part).labels.numpy() for part in made.plan((0, 0))])
    np.testing.assert_array_equal(np.sort(seen), wanted.ends)


@both
def test_rows_after_the_last_training_label_change_nothing(model):
    rows = panel(lengths=(200,))
    data = all_windows(rows)
    train = data.subset(data.ends < 150)
    stained = rows.values.copy()
    stained[150:] = 1e6
    poisoned = Windows(replace(rows, values=stained), train.ends, LOOKBACK, train.targets)
    found = []
    for windows in (train, poisoned):
        none = windows.subset(np.arange(0))
        net, _ = train_network(
            lambda: small(model).network(3, LOOKBACK, 1),
            windows,
            none,
            (windows.targets[:, None] / 100, none.targets[:, None]),
            functional.mse_loss,
            Training(epochs=2, device="cpu"),
        )
        found.append(torch.cat([p.detach().ravel() for p in net.parameters()]))
    assert torch.equal(*found)


# Learning ------------------------------------------------------------------------------------------


def noisy(rows, seed=0):
    random, data = np.random.default_rng(seed), all_windows(rows)
    x = rows.values
    label = 0.1 * x[data.ends, 0] - 0.1 * x[data.ends - 2, 1] + random.normal(0.01, 0.05, len(data))
    return Windows(rows, data.ends, LOOKBACK, label.astype(np.float32))


@pytest.mark.parametrize(
    ("model", "more"),
    [
        (LSTM, {"context": "window"}),
        (GRU, {"context": "rolled", "variational_dropout": 0.05}),
        (LSTM, {"context": "rolled", "symbol_embedding": 2}),
    ],
)
def test_net_that_is_taught_at_every_row_finds_a_planted_signal(model, more):
    data = noisy(panel(lengths=(300, 300)))
    last = data.ends - data.panel.first[data.ends] >= 230
    net = small(model, hidden=[12], learning_rate=0.03, epochs=20, patience=20, device="cpu", **more)
    net.fit(data.subset(~last), data.subset(last))
    found = net.predict(data.subset(last))
    assert np.corrcoef(found.value.ravel(), data.targets[last])[0, 1] > 0.7
    assert net.history.valid[net.history.best_epoch] < net.history.valid[0]


@both
def test_loss_of_an_epoch_is_the_mean_over_its_labels(model):
    data = all_windows(panel(holes=(40,)))
    wanted = (data.targets / 100)[:, None]
    net = fresh(model).train()
    _, history = train_network(
        lambda: fresh(model),
        data,
        data,
        (np.repeat(wanted, 2, axis=1), np.repeat(wanted, 2, axis=1)),
        functional.mse_loss,
        Training(epochs=1, learning_rate=1e-12, device="cpu"),
    )
    values, table = data.panel.values, np.concatenate(stretches(data).plan((0, 0)))
    total, count = 0.0, 0
    for start, stop, *_ in table.tolist():
        rows = torch.from_numpy(values[start - LOOKBACK + 1 : stop].copy())[None]
        with net.answering_rows(), torch.no_grad():
            answers = net(rows)[0, LOOKBACK - 1 :].numpy()
        total += float(((answers - np.arange(start, stop)[:, None] / 100) ** 2).sum())
        count += 2 * (stop - start)
    assert count == 2 * len(data)
    assert history.train[0] == pytest.approx(total / count, rel=1e-5)


# Rolling -------------------------------------------------------------------------------------------


def by_hand(net, rows, start, end):
    """The net's answer at a row from all rows since `start`, one row after the other."""
    with torch.no_grad():
        states = [None] * len(net.layers)
        for at in range(start, end + 1):
            row = torch.from_numpy(rows.values[at].copy())[None, None]
            for number, layer in enumerate(net.layers):
                row, states[number] = layer(row, states[number])
        return net.out(torch.relu(net.dense(row[:, -1])))[0].numpy()


@both
def test_rolled_forecasts_equal_a_loop_row_by_row(model):
    rows = panel(lengths=(90, 600, 5), holes=(0, 1, 40, 100))
    data = all_windows(rows)
    net = fresh(model, context="rolled")
    found = predict_network(net, data, Training(device="cpu"))
    for end, answer in list(zip(data.ends.tolist(), found, strict=True))[::70]:
        holes = [at + 1 for at in (0, 1, 40, 100) if at <= end]
        start = max(int(rows.first[end]), *holes)
        np.testing.assert_allclose(answer, by_hand(net, rows, start, end), atol=2e-6)


@both
def test_rolled_forecasts_do_not_change_when_later_rows_come(model):
    rows = panel(lengths=(90, 600, 300))
    data = all_windows(rows)
    net = fresh(model, context="rolled")
    found = predict_network(net, data, Training(device="cpu"))
    keep = rows.sessions < np.datetime64(280, "D")
    moved = np.cumsum(keep) - 1
    short = Panel(
        rows.values[keep], rows.names, rows.close[keep], rows.symbols[keep], rows.sessions[keep],
        moved[rows.first[keep]],
    )  # fmt: skip
    early = all_windows(short)
    again = predict_network(net, early, Training(device="cpu"))
    np.testing.assert_allclose(again, found[keep[data.ends]], atol=1e-6)


@both
def test_rolled_forecasts_do_not_depend_on_which_windows_are_asked_about(model):
    data = all_windows(panel(lengths=(90, 600, 300)))
    net = fresh(model, context="rolled")
    found = predict_network(net, data, Training(device="cpu"))
    which = np.random.default_rng(3).permutation(len(data))[:50]
    asked = predict_network(net, data.subset(which), Training(device="cpu"))
    np.testing.assert_allclose(asked, found[which], atol=1e-6)


@both
def test_rolled_state_does_not_cross_from_one_symbol_to_the_next(model):
    rows = panel(lengths=(90, 300))
    stained = rows.values.copy()
    stained[:90] = 50
    net = fresh(model, context="rolled")
    second = all_windows(rows).ends >= 90
    found = [
        predict_network(net, all_windows(one).subset(second), Training(device="cpu"))
        for one in (rows, replace(rows, values=stained))
    ]
    np.testing.assert_array_equal(*found)


@both
def test_rolled_forecast_sees_rows_before_its_window_and_a_windowed_one_does_not(model):
    rows = panel(lengths=(300,))
    stained = rows.values.copy()
    stained[280:290] += 5
    last = np.array([len(all_windows(rows)) - 1])

    def change(context):
        net = fresh(model, context=context)
        pair = [
            predict_network(net, all_windows(one).subset(last), Training(device="cpu"))
            for one in (rows, replace(rows, values=stained))
        ]
        return float(np.abs(pair[0] - pair[1]).max())

    assert change("window") == 0
    assert change("rolled") > 1e-6


def test_more_runs_than_fit_together_are_all_answered(monkeypatch):
    from qushi.forecasters import _row_nets

    data = all_windows(panel(lengths=(90, 30, 60, 20, 40)))
    net = fresh(LSTM, context="rolled")
    rows = PanelRows(data.panel, CPU)
    with torch.inference_mode():
        whole = roll(net, row_net(net), rows, data)
        monkeypatch.setattr(_row_nets, "_TOGETHER", 2)
        np.testing.assert_allclose(roll(net, row_net(net), rows, data), whole, atol=1e-6)


# Settings ------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"supervise": "rows", "context": "window"}, 'set supervise = "last"'),
        ({"supervise": "last", "context": "rolled"}, 'set context = "window"'),
    ],
)
def test_columns_relative_to_the_window_are_refused(model, settings, said):
    data = noisy(panel(lengths=(100,)))
    data = replace(data, panel=replace(data.panel, relative=(1,)))
    net = small(model, epochs=1, device="cpu", **settings)
    with pytest.raises(ConfigError, match=said) as caught:
        (net.fit(data, data), net.predict(data))
    assert "b are relative" in str(caught.value)


@both
def test_windows_and_last_rows_leave_the_net_as_it_was(model):
    net = fresh(model, supervise="last", context="window")
    rows = torch.ones(2, LOOKBACK, 3)
    with net.answering_rows():
        every = net(rows)
    assert every.shape == (2, LOOKBACK, 2)
    assert torch.equal(every[:, -1], net(rows))
