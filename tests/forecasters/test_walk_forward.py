import inspect
from datetime import date
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from pydantic import PrivateAttr

from qushi.core import QUIET, Bars, ConfigError, DataError, FitError, Forecasts, LookAheadError
from qushi.forecasters import (
    FeatureSet,
    Forecaster,
    Prediction,
    Targeted,
    WalkForward,
    _checkpoints,
    _folds,
    _walker,
    make_labels,
    make_targets,
)
from qushi.forecasters import walk_forward as runner
from qushi.forecasters.models.drift import Drift
from qushi.forecasters.models.logistic import Logistic
from qushi.forecasters.models.lstm import LSTM
from qushi.forecasters.models.mlp import MLP

FEATURES = FeatureSet(returns=[1, 3], volatility=[5], volume=[], indicators=[])
SMALL = {"lookback": 4, "min_train": 100, "valid": 30, "refit_every": 80}


class Spy(Forecaster):
    """Keeps what each fit was given; optionally stops like a person at the keyboard, or fails."""

    fail: bool = False
    _fits: list = PrivateAttr(default_factory=list)
    _stop_at: int = PrivateAttr(-1)

    def model_copy(self, *, update=None, deep=False):
        return self  # what every copy saw is looked at in one place

    def fit(self, train, valid, *, seed=0, progress=QUIET, checkpoint=None):
        if len(self._fits) == self._stop_at:
            raise KeyboardInterrupt
        if self.fail:
            raise FitError("no luck")
        self._fits.append((train, valid))

    def predict(self, windows):
        return Prediction(value=windows.last()[:, 0].astype(float))


@pytest.fixture
def features(bars):
    return FEATURES.build(bars)


@pytest.mark.parametrize(
    "settings",
    [
        SMALL,
        {**SMALL, "horizon": 5},
        {**SMALL, "valid": 0},
        {**SMALL, "train": 120, "embargo": 7},
        {**SMALL, "start": "2011-06-01", "end": "2012-03-01", "horizon": 3},
    ],
)
@pytest.mark.parametrize("market_name", ["bars", "two_symbols"])
def test_folds_hold_only_labels_that_were_known(request, market_name, settings):
    bars = request.getfixturevalue(market_name)
    walk = WalkForward(**settings)
    spy = Spy()
    found = walk.run("spy", spy, FEATURES.build(bars), bars).frame
    labels = make_labels(bars, walk.horizon)
    sessions = bars.sessions
    for fold, (train, valid) in enumerate(spy._fits):
        rows = found[found["fold"] == fold]
        first = rows["session"].min()
        ends = {}
        for name, part in (("train", train), ("valid", valid)):
            keys = list(zip(part.symbols, part.sessions, strict=True))
            own = labels.loc[keys]
            np.testing.assert_allclose(part.targets, own["label"], rtol=1e-6)
            ends[name] = own["label_end"].max()
        limit = sessions[sessions.get_loc(first) - walk.embargo]
        assert ends["train"] <= limit
        assert train.panel.sessions.max() <= limit
        if walk.valid:
            assert ends["valid"] <= limit
            assert ends["train"] <= valid.sessions.min()
            assert len(np.unique(valid.sessions)) <= walk.valid
            assert valid.sessions.min() > train.sessions.max()
        else:
            assert len(valid) == 0
        used = [e for e in ends.values() if not pd.isna(e)]
        assert (rows["fit_end"] == max(used)).all()
        assert (rows["fit_end"] <= rows["session"]).all()
        assert (rows["fit_start"] <= train.sessions.min()).all()
        assert len(np.unique(train.sessions)) >= walk.min_train or walk.start is None
        if walk.train:
            assert len(np.unique(train.sessions)) <= walk.train
    if walk.train:
        assert len(np.unique(spy._fits[-1][0].sessions)) == walk.train


def test_first_fold_has_exactly_the_least_training_and_no_earlier_session_would_do(bars, features):
    spy = Spy()
    WalkForward(**SMALL).run("spy", spy, features, bars)
    train, valid = spy._fits[0]
    assert len(train) == SMALL["min_train"]
    assert len(valid) == SMALL["valid"]


def test_run_forecasts_every_session_to_the_last_bar(bars, features):
    found = WalkForward(**SMALL).run("spy", Spy(), features, bars).frame
    at = bars.sessions
    expected = at[at >= found["session"].min()]
    assert found["session"].tolist() == expected.tolist()
    assert found.groupby("fold").size().iloc[:-1].tolist() == [80] * (found["fold"].max())


def test_run_forecasts_only_from_start_to_end(bars, features):
    walk = WalkForward(**SMALL, start="2011-06-01", end="2011-08-31")
    found = walk.run("spy", Spy(), features, bars).frame["session"]
    assert (found.min(), found.max()) == (pd.Timestamp("2011-06-01"), pd.Timestamp("2011-08-31"))


def test_suspended_rows_get_no_forecast(two_symbols):
    found = WalkForward(**SMALL).run("spy", Spy(), FEATURES.build(two_symbols), two_symbols).frame
    suspended = two_symbols.frame.index[two_symbols.frame["suspended"]]
    keys = pd.MultiIndex.from_frame(found[["symbol", "session"]])
    assert not keys.isin(suspended).any()
    assert set(found["symbol"]) == set(two_symbols.symbols)


def test_models_see_standardised_rows_of_training(bars, features):
    spy = Spy()
    WalkForward(**SMALL).run("spy", spy, features, bars)
    train, _ = spy._fits[0]
    rows = np.unique(train.ends[:, None] + np.arange(1 - train.lookback, 1))
    seen = train.panel.values[rows].astype(float)
    np.testing.assert_allclose(seen.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(seen.std(axis=0), 1.0, atol=1e-5)


def test_models_are_told_the_horizon(bars, features):
    spy = Spy()
    WalkForward(**{**SMALL, "horizon": 5}).run("spy", spy, features, bars)
    assert {windows.horizon for fit in spy._fits for windows in fit} == {5}


def test_scaler_ignores_everything_after_training(bars, features):
    walk = WalkForward(**SMALL)
    table = _folds.fold_table(features, bars, walk.horizon, walk.lookback)
    fold = walk.folds(table)[1]
    before = _walker.fit_scaler(table, fold, walk)
    later = table.session > table.session[fold.train].max()
    table.unscaled[later] *= 1000.0
    after = _walker.fit_scaler(table, fold, walk)
    np.testing.assert_array_equal(before.centre, after.centre)
    np.testing.assert_array_equal(before.scale, after.scale)
    assert before.end == table.session[fold.train].max()


def test_planted_scaler_that_saw_everything_is_caught(monkeypatch, bars, features):
    def leaking(table, fold, settings, symbol):
        return _walker.Scaler.fit(table.unscaled, table.names, table.session)

    monkeypatch.setattr(_walker, "fit_scaler", leaking)
    with pytest.raises(LookAheadError, match="scaler saw"):
        WalkForward(**SMALL).run("spy", Spy(), features, bars)


@pytest.mark.parametrize("valid", [0, 30])
def test_planted_purge_by_label_start_is_caught(monkeypatch, bars, features, valid):
    def by_start(table, session):
        return table.session <= session

    monkeypatch.setattr(_folds, "ends_by", by_start)
    monkeypatch.setattr(_folds, "purge_of", lambda horizon: 0)
    with pytest.raises(LookAheadError, match="training label ends"):
        WalkForward(**{**SMALL, "valid": valid}).run("spy", Spy(), features, bars)


def test_purge_by_label_end_alone_keeps_labels_that_a_suspension_moved_out(monkeypatch, two_symbols):
    """Counting h + 1 sessions from the start is not enough once a symbol did not trade."""
    features = FEATURES.build(two_symbols)
    walk = WalkForward(**{**SMALL, "refit_every": 1, "valid": 0})
    walk.run("spy", Spy(), features, two_symbols)
    monkeypatch.setattr(_folds, "ends_by", lambda table, session: table.session <= session)
    with pytest.raises(LookAheadError):
        walk.run("spy", Spy(), features, two_symbols)


def test_interrupted_run_goes_on_where_it_stopped(tmp_path, bars, features):
    walk = WalkForward(**SMALL)
    stopped = Spy()
    stopped._stop_at = 3
    with pytest.raises(KeyboardInterrupt):
        walk.run("spy", stopped, features, bars, checkpoint=tmp_path)
    assert len(list(tmp_path.rglob("fold-*.parquet"))) == 3
    spy = Spy()
    resumed = walk.run("spy", spy, features, bars, checkpoint=tmp_path)
    whole = walk.run("spy", Spy(), features, bars)
    assert len(spy._fits) == len(whole.frame["fold"].unique()) - 3
    pd.testing.assert_frame_equal(resumed.frame, whole.frame)
    again = Spy()
    walk.run("spy", again, features, bars, checkpoint=tmp_path)
    assert again._fits == []


def test_run_interrupted_within_a_fit_resumes_there_and_ends_up_the_same(tmp_path, bars, features):
    class Stops:
        left = 7  # four epochs and the end of the first fold, then two epochs of the second

        def begin(self, task, total):
            pass

        def advance(self, task, steps=1):
            self.left -= steps
            if self.left == 0 and steps:
                raise KeyboardInterrupt

        def note(self, message):
            pass

    walk = WalkForward(**SMALL)
    net = LSTM(hidden=[4], dense=2, epochs=4)
    with pytest.raises(KeyboardInterrupt):
        walk.run("net", net, features, bars, checkpoint=tmp_path, progress=Stops())
    assert len(list(tmp_path.rglob("training.safetensors"))) == 1
    resumed = walk.run("net", net, features, bars, checkpoint=tmp_path)
    assert not list(tmp_path.rglob("training.safetensors"))
    pd.testing.assert_frame_equal(resumed.frame, walk.run("net", net, features, bars).frame)


@pytest.mark.parametrize("changed", ["seed", "model", "walk", "features", "bars"])
def test_fold_of_another_run_is_never_taken(tmp_path, market, bars, features, changed):
    walk = WalkForward(**SMALL)
    key = runner.fit_key(Drift(), walk, features, bars, 0)
    other = {
        "seed": (Drift(), walk, features, bars, 1),
        "model": (Logistic(), walk, features, bars, 0),
        "walk": (Drift(), WalkForward(**{**SMALL, "embargo": 1}), features, bars, 0),
        "features": (Drift(), walk, FeatureSet(indicators=[]).build(bars), bars, 0),
        "bars": (Drift(), walk, features, Bars.from_frame(market(seed=8)), 0),
    }[changed]
    assert runner.fit_key(*other) != key
    assert runner.fit_key(Drift(), WalkForward(**SMALL), FEATURES.build(bars), bars, 0) == key


@pytest.mark.parametrize(
    "part", ["_folds.py", "labels.py", "scaling.py", "windows.py", "walk_forward.py", "_walker.py"]
)
def test_fold_of_another_walk_forward_code_is_never_taken(monkeypatch, bars, features, part):
    walk = WalkForward(**SMALL)
    key = runner.fit_key(Drift(), walk, features, bars, 0)
    read = inspect.getsource
    monkeypatch.setattr(
        inspect, "getsource", lambda of: read(of) + ("#" if inspect.getfile(of).endswith(part) else "")
    )
    assert runner.fit_key(Drift(), walk, features, bars, 0) != key


def test_forecaster_given_to_a_run_stays_unfitted(bars, features):
    model = Drift()
    WalkForward(**SMALL).run("drift", model, features, bars)
    assert model.state() == {}


def test_failing_fit_raises_and_leaves_no_fold(tmp_path, bars, features):
    with pytest.raises(FitError, match="no luck"):
        WalkForward(**SMALL).run("spy", Spy(fail=True), features, bars, checkpoint=tmp_path)
    assert not list(tmp_path.rglob("*.parquet"))


def test_progress_counts_the_folds(bars, features):
    class Listener:
        def __init__(self):
            self.totals, self.steps = {}, {}

        def begin(self, task, total):
            self.totals[task] = total

        def advance(self, task, steps=1):
            self.steps[task] = self.steps.get(task, 0) + steps

        def note(self, message):
            pass

    listener = Listener()
    found = WalkForward(**SMALL).run("spy", Spy(), features, bars, progress=listener)
    assert listener.totals == listener.steps == {"spy (seed 0)": found.frame["fold"].nunique()}


def test_run_is_valid_forecasts_of_that_model_and_seed(bars, features):
    found = WalkForward(**SMALL, horizon=2).run("mine", Drift(), features, bars, seed=3)
    assert isinstance(found, Forecasts)
    assert found.models == ("mine",)
    assert found.seeds("mine") == (3,)
    assert set(found.frame["horizon"]) == {2}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_train": 5000}, r"too short a history: the first forecast needs .* there are 700"),
        ({"lookback": 2000}, "too short a history for the windows"),
        ({**SMALL, "start": "2010-03-01"}, "start on .* or later"),
        ({**SMALL, "start": "2030-01-01"}, "after the last bar"),
        ({**SMALL, "start": "2011-06-01", "end": "2011-06-01", "lookback": 4, "embargo": 300}, "short"),
        ({**SMALL, "end": "2010-02-01"}, "nothing to forecast"),
    ],
)
def test_run_without_enough_history_says_what_is_needed(bars, features, settings, message):
    with pytest.raises(DataError, match=message):
        WalkForward(**settings).run("spy", Spy(), features, bars)


def test_start_that_the_message_proposes_is_accepted(bars, features):
    with pytest.raises(DataError) as caught:
        WalkForward(**SMALL, start="2010-03-01").run("spy", Spy(), features, bars)
    proposed = str(caught.value).split("start on ")[1].split(" ")[0]
    found = WalkForward(**SMALL, start=proposed).run("spy", Spy(), features, bars).frame
    assert str(found["session"].min().date()) == proposed
    assert (
        found["session"].min()
        == WalkForward(**SMALL).run("spy", Spy(), features, bars).frame["session"].min()
    )


def test_features_of_other_bars_raise(bars, market):
    other = FEATURES.build(Bars.from_frame(market(rows=500)))
    with pytest.raises(DataError, match="do not belong"):
        WalkForward(**SMALL).run("spy", Spy(), other, bars)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"train": 100, "min_train": 200}, "below min_train"),
        ({"start": "2020-01-01", "end": "2019-01-01"}, "before they start"),
        ({"refit_evry": 5}, "did you mean 'refit_every'"),
    ],
)
def test_settings_that_contradict_themselves_are_config_errors(table, message):
    with pytest.raises(ConfigError, match=message):
        WalkForward.parse(table, "[walk_forward]")


def test_fold_key_follows_the_versions_of_the_libraries(monkeypatch, bars, features):
    job = (Drift(), WalkForward(**SMALL), features, bars, 0)
    key = runner.fit_key(*job)
    assert key == runner.fit_key(*job)
    monkeypatch.setattr(_checkpoints, "version", lambda name: "0.0.0")
    assert key != runner.fit_key(*job)


class Every(Targeted, Spy):
    """Answers for all steps and targets at once with what its training windows were told."""

    multi_output: ClassVar[bool] = True

    def predict(self, windows):
        steps, outputs = len(windows.steps), len(self.targets)
        value = np.arange(steps * outputs, dtype=float).reshape(steps, outputs) / 100
        return Prediction(value=np.broadcast_to(value, (len(windows), steps, outputs)))


def test_all_steps_are_forecast_at_once_by_a_model_that_can(bars, features):
    walk = WalkForward(**SMALL, horizon=3, steps="all")
    every = Every()
    found = walk.run("every", every, features, bars)
    assert found.horizons == (1, 2, 3)
    train, _ = every._fits[0]
    labels = make_targets(bars, ["return"], [1, 2, 3])[:, :, 0]
    at = bars.frame.index.get_indexer(pd.MultiIndex.from_arrays([train.symbols, train.sessions]))
    np.testing.assert_array_equal(train.paths[:, :, 0], labels[at].astype(np.float32))
    np.testing.assert_array_equal(train.targets, train.paths[:, -1, 0])
    by_step = found.frame.groupby("horizon")["expected_return"].unique()
    assert [v.tolist() for v in by_step] == [[0.0], [0.01], [0.02]]
    assert set(found.longest().frame["horizon"]) == {3}


def test_all_steps_are_fitted_one_by_one_for_a_model_that_cannot(bars, features):
    walk = WalkForward(**SMALL, horizon=2, steps="all")
    spy = Spy()
    found = walk.run("spy", spy, features, bars).frame
    horizons = [train.horizon for train, _ in spy._fits]
    assert horizons == [1, 2] * found["fold"].nunique()
    train = spy._fits[0][0]
    one = make_labels(bars, 1)["label"].to_numpy()
    at = bars.frame.index.get_indexer(pd.MultiIndex.from_arrays([train.symbols, train.sessions]))
    np.testing.assert_array_equal(train.targets, one[at].astype(np.float32))
    assert found.groupby("horizon").size().nunique() == 1


def test_one_model_a_symbol_sees_that_symbol_alone(two_symbols):
    spy = Spy()
    walk = WalkForward(**SMALL, pool="symbol")
    found = walk.run("spy", spy, FEATURES.build(two_symbols), two_symbols).frame
    assert all(len(set(train.panel.symbols)) == 1 for train, _ in spy._fits)
    assert {train.symbols[0] for train, _ in spy._fits} == set(two_symbols.symbols)
    rows = spy._fits[0][0]
    at = np.unique(rows.ends[:, None] + np.arange(1 - rows.lookback, 1))
    np.testing.assert_allclose(rows.panel.values[at].astype(float).mean(axis=0), 0, atol=1e-5)
    assert set(found["symbol"]) == set(two_symbols.symbols)


def test_prices_and_volumes_are_stated_as_traded_on_the_decision_session(bars, features):
    frame = bars.frame.reset_index().assign(factor=3.0)
    split = Bars.from_frame(frame)
    every = Every(target=["close", "volume", "volatility"])
    found = WalkForward(**SMALL).run("every", every, FEATURES.build(split), split).frame
    row = found.iloc[7]
    bar = split.frame.loc[(row["symbol"], row["session"])]
    assert row["target"] == "close"
    assert row["expected_return"] == 0.0
    assert row["price_close"] == pytest.approx(bar["close"])
    assert row["volume"] == pytest.approx(bar["volume"] * np.exp(0.01))
    assert row["volatility"] == 0.02


def test_several_targets_are_refused_by_a_model_that_answers_one(bars):
    class One(Targeted, Spy):
        pass

    with pytest.raises(ConfigError, match="one target at a time"):
        One.parse({"target": ["close", "high"]}, "[m]")
    with pytest.raises(ConfigError, match="stands alone"):
        Every.parse({"target": ["close", "trend"]}, "[m]")
    with pytest.raises(ConfigError, match="every target once"):
        Every.parse({"target": ["close", "close"]}, "[m]")


class Warm(Forecaster):
    """Counts its fits, and whether the last fold's count was still there."""

    _count: int = PrivateAttr(0)

    @property
    def warm(self):
        return True

    def fit(self, train, valid, *, seed=0, progress=QUIET, checkpoint=None):
        self._count += 1

    def predict(self, windows):
        return Prediction(value=np.full(len(windows), float(self._count)))

    def state(self):
        return {"count": np.array([self._count])}

    def restore(self, state):
        self._count = int(state["count"][0])


def test_warm_model_goes_on_from_the_fold_before_also_after_an_interruption(
    tmp_path, monkeypatch, bars, features
):
    walk = WalkForward(**SMALL)
    whole = walk.run("warm", Warm(), features, bars).frame
    assert (whole["expected_return"] == whole["fold"] + 1).all()
    fit = Warm.fit

    def stops(self, *args, **kwargs):
        if self._count == 2:
            raise KeyboardInterrupt
        fit(self, *args, **kwargs)

    monkeypatch.setattr(Warm, "fit", stops)
    with pytest.raises(KeyboardInterrupt):
        walk.run("warm", Warm(), features, bars, checkpoint=tmp_path)
    monkeypatch.setattr(Warm, "fit", fit)
    resumed = walk.run("warm", Warm(), features, bars, checkpoint=tmp_path).frame
    pd.testing.assert_frame_equal(resumed, whole)


class Pretrained(Spy):
    contaminated: bool = False

    @property
    def knows_until(self):
        return date(2012, 1, 4)


def test_pretrained_model_is_not_scored_on_what_it_may_have_seen(bars, features):
    walk = WalkForward(**SMALL)
    with pytest.raises(FitError, match="knowledge cut-off, or set contaminated = true"):
        walk.run("old", Pretrained(), features, bars)
    stamped = walk.run("old", Pretrained(contaminated=True), features, bars).frame
    assert (stamped["contaminated"] == (stamped["session"] <= "2012-01-04")).all()
    assert stamped["contaminated"].nunique() == 2
    clean = WalkForward(**SMALL, start="2012-01-05").run("old", Pretrained(), features, bars).frame
    assert not clean["contaminated"].any()


def test_walk_keeps_losses_seconds_and_the_last_model_when_asked(tmp_path, bars, features):
    walk = WalkForward(**SMALL)
    net = LSTM(hidden=[4], dense=2, epochs=3)
    found = walk.walk("net", net, features, bars, seed=5, checkpoint=tmp_path, keep_last=True)
    fits = found.fits
    assert list(fits.columns) == list(_walker.FITS)
    folds = found.forecasts.frame["fold"].unique()
    assert sorted(fits["fold"].unique()) == sorted(folds)
    assert (fits.groupby("fold")["best"].sum() == 1).all()
    assert fits[["train_loss", "valid_loss"]].notna().all(axis=None)
    assert (fits["seconds"] > 0).all()
    again = walk.walk("net", net, features, bars, seed=5, checkpoint=tmp_path, keep_last=True)
    pd.testing.assert_frame_equal(again.fits, fits)
    rows = found.forecasts.frame[found.forecasts.frame["fold"] == folds[-1]]
    for last in (found.last, again.last):
        answers = last.model.predict(last.windows).value.reshape(-1)
        np.testing.assert_array_equal(np.sort(answers), np.sort(rows["expected_return"]))
    labels = make_labels(bars).loc[list(zip(last.windows.symbols, last.windows.sessions, strict=True))]
    np.testing.assert_array_equal(found.last.label, labels["label"])


def test_model_that_learned_elsewhere_starts_anew(bars, features):
    walk = WalkForward(**SMALL)
    net = LSTM(hidden=[4], dense=2, epochs=2)
    expected = walk.run("net", net, features, bars)
    found = walk.walk("net", net, features, bars, keep_last=True)
    learned = found.last.model
    assert learned.state()
    pd.testing.assert_frame_equal(walk.run("net", learned, features, bars).frame, expected.frame)


def test_recursive_steps_are_the_models_own_continuation_fold_by_fold(bars, features):
    walk = WalkForward(**SMALL, horizon=3, steps="recursive")
    net = MLP(hidden=[4], epochs=2, target="close")
    found = walk.walk("net", net, features, bars, feature_set=FEATURES).forecasts
    assert found.horizons == (1, 2, 3)
    one = found.frame[found.frame["horizon"] == 1].reset_index(drop=True)
    start = one["session"].iloc[0]
    early = bars.between(None, one["session"].iloc[SMALL["refit_every"] - 1])
    again = walk.walk("net", net, FEATURES.build(early), early, feature_set=FEATURES).forecasts.frame
    same = found.frame[found.frame["fold"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, same)
    table = _folds.fold_table(features, bars, 3, walk.lookback, ("close",), (1,))
    fold = walk.folds(table)[0]
    scaler = _walker.fit_scaler(table, fold, walk)
    known = table.panel(scaler, fold.known_until)
    windows = [
        known.windows(rows, walk.lookback, with_targets=True) for rows in (fold.train, fold.valid)
    ]
    model = net.model_copy(deep=True)
    model.fit(*windows)
    asked = table.panel(scaler, fold.last).windows(fold.test, walk.lookback, with_targets=False)
    first = same[same["horizon"] == 1]
    np.testing.assert_allclose(first["expected_return"], model.predict(asked).value.ravel(), atol=1e-6)
    closes = bars.one(bars.symbols[0]).loc[start, "close"]
    assert first["price_close"].iloc[0] == pytest.approx(
        closes * np.exp(first["expected_return"].iloc[0])
    )


def test_recursive_steps_of_another_target_are_refused(bars, features):
    walk = WalkForward(**SMALL, horizon=3, steps="recursive")
    with pytest.raises(ConfigError, match="needs a model of the next close"):
        walk.walk("net", MLP(hidden=[4]), features, bars, feature_set=FEATURES)
    with pytest.raises(ConfigError, match="give feature_set"):
        walk.run("net", MLP(hidden=[4], target="close"), features, bars)
