"""What every strategy must obey, whatever it decides: one suite for all kinds."""

import numpy as np
import pandas as pd
import pytest

from qushi.core import Weights
from qushi.core.extensions import build, kinds
from qushi.strategies import Signals, Strategy

SETTINGS = {
    "buy_and_hold": [{}],
    "trend_follow": [
        {},
        {"signal": "p_up", "enter": 0.55, "exit": 0.45},
        {"signal": "expected_return", "enter": 0.002, "exit": -0.001},
    ],
    "top_k": [
        {},
        {"k": 2, "every": 3, "signal": "p_up"},
        {"k": 2, "every": 1, "positive_only": False},
    ],
    "panic_filter": [
        {"base": {"kind": "buy_and_hold"}},
        {"base": {"kind": "trend_follow"}, "sign": "buy_panic", "audience": "public"},
        {"base": {"kind": "top_k", "k": 2, "every": 4}, "mode": "scale"},
        {"base": {"kind": "trend_follow"}, "mode": "scale", "sign": "buy_panic", "step": 0.1},
    ],
    "panic_contrarian": [
        {"cooldown": 5},
        {"threshold": 80, "release": 60, "hold": 3, "cooldown": 0, "audience": "public"},
        {"threshold": 70, "release": 70, "hold": 2, "cooldown": 2, "sign": "avoid_panic"},
    ],
    "panic_divergence": [
        {},
        {"threshold": 20, "leave": -10, "sign": "with_public"},
        {"base": {"kind": "trend_follow"}, "threshold": 25},
        {"base": {"kind": "top_k", "k": 2, "every": 4}, "sign": "with_public"},
    ],
}
CASES = [(kind, table) for kind in kinds("qushi.strategies") for table in SETTINGS.get(kind, [{}])]


@pytest.fixture
def signals() -> Signals:
    """60 sessions, 4 symbols: one lists late, all have gaps in every signal."""
    random = np.random.default_rng(7)
    at = pd.bdate_range("2024-01-01", periods=60, name="session")
    symbols = ["600000.SH", "600519.SH", "000001.SZ", "300333.SZ"]

    def frame(values: np.ndarray, holes: float) -> pd.DataFrame:
        values = np.where(random.random(values.shape) < holes, np.nan, values)
        return pd.DataFrame(values, index=at, columns=symbols)

    close = frame(np.exp(random.normal(0, 0.02, (60, 4)).cumsum(axis=0)), 0.1)
    close.iloc[:25, 3] = np.nan
    expected, p_up = frame(random.normal(0, 0.01, (60, 4)), 0.2), frame(random.random((60, 4)), 0.3)
    expected.iloc[:8] = p_up.iloc[:8] = np.nan
    panic = {a: frame(random.random((60, 4)) * 100, 0.3) for a in ("public", "institution", "all")}
    panic["divergence"] = panic["public"] - panic["institution"]
    return Signals(close, expected, p_up, panic)


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{len(str(case[1]))}")
def strategy(request: pytest.FixtureRequest) -> Strategy:
    kind, table = request.param
    return build("qushi.strategies", {"kind": kind, **table}, Strategy, "test")


def _frames(signals: Signals) -> list[pd.DataFrame]:
    return [signals.close, signals.expected_return, signals.p_up, *signals.panic.values()]


def _poisoned(signals: Signals, session: pd.Timestamp, poison: float) -> Signals:
    def after(frame: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
        bad = frame.copy()
        bad.loc[bad.index > session] = (bad * poison).clip(low, high)
        return bad

    return Signals(
        after(signals.close, 0, np.inf),
        after(signals.expected_return, -np.inf, np.inf),
        after(signals.p_up, 0, 1),
        {a: after(f, -100 if a == "divergence" else 0, 100) for a, f in signals.panic.items()},
    )


def test_every_kind_has_an_example_here() -> None:
    assert set(SETTINGS) == set(kinds("qushi.strategies"))


def test_weights_cover_sessions_and_symbols_and_decide_something(
    strategy: Strategy, signals: Signals
) -> None:
    weights = strategy.weights(signals)
    assert weights.frame.index.equals(signals.close.index)
    assert list(weights.frame.columns) == list(signals.close.columns)
    assert weights.frame.notna().to_numpy().any()
    assert weights.name


def test_weights_of_truncated_signals_equal_the_full_ones(strategy: Strategy, signals: Signals) -> None:
    full = strategy.weights(signals).frame
    for session in signals.sessions[2:]:
        cut = strategy.weights(signals.until(session)).frame
        pd.testing.assert_frame_equal(cut, full.loc[:session])


@pytest.mark.parametrize("poison", [np.nan, 10.0, -1.0])
def test_weights_with_a_poisoned_future_are_unchanged_before_it(
    strategy: Strategy, signals: Signals, poison: float
) -> None:
    full = strategy.weights(signals).frame
    for session in signals.sessions[2::4]:
        other = strategy.weights(_poisoned(signals, session, poison)).frame
        pd.testing.assert_frame_equal(other.loc[:session], full.loc[:session])


class Planted(Strategy):
    """Causal but for one look into the future, which the two tests above must see."""

    leak: str

    def weights(self, signals: Signals) -> Weights:
        seen = {
            "tomorrow": lambda close: close.shift(-1),
            "bfill": lambda close: close.bfill(),
            "centred": lambda close: close.rolling(5, center=True, min_periods=1).mean(),
            "whole_sample": lambda close: close / close.mean(),
        }[self.leak](signals.close)
        return Weights((seen / 100).clip(0, 1) / len(signals.symbols), "planted")


@pytest.mark.parametrize("leak", ["tomorrow", "bfill", "centred", "whole_sample"])
def test_planted_leak_in_a_strategy_is_caught(signals: Signals, leak: str) -> None:
    with pytest.raises(AssertionError):
        test_weights_of_truncated_signals_equal_the_full_ones(Planted(leak=leak), signals)
    with pytest.raises(AssertionError):
        test_weights_with_a_poisoned_future_are_unchanged_before_it(Planted(leak=leak), signals, 10.0)


def test_weights_leave_the_signals_as_they_were(strategy: Strategy, signals: Signals) -> None:
    before = [frame.copy() for frame in _frames(signals)]
    strategy.weights(signals)
    for was, now in zip(before, _frames(signals), strict=True):
        pd.testing.assert_frame_equal(was, now)


def test_weights_computed_twice_are_equal(strategy: Strategy, signals: Signals) -> None:
    pd.testing.assert_frame_equal(strategy.weights(signals).frame, strategy.weights(signals).frame)


def test_decided_weights_in_force_never_sum_above_one(strategy: Strategy, signals: Signals) -> None:
    in_force = strategy.weights(signals).in_force()
    assert (in_force.sum(axis=1) <= 1 + 1e-9).all()
    assert (in_force >= 0).to_numpy().all()


def test_settings_survive_a_round_trip_through_a_table(strategy: Strategy) -> None:
    table = strategy.model_dump(mode="json", exclude_none=True)
    if table.get("base") is not None:  # the kind of a wrapped strategy is its class, not a setting
        table["base"] = strategy.base
    assert type(strategy).parse(table, "test") == strategy
