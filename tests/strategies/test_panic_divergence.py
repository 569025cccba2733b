import numpy as np
import pandas as pd
import pytest

from qushi.core import Bars, ConfigError, DataError, PanicIndex
from qushi.core.calendar import sessions
from qushi.core.extensions import build
from qushi.core.panic import COLUMNS
from qushi.strategies import Signals, Strategy
from qushi.strategies.panic_divergence import PanicDivergence

NAN = float("nan")
HOLD = {"kind": "buy_and_hold"}


def signals_of(public, institution):
    at = pd.bdate_range("2024-01-01", periods=len(public))
    panic = {"public": public, "institution": institution}
    tables = {a: pd.DataFrame({"A": v}, index=at, dtype=float) for a, v in panic.items()}
    tables["divergence"] = tables["public"] - tables["institution"]
    return Signals(pd.DataFrame({"A": 1.0}, index=at), panic=tables)


def in_force(strategy, difference):
    """Of a difference of audiences in points, the institutions' panic being 50."""
    public = [50 + d for d in difference]
    return strategy.weights(signals_of(public, [50] * len(public))).in_force()["A"].tolist()


def test_divergence_against_public_is_long_while_the_public_is_more_frightened():
    strategy = PanicDivergence(threshold=30, leave=0)
    assert in_force(strategy, [10, 30, 10, 0, 10, 40]) == [0, 1, 1, 0, 0, 1]


def test_divergence_with_public_is_the_other_side():
    difference = [10, 30, -31, -10, 5, -40]
    strategy = PanicDivergence(sign="with_public")
    assert in_force(strategy, difference) == [0, 0, 1, 1, 0, 1]
    turned = in_force(PanicDivergence(), [-d for d in difference])
    assert in_force(strategy, difference) == turned


def test_divergence_over_a_base_is_a_veto():
    strategy = PanicDivergence(base=HOLD, threshold=20)
    assert in_force(strategy, [0, -20, -25, -19, 40]) == [1, 0, 0, 1, 1]
    frame = strategy.weights(signals_of([50, 20, 20], [50, 50, 50])).frame
    assert frame["A"].notna().tolist() == [True, True, False]


def test_divergence_without_one_of_the_audiences_is_no_information():
    public, institution = [90, NAN, 90, 50, 90], [50, 50, NAN, 50, NAN]
    own = PanicDivergence().weights(signals_of(public, institution)).in_force()["A"].tolist()
    assert own == [1, 1, 1, 0, 0]
    vetoed = PanicDivergence(base=HOLD).weights(signals_of([10, NAN, 10], [60, 60, 60]))
    assert vetoed.in_force()["A"].tolist() == [0, 1, 0]


def test_divergence_of_one_audience_only_is_refused_when_it_runs():
    signals = signals_of([50, 60], [50, 50])
    alone = Signals(signals.close, panic={"public": signals.panic["public"]})
    with pytest.raises(DataError, match="of the public and of institutions, the experiment has public"):
        PanicDivergence().weights(alone)


def test_divergence_is_that_of_the_index():
    at = sessions("XSHG", "2024-01-02")[:4]
    rows = {"public": [50, 90, 90, 60], "institution": [50, 40, NAN, 70]}
    parts = []
    for audience, panic in rows.items():
        part = pd.DataFrame({"scope": "market", "audience": audience, "session": at, "panic": panic})
        parts.append(part.assign(**{c: 0.0 for c in COLUMNS if c not in part}).assign(quality="ok"))
    close = pd.DataFrame({"symbol": "000300.SH", "session": at, "volume": 1.0})
    bars = Bars.from_frame(close.assign(open=1.0, high=1.0, low=1.0, close=1.0))
    signals = Signals.build(bars, panic=PanicIndex(pd.concat(parts, ignore_index=True)))
    np.testing.assert_array_equal(signals.panic["divergence"]["000300.SH"], [0, 50, NAN, -10])
    assert PanicDivergence().weights(signals).in_force()["000300.SH"].tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("kind", ["panic_filter", "panic_contrarian"])
def test_divergence_is_no_audience_of_another_strategy(kind):
    base = {"base": HOLD} if kind == "panic_filter" else {}
    with pytest.raises(ConfigError, match="use the strategy panic_divergence"):
        build("qushi.strategies", {"kind": kind, "audience": "divergence", **base}, Strategy, "test")


def test_divergence_needs_what_its_base_needs():
    assert PanicDivergence().requirements() == {"panic"}
    assert PanicDivergence(base={"kind": "top_k"}).requirements() == {"panic", "forecast"}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"leave": 30}, r"leave \(30\) must be below threshold \(30\)"),
        ({"base": {"kind": "trend_folow"}}, "did you mean 'trend_follow'"),
        ({"sign": "against"}, "did you mean 'against_public'"),
    ],
)
def test_divergence_with_bad_settings_is_refused(table, said):
    with pytest.raises(ConfigError, match=said):
        PanicDivergence.parse(table, "[strategy]")
