"""Figures recomputed by hand, by a naive loop, and by QuantStats where it is known to be right."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qushi.backtests import Broker, backtest, performance
from qushi.backtests.performance import KEYS, round_trips
from qushi.core import Actions, BacktestResult, Bars, DataError, Listing
from qushi.core.calendar import sessions
from qushi.core.result import EQUITY, FILLS, ORDERS, POSITIONS

Make = Callable[..., Any]
_ = None


def _resting(equity: list[float], initial: float) -> BacktestResult:
    """A result whose equity is given: one share per unit held from a fill of no cost."""
    at = sessions("XSHG", "2023-01-03")[: len(equity)]
    fill = (1, at[0], "A", "buy", 1.0, initial, 0.0, 0.0, 0.0)
    order = (1, at[0] - pd.Timedelta(days=1), at[0], "A", "buy", 1.0, 1.0, "filled", "")
    positions = [(t, "A", 1.0, e, e) for t, e in zip(at, equity, strict=True)]
    return BacktestResult(
        "given",
        initial,
        pd.DataFrame([order], columns=list(ORDERS)),
        pd.DataFrame([fill], columns=list(FILLS)),
        pd.DataFrame(positions, columns=list(POSITIONS)),
        pd.DataFrame([(0.0, e, 0.0, e) for e in equity], index=at, columns=list(EQUITY)),
    )


curves = st.lists(st.floats(50, 200), min_size=5, max_size=40)


@given(curve=curves)
@settings(max_examples=60, deadline=None)
def test_ratios_equal_those_of_quantstats(curve: list[float]) -> None:
    import quantstats as qs

    result = _resting(curve, 100.0)
    figures, returns = performance(result, None, 252), result.returns
    if returns.std() < 1e-9 or returns.min() >= 0:
        return
    assert figures["sharpe"] == pytest.approx(qs.stats.sharpe(returns), nan_ok=True)
    assert figures["sortino"] == pytest.approx(qs.stats.sortino(returns), nan_ok=True)
    assert figures["volatility"] == pytest.approx(qs.stats.volatility(returns))
    assert figures["max_drawdown"] == pytest.approx(qs.stats.max_drawdown(returns), abs=1e-12)


@given(curve=curves)
@settings(max_examples=60, deadline=None)
def test_drawdown_and_total_equal_a_naive_loop(curve: list[float]) -> None:
    figures = performance(_resting(curve, 100.0), None, 243)
    peak, worst = 100.0, 0.0
    for value in curve:
        peak = max(peak, value)
        worst = min(worst, value / peak - 1)
    assert figures["max_drawdown"] == pytest.approx(worst)
    assert figures["total_return"] == pytest.approx(curve[-1] / 100 - 1)
    assert set(figures) == set(KEYS)


def test_first_loss_is_a_drawdown_from_the_initial_cash() -> None:
    assert performance(_resting([90.0, 90.0], 100.0), None, 243)["max_drawdown"] == pytest.approx(-0.1)


def test_constant_returns_have_no_sharpe_ratio() -> None:
    growing = [100 * 1.01 ** (t + 1) for t in range(30)]
    for curve in (growing, [100.0] * 30):
        figures = performance(_resting(curve, 100.0), None, 243)
        assert math.isnan(figures["sharpe"])
        assert math.isnan(figures["sortino"])
        assert math.isnan(figures["calmar"])


def test_cagr_counts_calendar_years() -> None:
    curve = list(np.linspace(100, 121, 486))
    result = _resting(curve, 100.0)
    years = (result.equity.index[-1] - result.equity.index[0]).days / 365.25
    figures = performance(result, None, 243)
    assert (1 + figures["cagr"]) ** years == pytest.approx(1.21)
    assert math.isnan(performance(_resting([110.0], 100.0), None, 243)["cagr"])


def test_benchmark_equal_to_the_strategy_has_beta_one_and_no_excess() -> None:
    result = _resting([101.0, 99, 103, 104, 100], 100.0)
    figures = performance(result, result.returns.rename("self"), 243)
    assert figures["beta"] == pytest.approx(1)
    assert figures["excess_return"] == pytest.approx(0)
    doubled = performance(result, result.returns * 2, 243)
    assert doubled["beta"] == pytest.approx(0.5)


def test_benchmark_of_other_sessions_is_refused() -> None:
    result = _resting([101.0, 99, 103], 100.0)
    other = result.returns.rename("000300.SH")
    other.index = other.index + pd.DateOffset(years=3)
    with pytest.raises(DataError, match=r"000300.SH.*lacks 100%"):
        performance(result, other, 243)


def test_no_benchmark_gives_nan_and_flat_benchmark_no_beta() -> None:
    result = _resting([101.0, 99, 103], 100.0)
    assert math.isnan(performance(result, None, 243)["excess_return"])
    assert math.isnan(performance(result, result.returns * 0, 243)["beta"])


def test_trading_figures_of_two_round_trips(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(S600000={"close": [10.0, 10, 11, 11, 11, 10, 10]})
    result = backtest(bars, make_weights(bars, S600000=[0.5, 0.0, _, 0.5, 0.0, _, 1e-9]))
    figures = performance(result, None, 243)
    assert (figures["round_trips"], figures["win_rate"]) == (2, 0.5)
    assert (figures["orders"], figures["fills"], figures["refused"]) == (5, 4, 1)
    trips = round_trips(result)
    assert trips["profit"].sum() == pytest.approx(result.equity["equity"].iloc[-1] - 1_000_000)
    assert figures["costs"] == pytest.approx(result.costs)
    bought = (result.fills["quantity"] * result.fills["price"]).sum()
    mean = result.equity["equity"].mean()
    assert figures["turnover"] == pytest.approx(bought / 2 / mean / 7 * 243)
    invested = result.equity["holdings"] / result.equity["equity"]
    assert figures["exposure"] == pytest.approx(sum(invested) / 7)
    idle = 1 - invested
    assert figures["idle_cash"] == pytest.approx(sum(idle) / 7)
    assert figures["last_cash"] == pytest.approx(idle.iloc[-1])


def test_dividends_bonus_shares_and_tax_belong_to_the_round_trip_that_held_them(
    make_bars: Make, make_weights: Make
) -> None:
    # 1 yuan cash and 5 bonus shares for 10: 10.00 becomes 6.00, of which 1.5 yuan a share are taxed.
    paid = Actions.from_frame(
        pd.DataFrame(
            {
                "symbol": ["600000.SH"],
                "session": sessions("XSHG", "2023-01-03")[2:3],
                "cash": [1.0],
                "bonus": [0.5],
                "pay_session": sessions("XSHG", "2023-01-03")[3:4],
            }
        )
    )
    plain = make_bars(S600000={"close": [10.0, 10, 6, 6, 6, 6]})
    bars = Bars.from_frame(plain.frame, actions=paid)
    result = backtest(bars, make_weights(bars, S600000=[0.5, _, _, 0.0, _, _]))
    figures, trips = performance(result, None, 243), round_trips(result)
    assert figures["dividends"] == 50_000
    assert figures["dividend_tax"] == pytest.approx(0.2 * 50_000 * 1.5)  # held for less than a month
    assert len(trips) == 1
    assert trips["profit"].iloc[0] == pytest.approx(result.equity["equity"].iloc[-1] - 1_000_000)


def test_holding_paid_out_at_delisting_is_a_closed_round_trip(
    make_bars: Make, make_weights: Make
) -> None:
    closes = {"S600000": {"close": [10.0] * 5}, "S600001": {"close": [10.0, 10, 8, _, _]}}
    bars = make_bars(**closes)
    gone = Bars.from_frame(bars.frame, listings={"600001.SH": Listing(delisted=bars.sessions[3])})
    weights = make_weights(gone, S600000=[_] * 5, S600001=[0.5, *[_] * 4])
    result = backtest(gone, weights, broker=Broker(delisting_value=0.5))
    (trip,) = round_trips(result).itertuples()
    assert (trip.symbol, trip.closed) == ("600001.SH", bars.sessions[3])
    assert trip.profit == pytest.approx(50_000 * (4 - 10) - result.costs)


def test_strategy_that_never_trades_has_zeros_and_nans(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(S600000={"close": [10.0] * 4})
    figures = performance(backtest(bars, make_weights(bars, S600000=[_] * 4)), None, 243)
    assert figures["total_return"] == figures["turnover"] == figures["orders"] == 0
    assert math.isnan(figures["win_rate"])
    assert math.isnan(figures["sharpe"])
