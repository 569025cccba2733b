"""Recursive forecasts: the same as appending bars by hand, blind to the future, and honest by step."""

import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars, ConfigError, DataError, Forecasts, LookAheadError
from qushi.core.calendar import sessions
from qushi.forecasters import FeatureSet, Forecaster, Prediction, WalkForward
from qushi.forecasters._folds import fold_table
from qushi.forecasters._made_up_bars import Paths
from qushi.forecasters.features import everything
from qushi.forecasters.fitted import FittedModel
from qushi.forecasters.models.gru import GRU
from qushi.forecasters.models.ridge import Ridge
from qushi.forecasters.recursion import WARNING, error_by_step, recursive_forecasts

FEATURES = FeatureSet(
    returns=[1, 3], volatility=[5], volume=[5], candle=True, indicators=["bollinger", "kdj"]
)
PROTOCOL = WalkForward(horizon=1, lookback=4, min_train=120, valid=40)
PRICES = ["open", "high", "low", "close"]
CUT = 420


def fit(bars, model=None, features=FEATURES, settings=PROTOCOL, panic=None):
    model = model or Ridge(target="close")
    return FittedModel.fit("m", model, features, features.build(bars, panic), bars, settings)


@pytest.fixture
def pair(market):
    first, second = market(rows=520), market(rows=520, seed=1, symbol="000001.SZ")
    second["factor"] = np.where(np.arange(520) < 300, 1.0, 1.25)
    second.loc[second.index >= 300, PRICES] /= 1.25
    return Bars.from_frame(pd.concat([first, second]))


@pytest.fixture
def fitted(pair):
    return fit(pair.between(None, pair.sessions[CUT]))


def by_hand(fitted, bars, symbol, at, steps):
    """One start, continued by appending bars to everything known and asking as for any session."""
    frame = bars.between(None, at).select([symbol]).frame.reset_index()
    coming = sessions("XSHG", at)[1 : steps + 1]
    prices = []
    for session in coming:
        answer = fitted.predict(Bars.from_frame(frame)).frame
        prices.append(answer["price_close"].iloc[0])
        row = frame.iloc[-1:].assign(session=session)
        row[PRICES] = prices[-1]
        frame = pd.concat([frame, row], ignore_index=True)
    return prices


@pytest.mark.parametrize("levels", [(), ("close", "volume")])
def test_recursion_equals_bars_appended_by_hand(pair, levels):
    features = FEATURES.model_copy(update={"levels": levels})
    fitted = fit(pair.between(None, pair.sessions[CUT]), features=features)
    at = pair.sessions[CUT + 30]
    found = recursive_forecasts(fitted, pair, steps=6, every=None, start=at).frame
    assert found["horizon"].tolist() == [1, 2, 3, 4, 5, 6] * 2
    for symbol in pair.symbols:
        own = found.loc[found["symbol"] == symbol, "price_close"].to_numpy()
        assert own == pytest.approx(by_hand(fitted, pair, symbol, at, 6), rel=1e-6)
        assert len(np.unique(own)) == 6, "a path that stands still would prove nothing"


def test_recursion_of_one_step_is_the_forecast_of_every_session(pair, fitted):
    found = recursive_forecasts(fitted, pair, steps=1).frame
    expected = fitted.predict(pair, sessions=pair.sessions[CUT:]).frame
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_recursion_starts_every_so_many_sessions_or_once(pair, fitted):
    starts = recursive_forecasts(fitted, pair, steps=2, every=25).frame["session"].unique()
    assert list(starts) == list(pair.sessions[CUT::25])
    once = recursive_forecasts(fitted, pair, steps=2, every=None, start=pair.sessions[450]).frame
    assert list(once["session"].unique()) == [pair.sessions[450]]


def test_recursion_future_poisoned_or_cut_changes_no_path(pair, fitted):
    starts = {"steps": 4, "every": 10, "end": pair.sessions[450]}
    expected = recursive_forecasts(fitted, pair, **starts).frame
    frame = pair.frame.reset_index()
    later = frame["session"] > pair.sessions[450]
    poisoned = frame.copy()
    poisoned.loc[later, PRICES] *= 7
    for bars in (poisoned, frame[~later]):
        found = recursive_forecasts(fitted, Bars.from_frame(bars), **starts).frame
        pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_recursion_many_starts_do_not_change_each_other(pair, fitted, monkeypatch):
    expected = recursive_forecasts(fitted, pair, steps=3, every=20).frame
    monkeypatch.setattr("qushi.forecasters._made_up_bars._STARTS_AT_ONCE", 3)
    found = recursive_forecasts(fitted, pair, steps=3, every=20).frame
    pd.testing.assert_frame_equal(found, expected, rtol=1e-6)


def test_recursion_every_feature_is_the_same_alone_and_behind_other_starts(market):
    """Starts are computed one behind the other: none may remember those before it."""
    symbols = ("000300.SH", "000001.SZ", "000002.SZ")
    frames = [market(rows=560, seed=i, symbol=symbol) for i, symbol in enumerate(symbols)]
    frames[1][PRICES] *= 40
    bars = Bars.from_frame(pd.concat(frames))
    features = everything(panic=()).model_copy(update={"levels": ()})
    table = fold_table(features.build(bars), bars, 1, 4, ("close",))
    rows = np.flatnonzero(table.complete)[::25]
    assert len(np.unique(table.symbol[rows])) == 3
    path = np.random.default_rng(0).normal(0, 0.01, (len(rows), 2)).cumsum(axis=1)
    found = Paths.of(table, features, bars, rows, 3).features_after(path)
    for i in range(len(rows)):
        alone = Paths.of(table, features, bars, rows[i : i + 1], 3).features_after(path[i : i + 1])[0]
        np.testing.assert_allclose(found[i], alone, rtol=1e-5, atol=1e-6, err_msg=str(features.names))


def test_recursion_panic_stays_as_it_was_known_at_the_start(pair, panic_of):
    panic = panic_of(pair)
    features = FEATURES.model_copy(update={"panic": ("all",)})
    fitted = fit(pair.between(None, pair.sessions[CUT]), features=features, panic=panic)
    start = pair.sessions[450]
    once = {"steps": 3, "every": None, "start": start}
    expected = recursive_forecasts(fitted, pair, panic, **once).frame
    changed = panic.frame.copy()
    later = changed["session"] > start
    changed.loc[later, "panic"] = 1.0
    found = recursive_forecasts(fitted, pair, type(panic)(changed), **once).frame
    assert found.equals(expected)
    changed.loc[changed["session"] == start, "panic"] = 99.0
    other = recursive_forecasts(fitted, pair, type(panic)(changed), **once).frame
    step = other["price_close"] / expected["price_close"]
    assert (step != 1).all(), "what was known at the start does count, at every step"


class StandStill(Forecaster):
    """Expects no change, as a forecast of the next close."""

    @property
    def targets(self):
        return ("close",)

    def fit(self, train, valid, *, seed=0, progress=None, checkpoint=None):
        pass

    def predict(self, windows):
        return Prediction(value=np.zeros(len(windows)))


def test_recursion_ends_where_a_feature_is_not_known(pair):
    features = FeatureSet(
        returns=[1], volatility=[], volume=[], calendar=False, indicators=["stochastic"]
    )
    known = pair.between(None, pair.sessions[CUT])
    fitted = fit(known, StandStill(), features)
    found = recursive_forecasts(fitted, pair, steps=40, every=None).frame
    path = found.loc[found["symbol"] == "000300.SH", "price_close"].to_numpy()
    alive = np.isfinite(path)
    assert 5 < alive.sum() < 40, "no place within a range of nothing"
    assert not alive[np.argmin(alive) :].any(), "nothing follows a step that is not known"
    assert path[alive] == pytest.approx(pair.one("000300.SH")["close"].iloc[CUT])


@pytest.mark.parametrize(
    ("model", "changes"),
    [(Ridge(), {}), (Ridge(target="high"), {}), (Ridge(target="close"), {"horizon": 2})],
)
def test_recursion_of_another_target_or_horizon_is_refused(pair, model, changes):
    fitted = fit(pair, model, settings=PROTOCOL.model_copy(update=changes))
    with pytest.raises(ConfigError, match="needs a model of the next close"):
        recursive_forecasts(fitted, pair, steps=2)


def test_recursion_bad_input_is_answered_with_a_sentence(pair, fitted):
    with pytest.raises(LookAheadError, match="trained on prices up to"):
        recursive_forecasts(fitted, pair, steps=2, start=pair.sessions[CUT - 1])
    with pytest.raises(ConfigError, match="at least 1 step"):
        recursive_forecasts(fitted, pair, steps=0)
    with pytest.raises(ConfigError, match="at least 1 session apart"):
        recursive_forecasts(fitted, pair, steps=2, every=0)
    with pytest.raises(DataError, match="ask for fewer steps"):
        recursive_forecasts(fitted, pair, steps=9999, every=None)


def one_symbol(close, volume=1e6):
    at = sessions("XSHG", "2010-01-04")[: len(close)]
    prices = dict.fromkeys(PRICES, close)
    return Bars.from_frame(
        pd.DataFrame({"symbol": "000300.SH", "session": at, **prices, "volume": volume})
    )


def test_recursion_sine_is_continued_by_a_small_gru_over_three_periods():
    period = 20
    bars = one_symbol(100 * np.exp(0.1 * np.sin(2 * np.pi * np.arange(400) / period)))
    known = bars.between(None, bars.sessions[320])
    features = FeatureSet(returns=[1], volatility=[], volume=[], calendar=False, indicators=[])
    settings = WalkForward(horizon=1, lookback=period, min_train=100, valid=60)
    model = GRU(target="close", hidden=[16], epochs=80, patience=80, learning_rate=0.01)
    fitted = fit(known, model, features, settings)
    made = recursive_forecasts(fitted, bars, steps=3 * period, every=None)
    first = bars.sessions.get_loc(made.frame["session"].iloc[0])
    actual = bars.frame["close"].to_numpy()[first + 1 : first + 1 + 3 * period]
    path = made.frame["price_close"].to_numpy()
    assert np.corrcoef(path, actual)[0, 1] > 0.98
    errors = error_by_step(made, bars)
    assert errors["mae"].mean() < 0.1 * errors["last_value_mae"].mean()


def test_recursion_random_walk_is_not_predicted_beyond_chance(pair, fitted):
    errors = error_by_step(recursive_forecasts(fitted, pair, steps=4, every=2), pair)
    assert (errors["ratio"] > 0.97).all(), "nothing beats last value on a random walk"
    sure = 3 * np.sqrt(0.25 * errors["step"] / errors["n"])
    assert (errors["accuracy"] < errors["base_rate"] + sure).all()


def test_error_by_step_by_hand():
    bars = one_symbol(np.array([100.0, 110.0, 121.0, 110.0]))
    at = bars.sessions
    rows = pd.DataFrame(
        {
            "model": "m",
            "seed": 0,
            "symbol": "000300.SH",
            "session": [at[0], at[0], at[1], at[1], at[2]],
            "horizon": [1, 2, 1, 2, 2],
            "fold": 0,
            "expected_return": np.nan,
            "p_up": np.nan,
            "price_close": [100.0, 121.0, 121.0, 121.0, 121.0],
            "fit_start": at[0],
            "fit_end": at[0],
        }
    )
    found = error_by_step(Forecasts.concat([Forecasts(rows)]), bars).set_index("step")
    up = np.log(1.1)
    assert found["n"].tolist() == [2, 2], "the last start has no outcome"
    assert found["mae"].tolist() == pytest.approx([up / 2, up / 2])
    assert found["last_value_mae"].tolist() == pytest.approx([up, up])
    assert found["ratio"].tolist() == pytest.approx([0.5, 0.5])
    assert found["accuracy"].tolist() == [1.0, 0.5], "no move is no direction"
    assert found["base_rate"].tolist() == [1.0, 0.5]
    with pytest.raises(DataError, match="no closes are forecast"):
        error_by_step(Forecasts(rows.drop(columns="price_close").assign(p_up=0.5)), bars)


def test_warning_is_said_in_both_languages():
    assert "last value" in WARNING.en
    assert "最后值" in WARNING.zh
