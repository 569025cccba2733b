import numpy as np
import pandas as pd
import pytest

from qushi.core import DataError
from qushi.strategies import Signals
from qushi.strategies.top_k import TopK


def _signals(rows: list[list[float]], given: str = "expected_return") -> Signals:
    """Every symbol has a bar; of the two signals one is given and the other is not known."""
    at = pd.bdate_range("2024-01-01", periods=len(rows))
    values = pd.DataFrame(rows, index=at, columns=list("ABC"), dtype=float)
    close, unknown = pd.DataFrame(1.0, index=at, columns=list("ABC")), values * np.nan
    return (
        Signals(close, values, unknown)
        if given == "expected_return"
        else Signals(close, unknown, values)
    )


def test_top_k_holds_the_best_and_sells_the_rest() -> None:
    frame = TopK(k=2, every=1).weights(_signals([[0.1, 0.3, 0.2], [0.3, 0.1, 0.2]])).frame
    assert frame.to_numpy().tolist() == [[0.0, 0.5, 0.5], [0.5, 0.0, 0.5]]


def test_top_k_rotates_every_n_sessions_from_the_first_forecast() -> None:
    nothing, row = [np.nan] * 3, [0.1, 0.2, 0.3]
    frame = TopK(every=2).weights(_signals([nothing, row, row, row, nothing, row])).frame
    assert frame["C"].notna().tolist() == [False, True, False, True, False, True]


def test_top_k_with_positive_only_leaves_places_in_cash() -> None:
    rows = [[-0.1, -0.2, 0.1]]
    frame = TopK(k=2).weights(_signals(rows)).frame
    assert frame.to_numpy().tolist() == [[0.0, 0.0, 0.5]]
    either = TopK(k=2, positive_only=False).weights(_signals(rows)).frame
    assert either.to_numpy().tolist() == [[0.5, 0.0, 0.5]]


def test_top_k_ignores_a_symbol_without_a_bar() -> None:
    signals = _signals([[0.1, 0.2, 0.3]])
    signals.close.loc[:, "C"] = np.nan
    assert TopK().weights(signals).frame.to_numpy().tolist() == [[0.0, 1.0, 0.0]]


def test_top_k_with_a_tie_takes_the_first_symbol() -> None:
    assert TopK().weights(_signals([[0.1, 0.1, 0.1]])).frame.to_numpy().tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize("given", ["p_up", "expected_return"])
def test_top_k_auto_ranks_what_the_model_gives(given: str) -> None:
    frame = TopK(k=2).weights(_signals([[0.6, 0.9, 0.7]], given)).frame
    assert frame.to_numpy().tolist() == [[0.0, 0.5, 0.5]]


def test_top_k_auto_never_ranks_a_probability_against_a_return() -> None:
    probable = _signals([[np.nan, 0.7, 0.6], [np.nan, np.nan, np.nan]], "p_up")
    expected = _signals([[5.0, 4.0, 3.0]] * 2).expected_return
    frame = TopK(every=1).weights(Signals(probable.close, expected, probable.p_up)).frame
    assert frame.to_numpy().tolist() == [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]


def test_top_k_of_a_model_that_is_always_sure_holds_the_first_symbols() -> None:
    frame = TopK(k=2, every=2).weights(_signals([[1.0, 1.0, 1.0]] * 3, "p_up")).frame
    assert frame.iloc[0].tolist() == frame.iloc[2].tolist() == [0.5, 0.5, 0.0]


def test_top_k_auto_leaves_places_in_cash_at_a_probability_of_half_or_less() -> None:
    frame = TopK(k=2).weights(_signals([[0.4, 0.5, 0.6]], "p_up")).frame
    assert frame.to_numpy().tolist() == [[0.0, 0.0, 0.5]]


def test_top_k_with_too_few_symbols_is_refused() -> None:
    with pytest.raises(DataError, match="4 symbols"):
        TopK(k=4).weights(_signals([[0.1, 0.1, 0.1]]))
