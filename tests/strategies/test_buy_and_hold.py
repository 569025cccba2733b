import numpy as np
import pandas as pd

from qushi.strategies import Signals
from qushi.strategies.buy_and_hold import BuyAndHold


def test_buy_and_hold_with_a_late_listing_decides_each_symbol_once() -> None:
    at = pd.bdate_range("2024-01-01", periods=4)
    close = pd.DataFrame({"A": [1.0, 2, 3, 4], "B": [np.nan, np.nan, 5, 6]}, index=at)
    frame = BuyAndHold().weights(Signals(close)).frame
    assert frame.notna().sum().tolist() == [1, 1]
    assert frame.loc[at[0], "A"] == frame.loc[at[2], "B"] == 0.5


def test_buy_and_hold_with_a_gap_does_not_decide_again() -> None:
    at = pd.bdate_range("2024-01-01", periods=4)
    close = pd.DataFrame({"A": [1.0, np.nan, 3, 4]}, index=at)
    assert BuyAndHold().weights(Signals(close)).frame["A"].dropna().index.tolist() == [at[0]]
