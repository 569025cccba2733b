import numpy as np
import pandas as pd
import pytest

from qushi.core import ConfigError, DataError
from qushi.strategies import Signals
from qushi.strategies.panic_filter import PanicFilter

HOLD = {"kind": "buy_and_hold"}


def _signals(panic: list[float], audience: str = "all") -> Signals:
    at = pd.bdate_range("2024-01-01", periods=len(panic))
    close = pd.DataFrame({"A": 1.0}, index=at)
    p_up = pd.DataFrame({"A": 0.9}, index=at)
    return Signals(close, None, p_up, {audience: pd.DataFrame({"A": panic}, index=at, dtype=float)})


def _in_force(filter_: PanicFilter, panic: list[float]) -> list[float]:
    return filter_.weights(_signals(panic)).in_force()["A"].tolist()


def test_panic_filter_veto_avoids_panic_at_and_above_the_threshold() -> None:
    strategy = PanicFilter(base=HOLD, threshold=80)
    assert _in_force(strategy, [10, 80, 95, 79, 10]) == [1, 0, 0, 1, 1]


def test_panic_filter_buy_panic_is_the_mirror_image() -> None:
    avoid = PanicFilter(base=HOLD, mode="scale")
    mirrored = PanicFilter(base=HOLD, mode="scale", sign="buy_panic")
    panic = [5.0, 30.0, 55.0, 64.0, 90.0]
    assert _in_force(avoid, panic) == _in_force(mirrored, [100 - p for p in panic])


def test_panic_filter_scale_is_linear_between_calm_and_threshold() -> None:
    strategy = PanicFilter(base=HOLD, mode="scale", calm=40, threshold=80, step=0.25)
    assert _in_force(strategy, [0, 40, 50, 60, 70, 80, 100]) == [1, 1, 0.75, 0.5, 0.25, 0, 0]


def test_panic_filter_without_information_passes_the_base_through() -> None:
    signals = _signals([np.nan] * 5)
    strategy = PanicFilter(base=HOLD, mode="scale")
    pd.testing.assert_frame_equal(strategy.weights(signals).frame, strategy.base.weights(signals).frame)


def test_panic_filter_losing_information_returns_to_the_base() -> None:
    assert _in_force(PanicFilter(base=HOLD), [90, 90, np.nan, 10]) == [0, 0, 1, 1]


def test_panic_filter_decides_only_where_something_changes() -> None:
    frame = PanicFilter(base=HOLD).weights(_signals([10, 20, 90, 95, 20])).frame
    assert frame["A"].notna().tolist() == [True, False, True, False, True]


def test_panic_filter_needs_panic_and_what_its_base_needs() -> None:
    wrapped = PanicFilter(base={"kind": "trend_follow"})
    assert wrapped.requirements() == {"panic", "forecast"}


def test_panic_filter_of_a_missing_audience_names_those_there_are() -> None:
    with pytest.raises(DataError, match="did you mean 'public'"):
        PanicFilter(base=HOLD, audience="publc").weights(_signals([1.0], "public"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"base": {"kind": "trend_folow"}}, "did you mean 'trend_follow'"),
        ({"base": {"kind": "top_k", "kk": 2}}, "unknown key 'kk'"),
        ({"base": HOLD, "mode": "scale", "calm": 90}, "below threshold"),
        ({}, "'base' is missing"),
    ],
)
def test_panic_filter_with_bad_settings_is_refused(table: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PanicFilter.parse(table, "[strategy]")
