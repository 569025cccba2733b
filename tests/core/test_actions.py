"""Corporate actions: the reference price is fair, the factor equals a naive loop, views lose nothing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qushi.core import Actions, DataError
from qushi.core.actions import AMOUNTS
from qushi.core.calendar import sessions

DAYS = sessions("XSHG", "2024-01-02", "2024-03-29")


def table(*rows):
    found = pd.DataFrame(
        [{"symbol": symbol, "session": pd.Timestamp(day), **amounts} for symbol, day, amounts in rows]
    )
    mixed = [name for name in AMOUNTS if name in found and len(found) > 1]
    return found.fillna(dict.fromkeys(mixed, 0.0))


def actions(*rows, known=None):
    return Actions.from_frame(table(*rows), known)


def two():
    return actions(
        ("600519.SH", "2024-01-10", {"cash": 1.0, "pay_session": pd.Timestamp("2024-01-12")}),
        ("000001.SZ", "2024-02-05", {"bonus": 0.5}),
        ("600519.SH", "2024-02-06", {"rights": 0.3, "rights_price": 5.0}),
    )


def test_actions_from_frame_sorts_and_fills_with_zero():
    frame = two().frame
    assert [(s, f"{d:%m-%d}") for s, d in frame.index] == [
        ("000001.SZ", "02-05"),
        ("600519.SH", "01-10"),
        ("600519.SH", "02-06"),
    ]
    assert frame.loc["000001.SZ", list(AMOUNTS)].iloc[0].tolist() == [0.0, 0.5, 0.0, 0.0, 0.0]
    assert frame["pay_session"].isna().tolist() == [True, False, True]
    assert two().known == {"600519.SH", "000001.SZ"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("A", "2024-01-03", {"cash": -1.0})], r"A on 2024-01-03 has a negative amount"),
        (
            [("A", "2024-01-03", {"bonus": np.nan})],
            r"A on 2024-01-03 has an amount that is not a number",
        ),
        ([("A", "2024-01-03", {"split": -1.0})], r"leaves no share"),
        ([("A", "2024-01-03", {"rights": 0.3})], r"rights without their price"),
        (
            [("A", "2024-01-03", {"cash": 1.0, "pay_session": pd.Timestamp("2024-01-02")})],
            r"pays before its ex session",
        ),
        ([("A", "2024-01-03", {"cash": 1.0})] * 2, r"A has two actions on 2024-01-03: add them up"),
        ([("A", "2024-01-03 15:00", {"cash": 1.0})], r"is a date: one is missing, or has a clock"),
        ([("A", None, {"cash": 1.0})], r"is a date: one is missing"),
        ([("A", "2024-01-03", {"cash": "ten"})], r"must hold numbers"),
    ],
)
def test_actions_that_cannot_be_are_refused(rows, said):
    with pytest.raises(DataError, match=said):
        actions(*rows)


def test_actions_unusable_tables_are_refused():
    good = table(("A", "2024-01-03", {"cash": 1.0}))
    with pytest.raises(DataError, match="lack the column 'session'"):
        Actions.from_frame(good.drop(columns="session"))
    with pytest.raises(DataError, match="session of an action must be a date"):
        Actions.from_frame(good.assign(session="soon"))
    with pytest.raises(DataError, match="without zone"):
        Actions.from_frame(good.assign(session=good["session"].dt.tz_localize("UTC")))
    with pytest.raises(DataError, match="'A', which is not among the known"):
        Actions.from_frame(good, known=["B"])
    with pytest.raises(DataError, match="must be sorted"):
        Actions(two().frame.iloc[::-1], two().known)
    with pytest.raises(DataError, match=r"use Actions\.from_frame"):
        Actions(good, frozenset("A"))


def test_actions_none_known_is_not_unknown():
    nothing = Actions.none(["A"])
    assert len(nothing.one("A")) == 0
    with pytest.raises(DataError, match="nothing is known of the corporate actions of 'B'"):
        nothing.one("B")
    with pytest.raises(DataError, match="nothing is known"):
        nothing.factor("B", pd.Series(1.0, index=DAYS))
    assert nothing.fingerprint != Actions.none().fingerprint


def test_actions_select_keeps_what_is_known_and_unknown():
    part = two().select(["600519.SH", "AAPL"])
    assert part.known == {"600519.SH"}
    assert len(part) == 2
    assert Actions.none(["A", "B"]).select(["B"]).known == {"B"}


def test_actions_between_includes_both_ends_and_keeps_what_is_known():
    part = two().between("2024-01-10", "2024-02-05")
    assert [d.day for _, d in part.frame.index] == [5, 10]
    assert part.known == two().known
    assert len(two().between("2024-02-06", None)) == 1
    assert len(two().between(None, None)) == 3


def test_actions_concat_undoes_selecting_in_any_order():
    whole = two()
    parts = [whole.select([s]) for s in sorted(whole.known, reverse=True)]
    assert Actions.concat(parts).fingerprint == whole.fingerprint
    assert Actions.concat([]).fingerprint == Actions.none().fingerprint
    assert Actions.concat([Actions.none(["B"]), Actions.none(["A"])]).known == {"A", "B"}
    with pytest.raises(DataError, match="two actions"):
        Actions.concat([whole, whole])


def test_actions_empty_ones_are_equal_however_they_came_about():
    assert two().select(["AAPL"]).fingerprint == Actions.none().fingerprint
    late = two().between("2025-01-01", None)
    assert late.fingerprint == Actions.none(two().known).fingerprint
    assert late.one("600519.SH").equals(Actions.none(["600519.SH"]).one("600519.SH"))


@pytest.mark.parametrize("name", [*AMOUNTS, "pay_session", "symbol", "session"])
def test_actions_fingerprint_follows_every_column(name):
    base = {"cash": 1.0, "bonus": 0.1, "split": 0.2, "rights": 0.3, "rights_price": 4.0}
    one = table(("A", "2024-01-03", {**base, "pay_session": pd.Timestamp("2024-01-05")}))
    other = one.copy()
    is_day = name in ("pay_session", "session")
    other[name] = one[name] + (pd.Timedelta("1D") if is_day else "B" if name == "symbol" else 0.01)
    assert Actions.from_frame(one).fingerprint == Actions.from_frame(one.copy()).fingerprint
    assert Actions.from_frame(one).fingerprint != Actions.from_frame(other).fingerprint


def test_actions_leave_their_input_alone():
    given_table = table(("A", "2024-01-03", {"cash": 1}))
    before = given_table.copy()
    Actions.from_frame(given_table)
    pd.testing.assert_frame_equal(given_table, before)


def test_reference_of_the_rule_book_example():
    """30.00 with 10 yuan cash and 5 bonus shares per 10 held: 19.33, factor 1.55172414."""
    found = actions(("A", DAYS[1], {"cash": 1.0, "bonus": 0.5}))
    assert round(found.reference("A", DAYS[1], 30.0), 2) == 19.33
    factor = found.factor("A", pd.Series([30.0, 19.4, 19.5], index=DAYS[:3]))
    np.testing.assert_allclose(factor, [1.0, 30 / (29 / 1.5), 30 / (29 / 1.5)], rtol=1e-12)
    assert round(float(factor.iloc[1]), 8) == 1.55172414


def test_reference_without_an_action_is_the_close_before():
    assert two().reference("600519.SH", DAYS[0], 12.34) == 12.34
    assert two().reference("AAPL", DAYS[0], 12.34) == 12.34


def test_reference_of_a_dividend_above_the_price_is_refused():
    with pytest.raises(
        DataError, match=r"2024-01-10: a dividend of 1 on a close of 0\.5 leaves nothing"
    ):
        two().reference("600519.SH", "2024-01-10", 0.5)


amounts = st.fixed_dictionaries(
    {
        "cash": st.floats(0, 2),
        "bonus": st.floats(0, 1),
        "split": st.floats(-0.9, 3),
        "rights": st.floats(0, 0.5),
        "rights_price": st.floats(0.5, 20),
    }
)


@given(amounts, st.floats(3, 500))
def test_reference_leaves_a_holder_as_rich_as_before(found, previous):
    at = DAYS[1]
    reference = actions(("A", at, found)).reference("A", at, previous)
    shares = 1 + found["bonus"] + found["split"] + found["rights"]
    after = shares * reference + found["cash"] - found["rights"] * found["rights_price"]
    np.testing.assert_allclose(after, previous, rtol=1e-12)


@settings(max_examples=150, deadline=None)
@given(
    closes=st.lists(st.floats(5, 100), min_size=1, max_size=12),
    traded=st.sets(st.integers(0, 19), min_size=1, max_size=12),
    found=st.dictionaries(st.integers(0, 19), amounts, max_size=6),
)
def test_factor_equals_a_naive_loop_over_the_sessions(closes, traded, found):
    days = DAYS[sorted(traded)][: len(closes)]
    closes = pd.Series(closes[: len(days)], index=days)
    known = Actions.concat(
        [Actions.none(["A"]), *(actions(("A", DAYS[i], a)) for i, a in found.items())]
    )

    expected, factor = [1.0], 1.0
    for i in range(1, len(days)):
        price = closes.iloc[i - 1]
        for day in DAYS[(days[i - 1] < DAYS) & (days[i] >= DAYS)]:
            action = found.get(DAYS.get_loc(day))
            if action is not None:
                price = price - action["cash"] + action["rights"] * action["rights_price"]
                assume(price > 0)
                price /= 1 + action["bonus"] + action["split"] + action["rights"]
        factor *= closes.iloc[i - 1] / price
        expected.append(factor)
    np.testing.assert_allclose(known.factor("A", closes), expected, rtol=1e-9)


@settings(max_examples=50, deadline=None)
@given(found=st.dictionaries(st.integers(0, 19), amounts, max_size=4), cut=st.integers(1, 20))
def test_factor_of_the_past_is_untouched_by_later_actions_and_closes(found, cut):
    closes = pd.Series(np.linspace(30, 60, 20), index=DAYS[:20])
    known = Actions.concat(
        [Actions.none(["A"]), *(actions(("A", DAYS[i], a)) for i, a in found.items())]
    )
    part = known.between(None, DAYS[cut - 1])
    pd.testing.assert_series_equal(
        part.factor("A", closes.iloc[:cut]), known.factor("A", closes).iloc[:cut], check_freq=False
    )


def test_factor_of_no_rows_is_empty():
    assert len(Actions.none(["A"]).factor("A", pd.Series([], index=DAYS[:0], dtype=float))) == 0
