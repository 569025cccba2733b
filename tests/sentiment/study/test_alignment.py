import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars, PanicIndex
from qushi.core.calendar import sessions
from qushi.core.panic import VALUES
from qushi.sentiment.study.alignment import panic_alignment, price_levels

AT = sessions("XSHG", "2023-01-03", "2023-06-30")


def bars_of(**closes):
    parts = []
    for name, values in closes.items():
        symbol = f"{name[1:]}.SH"
        parts.append(pd.DataFrame({"symbol": symbol, "session": AT, "close": values}))
    table = pd.concat(parts)
    for column in ("open", "high", "low"):
        table[column] = table["close"]
    return Bars.from_frame(table.assign(volume=1.0))


def index_of(**columns):
    frame = pd.DataFrame({"scope": "600519.SH", "audience": "all", "session": AT})
    defaults = dict.fromkeys(VALUES, 1.0) | {"texts": 1, "quality": "ok"}
    return PanicIndex(frame.assign(**{**defaults, **columns}))


def closes_of(returns):
    return 10 * np.exp(np.cumsum(returns))


@pytest.fixture
def returns():
    return np.random.default_rng(1).normal(0, 0.01, len(AT))


def test_alignment_bearishness_that_mirrors_the_day_is_minus_one(returns):
    index = index_of(session_bearishness=-returns, panic=50.0)
    row = panic_alignment(index, bars_of(s600519=closes_of(returns))).iloc[0]
    assert row["same_session"] == pytest.approx(-1.0)
    assert np.isnan(row["next_session"]), "a constant index correlates with nothing"


def test_alignment_index_that_knows_tomorrow_shows_in_next_session(returns):
    ahead = np.append(returns[1:], 0.0)
    panic = 50 - 1000 * ahead.clip(-0.04, 0.04)
    row = panic_alignment(index_of(panic=panic), bars_of(s600519=closes_of(returns))).iloc[0]
    assert row["next_session"] == pytest.approx(-1.0, abs=1e-3)
    assert abs(row["last_three"]) < 0.3
    assert row["n"] == len(AT) - 1


def test_alignment_last_three_is_the_return_of_three_sessions(returns):
    closes = closes_of(returns)
    three = pd.Series(np.log(closes)).diff(3)
    panic = (50 - 500 * three.fillna(0)).clip(0, 100)
    row = panic_alignment(index_of(panic=panic.to_numpy()), bars_of(s600519=closes)).iloc[0]
    expected = panic.iloc[3:].corr(three.iloc[3:])
    assert row["last_three"] == pytest.approx(expected)


def test_alignment_sessions_without_texts_or_quality_do_not_count(returns):
    quality = np.where(np.arange(len(AT)) < 30, "none", "ok")
    texts = np.where(np.arange(len(AT)) < 30, 0, 1)
    garbage = np.where(np.arange(len(AT)) < 30, 99.0, -returns)
    index = index_of(session_bearishness=garbage, texts=texts, quality=quality)
    row = panic_alignment(index, bars_of(s600519=closes_of(returns))).iloc[0]
    assert row["same_session"] == pytest.approx(-1.0)


def test_alignment_market_scope_is_held_against_all_symbols(returns):
    other = np.random.default_rng(2).normal(0, 0.01, len(AT))
    bars = bars_of(s600519=closes_of(returns), s600000=closes_of(other))
    index = index_of(session_bearishness=-(returns + other) / 2, scope="market")
    row = panic_alignment(index, bars).iloc[0]
    assert row["scope"] == "market"
    assert row["same_session"] == pytest.approx(-1.0)


def test_alignment_below_twenty_sessions_is_unknown(returns):
    few = bars_of(s600519=closes_of(returns)).between(None, AT[15])
    row = panic_alignment(index_of(session_bearishness=-returns), few).iloc[0]
    assert np.isnan(row["same_session"])


def test_price_levels_are_log_levels_of_the_equal_weight_and_open_from_the_close_before():
    at = AT[:4]
    rows = {
        "600519.SH": ([10.0, 11, 12, 12], [10.0, 12, 12, 15], [False] * 4),
        "600000.SH": ([5.0, 5, 6, 8], [5.0, 6, 6, 9], [False, False, True, False]),
    }
    parts = []
    for symbol, (opened, closed, suspended) in rows.items():
        part = pd.DataFrame({"symbol": symbol, "session": at, "open": opened, "close": closed})
        part = part.assign(
            high=part[["open", "close"]].max(axis=1), low=part[["open", "close"]].min(axis=1)
        )
        parts.append(part.assign(suspended=suspended, volume=np.where(suspended, 0.0, 1.0)))
    found = price_levels(Bars.from_frame(pd.concat(parts)), ["600519.SH", "600000.SH"])
    # The suspended session of the second is the first's alone; its gap counts when it trades again.
    first, second = np.log([12 / 10, 12 / 12, 15 / 12]), np.log([6 / 5, 9 / 6])
    expected = [(first[0] + second[0]) / 2, first[1], (first[2] + second[1]) / 2]
    np.testing.assert_allclose(found["return"], [np.nan, *expected])
    np.testing.assert_allclose(found["close"], np.cumsum([0, *expected]))
    bodies = [0, (np.log(12 / 11) + np.log(6 / 5)) / 2, 0, (np.log(15 / 12) + np.log(9 / 8)) / 2]
    np.testing.assert_allclose(found["close"] - found["open"], bodies, atol=1e-12)


def test_price_levels_of_one_symbol_have_no_row_while_it_is_suspended_and_ignore_dividends():
    at = AT[:3]
    frame = pd.DataFrame(
        {"symbol": "600519.SH", "session": at, "close": [10.0, 9.0, 9.0], "volume": 1.0}
    )
    frame = frame.assign(open=frame["close"], high=frame["close"], low=frame["close"])
    frame = frame.assign(factor=[1.0, 10 / 9, 10 / 9])  # a dividend of 1, nothing else
    found = price_levels(Bars.from_frame(frame), ["600519.SH"])
    np.testing.assert_allclose(found["close"], 0, atol=1e-12)
    frame = frame.assign(suspended=[False, True, False], volume=[1.0, 0, 1])
    gap = price_levels(Bars.from_frame(frame), ["600519.SH"])
    assert gap.index.tolist() == [at[0], at[2]]
