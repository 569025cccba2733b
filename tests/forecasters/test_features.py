import dataclasses
import importlib
import inspect

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qushi.core import Bars, ConfigError, DataError, PanicIndex
from qushi.core.calendar import sessions
from qushi.forecasters import FeatureSet, feature_names
from qushi.forecasters import features as features_module
from qushi.forecasters._indicators import INDICATOR_NAMES, INDICATORS
from qushi.forecasters.features import LEVELS, everything, relative_columns
from qushi.forecasters.series import KNOWN, ExternalSeries

NOTHING = {"returns": [], "volatility": [], "volume": [], "calendar": False, "indicators": []}


def only(**wanted) -> FeatureSet:
    return FeatureSet(**{**NOTHING, **wanted})


def whole_set(smoothing=None) -> FeatureSet:
    """All that is on offer, external series included."""
    return everything().model_copy(update={"series": ("york", "rate"), "smoothing": smoothing})


def two_series(start="2009-12-01", seed=11) -> list[ExternalSeries]:
    """Daily closes of another exchange in another zone, and a rate published now and then."""
    random = np.random.default_rng(seed)
    at = sessions("XNYS", start)[:1600]
    closes = pd.Series(1000 * np.exp(np.cumsum(random.normal(0, 0.01, len(at)))), index=at)
    moments = pd.date_range(start, periods=90, freq="17D", tz="Asia/Shanghai")
    rate = pd.Series(random.normal(0, 1, len(moments)), index=moments)
    forms = ("level", "change", "return")
    return [
        ExternalSeries.of_closes("york", closes, "XNYS", forms),
        ExternalSeries("rate", rate, forms, lag=1, max_age=9),
    ]


def close_of(session):
    return pd.Timestamp(f"{session:%Y-%m-%d} 15:00", tz="Asia/Shanghai")


def with_values(one: ExternalSeries, values: pd.Series) -> ExternalSeries:
    return dataclasses.replace(one, values=values)


def build_until(chosen, frame, panic, series, session):
    kept = Bars.from_frame(frame[frame["session"] <= session])
    known = PanicIndex(panic.frame[panic.frame["session"] <= session])
    told = [with_values(one, one.values[one.values.index <= close_of(session)]) for one in series]
    return chosen.build(kept, known, told)


@pytest.mark.parametrize("smoothing", [None, 0.4])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(30, 899))
def test_every_feature_cut_short_is_bit_equal_up_to_the_cut(market, panic_of, smoothing, cut):
    frame = market(rows=900)
    bars = Bars.from_frame(frame)
    panic, series = panic_of(bars), two_series()
    chosen = whole_set(smoothing)
    whole = chosen.build(bars, panic, series)
    part = build_until(chosen, frame, panic, series, bars.sessions[cut])
    assert whole.names == feature_names() + tuple(c for one in series for c in one.columns)
    for column, name in enumerate(whole.names):
        np.testing.assert_array_equal(
            part.values[:, column], whole.values[: cut + 1, column], err_msg=name
        )


@pytest.mark.parametrize("smoothing", [None, 0.4])
@pytest.mark.parametrize("poison", ["times_ten", "shuffled", "replaced"])
def test_every_feature_with_a_poisoned_future_is_unchanged_before_it(
    market, panic_of, poison, smoothing
):
    frame = market(rows=800)
    bars = Bars.from_frame(frame)
    panic = panic_of(bars)
    cut = 611
    prices = ["open", "high", "low", "close", "volume"]
    future = frame.index > cut
    poisoned = frame.copy()
    if poison == "times_ten":
        poisoned.loc[future, prices] *= 10.0
    elif poison == "shuffled":
        rows = frame.loc[future, prices].sample(frac=1, random_state=1).to_numpy()
        poisoned.loc[future, prices] = rows
    else:
        poisoned.loc[future, prices] = market(rows=800, seed=99).loc[future, prices]
    later = panic.frame["session"] > bars.sessions[cut]
    stained = panic.frame.assign(panic=panic.frame["panic"].mask(later), z=4.0)
    stained["z"] = panic.frame["z"].where(~later, 4.0)
    series = two_series()
    known = [one.values.index <= close_of(bars.sessions[cut]) for one in series]
    other = [with_values(one, one.values.where(k, -7.0)) for one, k in zip(series, known, strict=True)]
    chosen = whole_set(smoothing)
    before = chosen.build(bars, panic, series)
    after = chosen.build(Bars.from_frame(poisoned), PanicIndex(stained), other)
    np.testing.assert_array_equal(before.values[: cut + 1], after.values[: cut + 1])
    for place in (slice(0, 40), slice(-12, None)):  # features of bars, of external series
        changed = before.values[cut + 1 :, place], after.values[cut + 1 :, place]
        assert not np.array_equal(*changed, equal_nan=True)


def centred(b, weight):
    return b.ewm(alpha=weight, adjust=False).mean().iloc[::-1].ewm(alpha=weight).mean().iloc[::-1]


def test_planted_centred_smoother_is_caught(monkeypatch, market, panic_of):
    monkeypatch.setattr(features_module, "_smoothed", centred)
    with pytest.raises(AssertionError):
        test_every_feature_with_a_poisoned_future_is_unchanged_before_it(
            market, panic_of, "times_ten", 0.4
        )


@pytest.mark.parametrize("leak", ["tomorrow", "bfill", "centred", "scaled_on_everything"])
def test_planted_leak_in_a_feature_is_caught(monkeypatch, market, panic_of, leak):
    honest = FeatureSet._of_symbol

    def leaking(self, frame):
        table = pd.DataFrame(honest(self, frame))
        seen = {
            "tomorrow": lambda: table.shift(-1),
            "bfill": lambda: table[table.index % 9 != 8].reindex(table.index).bfill(),
            "centred": lambda: table.rolling(5, center=True).mean(),
            "scaled_on_everything": lambda: (table - table.mean()) / table.std(),
        }
        return seen[leak]().to_numpy()

    monkeypatch.setattr(FeatureSet, "_of_symbol", leaking)
    with pytest.raises(AssertionError):
        test_every_feature_with_a_poisoned_future_is_unchanged_before_it(
            market, panic_of, "times_ten", None
        )


def test_every_feature_with_a_future_of_nan_is_unchanged_before_it(market):
    frame = market(rows=700).set_index("session")
    poisoned = frame.copy()
    poisoned.loc[poisoned.index[500:], ["open", "high", "low", "close", "volume"]] = np.nan
    features = everything(())
    with np.errstate(invalid="ignore"):
        before, after = features._of_symbol(frame), features._of_symbol(poisoned)
    np.testing.assert_array_equal(before[:500], after[:500])


@pytest.mark.parametrize("name", INDICATOR_NAMES)
def test_indicator_after_its_warm_up_equals_the_one_with_four_times_of_it(market, name):
    warm_up = INDICATORS[name].warm_up
    frame = market(rows=4 * warm_up + 60, seed=3).set_index("session")
    features = only(indicators=[name])
    for end in range(4 * warm_up, len(frame), 13):
        short = features._of_symbol(frame.iloc[end - warm_up : end + 1])[-1]
        long = features._of_symbol(frame.iloc[end - 4 * warm_up : end + 1])[-1]
        assert np.isfinite(short).all()
        np.testing.assert_allclose(short, long, atol=1e-6, rtol=1e-6)


def test_plain_features_after_their_warm_up_equal_those_with_four_times_of_it(market):
    features = FeatureSet(indicators=[], candle=True)
    frame = market(rows=200).set_index("session")
    for end in (150, 171, 199):
        short = features._of_symbol(frame.iloc[end - features.warm_up : end + 1])[-1]
        long = features._of_symbol(frame.iloc[end - 4 * features.warm_up : end + 1])[-1]
        np.testing.assert_allclose(short, long, atol=1e-6)


@pytest.mark.parametrize("weight", [0.05, 0.3, 1.0])
def test_smoothed_features_after_their_warm_up_equal_those_with_four_times_of_it(market, weight):
    features = FeatureSet(indicators=["rsi", "kdj"], candle=True, levels=LEVELS, smoothing=weight)
    frame = market(rows=4 * features.warm_up + 30, seed=4).set_index("session")
    for end in range(4 * features.warm_up, len(frame), 7):
        short = features._of_symbol(frame.iloc[end - features.warm_up : end + 1])[-1]
        long = features._of_symbol(frame.iloc[end - 4 * features.warm_up : end + 1])[-1]
        assert np.isfinite(short).all()
        np.testing.assert_allclose(short, long, atol=1e-6, rtol=1e-6)


def test_smoothing_while_it_warms_up_is_nan_and_declared(market):
    features = only(levels=["close"], returns=[3], smoothing=0.25)
    built = features.build(Bars.from_frame(market(rows=300)))
    first = int(np.flatnonzero(np.isfinite(built.values).all(axis=1))[0])
    assert first == features.warm_up == built.warm_up
    assert 0.75 ** (features.warm_up - 3) < 1e-8 < 0.75 ** (features.warm_up - 4)
    short = features.build(Bars.from_frame(market(rows=20)))
    assert np.isnan(short.values).all()


def test_smoothing_is_the_recursion_on_adjusted_values(market):
    frame = market(rows=200)
    frame.loc[120:, ["open", "high", "low", "close"]] /= 2.0
    frame.loc[120:, "volume"] *= 2.0
    frame.loc[120:, "factor"] = 2.0
    built = only(levels=["close", "volume"], smoothing=0.5).build(Bars.from_frame(frame)).frame
    adjusted = {
        "close": (frame["close"] * frame["factor"]).tolist(),
        "volume": (frame["volume"] / frame["factor"]).tolist(),
    }
    for name, values in adjusted.items():
        mean = values[0]
        for value in values[1:]:
            mean = 0.5 * value + 0.5 * mean
        assert built[f"level_{name}"].iloc[-1] == pytest.approx(np.log(mean), rel=1e-6)


def test_smoothing_by_the_whole_weight_is_none(market):
    bars = Bars.from_frame(market(rows=400))
    plain, whole = everything(()).build(bars), everything(()).model_copy(update={"smoothing": 1.0})
    np.testing.assert_array_equal(plain.values, whole.build(bars).values)


def test_levels_are_logs_of_the_adjusted_values_and_relative_by_name(market):
    frame = market(rows=60)
    frame.loc[30:, "factor"] = 1.1
    frame.loc[40, "volume"] = 0.0
    chosen = only(returns=[1], levels=["close", "volume"])
    built = chosen.build(Bars.from_frame(frame))
    assert built.names == ("return_1", "level_close", "level_volume")
    assert relative_columns(built.names) == (1, 2)
    assert relative_columns(("series_level_close_level", "level_rise")) == ()
    table = built.frame.droplevel("symbol")
    close = (frame["close"] * frame["factor"]).to_numpy()
    np.testing.assert_allclose(table["level_close"], np.log(close), rtol=1e-6)
    assert np.isnan(table["level_volume"].iloc[40])
    assert table["level_volume"].drop(table.index[40]).notna().all()


def test_external_series_stand_beside_every_symbol_as_known(two_symbols):
    series = two_series()
    chosen = only(returns=[1], series=["rate", "york"])
    built = chosen.build(two_symbols, series=series).frame
    assert list(built.columns[1:7]) == list(series[1].columns)
    traded = ~two_symbols.frame["suspended"]
    for symbol in two_symbols.symbols:
        rows = built[traded].loc[symbol]
        for one in series:
            expected = one.at(pd.DatetimeIndex(rows.index), "XSHG").astype(np.float32)
            np.testing.assert_array_equal(rows[list(one.columns)], expected)
    known = built[traded][f"series_rate_level{KNOWN}"]
    assert set(known) == {0.0, 1.0}
    assert built[~traded].isna().all().all()


def test_build_with_an_unknown_series_raises_with_a_near_name(bars):
    with pytest.raises(DataError, match="no external series 'yorck': did you mean 'york'"):
        only(series=["yorck"]).build(bars, series=two_series())


@pytest.mark.parametrize("name", INDICATOR_NAMES)
def test_indicator_while_it_warms_up_is_nan_and_never_zero(market, name):
    indicator = INDICATORS[name]
    built = only(indicators=[name]).build(Bars.from_frame(market(rows=indicator.warm_up + 50)))
    assert built.warm_up == indicator.warm_up
    assert np.isnan(built.values[: indicator.warm_up]).all()
    assert np.isfinite(built.values[indicator.warm_up :]).all()


def test_all_features_after_the_declared_warm_up_are_complete(bars):
    features = everything(())
    built = features.build(bars)
    assert np.isfinite(built.values[features.warm_up :]).all()
    assert np.isnan(built.values[features.warm_up - 1]).any()


def test_features_when_a_dividend_comes_later_are_unchanged(market):
    frame = market(rows=600)
    paid = frame.copy()
    prices = ["open", "high", "low", "close"]
    paid.loc[500:, prices] /= 1.05
    paid.loc[500:, "factor"] = 1.05
    before = everything(()).build(Bars.from_frame(frame))
    after = everything(()).build(Bars.from_frame(paid))
    np.testing.assert_array_equal(before.values[:500], after.values[:500])
    price_only = [i for i, n in enumerate(before.names) if n.startswith(("return", "rsi", "macd"))]
    np.testing.assert_allclose(
        before.values[500:, price_only], after.values[500:, price_only], atol=1e-6
    )


def test_features_when_a_stock_splits_ignore_the_split(market):
    frame = market(rows=600)
    split = frame.copy()
    split.loc[450:, ["open", "high", "low", "close"]] /= 2.0
    split.loc[450:, "volume"] *= 2.0
    split.loc[450:, "factor"] = 2.0
    before = everything(()).build(Bars.from_frame(frame))
    after = everything(()).build(Bars.from_frame(split))
    np.testing.assert_allclose(before.values, after.values, atol=1e-6)


def test_features_of_prices_times_a_constant_are_the_same(market):
    frame = market(rows=600)
    dear = frame.copy()
    dear[["open", "high", "low", "close"]] *= 1000.0
    dear["volume"] *= 1e4
    one, other = (everything(()).build(Bars.from_frame(f)) for f in (frame, dear))
    for built in (one, other):  # levels as a window shows them, which here begins with the first row
        levels = list(relative_columns(built.names))
        built.values[:, levels] -= built.values[0, levels]
    np.testing.assert_allclose(one.values, other.values, atol=2e-5)


def test_features_of_several_symbols_equal_those_of_each_alone(two_symbols):
    together = FeatureSet().build(two_symbols).frame
    for symbol in two_symbols.symbols:
        alone = FeatureSet().build(two_symbols.select([symbol])).frame
        pd.testing.assert_frame_equal(together.loc[[symbol]], alone)


def test_suspended_rows_are_nan_and_leave_the_others_as_if_absent(two_symbols):
    frame = two_symbols.frame
    dropped = Bars.from_frame(frame[~frame["suspended"]].reset_index())
    built = FeatureSet().build(two_symbols).frame
    suspended = frame["suspended"].to_numpy()
    assert built[suspended].isna().all().all()
    pd.testing.assert_frame_equal(built[~suspended], FeatureSet().build(dropped).frame)


def test_volume_without_trade_is_not_known(market):
    frame = market(rows=60)
    frame.loc[40, "volume"] = 0.0
    built = only(volume=[5]).build(Bars.from_frame(frame))
    assert np.isnan(built.values[40, 0])
    assert np.isfinite(built.values[41, 0])


def test_returns_and_volatility_equal_a_second_computation(bars):
    built = only(returns=[3], volatility=[4]).build(bars).frame
    close = bars.frame["close"].to_numpy()
    logs = np.diff(np.log(close))
    for t in (10, 77, 500):
        assert built["return_3"].iloc[t] == pytest.approx(np.log(close[t] / close[t - 3]), rel=1e-6)
        assert built["volatility_4"].iloc[t] == pytest.approx(np.std(logs[t - 4 : t], ddof=1), rel=1e-6)


def test_panic_features_of_the_divergence_are_its_own_and_causal(bars, panic_of):
    panic = panic_of(bars)
    assert {"public", "institution"} <= set(panic.audiences)
    chosen = only(panic=["divergence"])
    built = chosen.build(bars, panic).frame
    assert list(built.columns)[:2] == ["panic_divergence", "panic_divergence_known"]
    sides = [only(panic=[a]).build(bars, panic).frame[f"panic_{a}"] for a in ("public", "institution")]
    found = built["panic_divergence"].to_numpy()
    np.testing.assert_allclose(found, (sides[0] - sides[1]).to_numpy(), atol=1e-6)
    assert np.isfinite(found).any()
    cut = bars.sessions[len(bars.sessions) // 2]
    early = PanicIndex(panic.frame[panic.frame["session"] <= cut])
    part = chosen.build(bars.between(None, cut), early).frame
    pd.testing.assert_frame_equal(part, built.loc[part.index])


def test_panic_features_carry_a_mask_and_no_filled_value(bars, panic_of):
    panic = panic_of(bars)
    built = only(panic=["public"]).build(bars, panic).frame
    source = panic.one("market", "public")
    for name, column in (("panic", "panic"), ("panic_z", "z"), ("attention", "attention")):
        scale = 100 if column == "panic" else 1
        value = built[f"{name}_public"].to_numpy()
        np.testing.assert_allclose(value, source[column].to_numpy() / scale, rtol=1e-6)
        np.testing.assert_array_equal(built[f"{name}_public{KNOWN}"] == 1, np.isfinite(value))
    assert built["panic_public"].isna().any()


@pytest.mark.parametrize(
    ("name", "column", "reference"),
    [
        ("rsi", "rsi", lambda t, b: t.RSI(b.close, 14) / 100),
        ("macd", "macd", lambda t, b: t.MACD(b.close, 12, 26, 9)[0] / b.close),
        ("atr", "atr", lambda t, b: t.ATR(b.high, b.low, b.close, 14) / b.close),
        ("adx", "adx", lambda t, b: t.ADX(b.high, b.low, b.close, 14) / 100),
        ("cci", "cci", lambda t, b: t.CCI(b.high, b.low, b.close, 20) / 100),
        ("mfi", "mfi", lambda t, b: t.MFI(b.high, b.low, b.close, b.volume, 14) / 100),
        ("williams_r", "williams_r", lambda t, b: t.WILLR(b.high, b.low, b.close, 14) / 100),
        ("roc", "roc", lambda t, b: t.ROC(b.close, 12) / 100),
        ("wma", "wma", lambda t, b: np.log(b.close / t.WMA(b.close, 9))),
        (
            "bollinger",
            "bollinger_width",
            lambda t, b: (lambda u, m, d: (u - d) / m)(*t.BBANDS(b.close, 20, 2, 2)),
        ),
        (
            "stochastic",
            "stochastic_k",
            lambda t, b: t.STOCHF(b.high, b.low, b.close, 14, 3)[0] / 100,
        ),
    ],
)
def test_indicator_equals_ta_lib_where_both_define_it(market, name, column, reference):
    talib = importlib.import_module("talib")
    frame = market(rows=900, seed=5)
    built = only(indicators=[name]).build(Bars.from_frame(frame)).frame[column].to_numpy()
    expected = np.asarray(reference(talib, frame), dtype=float)
    at = INDICATORS[name].warm_up
    np.testing.assert_allclose(built[at:], expected[at:], atol=1e-6)


def test_indicators_on_offer_leave_out_those_that_leak():
    source = inspect.getsource(importlib.import_module("qushi.forecasters._indicators"))
    code = source.split('"""', 2)[2]
    for leaking in ("KST", "fillna=True", "visual=True", "add_all_ta_features", "Vortex", "KAMA"):
        assert leaking not in code


def test_indicators_on_offer_are_those_with_a_computation():
    assert set(INDICATOR_NAMES) == set(INDICATORS)


def test_history_shorter_than_the_warm_up_gives_nan(market):
    built = everything(()).build(Bars.from_frame(market(rows=9))).frame
    assert built["adx"].isna().all()
    assert built["weekday_sin"].notna().all()


def test_build_without_any_feature_raises(bars):
    with pytest.raises(DataError, match="empty"):
        only().build(bars)


def test_build_without_the_panic_index_it_needs_raises(bars):
    with pytest.raises(DataError, match="need a panic index"):
        only(panic=["public"]).build(bars)


def test_build_with_an_unknown_audience_raises_with_a_near_name(bars, panic_of):
    with pytest.raises(DataError, match="did you mean 'public'"):
        only(panic=["publik"]).build(bars, panic_of(bars))


def test_feature_set_with_an_unknown_indicator_is_a_config_error():
    with pytest.raises(ConfigError, match="indicators"):
        FeatureSet.parse({"indicators": ["kst"]}, "[features]")
