import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qushi.core import ConfigError, DataError
from qushi.strategies import Signals, decide_on_change
from qushi.strategies.trend_follow import TrendFollow


def _signals(p_up: list[float], expected: list[float] | None = None) -> Signals:
    at = pd.bdate_range("2024-01-01", periods=len(p_up))

    def frame(values: list[float]) -> pd.DataFrame:
        return pd.DataFrame({"A": values}, index=at, dtype=float)

    close = frame([1.0] * len(p_up))
    return Signals(close, frame(expected or [np.nan] * len(p_up)), frame(p_up))


def _naive(values: list[float], enter: float, leave: float) -> list[float]:
    """Weight in force after each session, by walking through the list."""
    state, seen = 0.0, []
    for value in values:
        if value > enter:
            state = 1.0
        elif value <= leave:
            state = 0.0
        seen.append(state)
    return seen


@given(
    values=st.lists(st.one_of(st.just(np.nan), st.floats(0, 1)), min_size=1, max_size=30),
    levels=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(max_examples=100, deadline=None)
def test_trend_follow_equals_a_walk_through_the_list(
    values: list[float], levels: tuple[float, float]
) -> None:
    leave, enter = sorted(levels)
    weights = TrendFollow(signal="p_up", enter=enter, exit=leave).weights(_signals(values))
    assert weights.in_force()["A"].tolist() == _naive(values, enter, leave)


def test_trend_follow_between_the_thresholds_holds_what_it_has() -> None:
    strategy = TrendFollow(signal="p_up", enter=0.6, exit=0.4)
    frame = strategy.weights(_signals([0.5, 0.7, 0.5, 0.3, 0.5])).frame
    assert frame["A"].dropna().tolist() == [1.0, 0.0]


def test_trend_follow_with_nan_forecast_makes_no_decision() -> None:
    frame = TrendFollow().weights(_signals([0.9, np.nan, 0.9, 0.1])).frame
    assert frame["A"].notna().tolist() == [True, False, False, True]


def test_trend_follow_auto_uses_the_return_only_where_there_is_no_probability() -> None:
    weights = TrendFollow().weights(_signals([0.9, np.nan, 0.1, np.nan], [-1.0, -1.0, 1.0, 1.0]))
    assert weights.in_force()["A"].tolist() == [1.0, 0.0, 0.0, 1.0]


def test_trend_follow_without_forecasts_says_what_to_do() -> None:
    close = pd.DataFrame({"A": [1.0]}, index=pd.bdate_range("2024-01-01", periods=1))
    with pytest.raises(DataError, match="forecaster"):
        TrendFollow().weights(Signals(close))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"enter": 0.6}, "unit"),
        ({"signal": "p_up", "enter": 0.4, "exit": 0.6}, "above enter"),
        ({"signal": "p_up", "enter": 55, "exit": 45}, "within 0 and 1"),
        ({"signl": "p_up"}, "did you mean 'signal'"),
    ],
)
def test_trend_follow_with_bad_settings_is_refused(table: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrendFollow.parse(table, "[strategy]")


def test_decide_on_change_keeps_first_and_changed_targets_only() -> None:
    targets = pd.DataFrame({"A": [0.0, 0.0, 0.5, np.nan, 0.5, 0.25]})
    kept = decide_on_change(targets)["A"]
    assert kept.dropna().to_dict() == {0: 0.0, 2: 0.5, 5: 0.25}
