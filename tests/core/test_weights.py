import numpy as np
import pandas as pd
import pytest

from qushi.core import DataError, Weights

AT = pd.bdate_range("2024-01-01", periods=3)


def _frame(*rows: list[float]) -> pd.DataFrame:
    return pd.DataFrame(rows, index=AT[: len(rows)], columns=["A", "B"], dtype=float)


def test_weights_in_force_are_the_last_decisions_and_zero_before_the_first() -> None:
    weights = Weights(_frame([np.nan, 0.5], [0.25, np.nan], [np.nan, 0.0]), "x")
    assert weights.in_force().to_numpy().tolist() == [[0, 0.5], [0.25, 0.5], [0.25, 0]]
    assert weights.symbols == ("A", "B")
    assert weights.sessions.equals(AT)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[-0.1, 0.2]], "no short selling"),
        ([[1.1, np.nan]], "from 0 to 1"),
        ([[np.inf, 0.0]], "from 0 to 1"),
        ([[0.5, 0.5], [0.6, 0.6]], "2024-01-02 sum to 1.2"),
    ],
)
def test_weights_that_cannot_be_held_are_refused(rows: list[list[float]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Weights(_frame(*rows), "x")


def test_weights_out_of_order_or_twice_are_refused() -> None:
    frame = _frame([0.1, 0.1], [0.2, 0.2])
    for bad in (frame.iloc[::-1], pd.concat([frame, frame])):
        with pytest.raises(DataError, match="sorted by session"):
            Weights(bad, "x")


def test_weights_of_rounding_size_above_one_are_accepted() -> None:
    thirds = pd.DataFrame([[1 / 3] * 3], index=AT[:1], columns=list("ABC"))
    assert Weights(thirds + 1e-12, "x").in_force().to_numpy().sum() == pytest.approx(1)
