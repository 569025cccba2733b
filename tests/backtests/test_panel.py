from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qushi.backtests.panel import Panel

Make = Callable[..., Any]
_ = None


def test_panel_repeats_the_last_close_where_a_row_is_missing_and_never_a_later_one(
    make_bars: Make,
) -> None:
    bars = make_bars(S600000={"close": [5.0] * 4}, S600001={"open": 9.0, "close": [_, 10.0, _, 12.0]})
    panel = Panel.build(bars, bars.symbols, "raw")
    np.testing.assert_array_equal(panel.close[:, 1], [np.nan, 10, 10, 12])
    np.testing.assert_array_equal(panel.open[:, 1], [np.nan, 9, 10, 9])
    assert panel.tradable[:, 1].tolist() == [False, True, False, True]
    assert panel.volume[:, 1].tolist() == [0, 1e6, 0, 1e6]


def test_panel_marks_zero_volume_and_suspended_sessions_as_not_tradable(make_bars: Make) -> None:
    bars = make_bars(
        S600000={
            "close": [5.0] * 3,
            "volume": [1e6, 0, 0],
            "suspended": [False, False, True],
        }
    )
    panel = Panel.build(bars, bars.symbols, "adjusted")
    assert panel.tradable[:, 0].tolist() == [True, False, False]


def test_panel_adjusts_relative_to_each_symbols_first_row(make_bars: Make) -> None:
    bars = make_bars(
        S600000={"close": [8.0, 4.0, 4.0], "factor": [3.0, 6.0, 6.0]},
        S600001={"close": [_, 20.0, 10.0], "factor": [_, 7.0, 14.0]},
    )
    panel = Panel.build(bars, bars.symbols, "adjusted")
    assert panel.close[:, 0].tolist() == [8, 8, 8]
    assert panel.close[1:, 1].tolist() == [20, 20]


def test_panel_keeps_returns_of_the_adjusted_series(make_market: Make) -> None:
    bars, weights = make_market(3)
    panel = Panel.build(bars, weights.symbols, "adjusted")
    expected = bars.adjusted("close")[list(weights.symbols)].ffill().pct_change(fill_method=None)
    actual = panel.close[1:] / panel.close[:-1] - 1
    np.testing.assert_allclose(actual, expected.to_numpy()[1:], atol=1e-12)


@pytest.mark.parametrize("prices", ["adjusted", "raw"])
def test_panel_of_one_factor_is_the_raw_price(make_bars: Make, prices: Any) -> None:
    bars = make_bars(S600000={"close": [5.0, 6.0], "factor": 7.0})
    assert Panel.build(bars, bars.symbols, prices).close[:, 0].tolist() == [5, 6]
