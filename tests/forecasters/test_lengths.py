"""Windows of different lengths: against naive loops, each answered from its own rows alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from qushi.core import Bars, ConfigError, DataError
from qushi.forecasters import FeatureSet, WalkForward
from qushi.forecasters._batches import PanelRows, StretchBatches, WindowBatches
from qushi.forecasters._folds import fold_table
from qushi.forecasters.fitted import FittedModel
from qushi.forecasters.importance import permutation_importance
from qushi.forecasters.models._series import training_closes
from qushi.forecasters.models.lightgbm import LightGBM
from qushi.forecasters.models.lstm import LSTM
from qushi.forecasters.models.mlp import MLP
from qushi.forecasters.models.ridge import Ridge
from qushi.forecasters.models.vote import Vote
from qushi.forecasters.recursion import recursive_forecasts
from qushi.forecasters.training import Training, predict_network, train_network
from qushi.forecasters.validation import Validation, first_forecast
from qushi.forecasters.windows import Panel, Windows, complete_ends, window_lengths
from small_models import KINDS, class_of, model_of

CPU = torch.device("cpu")
LOOKBACK, SHORTEST = 6, 2
FIXED = {"dlinear", "informer", "mlp", "nhits", "patchtst", "patchtsmixer"}
NETS = [kind for kind in KINDS if "epochs" in class_of(kind).model_fields]
FREE = [kind for kind in NETS if kind not in FIXED]
FEATURES = FeatureSet(returns=[1, 3], volatility=[5], volume=[], indicators=["bollinger"])
WALK = WalkForward(lookback=8, min_train=120, valid=30, refit_every=150, train=200)
SHORT = WALK.model_copy(update={"shortest": 3})
SYMBOL, YOUNG, LISTED = "000300.SH", "688001.SH", 210
"""The young symbol is listed in the first session after the first fold's training."""


def panel(sizes=(60, 3, 40), holes=(20, 30, 31, 80), relative=(), seed=0):
    """Symbols of so many rows; rows in `holes` are unknown."""
    random, rows = np.random.default_rng(seed), sum(sizes)
    values = random.normal(size=(rows, 3)).astype(np.float32)
    values[list(holes)] = np.nan
    return Panel(
        values,
        ("return_1", "b", "c"),
        np.exp(random.normal(0, 0.01, rows).cumsum()),
        np.repeat(np.array([f"S{n}" for n in range(len(sizes))], dtype=object), sizes),
        np.concatenate([np.arange(n) for n in sizes]).astype("datetime64[D]"),
        np.repeat(np.cumsum((0, *sizes[:-1])), sizes).astype(np.int64),
        relative,
    )


def mixed(rows, shortest=SHORTEST, lookback=LOOKBACK):
    """Every window of `shortest` rows or more, shuffled; its label is a sum over two of its rows."""
    lengths = window_lengths(np.isfinite(rows.values).all(axis=1), rows.first, lookback)
    ends = np.random.default_rng(3).permutation(np.flatnonzero(lengths >= shortest)).astype(np.int64)
    label = rows.values[ends, 0] + 0.5 * rows.values[ends - 1, 1]
    return Windows(rows, ends, lookback, label.astype(np.float32), lengths=lengths[ends])


def naive_length(finite, first, end, lookback):
    count = 0
    while count < lookback and end - count >= first[end] and finite[end - count]:
        count += 1
    return count


# Windows -------------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=9), max_size=4), st.integers(1, 5))
@settings(deadline=None)
def test_lengths_equal_a_naive_count(known, lookback):
    finite = np.array([one for symbol in known for one in symbol], dtype=bool)
    sizes = [len(symbol) for symbol in known]
    first = np.repeat(np.cumsum([0, *sizes])[: len(sizes)], sizes).astype(np.int64)
    wanted = [naive_length(finite, first, end, lookback) for end in range(len(finite))]
    assert window_lengths(finite, first, lookback).tolist() == wanted
    assert complete_ends(finite, first, lookback).tolist() == [n == lookback for n in wanted]


def test_lengths_are_the_lookback_where_none_are_given():
    rows = panel(holes=())
    whole = Windows(rows, np.arange(LOOKBACK - 1, 60, dtype=np.int64), LOOKBACK)
    assert whole.lengths.tolist() == [LOOKBACK] * len(whole)
    assert whole.lengths.strides == (0,), "they should take no memory"
    assert [part.tolist() for part in whole.batches(40)] == [[*range(40)], [*range(40, 55)]]


@pytest.mark.parametrize("relative", [(), (1,)])
def test_lengths_windows_hold_their_own_rows(relative):
    data = mixed(panel(relative=relative))
    seen, values = [], data.panel.values
    assert set(data.lengths) == {2, 3, 4, 5, 6}
    for which in data.batches(7):
        batch = data.gather(which, data.buffer(7))
        taken = PanelRows(data.panel, CPU).windows(data, which)
        np.testing.assert_array_equal(taken.numpy(), batch)
        for at, found in zip(which, batch, strict=True):
            wanted = values[data.ends[at] - data.lengths[at] + 1 : data.ends[at] + 1].copy()
            wanted[:, list(relative)] -= wanted[0, list(relative)]
            np.testing.assert_array_equal(found, wanted)
            for lag in range(LOOKBACK):
                row = data.subset(np.array([at])).row(lag)[0]
                inside = lag < len(wanted)
                np.testing.assert_array_equal(row, wanted[-1 - lag] if inside else [np.nan] * 3)
        seen.extend(which.tolist())
    assert sorted(seen) == list(range(len(data)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lengths": np.array([2])}, "2 windows but 1 lengths"),
        ({"lengths": np.array([2, 0])}, "windows have 1 to 6 rows, received 0 to 2"),
        ({"lengths": np.array([2, 7])}, "windows have 1 to 6 rows, received 2 to 7"),
        ({"lengths": np.array([3, 2])}, "reaches into another symbol"),
    ],
)
def test_lengths_that_cannot_be_are_refused(change, sentence):
    data = Windows(panel(), np.array([1, 61]), LOOKBACK, lengths=np.array([2, 2]))
    with pytest.raises(DataError, match=sentence):
        replace(data, **change)


def test_lengths_are_not_gathered_together():
    data = mixed(panel())
    with pytest.raises(DataError, match="windows of 2 to 6 rows cannot be gathered together"):
        data.gather(np.arange(len(data)))


# Batches -------------------------------------------------------------------------------------------


def test_lengths_batches_hold_one_length_each_window_once_and_come_mixed():
    data = mixed(panel((300, 200), holes=range(25, 500, 25)))
    made = WindowBatches(PanelRows(data.panel, CPU), data, data.targets, 8)
    plan = made.plan((0, 1))
    lengths = [set(data.lengths[part]) for part in plan]
    assert all(len(one) == 1 for one in lengths)
    assert max(map(len, plan)) == 8
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(data)))
    order = [one.pop() for one in lengths]
    assert order != sorted(order)
    again, other = made.plan((0, 1)), made.plan((0, 2))
    assert [p.tolist() for p in plan] == [p.tolist() for p in again]
    assert [p.tolist() for p in plan] != [p.tolist() for p in other]


def test_lengths_alike_are_batched_in_the_order_of_the_seed():
    whole = Windows(panel(holes=()), np.arange(LOOKBACK - 1, 60, dtype=np.int64), LOOKBACK)
    made = WindowBatches(PanelRows(whole.panel, CPU), whole, np.zeros((55, 1), np.float32), 8)
    order = np.random.default_rng((4, 2)).permutation(55)
    wanted = [order[at : at + 8].tolist() for at in range(0, 55, 8)]
    assert [part.tolist() for part in made.plan((4, 2))] == wanted


@pytest.mark.parametrize("stretch", [1, 5, 16])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_lengths_stretches_begin_with_their_run_and_ask_each_label_once(stretch, share):
    data = mixed(panel((90, 5, 120), holes=(30, 31, 150)))
    data = data.subset(np.random.default_rng(2).permutation(len(data))[: int(share * len(data))])
    finite = np.isfinite(data.panel.values).all(axis=1)
    labels = data.ends.astype(np.float32)
    made = StretchBatches(PanelRows(data.panel, CPU), data, labels, 3, stretch)
    for plan in (made.plan((0, 0)), made.in_order()):
        came = []
        for part in plan:
            batch = made.batch(part)
            inputs, rows = batch.inputs.numpy(), batch.inputs.shape[1]
            for at, label in zip(batch.answers.tolist(), batch.labels.tolist(), strict=True):
                end, behind = int(label), at % rows + 1
                # all rows up to the answer are those that lead up to the label, and known.
                seen = inputs[at // rows, :behind]
                np.testing.assert_array_equal(seen, data.panel.values[end - behind + 1 : end + 1])
                full = naive_length(finite, data.panel.first, end, LOOKBACK - 1 + stretch)
                assert min(full, LOOKBACK) <= behind <= full
                came.append(end)
        assert sorted(came) == sorted(data.ends.tolist())


class LastRows(nn.Module):
    """Reads a window of any length: the mean over its rows, then dropout and a linear layer."""

    def __init__(self):
        super().__init__()
        self.dropout, self.out = nn.Dropout(0.3), nn.Linear(3, 1)

    def forward(self, rows):
        return self.out(self.dropout(rows.mean(dim=1)))[:, 0]


class Killed(Exception):
    pass


@pytest.mark.parametrize("after", [3, 9, 20])
def test_lengths_fit_resumed_inside_an_epoch_equals_one_that_was_not_stopped(tmp_path, after):
    data = mixed(panel((200, 90), holes=range(25, 290, 25)))
    late = np.arange(len(data)) % 4 == 3
    train, valid = data.subset(~late), data.subset(late)
    asked = []

    def fit(stop=None, **more):
        def loss(found, wanted):
            if torch.is_grad_enabled() and stop is not None:
                asked.append(0)
                if len(asked) > stop:
                    raise Killed
            return functional.mse_loss(found, wanted)

        table = Training(epochs=3, batch=16, learning_rate=0.01, checkpoint_iterations=2, device="cpu")
        return train_network(
            LastRows, train, valid, (train.targets, valid.targets), loss, table, seed=1, **more
        )

    with pytest.raises(Killed):
        fit(after, checkpoint=tmp_path)
    resumed, whole = fit(checkpoint=tmp_path), fit()
    for one, other in zip(resumed[0].parameters(), whole[0].parameters(), strict=True):
        assert torch.equal(one, other)
    assert resumed[1] == whole[1]
    assert len(asked) == after + 1


def test_lengths_answers_stand_in_the_order_of_the_windows():
    data = mixed(panel())
    net = LastRows()
    found = predict_network(net, data, Training(device="cpu"))
    with torch.no_grad():
        for at in range(len(data)):
            own = torch.from_numpy(data.gather(np.array([at])))
            assert found[at] == pytest.approx(float(net.eval()(own)[0]), abs=1e-6)


# Models --------------------------------------------------------------------------------------------


def test_lengths_are_refused_by_exactly_the_nets_of_a_fixed_number_of_rows():
    assert {kind for kind in NETS if not class_of(kind).any_length} == FIXED


@pytest.mark.parametrize("kind", FREE)
def test_lengths_net_answers_a_short_window_from_its_own_rows(kind):
    data = mixed(panel((150, 80), holes=range(25, 230, 25)))
    model = model_of(kind)
    model.fit(data, data.subset(np.arange(40)), seed=0)

    def said(windows):
        answer = model.predict(windows)
        return answer.value if answer.value is not None else answer.p_up

    together = said(data)
    assert np.isfinite(together).all()
    short = np.flatnonzero(data.lengths < LOOKBACK)[:12]
    alone = np.concatenate([said(data.subset(np.array([at]))) for at in short])
    np.testing.assert_allclose(alone, together[short], rtol=0, atol=1e-6)
    for at, before in zip(short, together[short], strict=True):
        own, values = data.subset(np.array([at])), data.panel.values.copy()
        values[: own.starts[0]] = 9.0
        values[own.ends[0] + 1 :] = 9.0
        same = said(replace(own, panel=replace(data.panel, values=values)))
        np.testing.assert_allclose(same[0], before, rtol=0, atol=1e-6)
        values = values.copy()
        values[own.starts[0]] += 5.0
        other = said(replace(own, panel=replace(data.panel, values=values)))
        assert not np.array_equal(other[0], same[0]), "its first row should count"


def test_lengths_decision_row_has_one_position_whatever_stands_before_it():
    net = model_of("transformer_encoder").network(3, LOOKBACK, 1).eval()
    rows = torch.from_numpy(panel(holes=()).values[None, :4].copy())
    with torch.no_grad():
        before = net(rows)
        net.places[: LOOKBACK - 4] += 1.0
        assert torch.equal(net(rows), before)
        net.places[-1] += torch.arange(net.places.shape[1])
        assert not torch.equal(net(rows), before)


@pytest.mark.parametrize("kind", sorted(FIXED))
def test_lengths_of_fewer_rows_are_refused_by_nets_of_a_fixed_number(kind, bars):
    model = model_of(kind)
    wanted = f"{kind} reads exactly lookback = 8 rows, and windows of 3 are asked for"
    with pytest.raises(ConfigError, match=wanted):
        SHORT.run(kind, model, FEATURES.build(bars), bars)
    with pytest.raises(ConfigError, match=wanted):
        FittedModel.fit(kind, model, FEATURES, FEATURES.build(bars), bars, SHORT)
    data = mixed(panel())
    with pytest.raises(ConfigError, match=f"{kind} reads exactly"):
        model.fit(data, data)


def test_lengths_refused_by_a_member_are_refused_by_the_ensemble(bars):
    free, fixed = {"kind": "lstm", "epochs": 1}, {"kind": "mlp", "epochs": 1}
    assert Vote(members=[free, {"kind": "ridge"}]).any_length
    with pytest.raises(ConfigError, match="vote reads exactly"):
        SHORT.run("v", Vote(members=[free, fixed]), FEATURES.build(bars), bars)


def test_lengths_closes_of_training_begin_with_the_first_window():
    rows = panel((30, 1, 30), holes=(31, 32))
    data = mixed(rows)
    data = data.subset(data.ends != 1)
    found = dict(training_closes(data))
    assert set(found) == {"S0", "S2"}
    np.testing.assert_array_equal(found["S0"], np.log(rows.close[:30]))
    np.testing.assert_array_equal(found["S2"], np.log(rows.close[33:61]))


def test_lengths_importance_finds_the_feature_that_counts():
    data = mixed(panel((200, 150), holes=range(10, 350, 9)))
    assert len(set(data.lengths)) > 3
    model = Ridge()
    model.fit(data, data.subset(np.arange(20)))
    shuffled = np.random.default_rng(0).permutation(len(data))
    data = data.subset(shuffled)
    table = permutation_importance(model, data, data.targets.astype(float)).set_index("feature")
    assert table.index[0] == "return_1"
    said = model.predict(data).value.reshape(len(data))
    assert table["base"].iloc[0] == pytest.approx(np.abs(said - data.targets).mean(), rel=1e-6)


# Walk-forward --------------------------------------------------------------------------------------


@pytest.fixture
def market_of_two(market):
    """One symbol with a whole history, and one that is listed later."""
    old = market(rows=420)
    young = market(rows=420, seed=2, symbol=YOUNG).iloc[LISTED:]
    return Bars.from_frame(pd.concat([old, young]))


def rows_of(frame, symbol):
    return frame[frame["symbol"] == symbol].reset_index(drop=True)


WARM_UP = FEATURES.warm_up
MODELS = {
    "ridge": Ridge(),
    "lags": LightGBM(lags=[1, 5], trees=5, min_leaf=20),
    "rows": LSTM(hidden=[4], dense=3, epochs=2),
    "rolled": LSTM(hidden=[4], dense=3, epochs=2, context="rolled"),
    "last": LSTM(hidden=[4], dense=3, epochs=2, supervise="last", symbol_embedding=2),
    "transformer": model_of("transformer", epochs=2),
}
each_model = pytest.mark.parametrize("name", MODELS)


@each_model
def test_lengths_young_symbol_is_forecast_from_its_shortest_row_on(market_of_two, name):
    features, bars = FEATURES.build(market_of_two), market_of_two
    whole, short = (walk.run(name, MODELS[name], features, bars).frame for walk in (WALK, SHORT))
    listed = bars.sessions[LISTED:]
    assert rows_of(whole, YOUNG)["session"].iloc[0] == listed[WARM_UP + 8 - 1]
    found = rows_of(short, YOUNG)
    assert found["session"].tolist() == listed[WARM_UP + 3 - 1 :].tolist()
    said = found["expected_return"].fillna(found["p_up"]).to_numpy()
    assert np.isfinite(said).all()
    assert len(np.unique(said[:5])) > 1


@each_model
def test_lengths_forecast_is_the_same_whatever_comes_later(market_of_two, name):
    cut = market_of_two.sessions[LISTED + WARM_UP + 4]
    part = market_of_two.between(None, cut)
    found = SHORT.run(name, MODELS[name], FEATURES.build(part), part).frame
    whole = SHORT.run(name, MODELS[name], FEATURES.build(market_of_two), market_of_two).frame
    whole = whole[whole["session"] <= cut].reset_index(drop=True)
    assert len(rows_of(found, YOUNG)) == 3
    for column in ("symbol", "session", "fold", "fit_start", "fit_end"):
        assert found[column].tolist() == whole[column].tolist()
    for column in ("expected_return", "p_up"):
        np.testing.assert_allclose(found[column], whole[column], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["ridge", "rows", "last", "transformer"])
def test_lengths_shortest_of_the_lookback_changes_no_bit(market_of_two, name):
    features = FEATURES.build(market_of_two)
    same = WALK.model_copy(update={"shortest": WALK.lookback})
    one, other = (walk.run(name, MODELS[name], features, market_of_two).frame for walk in (WALK, same))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("name", ["lags", "last", "transformer"])
def test_lengths_trained_model_says_what_the_walk_forward_says(market_of_two, name, tmp_path):
    bars = market_of_two.between(None, market_of_two.sessions[LISTED + WARM_UP + 4])
    features = FEATURES.build(bars)
    fitted = FittedModel.fit(name, MODELS[name], FEATURES, features, bars, SHORT)
    fitted.save(tmp_path / "model")
    found = FittedModel.load(tmp_path / "model").predict(bars).frame
    walk = SHORT.model_copy(update={"start": bars.sessions[-1].date()})
    wanted = walk.run(name, MODELS[name], features, bars).frame
    assert set(found["symbol"]) == {SYMBOL, YOUNG}
    pd.testing.assert_frame_equal(
        found.drop(columns="fold"), wanted.drop(columns="fold"), check_exact=True
    )


def test_lengths_recursion_goes_on_from_a_short_window(market_of_two):
    known = market_of_two.between(None, market_of_two.sessions[LISTED])
    walk = SHORT.model_copy(update={"train": None})
    model = LSTM(hidden=[4], dense=3, epochs=2, target="close", supervise="last")
    fitted = FittedModel.fit("m", model, FEATURES, FEATURES.build(known), known, walk)
    at = market_of_two.sessions[LISTED + WARM_UP + 3 - 1]
    found = recursive_forecasts(fitted, market_of_two, steps=8, every=None, start=at).frame
    own = rows_of(found, YOUNG)
    assert np.isfinite(own["price_close"]).all()
    first = rows_of(fitted.predict(market_of_two, sessions=[at]).frame, YOUNG)
    assert own["price_close"][0] == first["price_close"][0]
    # the second step sees one row more than the first: the bar is appended by hand.
    frame = market_of_two.between(None, at).select([YOUNG]).frame.reset_index()
    row = frame.iloc[-1:].assign(session=market_of_two.sessions[LISTED + WARM_UP + 3])
    row[["open", "high", "low", "close"]] = own["price_close"][0]
    longer = Bars.from_frame(pd.concat([frame, row], ignore_index=True))
    second = fitted.predict(longer).frame["price_close"][0]
    assert own["price_close"][1] == pytest.approx(second, rel=1e-6)


def test_lengths_fold_counts_training_from_the_first_row_of_a_short_window(market_of_two):
    bars = market_of_two.select([SYMBOL])
    table = fold_table(FEATURES.build(bars), bars, 1, 8, shortest=3)
    walk = SHORT.model_copy(update={"train": None})
    fold = walk.folds(table)[0]
    assert table.first_complete == WARM_UP + 3 - 1
    assert fold.train[0] == WARM_UP + 3 - 1
    assert pd.Timestamp(fold.fit_start) == bars.sessions[WARM_UP]


def test_lengths_tuning_is_planned_with_the_shortest_windows(market_of_two):
    features = FEATURES.build(market_of_two)
    first, later = (first_forecast(walk, features, market_of_two) for walk in (SHORT, WALK))
    sessions = market_of_two.sessions
    assert sessions.get_loc(later) - sessions.get_loc(first) == WALK.lookback - SHORT.shortest
    plans = [Validation.plan(walk, features, market_of_two, 1) for walk in (SHORT, WALK)]
    assert plans[0].window[0] < plans[1].window[0]
    scores = [list(plan.scores(Ridge())) for plan in plans]
    assert np.isfinite(scores).all()
    assert scores[0] != scores[1]


def test_lengths_shortest_above_the_lookback_is_refused():
    with pytest.raises(ValueError, match="at least 9 rows and has 8 at most"):
        WalkForward(lookback=8, shortest=9)


def test_lengths_fixed_net_takes_a_shortest_of_the_lookback(bars):
    walk = WALK.model_copy(update={"shortest": 8, "refit_every": 400})
    assert len(walk.run("m", MLP(hidden=[3], epochs=1), FEATURES.build(bars), bars).frame)
