"""Ensembles: each against its members' answers put together by hand, and stacking against a spy."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import PrivateAttr
from sklearn.linear_model import Ridge as Regression

from qushi.app.config import parse_experiment, read_experiment
from qushi.core import ConfigError, DataError, FitError
from qushi.core.extensions import build
from qushi.forecasters import FeatureSet, Forecaster, Prediction, WalkForward
from qushi.forecasters.base import Targeted
from qushi.forecasters.models._linear import fit_nonnegative
from qushi.forecasters.models.drift import Drift
from qushi.forecasters.models.lightgbm import LightGBM
from qushi.forecasters.models.logistic import Logistic
from qushi.forecasters.models.mean import Mean
from qushi.forecasters.models.momentum import Momentum
from qushi.forecasters.models.ridge import Ridge
from qushi.forecasters.models.stacking import Stacking, split
from qushi.forecasters.models.vote import Vote
from qushi.forecasters.windows import Panel, Windows

HERE = f"{__name__}:"
TREES = {"kind": "lightgbm", "trees": 4, "min_leaf": 10}
SIZES = (240, 160)


def windows(signal=0.1, horizon=1, seed=0, steps=(), outputs=1, lookback=3):
    """Two symbols; the label of a row is `signal` times its first feature, with noise."""
    random = np.random.default_rng(seed)
    rows = sum(SIZES)
    panel = Panel(
        random.normal(size=(rows, 3)).astype(np.float32),
        ("a", "b", "c"),
        100 * np.exp(np.cumsum(random.normal(0, 0.02, rows))),
        np.repeat(np.array(["A", "B"], dtype=object), SIZES),
        np.concatenate([np.arange(n) for n in SIZES]).astype("datetime64[D]"),
        np.repeat([0, SIZES[0]], SIZES).astype(np.int64),
    )
    # The label of row r needs row r + horizon + 1.
    ends = np.r_[lookback : SIZES[0] - horizon - 1, SIZES[0] + lookback : rows - horizon - 1]
    noise = random.normal(0, 0.03, (len(ends), max(len(steps), 1), outputs))
    paths = (signal * panel.values[ends, 0][:, None, None] + noise).astype(np.float32)
    return Windows(panel, ends.astype(np.int64), lookback, paths[:, -1, 0], horizon, paths, steps)


def parts(**more):
    """Training, validation and test, by session, without the labels that reach over."""
    data = windows(**more)
    day = data.sessions.astype(int)
    train, valid = data.subset(day < 100), data.subset((day >= 107) & (day < 127))
    return train, valid, replace(data.subset(day >= 140), targets=None, paths=None)


def fitted(model, train, valid, **more):
    model.fit(train, valid, **more)
    return model


def table(model):
    return {"kind": model.kind, **model.model_dump(mode="json")}


class Says(Targeted, Forecaster):
    """Answers with a formula, whatever it was taught: features a, b and d, c = 1 and n = NaN."""

    value: str = ""
    up: str = ""
    down: str = ""
    levels: tuple[float, ...] = ()
    _seed: int = PrivateAttr(0)

    stochastic = False

    def fit(self, train, valid, *, seed=0, progress=None, checkpoint=None):
        self._seed = seed

    def predict(self, windows):
        a, b, d = windows.last().astype(float).T
        c = np.ones(len(windows))
        names = {"a": a, "b": b, "d": d, "c": c, "n": np.full(len(windows), np.nan), "np": np}
        found = {k: eval(v, names) for k, v in (("value", self.value), ("p_up", self.up)) if v}
        found |= {"p_down": eval(self.down, names)} if self.down else {}
        if self.levels:
            spread = np.array(self.levels) - 0.5
            found |= {"quantiles": (found["value"][:, None] + spread)[:, None], "levels": self.levels}
        return Prediction(**found)


def says(**settings):
    return {"kind": f"{HERE}Says", **settings}


# Members and settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([{"kind": "ridge"}, {"kind": "rigde"}], r"member 2: unknown Forecaster kind 'rigde': did you"),
        ([{"kind": "ridge", "penalti": 1}], r"member 1 \(kind 'ridge'\): unknown key 'penalti'"),
        ([{"kind": "ridge"}, {"penalty": 1}], r"member 2: the key 'kind' is missing"),
        ([{"kind": "ridge"}, "drift"], r"member 2 must be a table with a 'kind', received 'drift'"),
        ([{"kind": "mean", "members": [{"kind": "x"}]}], r"member 1 .*: member 1: unknown Forecaster"),
        ([{"kind": "ridge", "target": "close"}, {"kind": "drift"}], r"member 2 \(drift\) forecasts 're"),
        (
            [{"kind": "logistic"}, {"kind": "logistic", "target": "direction", "band": 0.01}],
            r"'trend' with a band of 0 and 'direction' with a band of 0\.01: their probabilities",
        ),
        ([], "at least 1 item"),
    ],
)
@pytest.mark.parametrize("kind", ["mean", "vote", "stacking"])
def test_bad_member_is_one_sentence_that_names_it(kind, members, message):
    with pytest.raises(ConfigError, match=message) as caught:
        build("qushi.forecasters.models", {"kind": kind, "members": members}, Forecaster, "[here]")
    assert str(caught.value).startswith("[here]")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["mean", "vote", "stacking"])
def test_members_survive_an_experiment_file_written_and_read(kind, tmp_path):
    members = [
        {"kind": "ridge", "name": "plain", "penalty": 2.0},
        TREES,
        {"kind": "mean", "seeds": 2, "members": [{"kind": "drift"}, {"kind": "sma", "window": 7}]},
    ]
    table = {
        "name": "trial",
        "bars": {"kind": "csv", "folder": str(tmp_path), "adjustment": "raw", "symbols": ["000300.SH"]},
        "forecasters": [{"kind": kind, "seeds": 3, "members": members}],
    }
    one = parse_experiment(table)
    file = tmp_path / "again.toml"
    file.write_text(one.to_toml(), encoding="utf-8")
    other = read_experiment(file)
    assert other.forecasters == one.forecasters
    model = other.forecasters[0][1]
    assert model.seeds == 3
    assert model.members[0] == {"kind": "ridge", "name": "plain", **Ridge(penalty=2.0).model_dump()}
    assert model.members[2]["members"][1]["window"] == 7


def test_members_may_be_given_as_models():
    model = Mean(members=[Ridge(penalty=2.0), Drift()])
    assert model == Mean(members=[{"kind": "ridge", "penalty": 2.0}, {"kind": "drift"}])


def test_ensemble_is_what_its_members_are():
    plain, trees = Mean(members=[{"kind": "ridge"}]), Mean(members=[{"kind": "ridge"}, TREES])
    assert (plain.stochastic, plain.multi_output) == (False, True)
    assert (trees.stochastic, trees.multi_output) == (True, False)
    assert Mean(members=[{"kind": "ridge", "target": ["open", "close"]}]).targets == ("open", "close")
    assert Mean(members=[{"kind": "logistic"}]).targets == ("trend",)
    assert Mean(members=[{"kind": "logistic"}, {"kind": "drift"}]).targets == ("return",)
    direction = {"kind": "logistic", "target": "direction", "band": 0.02}
    assert Mean(members=[direction, {"kind": "drift"}]).band == 0.02
    assert not plain.warm
    assert plain.knows_until is None


class Knowing(Says):
    """A pre-trained model, as far as the walk-forward can tell."""

    until: str = "2020-01-01"
    contaminated: bool = False

    @property
    def knows_until(self):
        return np.datetime64(self.until).item()


def test_ensemble_knows_what_its_latest_member_knows():
    tables = [
        {"kind": f"{HERE}Knowing", "value": "a", "until": until}
        for until in ("2019-01-01", "2021-05-01")
    ]
    model = Mean(members=[{"kind": "ridge"}, *tables])
    assert str(model.knows_until) == "2021-05-01"
    assert not model.contaminated
    assert Mean(members=[{**t, "contaminated": True} for t in tables]).contaminated


@pytest.mark.parametrize("cls", [Mean, Vote, Stacking])
def test_ensemble_refuses_to_predict_before_it_has_learned(cls):
    with pytest.raises(DataError, match="after fit only"):
        cls(members=[{"kind": "ridge"}]).predict(windows())


def test_member_that_cannot_be_fitted_is_named():
    train, valid, _ = parts()
    with pytest.raises(FitError, match=r"member 2 \(short\): no training window has 999 returns"):
        Mean(members=[{"kind": "ridge"}, {"kind": "sign_bayes", "signs": 999, "name": "short"}]).fit(
            train, valid
        )


# Fits: seeds, warm starts, checkpoints, state ------------------------------------------------------


def test_one_member_over_seeds_is_the_mean_of_its_fits():
    train, valid, test = parts()
    found = fitted(Mean(members=[TREES], seeds=3), train, valid, seed=5).predict(test).value
    alone = [
        fitted(LightGBM(trees=4, min_leaf=10), train, valid, seed=s).predict(test).value
        for s in (15, 16, 17)
    ]
    np.testing.assert_allclose(found, np.mean(alone, axis=0), rtol=1e-12)
    assert (found != alone[0]).any()
    again = fitted(Mean(members=[TREES], seeds=3), train, valid, seed=5).predict(test).value
    np.testing.assert_array_equal(found, again)
    other = fitted(Mean(members=[TREES], seeds=3), train, valid, seed=6).predict(test).value
    assert (found != other).any()


def test_seeds_do_not_give_a_member_more_weight():
    train, valid, test = parts()
    model = fitted(Mean(members=[TREES, {"kind": "ridge"}], seeds=3), train, valid)
    trees = fitted(Mean(members=[TREES], seeds=3), train, valid).predict(test).value
    ridge = fitted(Ridge(), train, valid).predict(test).value
    np.testing.assert_allclose(model.predict(test).value, (trees + ridge) / 2, rtol=1e-12)
    assert model.state()["fits"].tolist() == [3, 1]


class Counting(Says):
    """Answers with the number of fits it has behind it, and notes where it was fitted."""

    value: str = "a"
    goes_on: bool = True
    _fits: int = PrivateAttr(0)

    stochastic = True

    @property
    def warm(self):
        return self.goes_on

    def fit(self, train, valid, *, seed=0, progress=None, checkpoint=None):
        self._fits += 1
        progress.begin("counting", 2)
        progress.advance("counting")
        (checkpoint / "kept").mkdir(parents=True)

    def predict(self, windows):
        return Prediction(value=np.full(len(windows), float(self._fits)))

    def state(self):
        return {"fits": np.array([self._fits])}

    def restore(self, state):
        self._fits = int(state["fits"][0])


class Listening:
    def __init__(self):
        self.heard = []

    def begin(self, task, total):
        self.heard.append((task, total))

    def advance(self, task, steps=1):
        self.heard.append((task, steps))

    def note(self, message):
        self.heard.append(message)


def test_warm_members_go_on_and_others_start_anew(tmp_path):
    train, valid, test = parts()
    tables = [{"kind": f"{HERE}Counting", "goes_on": on} for on in (True, False)]
    first = Mean(members=tables, seeds=2)
    assert first.warm
    first.fit(train, valid, checkpoint=tmp_path / "0")
    second = first.model_copy(deep=True)
    second.fit(train, valid, checkpoint=tmp_path / "1")
    assert (first.predict(test).value == 1).all()
    assert (second.predict(test).value == (2 + 1) / 2).all()


def test_stacking_starts_its_first_level_cold():
    """The models of the fold before have seen the sessions that are held out now."""
    seen = []

    class Spying(Counting):
        def fit(self, train, valid, **more):
            seen.append(self._fits)
            self._fits += 1

        def predict(self, windows):
            return Prediction(value=windows.last()[:, 0].astype(float))

    globals()["Spying"] = Spying
    Spying.__module__, Spying.__qualname__ = __name__, "Spying"
    train, valid, _ = parts()
    model = Stacking(members=[{"kind": f"{HERE}Spying"}])
    model.fit(train, valid)
    model.fit(train, valid)
    assert seen == [0, 0, 0, 1]


def test_each_fit_has_a_folder_and_a_task_of_its_own(tmp_path):
    train, valid, _ = parts()
    told = Listening()
    model = Mean(members=[{"kind": f"{HERE}Counting", "name": "tick"}], seeds=2)
    model.fit(train, valid, checkpoint=tmp_path, progress=told)
    kept = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("kept"))
    assert kept == ["member-1/seed-1/kept", "member-1/seed-2/kept"]
    assert told.heard[2:] == [
        ("member 1 (tick), seed 2 of 2, counting", 2),
        ("member 1 (tick), seed 2 of 2, counting", 1),
    ]


@pytest.mark.parametrize(
    "model",
    [
        Mean(members=[{"kind": "ridge"}, TREES, {"kind": "momentum"}], seeds=2),
        Vote(members=[{"kind": "logistic"}, {"kind": "vote", "members": [TREES], "seeds": 2}]),
        Stacking(members=[{"kind": "ridge"}, TREES], seeds=2),
        Stacking(members=[{"kind": "ridge"}, {"kind": "sma"}], final="logistic"),
    ],
)
def test_saved_ensemble_answers_bit_for_bit(model, tmp_path):
    train, valid, test = parts()
    model = fitted(model.model_copy(deep=True), train, valid)
    model.save(tmp_path)
    loaded = Forecaster.load(tmp_path)
    assert loaded.model_dump() == model.model_dump()
    one, other = model.predict(test), loaded.predict(test)
    for name in ("value", "p_up"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for at in (0, 31, len(test) - 1):
        alone = model.predict(test.subset(np.array([at])))
        for name in ("value", "p_up"):
            if getattr(one, name) is not None:
                assert getattr(alone, name)[0] == getattr(one, name)[at]


# Mean ----------------------------------------------------------------------------------------------


def test_mean_of_two_members_is_their_weighted_mean_by_hand():
    train, valid, test = parts()
    ridge = fitted(Ridge(), train, valid).predict(test).value
    pace = Momentum(window=30).predict(test).value
    members = [{"kind": "ridge"}, {"kind": "momentum", "window": 30}]
    found = fitted(Mean(members=members, weights=[3, 1]), train, valid).predict(test).value
    np.testing.assert_allclose(found, (3 * ridge + pace) / 4, rtol=1e-12)
    assert found.shape == (len(test),)


def test_median_of_three_members_is_the_one_in_the_middle():
    train, valid, test = parts()
    members = [says(value="a"), says(value="0.5*a"), says(value="90*c")]
    found = fitted(Mean(members=members, combine="median"), train, valid).predict(test).value
    a = test.last()[:, 0].astype(float)
    np.testing.assert_array_equal(found, np.maximum(a, 0.5 * a))
    even = fitted(Mean(members=members[:2], combine="median"), train, valid).predict(test).value
    np.testing.assert_allclose(even, 0.75 * a)


@pytest.mark.parametrize("combine", ["mean", "median"])
def test_member_without_an_answer_is_left_out_where_it_has_none(combine):
    train, valid, test = parts()
    members = [says(value="np.where(a > 0, a, np.nan)"), says(value="3*a"), says(up="0.25*c")]
    found = fitted(Mean(members=members, combine=combine), train, valid).predict(test)
    a = test.last()[:, 0].astype(float)
    np.testing.assert_allclose(found.value, np.where(a > 0, 2 * a, 3 * a))
    assert (found.p_up == 0.25).all()
    assert found.p_down is None
    silent = fitted(Mean(members=[says(value="n")] * 2, combine=combine), train, valid).predict(test)
    assert np.isnan(silent.value).all()


@pytest.mark.parametrize("combine", ["mean", "median"])
def test_mean_of_three_classes_counts_two_classes_as_up_and_not_up(combine):
    train, valid, test = parts()
    members = [says(up="0.5*c", down="0.2*c"), says(up="0.4*c")]
    found = fitted(Mean(members=members, combine=combine), train, valid).predict(test)
    np.testing.assert_allclose(found.p_up, 0.45)
    np.testing.assert_allclose(found.p_down, (0.2 + 0.6) / 2)


@pytest.mark.parametrize("combine", ["mean", "median"])
def test_pooled_probabilities_never_add_up_to_more_than_1(combine):
    train, valid, test = parts()
    random = np.random.default_rng(1)
    for count in (2, 3, 4):
        given = random.dirichlet([0.5, 0.2, 0.5], size=count)
        members = [says(up=f"{up}*c", down=f"{down}*c") for up, _, down in given.tolist()]
        found = fitted(Mean(members=members, combine=combine), train, valid).predict(test)
        np.testing.assert_allclose(found.p_up, getattr(np, combine)(given[:, 0]))
        assert ((found.p_up + found.p_down) <= 1 + 1e-12).all()


def test_quantiles_are_averaged_level_by_level():
    train, valid, test = parts()
    members = [says(value="a", levels=[0.1, 0.5]), says(value="3*a", levels=[0.1, 0.5]), says(value="a")]
    found = fitted(Mean(members=members), train, valid).predict(test)
    a = test.last()[:, 0].astype(float)
    assert found.levels == (0.1, 0.5)
    assert found.quantiles.shape == (len(test), 1, 2)
    np.testing.assert_allclose(found.quantiles[:, 0], (2 * a)[:, None] + [-0.4, 0.0])
    mixed = [says(value="a", levels=[0.1, 0.5]), says(value="a", levels=[0.2, 0.5])]
    with pytest.raises(FitError, match="different levels"):
        fitted(Mean(members=mixed), train, valid).predict(test)


def test_mean_of_several_targets_and_steps_at_once():
    train, valid, test = parts(horizon=2, steps=(1, 2), outputs=2)
    members = [{"kind": "ridge", "target": ["open", "close"], "penalty": p} for p in (0.1, 5.0)]
    found = fitted(Mean(members=members), train, valid).predict(test).value
    assert found.shape == (len(test), 2, 2)
    alone = [
        fitted(Ridge(target=["open", "close"], penalty=p), train, valid).predict(test).value
        for p in (0.1, 5.0)
    ]
    np.testing.assert_allclose(found, (alone[0] + alone[1]) / 2, rtol=1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": [1.0]}, "1 weights for 2 members"),
        ({"weights": [1.0, -1.0]}, "at least 0"),
        ({"weights": [0.0, 0.0]}, "not all 0"),
        ({"weights": [1.0, 2.0], "combine": "median"}, "a median has no weights"),
    ],
)
def test_weights_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Mean.parse({"members": [{"kind": "ridge"}, {"kind": "drift"}], **settings}, "[here]")


# Vote ----------------------------------------------------------------------------------------------


def test_vote_is_the_share_of_members_that_say_up():
    train, valid, test = parts()
    a = test.last()[:, 0].astype(float)
    members = [says(value="a"), says(value="c"), says(up="0.4*c"), says(up="np.where(a > 1, 0.9, 0.1)")]
    found = fitted(Vote(members=members), train, valid).predict(test)
    np.testing.assert_allclose(found.p_up, ((a > 0) + 1.0 + 0.0 + (a > 1)) / 4)
    assert found.value is None
    assert found.p_down is None


def test_vote_of_a_member_on_the_fence_is_half_and_of_a_silent_one_none():
    train, valid, test = parts()
    half = fitted(Vote(members=[{"kind": "last_value"}, says(value="c")]), train, valid).predict(test)
    assert (half.p_up == 0.75).all()
    members = [says(value="n"), says(value="c"), says(up="0*c")]
    silent = fitted(Vote(members=members), train, valid).predict(test)
    assert (silent.p_up == 0.5).all()
    assert np.isnan(fitted(Vote(members=members[:1]), train, valid).predict(test).p_up).all()


def test_vote_on_direction_knows_down_and_flat():
    train, valid, test = parts()
    three = {"target": "direction", "band": 0.5}
    members = [
        says(up="0.5*c", down="0.2*c", **three),  # up
        says(up="0.3*c", down="0.3*c", **three),  # flat
        says(value="a"),  # by the band
        says(up="0.1*c"),  # two classes: down
    ]
    model = Vote(members=members)
    assert model.targets == ("direction",)
    found = fitted(model, train, valid).predict(test)
    a = test.last()[:, 0].astype(float)
    np.testing.assert_allclose(found.p_up, (1 + (a > 0.5)) / 4)
    np.testing.assert_allclose(found.p_down, (1 + (a < -0.5)) / 4)


def test_vote_on_something_without_up_and_down_is_refused():
    with pytest.raises(ConfigError, match="received 'volatility'"):
        Vote.parse({"members": [{"kind": "ridge", "target": "volatility"}]}, "[here]")


# Stacking ------------------------------------------------------------------------------------------

NOISE = [says(value="b"), says(value="d")]


@pytest.mark.parametrize("holdout", ["train", "valid"])
def test_stacking_trusts_the_informative_member_and_no_noise(holdout):
    train, valid, test = parts()
    model = Stacking(members=[NOISE[0], says(value="5*a"), NOISE[1]], holdout=holdout)
    fitted(model, train, valid)
    weights = model.state()["second.weights"][0, 0, 0, :3]
    assert weights[1] > 0.05
    assert abs(weights[[0, 2]]).max() < 0.15 * weights[1]
    a = test.last()[:, 0].astype(float)
    assert np.corrcoef(model.predict(test).value, 0.1 * a)[0, 1] > 0.98
    assert np.std(model.predict(test).value) == pytest.approx(0.1 * np.std(a), rel=0.15)


def test_stacking_does_not_bet_against_a_member_unless_told_to():
    train, valid, _ = parts()
    members = [says(value="-a"), NOISE[0]]
    tame = fitted(Stacking(members=members), train, valid)
    wild = fitted(Stacking(members=members, final="ridge"), train, valid)
    assert tame.state()["second.weights"][0, 0, 0, 0] == 0
    assert wild.state()["second.weights"][0, 0, 0, 0] < -0.05


def test_stacking_gives_a_member_that_always_says_the_same_no_weight():
    train, valid, test = parts()
    model = fitted(Stacking(members=[{"kind": "last_value"}, says(value="a")]), train, valid)
    assert model.state()["second.weights"][0, 0, 0, 0] == 0
    alone = fitted(Stacking(members=[says(value="a")]), train, valid)
    np.testing.assert_allclose(model.predict(test).value, alone.predict(test).value)


@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_nonnegative_weights_are_those_of_scikit_learn(shift):
    random = np.random.default_rng(2)
    rows = random.normal(size=(200, 4)) + shift
    wanted = 0.02 * (rows @ [1.0, 0.3, -0.8, 0.0] + random.normal(size=200)) + 0.1
    *weights, level = fit_nonnegative(rows, wanted, 0.3)[0]
    reference = Regression(alpha=0.3 * 200, positive=True, tol=1e-12, max_iter=100_000)
    reference.fit(rows, wanted)
    np.testing.assert_allclose(weights, reference.coef_, atol=1e-6)
    assert level == pytest.approx(reference.intercept_, abs=1e-5)
    assert weights[2] == 0
    flat = fit_nonnegative(rows, np.full(200, 0.1), 0.3)
    np.testing.assert_allclose(flat, [[0, 0, 0, 0, 0.1]])


def test_stacking_of_noise_alone_stays_near_the_mean_label():
    train, valid, test = parts()
    model = fitted(Stacking(members=NOISE), train, valid)
    assert np.std(model.predict(test).value) < 0.2 * np.std(train.targets)


def test_stacking_equals_the_normal_equations_on_the_held_out_windows():
    """Step by step, with the members fitted by hand."""
    train, valid, test = parts()
    members = [Ridge(penalty=0.1), Drift(), Ridge(penalty=30.0)]
    model = Stacking(members=members, final="ridge", penalty=0.2, share=0.25)
    found = fitted(model, train, valid).predict(test).value
    days = np.unique(train.sessions)
    first = days[-round(0.25 * len(days))]
    held = train.subset(train.sessions >= first)
    # Horizon 1: the label of a day ends two days later, on every day each symbol has.
    early = train.subset(train.sessions + np.timedelta64(2, "D") <= first)
    days = np.unique(early.sessions)
    stop = days[-round(0.15 * len(days))]
    early = early.subset(early.sessions + np.timedelta64(2, "D") <= stop)
    said = np.stack([fitted(m.model_copy(deep=True), early, valid).predict(held).value for m in members])
    said = np.delete(said, 1, axis=0)  # drift says one number, and gets no weight
    mean, spread = said.mean(axis=1), said.std(axis=1)
    z = (said - mean[:, None]) / spread[:, None]
    y = held.targets.astype(float)
    weights = np.linalg.solve(z @ z.T / len(y) + 0.2 * np.eye(2), z @ (y - y.mean()) / len(y))
    after = np.stack(
        [fitted(m.model_copy(deep=True), train, valid).predict(test).value for m in members]
    )
    after = np.delete(after, 1, axis=0)
    expected = y.mean() + weights @ ((after - mean[:, None]) / spread[:, None])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_logistic_stacking_gives_probabilities():
    train, valid, test = parts()
    members = [says(value="a"), says(up="np.where(a > 0, 0.6, 0.4)"), NOISE[0]]
    model = Stacking(members=members, final="logistic")
    assert model.targets == ("trend",)
    found = fitted(model, train, valid).predict(test)
    assert found.value is None
    assert found.p_down is None
    up = test.last()[:, 0] > 0
    assert found.p_up[up].mean() > 0.8
    assert found.p_up[~up].mean() < 0.2


def test_logistic_stacking_on_direction_gives_three_classes():
    train, valid, test = parts()
    members = [{"kind": "logistic", "target": "direction", "band": 0.05}, says(value="a")]
    model = Stacking(members=members, final="logistic")
    assert model.targets == ("direction",)
    found = fitted(model, train, valid).predict(test)
    a = test.last()[:, 0].astype(float)
    assert np.corrcoef(found.p_up, a)[0, 1] > 0.7
    assert np.corrcoef(found.p_down, a)[0, 1] < -0.7
    assert (found.p_up + found.p_down <= 1 + 1e-12).all()


def test_stacking_of_classes_with_a_ridge_gives_a_return():
    train, valid, test = parts()
    model = Stacking(members=[{"kind": "logistic"}])
    assert model.targets == ("return",)
    found = fitted(model, train, valid).predict(test)
    assert found.p_up is None
    assert np.corrcoef(found.value, test.last()[:, 0])[0, 1] > 0.9


def test_stacking_learns_each_step_and_target_by_itself():
    train, valid, test = parts(horizon=2, steps=(1, 2), outputs=2)
    members = [{"kind": "ridge", "target": ["open", "close"], "penalty": p} for p in (0.1, 5.0)]
    model = fitted(Stacking(members=members), train, valid)
    assert model.state()["second.weights"].shape == (2, 2, 1, 3)
    found = model.predict(test).value
    assert found.shape == (len(test), 2, 2)
    for s, o in np.ndindex(2, 2):
        assert np.corrcoef(found[:, s, o], test.last()[:, 0])[0, 1] > 0.95


def test_member_that_is_silent_matters_only_where_it_has_weight():
    train, valid, test = parts()
    silent = says(value="np.where(np.arange(len(a)) % 7 == 0, np.nan, -a)")
    tame = fitted(Stacking(members=[says(value="a"), silent]), train, valid)
    assert np.isfinite(tame.predict(test).value).all()
    wild = fitted(Stacking(members=[says(value="a"), silent], final="ridge"), train, valid)
    assert np.isnan(wild.predict(test).value).any()
    with pytest.raises(FitError, match="drop the silent one"):
        fitted(Stacking(members=[says(value="n"), says(value="a")]), train, valid)


class Noting(Says):
    """Notes the windows of every call."""

    value: str = "a"

    def fit(self, train, valid, *, seed=0, progress=None, checkpoint=None):
        CALLS.append(("fit", train, valid))

    def predict(self, windows):
        CALLS.append(("predict", windows, None))
        return super().predict(windows)


CALLS = []


def label_ends(data):
    """Session in which each label ends, counted along the rows of the window's own symbol."""
    return data.panel.sessions[data.ends + data.horizon + 1]


@pytest.mark.parametrize("horizon", [1, 6])
@pytest.mark.parametrize("holdout", ["train", "valid"])
def test_stacking_shows_a_member_nothing_that_it_is_judged_on(horizon, holdout):
    CALLS.clear()
    train, valid, _ = parts(horizon=horizon)
    Stacking(members=[{"kind": f"{HERE}Noting"}], holdout=holdout).fit(train, valid)
    (_, first, stop), (what, held, _), (_, again, early) = CALLS
    assert what == "predict"
    assert held.targets is None
    assert held.paths is None
    assert len(first) > 40
    assert len(stop) > 10
    assert label_ends(first).max() <= stop.sessions.min()
    assert label_ends(stop).max() <= held.sessions.min()
    if holdout == "valid":
        np.testing.assert_array_equal(held.ends, valid.ends)
    else:
        assert held.sessions.max() == train.sessions.max()
        assert set(held.ends) < set(train.ends)
    # The last fit is the one that the member would have had alone.
    assert again is train
    assert early is valid


def test_purge_counts_the_rows_of_the_symbol_and_not_the_calendar():
    """B does not trade on 40 days, so its labels end later than those of A."""
    data = windows(horizon=3)
    sessions = data.panel.sessions.copy()
    sessions[SIZES[0] + 50 :] += np.timedelta64(40, "D")
    panel = replace(data.panel, sessions=sessions)
    data = replace(data, panel=panel)
    data = data.subset(data.sessions.astype(int) < 100)
    first, held = split(data, 0.4)
    cut = held.sessions.min()
    assert 50 < cut.astype(int) < 90
    assert label_ends(first).max() <= cut
    dropped = data.subset((data.sessions < cut) & ~np.isin(data.ends, first.ends))
    assert set(dropped.symbols) == {"A", "B"}
    assert (label_ends(dropped) > cut).all()


def test_label_that_ends_after_the_panel_is_purged():
    data = windows(horizon=3)
    rows = slice(None, SIZES[0] - 100)
    panel = data.panel
    cut = Panel(
        panel.values[rows], panel.names, panel.close[rows], panel.symbols[rows], panel.sessions[rows],
        panel.first[rows],
    )  # fmt: skip
    short = replace(data.subset(data.ends < len(cut.close)), panel=cut)
    first, _ = split(short, 0.01)
    assert first.ends.max() == len(cut.close) - 1 - 4


@pytest.mark.parametrize("holdout", ["train", "valid"])
def test_walk_forward_of_stacking_never_sees_the_test(holdout, two_symbols):
    """Everything after a fold's fit is turned upside down: what was learned stays the same."""
    learned = []

    class Kept(Stacking):
        def predict(self, windows):
            learned.append({k: v.tobytes() for k, v in self.state().items()})
            return super().predict(windows)

    walk = WalkForward(lookback=5, min_train=150, valid=40, refit_every=600, start="2012-03-01")
    members = [{"kind": "ridge"}, TREES, {"kind": "momentum"}]

    def run(bars):
        features = FeatureSet(returns=[1, 5], volatility=[5]).build(bars)
        return walk.run("stacked", Kept(members=members, holdout=holdout), features, bars).frame

    clean = run(two_symbols)
    start = clean["session"].min()
    frame = two_symbols.frame.reset_index()
    later = (frame["session"] > start) & ~frame["suspended"]
    columns = ["open", "high", "low", "close"]
    frame.loc[later, columns] = frame.loc[later, columns].to_numpy()[::-1] * 10.0
    stained = run(type(two_symbols).from_frame(frame))
    assert learned[0] == learned[1]
    assert "second.weights" in learned[0]
    one, other = (f[f["session"] == start]["expected_return"].tolist() for f in (clean, stained))
    assert one == other
    assert (clean["expected_return"] != stained["expected_return"]).any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"holdout": "valid"}, 'set valid, or holdout = "train"'),
        ({"share": 0.99}, "too few to hold"),
    ],
)
def test_stacking_without_enough_to_hold_out_is_a_fit_error(settings, message):
    train, _, _ = parts()
    none = train.subset(np.empty(0, dtype=np.int64))
    with pytest.raises(FitError, match=message):
        Stacking(members=[{"kind": "ridge"}], **settings).fit(train, none)


def test_logistic_stacking_of_prices_is_refused():
    members = [{"kind": "ridge", "target": "close"}]
    with pytest.raises(ConfigError, match="asks for up and down"):
        Stacking.parse({"members": members, "final": "logistic"}, "[here]")


def test_ensembles_may_be_members():
    train, valid, test = parts()
    inner = {"kind": "mean", "members": [{"kind": "ridge"}, TREES], "seeds": 2}
    model = fitted(Stacking(members=[inner, {"kind": "logistic"}], seeds=2), train, valid)
    assert np.corrcoef(model.predict(test).value, test.last()[:, 0])[0, 1] > 0.9
    assert sum("model_0" in name for name in model.state()) == 4
    assert fitted(Vote(members=[table(Logistic()), inner]), train, valid).predict(test).p_up.max() == 1
