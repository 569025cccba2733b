"""The inner walk-forward: where its blocks lie, and what its score says."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from qushi.core import QUIET, Bars, DataError, FitError
from qushi.forecasters import FeatureSet, Forecaster, Prediction, Targeted, WalkForward, make_labels
from qushi.forecasters.models.ema import EMA
from qushi.forecasters.models.ridge import Ridge
from qushi.forecasters.validation import Validation, first_forecast

FEATURES = FeatureSet(returns=[1, 3], volatility=[5], volume=[], calendar=False, indicators=[])
SMALL = WalkForward(horizon=2, lookback=4, min_train=200, valid=30, refit_every=80)


class Fixed(Targeted, Forecaster):
    """Answers the same for every window, or for the first one that it is asked about."""

    first_only: bool = False
    value: float | None = None
    up: float | None = None
    down: float | None = None

    def fit(self, train, valid, *, seed=0, progress=QUIET, checkpoint=None):
        pass

    def predict(self, windows):
        def each(answer):
            if answer is None:
                return None
            later = np.arange(len(windows)) > 0
            return np.where(self.first_only & later, np.nan, answer)

        return Prediction(value=each(self.value), p_up=each(self.up), p_down=each(self.down))


def cut(bars, settings=SMALL):
    before = first_forecast(settings, FEATURES.build(bars), bars)
    return bars.between(None, before - timedelta(days=1)), before


def planned(bars, settings=SMALL, folds=3):
    known, _ = cut(bars, settings)
    return Validation.plan(settings, FEATURES.build(known), known, folds)


def scores(bars, model, settings=SMALL):
    return list(planned(bars, settings).scores(model))


def test_first_forecast_is_the_first_session_that_the_walk_forward_forecasts(bars):
    made = SMALL.run("ema", EMA(), FEATURES.build(bars), bars)
    known, before = cut(bars)
    assert before == made.frame["session"].min()
    assert known.sessions[-1] == bars.sessions[bars.sessions < before][-1]


def test_blocks_are_the_last_third_in_equal_parts_without_gaps(bars):
    validation = planned(bars, folds=4)
    known, _ = cut(bars)
    sessions = [day.date() for day in known.sessions]
    complete = len(sessions) - 8  # five rows of warm-up, then a window of four
    parts = [sessions[sessions.index(b.start) : sessions.index(b.end) + 1] for b in validation.blocks]
    assert {len(part) for part in parts} == {complete // 12}
    assert [day for part in parts for day in part] == sessions[-4 * (complete // 12) :]
    assert validation.window == (parts[0][0], sessions[-1])


def test_every_fit_ends_before_its_block(bars):
    validation = planned(bars)
    for block in validation.blocks:
        frame = block.run("r", Ridge(), validation.features, validation.bars).frame
        assert frame["fold"].nunique() == 1
        assert frame["fit_end"].max() <= pd.Timestamp(block.start)


def test_score_of_ema_is_that_of_a_second_computation(bars):
    known, _ = cut(bars)
    first, last = planned(bars).window
    closes = known.one("000300.SH")["close"]
    label = make_labels(known, 2)["label"].to_numpy()
    average, lost, nothing = closes.iloc[0], 0.0, 0.0
    for at, (session, close) in enumerate(closes.items()):
        average += (close - average) * 2 / (7 + 1)
        if first <= session.date() <= last and np.isfinite(label[at]):
            lost += abs(np.log(average / close) - label[at])
            nothing += abs(label[at])
    found = scores(bars, EMA(span=7))
    assert len(found) == 3
    assert found[-1] == pytest.approx(lost / nothing, rel=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        Fixed(value=0.0),
        Fixed(up=0.5),
        Fixed(target="trend", up=0.5),
        Fixed(target="direction", band=0.01, up=1 / 3, down=1 / 3),
        Fixed(target="volume", value=0.0),
        Fixed(target="close", value=0.0),
    ],
    ids=lambda m: f"{m.target}-{m.value}-{m.up}",
)
def test_knowing_nothing_scores_one(bars, model):
    assert scores(bars, model) == pytest.approx([1.0] * 3)


def test_rows_without_an_answer_count_as_knowing_nothing(bars):
    validation = planned(bars)
    first, last = map(pd.Timestamp, validation.window)
    label = make_labels(validation.bars, 2)["label"].droplevel("symbol").loc[first:last].dropna()
    opening = label[[pd.Timestamp(block.start) for block in validation.blocks]]
    gained = (opening - 0.3).abs().sum() - opening.abs().sum()
    expected = 1 + gained / label.abs().sum()
    assert scores(bars, Fixed(value=0.3, first_only=True))[-1] == pytest.approx(expected)
    up = (opening > 0).sum()
    gained = up * 0.1**2 + (3 - up) * 0.9**2 - 3 * 0.25
    model = Fixed(target="trend", up=0.9, first_only=True)
    assert scores(bars, model)[-1] == pytest.approx(1 + gained / (0.25 * len(label)))


def test_model_without_any_answer_is_refused(bars):
    with pytest.raises(DataError, match="expected return or a probability"):
        scores(bars, Fixed(value=np.nan))


def test_probabilities_are_scored_by_brier_over_a_coin(bars):
    validation = planned(bars)
    first, last = map(pd.Timestamp, validation.window)
    label = make_labels(validation.bars, 2)["label"].droplevel("symbol").loc[first:last].dropna()
    up = (label > 0).mean()
    expected = (up * 0.2**2 + (1 - up) * 0.8**2) / 0.25
    assert scores(bars, Fixed(target="trend", up=0.8))[-1] == pytest.approx(expected)


def test_direction_is_scored_over_three_classes(bars):
    validation = planned(bars)
    first, last = map(pd.Timestamp, validation.window)
    label = make_labels(validation.bars, 2)["label"].droplevel("symbol").loc[first:last].dropna()
    up, down = (label > 0.01).mean(), (label < -0.01).mean()
    stated = np.array([0.2, 0.3, 0.5])
    missed = [((stated - happened) ** 2).sum() for happened in np.eye(3)]
    expected = np.dot([up, down, 1 - up - down], missed) / (2 / 3)
    model = Fixed(target="direction", band=0.01, up=0.2, down=0.3)
    assert scores(bars, model)[-1] == pytest.approx(expected)


def test_volatility_is_held_against_that_of_the_last_rows(bars):
    validation = planned(bars)
    closes = validation.bars.one("000300.SH")["close"]
    squared = np.log(closes).diff() ** 2
    now = np.sqrt(squared.rolling(2).mean())
    ahead = now.shift(-2)
    first, last = map(pd.Timestamp, validation.window)
    rows = pd.DataFrame({"now": now, "ahead": ahead}).loc[first:last].dropna()
    lost = (0.015 - rows["ahead"]).abs().sum() / (rows["now"] - rows["ahead"]).abs().sum()
    assert scores(bars, Fixed(target="volatility", value=0.015))[-1] == pytest.approx(lost)


def test_symbols_are_scored_together(two_symbols):
    known, _ = cut(two_symbols)
    settings = SMALL.model_copy(update={"start": cut(two_symbols)[1].date()})
    assert len(known.symbols) == 2
    label = make_labels(known, 2)["label"]
    first, last = map(pd.Timestamp, planned(two_symbols, settings).window)
    at = label.index.get_level_values("session")
    label = label[(at >= first) & (at <= last)].dropna()
    expected = (label - 0.01).abs().sum() / label.abs().sum()
    assert scores(two_symbols, Fixed(value=0.01), settings)[-1] == pytest.approx(expected, rel=1e-6)


def test_blocks_are_fitted_when_their_score_is_asked_for(bars, monkeypatch):
    fitted = []
    monkeypatch.setattr(Ridge, "fit", lambda self, *a, **k: fitted.append(1))
    monkeypatch.setattr(Ridge, "predict", lambda self, w: Prediction(value=np.zeros(len(w))))
    going = planned(bars).scores(Ridge())
    assert fitted == []
    next(going)
    assert fitted == [1]


def test_key_changes_with_model_seed_and_bars_alone(bars, market):
    validation = planned(bars)
    key = validation.key(Ridge(), 0)
    assert planned(bars).key(Ridge(), 0) == key
    others = [
        validation.key(Ridge(penalty=0.2), 0),
        validation.key(Ridge(), 1),
        planned(bars, folds=2).key(Ridge(), 0),
        planned(Bars.from_frame(market(seed=3))).key(Ridge(), 0),
    ]
    assert len({key, *others}) == 5


def test_history_that_is_too_short_is_named(bars):
    with pytest.raises(DataError, match=r"too short a history to tune on.*30 folds get 2 each"):
        planned(bars, folds=30)


def test_first_block_without_enough_before_it_is_named(bars):
    long = WalkForward(horizon=8, lookback=4, min_train=10, valid=300, refit_every=80)
    with pytest.raises(DataError, match=r"to tune, 3 folds of 36 are left out: too short a history"):
        planned(bars, long)


def test_prices_that_never_move_cannot_be_tuned_on(market):
    frame = market()
    frame[["open", "high", "low", "close"]] = 10.0
    flat = Bars.from_frame(frame)
    with pytest.raises(FitError, match="nothing moved"):
        scores(flat, Fixed(value=0.0))
