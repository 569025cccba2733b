import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from qushi.core import Bars, Forecasts
from qushi.core.calendar import sessions
from qushi.forecasters import forecast_quality, make_labels


def bars_of(returns, symbols=("000300.SH",)):
    """Bars whose label of row t is returns[t] (a row of the matrix a session, a column a symbol)."""
    returns = np.atleast_2d(np.asarray(returns, dtype=float).T).T
    at = sessions("XSHG", "2010-01-04")[: len(returns) + 2]
    parts = []
    for column, symbol in enumerate(symbols):
        price = 100 * np.exp(np.cumsum(np.r_[0.0, 0.0, returns[:, column]]))
        parts.append(
            pd.DataFrame(
                {"symbol": symbol, "session": at, "open": price, "high": price, "low": price}
            ).assign(close=price, volume=1.0)
        )
    return Bars.from_frame(pd.concat(parts))


def forecasts_of(bars, *, expected=np.nan, p_up=np.nan, model="m", horizon=1, rows=None):
    frame = bars.frame.index.to_frame(index=False)
    if rows is not None:
        frame = frame.groupby("symbol").head(rows).reset_index(drop=True)
    return Forecasts(
        frame.assign(
            model=model,
            seed=0,
            horizon=horizon,
            fold=0,
            expected_return=expected,
            p_up=p_up,
            fit_start=pd.Timestamp("2000-01-03"),
            fit_end=pd.Timestamp("2009-12-31"),
        )
    )


def test_quality_of_five_days_equals_the_count_by_hand():
    bars = bars_of([0.01, -0.02, 0.01, 0.03, -0.01])
    p = [0.9, 0.2, 0.4, 0.6, 0.5]  # right, right, wrong, right, no direction
    row = forecast_quality(forecasts_of(bars, p_up=p, rows=5), bars).iloc[0]
    assert row["n"] == 5
    assert row["accuracy"] == pytest.approx(3 / 4)
    assert row["base_rate"] == pytest.approx(3 / 4)
    assert row["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert row["brier"] == pytest.approx((0.01 + 0.04 + 0.36 + 0.16 + 0.25) / 5)
    assert row["brier_base"] == pytest.approx(0.6 * 0.4)
    assert np.isnan(row["relative_mae"])
    at = bars.sessions
    assert (row["first"], row["last"]) == (at[0], at[4])


def test_quality_equals_other_libraries():
    random = np.random.default_rng(0)
    returns = random.normal(0, 0.01, 300)
    expected = returns * 0.1 + random.normal(0, 0.01, 300)
    bars = bars_of(returns)
    row = forecast_quality(forecasts_of(bars, expected=expected, rows=300), bars).iloc[0]
    up, said = returns > 0, expected > 0
    assert row["accuracy"] == pytest.approx(metrics.accuracy_score(up, said))
    assert row["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(up, said))
    assert row["mcc"] == pytest.approx(metrics.matthews_corrcoef(up, said))
    base = max(up.mean(), 1 - up.mean())
    test = stats.binomtest(int((up == said).sum()), 300, base, alternative="greater")
    assert row["p_value"] == pytest.approx(test.pvalue)
    rank = stats.spearmanr(expected, returns)
    assert row["ic"] == pytest.approx(rank.statistic)
    assert row["ic_p_value"] == pytest.approx(rank.pvalue)
    assert row["relative_rmse"] == pytest.approx(
        np.sqrt(metrics.mean_squared_error(returns, expected) / np.mean(returns**2))
    )
    assert row["relative_mae"] == pytest.approx(
        metrics.mean_absolute_error(returns, expected) / np.mean(np.abs(returns))
    )


def test_last_value_has_error_one_and_no_direction():
    bars = bars_of(np.random.default_rng(1).normal(0, 0.01, 50))
    row = forecast_quality(forecasts_of(bars, expected=0.0), bars).iloc[0]
    assert row["relative_mae"] == row["relative_rmse"] == 1.0
    assert row[["accuracy", "p_value", "mcc", "ic", "brier"]].isna().all()
    assert row["base_rate"] >= 0.5


def test_always_up_is_right_as_often_as_it_rises():
    returns = np.random.default_rng(2).normal(0.002, 0.01, 200)
    bars = bars_of(returns)
    row = forecast_quality(forecasts_of(bars, p_up=1.0, rows=200), bars).iloc[0]
    assert row["accuracy"] == pytest.approx((returns > 0).mean())
    assert row["balanced_accuracy"] == 0.5
    assert np.isnan(row["mcc"])
    assert row["brier"] == pytest.approx(1 - row["accuracy"])


def test_rows_whose_label_has_not_come_yet_do_not_count():
    bars = bars_of(np.full(10, 0.01))
    row = forecast_quality(forecasts_of(bars, expected=0.01, horizon=3), bars).iloc[0]
    assert row["n"] == 12 - 1 - 3
    assert row["last"] == bars.sessions[7]


def test_quality_without_any_realised_label_is_a_row_of_nan():
    bars = bars_of([0.01])
    late = forecasts_of(bars, p_up=0.7).frame.iloc[1:]
    row = forecast_quality(Forecasts(late.reset_index(drop=True)), bars).iloc[0]
    assert row["n"] == 0
    assert row.drop(["model", "seed", "horizon", "target", "n"]).isna().all()


@pytest.mark.parametrize(("horizon", "symbols"), [(1, 1), (10, 1), (1, 8)])
def test_coin_flips_are_rarely_called_significant(horizon, symbols):
    """Also where labels overlap or symbols move together: the flips of a day or week are then one."""
    random = np.random.default_rng(3)
    names = tuple(f"60000{i}.SH" for i in range(symbols))
    called = []
    for _ in range(120):
        common = random.normal(0, 0.01, (240, 1))
        returns = common + random.normal(0, 0.002, (240, symbols))
        bars = bars_of(returns, names)
        labels = make_labels(bars, horizon)["label"]
        flip = np.repeat(random.uniform(0.2, 0.8, 25), 10)[: len(bars.sessions)]
        p = np.tile(flip if horizon > 1 else random.uniform(0.2, 0.8, len(bars.sessions)), symbols)
        assert len(labels) == len(p)
        row = forecast_quality(forecasts_of(bars, p_up=p, horizon=horizon), bars).iloc[0]
        called.append(row["p_value"] < 0.05)
    assert np.mean(called) <= 0.10


def test_a_real_edge_is_called_significant():
    random = np.random.default_rng(4)
    returns = random.normal(0, 0.01, 500)
    p = np.where(returns + random.normal(0, 0.02, 500) > 0, 0.6, 0.4)
    bars = bars_of(returns)
    row = forecast_quality(forecasts_of(bars, p_up=p, rows=500), bars).iloc[0]
    assert row["p_value"] < 0.01
    assert row["ic_p_value"] < 0.01


def test_ic_over_many_symbols_is_the_mean_over_sessions():
    random = np.random.default_rng(5)
    names = tuple(f"60000{i}.SH" for i in range(6))
    returns = random.normal(0, 0.01, (40, 6))
    bars = bars_of(returns, names)
    score = returns * 0.3 + random.normal(0, 0.01, (40, 6))
    found = forecasts_of(bars, expected=score.T.ravel(), rows=40)
    row = forecast_quality(found, bars).iloc[0]
    each = [stats.spearmanr(a, b).statistic for a, b in zip(score, returns, strict=True)]
    assert row["ic"] == pytest.approx(np.mean(each))
    expected = stats.ttest_1samp(each, 0.0)
    assert row["ic_t"] == pytest.approx(expected.statistic)
    assert row["ic_p_value"] == pytest.approx(expected.pvalue)


def test_quality_has_one_row_a_model_in_fixed_columns():
    bars = bars_of(np.random.default_rng(6).normal(0, 0.01, 60))
    several = Forecasts.concat(
        [forecasts_of(bars, p_up=0.6, model="b"), forecasts_of(bars, expected=0.1, model="a")]
    )
    table = forecast_quality(several, bars)
    assert table["model"].tolist() == ["a", "b"]
    expected = (
        "model seed horizon target n accuracy base_rate p_value balanced_accuracy mcc brier brier_base "
        "relative_mae relative_rmse coverage coverage_nominal ic ic_t ic_p_value first last"
    )
    assert list(table.columns) == expected.split()


def test_labels_are_those_the_market_was_made_of():
    returns = np.random.default_rng(7).normal(0, 0.01, 30)
    np.testing.assert_allclose(
        make_labels(bars_of(returns), 1)["label"].dropna().to_numpy(), returns, atol=1e-12
    )
