from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qushi.backtests.panel import Panel

Make = Callable[..., Any]
_ = None


def test_panel_repeats_the_last_close_where_a_row_is_missing_and_never_a_later_one(
    make_bars: Make,
) -> None:
    bars = make_bars(S600000={"close": [5.0] * 4}, S600001={"open": 9.0, "close": [_, 10.0, _, 12.0]})
    panel = Panel.build(bars, bars.symbols)
    np.testing.assert_array_equal(panel.close[:, 1], [np.nan, 10, 10, 12])
    np.testing.assert_array_equal(panel.open[:, 1], [np.nan, 9, 10, 9])
    assert panel.present[:, 1].tolist() == [False, True, False, True]
    assert panel.tradable[:, 1].tolist() == [False, True, False, True]
    assert panel.volume[:, 1].tolist() == [0, 1e6, 0, 1e6]


def test_panel_marks_zero_volume_and_suspended_sessions_as_present_but_not_tradable(
    make_bars: Make,
) -> None:
    bars = make_bars(
        S600000={
            "close": [5.0] * 3,
            "volume": [1e6, 0, 0],
            "suspended": [False, False, True],
        }
    )
    panel = Panel.build(bars, bars.symbols)
    assert panel.present[:, 0].tolist() == [True, True, True]
    assert panel.tradable[:, 0].tolist() == [True, False, False]


def test_panel_keeps_prices_as_traded_and_the_factor_relative_to_each_symbols_first_row(
    make_bars: Make,
) -> None:
    bars = make_bars(
        S600000={"close": [8.0, 4.0, 4.0], "factor": [3.0, 6.0, 6.0]},
        S600001={"close": [_, 20.0, 10.0], "factor": [_, 7.0, 14.0]},
    )
    panel = Panel.build(bars, bars.symbols)
    assert panel.close[:, 0].tolist() == [8, 4, 4]
    assert panel.factor[:, 0].tolist() == [1, 2, 2]
    assert panel.factor[:, 1].tolist() == [1, 1, 2]


def test_panel_close_times_factor_has_the_returns_of_the_adjusted_series(make_market: Make) -> None:
    bars, weights = make_market(3)
    panel = Panel.build(bars, weights.symbols)
    expected = bars.adjusted("close")[list(weights.symbols)].ffill().pct_change(fill_method=None)
    adjusted = panel.close * panel.factor
    # A session without a row repeats the last close, whose factor is the one it was traded under.
    np.testing.assert_allclose(adjusted[1:] / adjusted[:-1] - 1, expected.to_numpy()[1:], atol=1e-12)


@pytest.mark.parametrize("more", [0, 1])
def test_panel_takes_the_limits_of_its_own_sessions_and_symbols(make_bars: Make, more: int) -> None:
    bars = make_bars(S600000={"close": [5.0, 6.0, 7.0]}, S600001={"close": [1.0, 2.0, 3.0]})
    wide = pd.DataFrame({"600001.SH": [1.0, 2, np.nan], "600000.SH": [4.0, 5, 6]}, index=bars.sessions)
    window = bars.select(["600000.SH"]).between(bars.sessions[more], None)
    panel = Panel.build(window, window.symbols, (wide, wide + 0.5))
    assert panel.limit_down[:, 0].tolist() == [4, 5, 6][more:]
    assert panel.limit_up[:, 0].tolist() == [4.5, 5.5, 6.5][more:]


def test_panel_without_limits_has_none(make_bars: Make) -> None:
    panel = Panel.build(make_bars(S600000={"close": [5.0]}), ["600000.SH"])
    assert np.isnan(panel.limit_up).all()
    assert np.isnan(panel.limit_down).all()
