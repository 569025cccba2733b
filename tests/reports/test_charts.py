from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from example_report import example_inputs, walk_bars
from qushi.reports import charts
from qushi.reports.charts import payload


def decoded(data) -> pd.DatetimeIndex:
    days = np.cumsum([0, *data["sessions"]["steps"]])
    return pd.DatetimeIndex(pd.Timestamp(data["sessions"]["first"]) + pd.to_timedelta(days, "D"))


@pytest.fixture(scope="module")
def inputs():
    return example_inputs(n=300, symbols=("600519.SH", "300333.SZ"))


@pytest.fixture(scope="module")
def data(inputs):
    return payload(inputs)


def test_sessions_are_those_of_the_bars_from_a_little_before_the_window(inputs, data):
    days = decoded(data)
    first, last = inputs.window
    assert days[data["from"]] == first
    assert days[-1] == last
    assert days.equals(inputs.bars.sessions[inputs.bars.sessions >= days[0]].rename(None))


def test_equity_is_a_share_of_the_initial_cash(inputs, data):
    days = decoded(data)
    for result in inputs.results:
        curve = data["equity"][result.name]
        assert days[curve["start"]] == result.equity.index[0]
        again = np.array(curve["v"]) * result.initial_cash
        np.testing.assert_allclose(again, result.equity["equity"], atol=6)


def test_benchmark_compounds_from_the_window_on(inputs, data):
    first, last = inputs.window
    total = (1 + inputs.benchmark.loc[first:last]).prod()
    assert data["benchmark"]["v"][-1] == pytest.approx(total, abs=1e-5)


def test_candles_and_factor_are_those_of_the_bars(inputs, data):
    days = decoded(data)
    one = inputs.bars.one("300333.SZ")
    drawn = data["symbols"]["300333.SZ"]
    assert drawn["at"] == [[0, len(days)]]
    np.testing.assert_allclose(drawn["c"], one["close"].loc[days[0] :], atol=0.006)
    steps = dict(drawn["factor"])
    factor = pd.Series(steps).reindex(range(len(days))).ffill()
    np.testing.assert_allclose(factor, one["factor"].loc[days[0] :])


def test_every_fill_of_a_drawn_symbol_is_on_the_chart(inputs, data):
    days = decoded(data)
    for result in inputs.results:
        trades = data["trades"][result.name]
        assert len(trades) == len(result.fills)
        for (at, symbol, quantity, _), fill in zip(trades, result.fills.itertuples(), strict=True):
            assert days[at] == fill.session
            assert list(data["symbols"])[symbol] == fill.symbol
            assert quantity == (fill.quantity if fill.side == "buy" else -fill.quantity)


def test_panic_keeps_its_gaps(inputs, data):
    days = decoded(data)
    truth = inputs.panic.one("market", "public")["panic"]
    drawn = data["panic"]["market"]["public"]
    for offset, value in enumerate(drawn["v"]):
        expected = truth.get(days[drawn["start"] + offset], np.nan)
        assert (value is None) == bool(np.isnan(expected))
        if value is not None:
            assert value == pytest.approx(expected, abs=0.051)
    assert None in drawn["v"]


def test_red_rises_in_china_and_green_in_america(data):
    assert data["up"] == "red"
    assert payload(example_inputs(n=120, symbols=("AAPL",), calendar="XNYS"))["up"] == "green"


def test_more_symbols_than_fit_are_left_out_least_traded_first(monkeypatch):
    inputs = example_inputs(n=200, symbols=("600519.SH", "300333.SZ", "000001.SZ"))
    monkeypatch.setattr(charts, "_MOST_CANDLES", 400)
    drawn = list(payload(inputs)["symbols"])
    counts = pd.concat([r.fills["symbol"] for r in inputs.results]).value_counts()
    assert set(drawn) == set(counts.index[:2])


def test_missing_sessions_split_the_run_of_candles():
    bars = walk_bars(n=50)
    days = bars.sessions
    holed = bars.frame.drop(index=[("000300.SH", days[20]), ("000300.SH", days[21])])
    inputs = example_inputs(n=50)
    data = payload(replace(inputs, bars=type(bars)(holed, "XSHG", "raw")))
    assert sum(length for _, length in data["symbols"]["000300.SH"]["at"]) == 48
    assert len(data["symbols"]["000300.SH"]["at"]) == 2


def test_price_of_a_fill_outside_its_bar_is_left_out(inputs, data):
    prices = ["open", "high", "low", "close"]
    halved = inputs.bars.frame.copy()
    halved[prices] /= 2
    changed = payload(replace(inputs, bars=type(inputs.bars)(halved, "XSHG", "raw")))
    for name, trades in data["trades"].items():
        assert None not in [trade[3] for trade in trades]
        assert changed["trades"][name] == [[*trade[:3], None] for trade in trades]
