from collections.abc import Callable
from typing import Any

from qushi.backtests import backtest, performance, suspicions
from qushi.core import BacktestResult
from qushi.market import rules_for

Make = Callable[..., Any]
_ = None


def _zigzag(make_bars: Make, make_weights: Make, closes: list[float], **rules: float) -> tuple:
    bars = make_bars(S600000={"close": closes})
    flips = [0.5 if t % 2 == 0 else 0.0 for t in range(len(closes))]
    result = backtest(bars, make_weights(bars, S600000=flips), rules=rules_for("XSHG", **rules))
    return result, performance(result, None, 243)


def _said(result: BacktestResult, figures: dict[str, float]) -> tuple[str, ...]:
    found = suspicions(result, figures)
    assert all(s.zh and s.zh != s.en for s in found)
    return tuple(s.en for s in found)


def test_suspicions_of_a_strategy_that_never_traded_says_why(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600519={"close": [1_700.0] * 4})
    result = backtest(bars, make_weights(bars, S600519=[0.02, _, _, _]))
    assert _said(result, performance(result, None, 243)) == (
        "never traded: every order was refused, most often for: lot size",
    )


def test_suspicions_of_few_trades_says_luck(make_bars: Make, make_weights: Make) -> None:
    result, figures = _zigzag(make_bars, make_weights, [10.0] * 10)
    assert any("fewer than 30 round trips" in s for s in _said(result, figures))


def test_suspicions_of_too_good_a_result_asks_for_look_ahead(
    make_bars: Make, make_weights: Make
) -> None:
    closes = [10.0 if t % 2 else 12.0 for t in range(80)]  # bought at 10, sold at 12, always
    result, figures = _zigzag(make_bars, make_weights, closes)
    found = _said(result, figures)
    assert sum("look-ahead" in s for s in found) == 2
    assert not any("fewer than" in s for s in found)


def test_suspicions_of_dear_trading_says_that_costs_ate_the_gain(
    make_bars: Make, make_weights: Make
) -> None:
    closes = [(10.0 if t % 2 else 10.02) for t in range(80)]
    result, figures = _zigzag(make_bars, make_weights, closes, commission=0.005)
    found = _said(result, figures)
    assert any("costs above" in s for s in found)
    assert any("times a year" in s for s in found)


def test_suspicions_of_refused_orders_names_the_main_reason(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(
        S600000={"close": [10.0] * 9}, S600001={"close": [10.0] * 9, "volume": [1e6, *[0] * 7, 1e6]}
    )
    result = backtest(bars, make_weights(bars, S600000=[_] * 9, S600001=[0.5, *[_] * 8]))
    assert any("for suspended:" in s for s in _said(result, performance(result, None, 243)))


def test_suspicions_of_a_short_window_says_so(make_bars: Make, make_weights: Make) -> None:
    result, figures = _zigzag(make_bars, make_weights, [10.0] * 10)
    assert any("10 sessions only" in s for s in _said(result, figures))
