import numpy as np
import pytest
from pydantic import PrivateAttr

from qushi.core import DataError
from qushi.forecasters import Forecaster, Prediction, Windows
from qushi.forecasters.importance import COLUMNS, feature_columns, permutation_importance
from qushi.forecasters.models.ridge import Ridge
from qushi.forecasters.windows import Panel

NAMES = ("noise", "planted", "panic", "panic_known", "clock")
ROWS, LOOKBACK = 400, 5


class Told(Forecaster):
    """Answers what a function of the gathered windows says, and counts how often it is asked."""

    answer: object = None
    chance: bool = False
    _asked: int = PrivateAttr(0)

    def fit(self, train, valid, *, seed=0, progress=None, checkpoint=None):
        raise NotImplementedError

    def predict(self, windows):
        self._asked += 1
        said = self.answer(windows.gather(np.arange(len(windows))), windows)
        return Prediction(p_up=said) if self.chance else Prediction(value=said)


@pytest.fixture
def windows() -> Windows:
    rng = np.random.default_rng(7)
    values = rng.normal(size=(2 * ROWS, len(NAMES))).astype(np.float32)
    values[:, 3] = rng.integers(0, 2, 2 * ROWS)
    values[:, 2] *= values[:, 3]
    values[:, 4] = np.tile(np.arange(ROWS), 2)
    first = np.repeat([0, ROWS], ROWS).astype(np.int64)
    panel = Panel(
        values,
        NAMES,
        np.exp(rng.normal(size=2 * ROWS)),
        np.repeat(["a", "b"], ROWS).astype(object),
        np.tile(np.arange("2020-01-01", ROWS, dtype="datetime64[D]"), 2).astype("datetime64[ns]"),
        first,
    )
    ends = np.concatenate([np.arange(LOOKBACK - 1, ROWS), np.arange(ROWS + LOOKBACK - 1, 2 * ROWS)])
    return Windows(panel, ends.astype(np.int64), LOOKBACK)


def planted(windows: Windows, noise: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(1)
    return windows.last()[:, 1] + noise * rng.normal(size=len(windows))


def rows_of(table):
    return {row["feature"]: row for row in table.to_dict("records")}


def test_importance_of_the_planted_feature_is_the_loss_over_all_pairs(windows):
    target = planted(windows)
    model = Told(answer=lambda values, _: values[:, -1, 1].astype(float))
    found = rows_of(permutation_importance(model, windows, target, repeats=40))
    x = windows.last()[:, 1].astype(float)
    base = np.abs(x - target).mean()
    # A window gets any other's column with the same chance: the mean over all pairs is expected.
    pairs = np.abs(x[None, :] - target[:, None]).mean()
    assert found["planted"]["base"] == pytest.approx(base)
    assert found["planted"]["loss_increase"] == pytest.approx(pairs - base, rel=0.02)
    assert {f: r["loss_increase"] for f, r in found.items() if f != "planted"} == {
        "noise": 0.0,
        "panic": 0.0,
        "clock": 0.0,
    }


def test_ridge_leans_on_the_planted_feature_and_on_no_noise(windows):
    target = planted(windows)
    half = np.arange(len(windows)) < ROWS - LOOKBACK + 1
    train = Windows(windows.panel, windows.ends[half], LOOKBACK, target[half].astype(np.float32))
    model = Ridge()
    model.fit(train, train.subset(np.zeros(len(train), dtype=bool)), seed=0)
    table = permutation_importance(model, windows.subset(~half), target[~half])
    assert tuple(table.columns) == COLUMNS
    assert table["feature"].iloc[0] == "planted"
    assert set(table["loss"]) == {"mae"}
    found = rows_of(table)
    assert found["planted"]["loss_increase"] > 5 * found["planted"]["base"]
    assert abs(found["noise"]["loss_increase"]) < 0.05 * found["noise"]["base"]
    assert found["planted"]["spread"] > 0


def test_importance_of_probabilities_is_the_increase_of_the_log_loss(windows):
    target = planted(windows, 0.0)
    model = Told(chance=True, answer=lambda values, _: 1 / (1 + np.exp(-values[:, -1, 1].astype(float))))
    found = rows_of(permutation_importance(model, windows, target, repeats=40))
    x = windows.last()[:, 1].astype(float)
    p = 1 / (1 + np.exp(-x))
    base = -np.log(np.where(target > 0, p, 1 - p)).mean()
    share = (target > 0).mean()
    pairs = -(share * np.log(p) + (1 - share) * np.log(1 - p)).mean()
    assert found["planted"]["loss"] == "log_loss"
    assert found["planted"]["base"] == pytest.approx(base)
    assert found["planted"]["loss_increase"] == pytest.approx(pairs - base, rel=0.03)


def test_a_column_moves_with_its_known_mark_and_keeps_its_order(windows):
    def whole(values, _):
        # A value without its mark, or rows of two windows in one, is no permutation of windows.
        assert (values[:, :, 2][values[:, :, 3] == 0] == 0).all()
        assert (np.diff(values[:, :, 4], axis=1) == 1).all()
        return values[:, :, 2].sum(axis=1).astype(float)

    target = windows.gather(np.arange(len(windows)))[:, :, 2].sum(axis=1)
    found = rows_of(permutation_importance(Told(answer=whole), windows, target, repeats=2))
    assert found["panic"]["loss_increase"] > 0
    assert "panic_known" not in found


def test_answers_for_all_steps_and_outputs_count_at_the_last_step_of_the_first_output(windows):
    target = planted(windows)

    def many(values, _):
        said = np.zeros((len(values), 3, 2))
        said[:, -1, 0] = values[:, -1, 1]
        return said

    several = rows_of(permutation_importance(Told(answer=many), windows, target))
    one = Told(answer=lambda values, _: values[:, -1, 1].astype(float))
    assert several["planted"] == rows_of(permutation_importance(one, windows, target))["planted"]


def test_a_rule_on_prices_is_asked_little_and_has_no_importance(windows):
    # It looks further back than a window reaches, as rules may.
    model = Told(answer=lambda _, asked: asked.closes(2 * LOOKBACK).mean(axis=1))
    target = planted(windows)
    table = permutation_importance(model, windows, target)
    assert model._asked == 3
    said = windows.closes(2 * LOOKBACK).mean(axis=1)
    assert table["base"].iloc[0] == pytest.approx(np.nanmean(np.abs(said - target)))
    assert (table["loss_increase"] == 0).all()
    assert (table["spread"] == 0).all()


def test_windows_without_an_outcome_or_an_answer_do_not_count(windows):
    target = planted(windows)
    target[:50] = np.nan

    def silent(values, asked):
        # The first windows that are asked about get no answer, whatever is in them.
        said = values[:, -1, 1].astype(float)
        said[:10] = np.nan
        return said

    found = rows_of(permutation_importance(Told(answer=silent), windows, target, most=10**6))
    assert found["planted"]["windows"] == len(windows) - 60
    x = windows.last()[60:, 1].astype(float)
    assert found["planted"]["base"] == pytest.approx(np.abs(x - target[60:]).mean())


def test_the_same_seed_gives_the_same_figures_and_leaves_the_windows_alone(windows):
    target = planted(windows)
    model = Told(answer=lambda values, _: values[:, -1, 1].astype(float))
    before = windows.panel.values.copy()
    first = permutation_importance(model, windows, target, seed=3, most=100)
    assert first.equals(permutation_importance(model, windows, target, seed=3, most=100))
    assert not first.equals(permutation_importance(model, windows, target, seed=4, most=100))
    assert set(first["windows"]) == {100}
    assert np.array_equal(windows.panel.values, before)


def test_a_feature_that_only_looks_like_a_mark_stands_alone():
    assert feature_columns(["well_known", "x"]) == (("well_known", [0]), ("x", [1]))


def test_importance_of_too_little_is_refused(windows):
    model = Told(answer=lambda values, _: np.full(len(values), np.nan))
    target = planted(windows)
    with pytest.raises(DataError, match="answers for none"):
        permutation_importance(model, windows, target)
    with pytest.raises(DataError, match="2 repeats"):
        permutation_importance(model, windows, target, repeats=1)
    with pytest.raises(DataError, match="but 3 outcomes"):
        permutation_importance(model, windows, target[:3])
    with pytest.raises(DataError, match="2 windows"):
        permutation_importance(model, windows, np.where(np.arange(len(target)) == 0, target, np.nan))
