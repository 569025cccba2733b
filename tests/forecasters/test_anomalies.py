"""Uses of point forecasts: anomaly flags and volatility, known when their outcome is and not before."""

import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars, ConfigError, Forecasts
from qushi.forecasters.anomalies import anomaly_flags, residuals
from qushi.forecasters.labels import make_labels
from qushi.forecasters.volatility import volatility_forecasts, volatility_quality

PRICES = ["open", "high", "low", "close"]


def forecasts_of(bars, value=0.0, target="return", horizon=1, symbols=None):
    """The same expected return at every traded bar."""
    index = bars.frame.index[~bars.frame["suspended"]].to_frame(index=False)
    frame = index if symbols is None else index[index["symbol"].isin(symbols)]
    first = bars.sessions[0]
    given = {"model": "m", "seed": 0, "horizon": horizon, "fold": 0, "p_up": np.nan}
    frame = frame.assign(**given, target=target, expected_return=value, fit_start=first, fit_end=first)
    return Forecasts.concat([Forecasts(frame)])


def poisoned(bars, after):
    frame = bars.frame.reset_index()
    frame.loc[frame["session"] > after, PRICES] *= 3
    return Bars.from_frame(frame)


def test_residuals_by_hand_open_to_open_and_close_to_close(market):
    close = np.array([100.0, 110.0, 99.0, 99.0])
    frame = market(rows=4).assign(**dict.fromkeys(PRICES, close))
    bars = Bars.from_frame(frame)
    at = bars.sessions
    opens = residuals(forecasts_of(bars, 0.01), bars)
    assert opens["actual"].tolist() == pytest.approx([np.log(0.9), 0.0])
    assert opens["residual"].tolist() == pytest.approx([np.log(0.9) - 0.01, -0.01])
    assert opens["known_at"].tolist() == [at[2], at[3]]
    closes = residuals(forecasts_of(bars, 0.01, "close", 2), bars)
    assert closes["actual"].tolist() == pytest.approx([np.log(0.99), np.log(0.9)])
    assert closes["known_at"].tolist() == [at[2], at[3]]


def test_residuals_wait_through_a_suspension(two_symbols):
    found = residuals(forecasts_of(two_symbols, 0.0, "close"), two_symbols)
    own = found[found["symbol"] == "600519.SH"]
    rows = two_symbols.one("600519.SH")
    off = rows.index[rows["suspended"]]
    before = own[own["session"] < off[0]].iloc[-1]
    assert before["known_at"] > off[-1]
    assert len(own) == (~rows["suspended"]).sum() - 1


def test_anomaly_planted_jump_is_flagged_when_it_is_known(market):
    frame = market(rows=300)
    frame.loc[200:, PRICES] *= 1.4
    bars = Bars.from_frame(frame)
    flags = anomaly_flags(forecasts_of(bars, 0.0, "close"), bars, threshold=8.0)
    found = flags[flags["flag"]]
    assert found["known_at"].tolist() == [bars.sessions[200]]
    assert found["session"].tolist() == [bars.sessions[199]]
    assert flags["z"].isna().sum() == 60, "the first have too few before them"


def test_anomaly_z_computed_a_second_way_from_what_was_known(two_symbols):
    flags = anomaly_flags(forecasts_of(two_symbols), two_symbols, window=80, min_history=30)
    labels = make_labels(two_symbols, 1)
    for row in flags.iloc[[70, 300, 760, 1000]].itertuples():
        own = labels.loc[row.symbol]
        past = own.loc[own["label_end"] < row.known_at, "label"].dropna().to_numpy()[-80:]
        spread = 1.4826 * np.median(np.abs(past - np.median(past)))
        actual = own.loc[row.session, "label"]
        assert row.z == pytest.approx((actual - np.median(past)) / spread)


def test_anomaly_future_changes_no_flag_that_is_known(two_symbols):
    cut = two_symbols.sessions[400]
    made = forecasts_of(two_symbols)
    expected = anomaly_flags(made, two_symbols)
    known = expected["known_at"] <= cut
    other = anomaly_flags(made, poisoned(two_symbols, cut))
    pd.testing.assert_frame_equal(other[other["known_at"] <= cut], expected[known])
    assert not other.equals(expected)
    cut_off = anomaly_flags(made, two_symbols.between(None, cut))
    pd.testing.assert_frame_equal(cut_off.reset_index(drop=True), expected[known].reset_index(drop=True))


def test_volatility_sigma_computed_a_second_way(two_symbols):
    made = forecasts_of(two_symbols, 0.001)
    labels = make_labels(two_symbols, 1)
    ewma = volatility_forecasts(made, two_symbols, decay=0.9, min_history=20)
    std = volatility_forecasts(made, two_symbols, method="std", window=30, min_history=20)
    for at in (100, 500, 900, 1200):
        row = ewma.iloc[at]
        own = labels.loc[row["symbol"]]
        past = own.loc[own["label_end"] <= row["session"], "label"].dropna().to_numpy() - 0.001
        variance = np.mean(past[:20] ** 2)
        for value in past[20:]:
            variance = 0.9 * variance + 0.1 * value**2
        assert row["sigma"] == pytest.approx(np.sqrt(variance))
        assert std.iloc[at]["sigma"] == pytest.approx(np.sqrt(np.mean(past[-30:] ** 2)))


def test_volatility_last_forecast_has_a_sigma_before_its_outcome(two_symbols):
    found = volatility_forecasts(forecasts_of(two_symbols), two_symbols)
    newest = found[found["session"] == two_symbols.sessions[-1]]
    assert len(newest)
    assert newest["sigma"].notna().all()
    assert newest["residual"].isna().all()


@pytest.mark.parametrize("method", ["ewma", "std"])
def test_volatility_future_changes_no_sigma(two_symbols, method):
    cut = two_symbols.sessions[400]
    made = forecasts_of(two_symbols, target="close", horizon=3)
    expected = volatility_forecasts(made, two_symbols, method=method)
    other = volatility_forecasts(made, poisoned(two_symbols, cut), method=method)
    until = expected["session"] <= cut
    pd.testing.assert_series_equal(other.loc[until, "sigma"], expected.loc[until, "sigma"])
    assert not other["sigma"].equals(expected["sigma"])


def test_volatility_finds_calm_and_storm_and_last_value_is_its_own_benchmark(market):
    random = np.random.default_rng(0)
    frame = market(rows=1200)
    size = np.where(np.arange(1200) // 150 % 2 == 0, 0.005, 0.03)
    close = 100 * np.exp(np.cumsum(random.normal(0, size)))
    bars = Bars.from_frame(frame.assign(**dict.fromkeys(PRICES, close)))
    table = volatility_forecasts(forecasts_of(bars, 0.0, "close"), bars)
    assert table["sigma"].equals(table["base_sigma"]), "zero forecasts leave the returns"
    good = volatility_quality(table).iloc[0]
    assert good["correlation"] > 0.3
    assert 0.6 < good["inside"] < 0.76
    flat = volatility_quality(table.assign(base_sigma=float(np.sqrt(np.mean(table["actual"] ** 2)))))
    assert flat.iloc[0]["qlike"] < flat.iloc[0]["base_qlike"] - 0.1, "better than one sigma for all"


def test_volatility_of_a_forecast_that_is_wrong_every_day_is_wider(market):
    bars = Bars.from_frame(market(rows=400))
    table = volatility_forecasts(forecasts_of(bars, 0.05, "close"), bars)
    rows = table.dropna(subset=["sigma"])
    assert (rows["sigma"] > rows["base_sigma"]).all()
    quality = volatility_quality(table).iloc[0]
    assert quality["n"] == len(rows) - 1
    assert quality["qlike"] < quality["base_qlike"], "its own misses are wider than the returns"


def test_uses_bad_settings_are_refused(two_symbols):
    made = forecasts_of(two_symbols)
    with pytest.raises(ConfigError, match="threshold above 0"):
        anomaly_flags(made, two_symbols, threshold=0)
    with pytest.raises(ConfigError, match="min_history <= window"):
        anomaly_flags(made, two_symbols, window=30)
    with pytest.raises(ConfigError, match="'ewma' or 'std'"):
        volatility_forecasts(made, two_symbols, method="garch")
    with pytest.raises(ConfigError, match="decay between 0 and 1"):
        volatility_forecasts(made, two_symbols, decay=1.0)
