import numpy as np
import pandas as pd
import pytest

from qushi.core import ConfigError, DataError
from qushi.strategies import Signals
from qushi.strategies.panic_contrarian import PanicContrarian

NAN = float("nan")


def signals_of(panic, audience="all", listed=0):
    at = pd.bdate_range("2024-01-01", periods=len(panic))
    close = pd.DataFrame({"A": 1.0}, index=at)
    close.iloc[:listed] = NAN
    return Signals(close, panic={audience: pd.DataFrame({"A": panic}, index=at, dtype=float)})


def in_force(strategy, panic):
    return strategy.weights(signals_of(panic)).in_force()["A"].tolist()


def test_contrarian_at_once_holds_from_the_signal_for_so_many_sessions():
    strategy = PanicContrarian(threshold=90, hold=3, cooldown=0)
    assert in_force(strategy, [50, 90, 50, 50, 50, 50]) == [0, 1, 1, 1, 0, 0]


def test_contrarian_with_a_release_waits_until_the_fright_is_over():
    strategy = PanicContrarian(threshold=90, release=70, hold=2, cooldown=0)
    assert in_force(strategy, [95, 80, 92, 70, 69, 10, 10, 10]) == [0, 0, 0, 0, 1, 1, 0, 0]


def test_contrarian_without_an_extreme_is_never_released():
    strategy = PanicContrarian(threshold=90, release=70, hold=2)
    assert in_force(strategy, [89, 10, 89, 10]) == [0, 0, 0, 0]


def test_contrarian_counts_the_cool_down_from_the_end_of_the_position():
    panic = [95] * 8
    assert in_force(PanicContrarian(hold=2, cooldown=3), panic) == [1, 1, 0, 0, 0, 1, 1, 0]
    assert in_force(PanicContrarian(hold=2, cooldown=0), panic) == [1] * 8


def test_contrarian_does_not_arm_during_the_cool_down():
    strategy = PanicContrarian(threshold=90, release=50, hold=1, cooldown=3)
    # Extreme at 2 and 3 while it rests: calm at 5 releases nothing.
    assert in_force(strategy, [95, 40, 95, 95, 95, 40, 95, 40]) == [0, 1, 0, 0, 0, 0, 0, 1]


def test_contrarian_avoid_panic_is_the_same_bet_turned():
    panic = [50, 92, 50, 50, NAN, 91, 10, 10]
    long = in_force(PanicContrarian(hold=2, cooldown=1), panic)
    out = in_force(PanicContrarian(hold=2, cooldown=1, sign="avoid_panic"), panic)
    assert out == [1 - w for w in long]
    assert sum(long) == 4


def test_contrarian_without_information_neither_begins_nor_ends():
    strategy = PanicContrarian(threshold=90, release=70, hold=3, cooldown=0)
    assert in_force(strategy, [NAN, 95, NAN, NAN, 60, NAN, NAN, NAN]) == [0, 0, 0, 0, 1, 1, 1, 0]


def test_contrarian_decides_only_where_the_position_changes_and_not_before_the_first_bar():
    frame = PanicContrarian(hold=2).weights(signals_of([50, 95, 50, 50, 50])).frame
    assert frame["A"].notna().tolist() == [True, True, False, True, False]
    late = PanicContrarian(sign="avoid_panic").weights(signals_of([50] * 5, listed=2)).frame["A"]
    np.testing.assert_array_equal(late, [NAN, NAN, 1, NAN, NAN])


def test_contrarian_shares_the_equity_and_reads_its_own_audience():
    signals = signals_of([95, 95, 50], "public")
    wide = Signals(
        signals.close.assign(B=2.0), panic={"public": signals.panic["public"].assign(B=[10, 95, 50])}
    )
    frame = PanicContrarian(hold=2, audience="public").weights(wide).in_force()
    assert frame.to_numpy().tolist() == [[0.5, 0], [0.5, 0.5], [0, 0.5]]
    with pytest.raises(DataError, match="no panic index of the audience 'all'"):
        PanicContrarian().weights(wide)


def test_contrarian_with_a_release_above_the_threshold_is_refused():
    with pytest.raises(ConfigError, match=r"release \(95\) must not be above threshold \(90\)"):
        PanicContrarian.parse({"release": 95}, "[strategy]")
