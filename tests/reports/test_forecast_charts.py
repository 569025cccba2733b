from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from example_forecasts import LEVELS, forecast_inputs
from example_report import example_inputs, walk_bars
from qushi.core import Bars, Forecasts
from qushi.core.calendar import sessions
from qushi.reports import forecast_charts
from qushi.reports.forecast_charts import forecast_payload

SYMBOL = "600519.SH"


@pytest.fixture(scope="module")
def inputs():
    return forecast_inputs(n=260)


@pytest.fixture(scope="module")
def data(inputs):
    return forecast_payload(inputs, inputs.bars.symbols)


def calendar_of(data) -> pd.DatetimeIndex:
    days = np.cumsum([0, *data["sessions"]["steps"]])
    return pd.DatetimeIndex(pd.Timestamp(data["sessions"]["first"]) + pd.to_timedelta(days, "D"))


def line_of(data, label, symbol=SYMBOL, step=1) -> pd.DataFrame:
    """A line of the payload as columns by session."""
    m = next(i for i, model in enumerate(data["models"]) if model["label"] == label)
    s = data["symbols"].index(symbol)
    line = next(found for *key, found in data["lines"] if key == [m, s, step])
    columns = {k: v for k, v in line.items() if isinstance(v, list)}
    length = max(map(len, columns.values()))
    days = calendar_of(data)[line["start"] : line["start"] + length]
    return pd.DataFrame(columns, index=days).astype(float)


def next_of(data, label, symbol=SYMBOL):
    m = next(i for i, model in enumerate(data["models"]) if model["label"] == label)
    s = data["symbols"].index(symbol)
    return next(found for found in data["next"] if (found["m"], found["s"]) == (m, s))


def rows_of(inputs, model, step, seed=0, symbol=SYMBOL) -> pd.DataFrame:
    frame = inputs.forecasts.of(model, seed).frame
    return frame[(frame["symbol"] == symbol) & (frame["horizon"] == step)].set_index("session")


@pytest.mark.parametrize("step", [1, 5])
def test_returns_stand_on_their_decision_beside_what_was_earned(inputs, data, step):
    line = line_of(data, "lstm #1", step=step)
    told = rows_of(inputs, "lstm", step, seed=1).loc[line.index]
    assert line["f"].to_numpy() == pytest.approx(told["expected_return"].to_numpy() * 100, abs=6e-4)
    assert line["p"].to_numpy() == pytest.approx(told["p_up"].to_numpy() * 100, abs=0.06)
    assert line["lo"].to_numpy() == pytest.approx(told["q0.05"].to_numpy() * 100, abs=6e-4)
    assert line["hi"].to_numpy() == pytest.approx(told["q0.95"].to_numpy() * 100, abs=6e-4)
    one = inputs.bars.one(SYMBOL)
    opened = np.log(one["open"] * one["factor"])
    earned = (opened.shift(-1 - step) - opened.shift(-1)).reindex(line.index) * 100
    assert line["a"].notna().equals(earned.notna())
    assert line["a"].dropna().to_numpy() == pytest.approx(earned.dropna().to_numpy(), abs=6e-4)
    assert line["a"].isna().sum() == step + 1


def test_prices_stand_on_the_session_they_are_about_raw_as_of_the_decision(inputs, data):
    step = 5
    line = line_of(data, "kline_candles", step=step)
    one = inputs.bars.one(SYMBOL)
    days = one.index
    told = rows_of(inputs, "kline_candles", step)
    decided = days[days.searchsorted(line.index) - step]
    assert line["f"].to_numpy() == pytest.approx(told.loc[decided, "price_close"].to_numpy(), abs=6e-3)
    # The close that came, in the prices of the decision: a step of the factor between them is undone.
    ratio = one.loc[line.index, "factor"].to_numpy() / one.loc[decided, "factor"].to_numpy()
    assert (ratio != 1).any()
    came = one.loc[line.index, "close"].to_numpy() * ratio
    assert line["a"].to_numpy() == pytest.approx(came, abs=6e-3)
    assert line.index[-1] == days[-1]


def test_bands_of_prices_are_prices(inputs, data):
    line = line_of(data, "gru_close")
    one = inputs.bars.one(SYMBOL)
    decided = one.index[one.index.searchsorted(line.index) - 1]
    told = rows_of(inputs, "gru_close", 1).loc[decided]
    low = one.loc[decided, "close"].to_numpy() * np.exp(told["q0.05"].to_numpy())
    assert line["lo"].to_numpy() == pytest.approx(low, abs=6e-3)
    assert (line["lo"] < line["hi"]).all()


def test_volatility_stands_beside_what_was_measured(inputs, data):
    line = line_of(data, "volatility_net", step=5)
    one = inputs.bars.one(SYMBOL)
    daily = np.log(one["close"] * one["factor"]).diff()
    measured = np.sqrt((daily**2).rolling(5).mean()).loc[line.index] * 100
    assert line["a"].to_numpy() == pytest.approx(measured.to_numpy(), abs=6e-4)


def test_a_model_of_probabilities_has_no_line_of_values(inputs, data):
    line = line_of(data, "logistic")
    assert "f" not in line
    assert line["p"].notna().all()
    assert line["a"].notna().sum() == len(line) - 2


def test_steps_are_the_first_and_the_last_of_each_model(data):
    steps = {model["label"]: model["steps"] for model in data["models"]}
    assert steps["lstm #0"] == [1, 5]
    assert steps["logistic"] == [1]
    assert steps["volatility_net"] == [5]
    drawn = {step for *_, step, _ in data["lines"]}
    assert drawn == {1, 5}


def test_newest_forecast_holds_every_step_on_the_coming_sessions(inputs, data):
    found = next_of(data, "kline_candles")
    last = inputs.bars.sessions[-1]
    coming = sessions("XSHG", last + pd.Timedelta(days=1))[:5]
    assert found["at"] == f"{last:%Y-%m-%d}"
    assert found["steps"] == [1, 2, 3, 4, 5]
    assert found["days"] == [f"{day:%Y-%m-%d}" for day in coming]
    frame = inputs.forecasts.of("kline_candles").frame
    told = frame[(frame["symbol"] == SYMBOL) & (frame["session"] == last)].sort_values("horizon")
    for letter, name in zip("ohlc", ("open", "high", "low", "close"), strict=True):
        assert found[letter] == pytest.approx(told[f"price_{name}"].tolist(), abs=6e-3)


def test_expected_return_becomes_a_path_from_the_last_close(inputs, data):
    found = next_of(data, "lstm #0")
    close = inputs.bars.one(SYMBOL)["close"].iloc[-1]
    frame = inputs.forecasts.of("lstm", 0).frame
    told = frame[(frame["symbol"] == SYMBOL) & (frame["session"] == inputs.bars.sessions[-1])]
    expected = close * np.exp(told.sort_values("horizon")["expected_return"])
    assert found["of"] == "expected"
    assert "o" not in found
    assert found["path"] == pytest.approx(expected.tolist(), abs=6e-3)
    band = np.log(np.array(found["hi"]) / np.array(found["lo"]))
    width = (LEVELS[0.95] - LEVELS[0.05]) * 0.012
    assert band == pytest.approx(width * np.sqrt([1, 2, 3, 4, 5]), abs=1e-3)


def test_candles_are_in_the_prices_of_the_decision():
    bars = walk_bars((SYMBOL,), 120)
    plain = forecast_inputs(n=120, symbols=(SYMBOL,))
    end = bars.sessions[79]  # a step of the factor follows: what came is told in the older prices
    older = replace(plain.forecasts, frame=plain.forecasts.frame.query("session <= @end"))
    data = forecast_payload(replace(plain, forecasts=older), bars.symbols)
    candles = data["candles"][0]
    one = bars.one(SYMBOL)
    at = pd.DatetimeIndex(candles["days"])
    assert len(at) == 60 + 1 + 40
    adjusted = one["close"] * one["factor"] / one["factor"].loc[end]
    assert candles["c"] == pytest.approx(adjusted.loc[at].tolist(), abs=6e-3)
    days = next_of(data, "lstm #0")["days"]
    assert days == [f"{day:%Y-%m-%d}" for day in one.index[80:85]]


def test_steps_run_along_the_symbols_own_trades():
    frame = walk_bars((SYMBOL,), 120).frame.reset_index()
    frame["suspended"] = False
    frame.loc[[100, 101], ["suspended", "volume"]] = [True, 0.0]
    bars = Bars.from_frame(frame)
    plain = forecast_inputs(n=120, symbols=(SYMBOL,))
    rows = plain.forecasts.frame
    rows = rows[~rows["session"].isin(bars.sessions[100:102])].reset_index(drop=True)
    inputs = replace(plain, bars=bars, forecasts=Forecasts(rows))
    line = line_of(forecast_payload(inputs, bars.symbols), "gru_close")
    told = rows[(rows["model"] == "gru_close") & (rows["session"] == bars.sessions[99])]
    after = line.loc[bars.sessions[102]]
    assert after["f"] == pytest.approx(told["price_close"].iloc[0], abs=6e-3)
    assert line.loc[bars.sessions[100:101]].isna().all(axis=None)


def test_page_stays_small_and_says_what_was_left_out(inputs, monkeypatch):
    monkeypatch.setattr(forecast_charts, "_MOST_NUMBERS", 6_600)
    data = forecast_payload(inputs, ["300333.SZ", SYMBOL])
    assert data["symbols"] == ["300333.SZ"]
    assert (data["drawn"], data["all"]) == (1, 2)
    assert data["kept"] == 150
    numbers = sum(len(v) for *_, line in data["lines"] for v in line.values() if isinstance(v, list))
    assert numbers <= 6_600
    assert calendar_of(data)[0] == inputs.bars.sessions[-150]


def test_without_forecasts_there_is_nothing_to_draw():
    inputs = replace(example_inputs(n=120), forecasts=None)
    assert forecast_payload(inputs, inputs.bars.symbols) == {}


def test_weekdays_stand_in_where_the_exchange_has_announced_no_sessions():
    bars = walk_bars((SYMBOL,), 100)
    last = sessions("XSHG")[-1]
    shifted = bars.frame.reset_index()
    shifted["session"] = sessions("XSHG")[-100:]
    days = forecast_charts._days_after(Bars.from_frame(shifted), SYMBOL, last, last, [1, 2, 6])
    weekdays = pd.bdate_range(last + pd.Timedelta(days=1), periods=6)
    assert days == [f"{weekdays[i]:%Y-%m-%d}" for i in (0, 1, 5)]


def test_a_suspended_symbol_is_expected_to_trade_after_the_last_bar(inputs):
    frame = inputs.bars.frame.reset_index()
    days = inputs.bars.sessions
    halted = (frame["symbol"] == SYMBOL) & (frame["session"] > days[-8])
    told = inputs.forecasts.frame
    kept = told[(told["symbol"] != SYMBOL) | (told["session"] <= days[-8])].reset_index(drop=True)
    bars = Bars.from_frame(frame[~halted])
    data = forecast_payload(replace(inputs, bars=bars, forecasts=Forecasts(kept)), bars.symbols)
    found = next_of(data, "lstm #0")
    coming = sessions("XSHG", days[-1] + pd.Timedelta(days=1))[:5]
    assert found["at"] == f"{days[-8]:%Y-%m-%d}"
    assert found["days"] == [f"{day:%Y-%m-%d}" for day in coming]
