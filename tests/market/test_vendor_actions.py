"""How a vendor's list of corporate actions is made into values and held against its prices."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qushi.core.calendar import sessions
from qushi.market.sources._actions import contradiction, explained, gathered

SYMBOL = "600000.SH"


def listed(*rows):
    columns = ["session", "cash", "bonus", "split", "rights", "rights_price"]
    table = pd.DataFrame(rows, columns=columns)
    table["session"] = pd.to_datetime(table["session"])
    return table


def test_gathered_rows_of_one_day_are_added_up():
    rows = listed(("2024-01-08", 0.5, 0, 0.2, 0, 0), ("2024-01-08", 0.3, 0.1, 0, 0, 0))
    rows["pay_session"] = pd.to_datetime(["2024-01-09", "2024-01-12"])
    found = gathered(rows, SYMBOL, "XSHG")
    row = found.one(SYMBOL).loc["2024-01-08"]
    assert (row["cash"], row["bonus"], row["split"]) == (0.8, 0.1, 0.2)
    assert row["pay_session"] == pd.Timestamp("2024-01-12")


def test_gathered_day_without_a_session_counts_at_the_next_one():
    rows = listed(("2024-02-10", 0.5, 0, 0, 0, 0))  # a Saturday before a week of holidays
    rows["pay_session"] = pd.to_datetime(["2024-02-11"])
    found = gathered(rows, SYMBOL, "XSHG").one(SYMBOL)
    assert found.index.tolist() == [pd.Timestamp("2024-02-19")]
    assert found["pay_session"].tolist() == [pd.Timestamp("2024-02-19")]


def test_gathered_rows_without_amount_or_date_are_nothing_but_known():
    empty, undated = ("2024-01-08", 0, np.nan, 0, 0, 0), (None, 1, 0, 0, 0, 0)
    rows = listed(empty, undated, ("2099-01-01", 1, 0, 0, 0, 0))
    found = gathered(rows, SYMBOL, "XSHG")
    assert (len(found), found.known) == (0, {SYMBOL})


def table(closes, references, factor=None):
    days = sessions("XSHG", "2024-01-02", "2024-06-30")[: len(closes)]
    frame = pd.DataFrame({"session": days, "close": closes, "pre_close": references})
    return frame.assign(factor=1.0 if factor is None else factor, suspended=False)


amounts = st.tuples(
    st.floats(0.05, 2.0), st.floats(0, 1.0), st.floats(0, 1.0), st.floats(0.05, 0.3), st.floats(1, 8)
)


@given(amounts, st.floats(8, 200), st.integers(1, 5))
def test_explained_actions_pass_with_a_reference_rounded_as_the_exchange_does(amounts, close, at):
    closes = [close] * 7
    frame = table(closes, closes)
    actions = gathered(listed((frame["session"][at], *amounts)), SYMBOL, "XSHG")
    frame.loc[at, "pre_close"] = round(actions.reference(SYMBOL, frame["session"][at], close), 2)
    notes = []
    assert explained(actions, SYMBOL, frame, 0.01, notes.append) is actions
    assert notes == []
    # Any of the amounts forgotten is found out where it moved the price by more than a rounding.
    without = gathered(listed((frame["session"][at], *amounts[:3], 0, 0)), SYMBOL, "XSHG")
    moved = abs(without.reference(SYMBOL, frame["session"][at], close) - frame["pre_close"][at])
    step = abs(close - frame["pre_close"][at])
    if moved > 0.02 + 0.06 * max(step, abs(step - moved), step + moved):
        assert explained(without, SYMBOL, frame, 0.01, notes.append).known == frozenset()
        assert len(notes) == 1


def test_explained_step_without_an_action_is_named():
    frame = table([10.0, 10.0, 9.0], [10.0, 10.0, 9.0])
    notes = []
    none = gathered(listed(), SYMBOL, "XSHG")
    assert explained(none, SYMBOL, frame, 0.01, notes.append).known == frozenset()
    assert "lead to 10.000 on 2024-01-04, the reference price was 9.000" in notes[0]


def test_explained_by_the_factor_where_there_is_no_reference_price():
    frame = table([10.0, 10.0, 9.0], np.nan, [1.0, 1.0, 10 / 9])
    right = gathered(listed((frame["session"][2], 1.0, 0, 0, 0, 0)), SYMBOL, "XSHG")
    wrong = gathered(listed((frame["session"][2], 0.5, 0, 0, 0, 0)), SYMBOL, "XSHG")
    assert explained(right, SYMBOL, frame, 0.01, print).known == {SYMBOL}
    assert explained(wrong, SYMBOL, frame, 0.01, [].append).known == frozenset()


def test_explained_dividend_of_the_whole_price_is_a_note_and_no_error():
    frame = table([10.0, 10.0], [10.0, 10.0])
    wrong_unit = gathered(listed((frame["session"][1], 10.0, 0, 0, 0, 0)), SYMBOL, "XSHG")
    notes = []
    assert explained(wrong_unit, SYMBOL, frame, 0.01, notes.append).known == frozenset()
    assert "leaves nothing" in notes[0]


def test_explained_ex_date_within_a_suspension_counts_when_trade_goes_on():
    frame = table([10.0, 10.0, 10.0, 9.1], [10.0, 10.0, 10.0, 9.0])
    frame["suspended"] = [False, True, True, False]
    actions = gathered(listed((frame["session"][1], 1.0, 0, 0, 0, 0)), SYMBOL, "XSHG")
    assert explained(actions, SYMBOL, frame, 0.01, print) is actions


@pytest.mark.parametrize(("factor", "said"), [(10 / 9, ""), (1.0, "it would be 10.000")])
def test_contradiction_between_factor_and_reference_price_is_one_sentence(factor, said):
    frame = table([10.0, 10.0, 9.0], [10.0, 10.0, 9.0], [1.0, 1.0, factor])
    found = contradiction(SYMBOL, frame, 0.01)
    assert said in found
    assert bool(found) == bool(said)
