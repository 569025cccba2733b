"""Every cause of a difference, planted into generated bars; the same bars give none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qushi.core import Actions, Bars, DataError, Listing
from qushi.core.calendar import sessions
from qushi.market import compare_bars
from qushi.market.checks.prices import _stretches

SYMBOL = "600519.SH"
DAYS = sessions("XSHG", "2022-01-04")[:300]
PRICE = ["open", "high", "low", "close"]


def table(seed=1, n=300):
    rng = np.random.default_rng(seed)
    close = 20 * np.exp(np.cumsum(rng.normal(0, 0.015, n)))
    opened = close * (1 + rng.normal(0, 0.004, n))
    frame = pd.DataFrame({"symbol": SYMBOL, "session": DAYS[:n], "open": opened, "close": close})
    frame["high"] = frame[["open", "close"]].max(axis=1) * 1.004
    frame["low"] = frame[["open", "close"]].min(axis=1) * 0.996
    frame[PRICE] = frame[PRICE].round(2)
    frame["volume"] = np.round(rng.uniform(1e6, 9e6, n))
    frame["amount"] = (frame["volume"] * frame["close"]).round()
    return frame.assign(suspended=False, st=False, factor=1.0)


def bars(frame, **options):
    return Bars.from_frame(frame, **options)


def differences(ours, theirs, **kinds):
    """What is found between two tables; `kinds` are the adjustments of a and b."""
    a = bars(ours, adjustment=kinds.get("a", "raw"))
    return compare_bars(a, bars(theirs, adjustment=kinds.get("b", "raw")), ("first", "second"))


def kinds_of(found):
    return [d.kind for d in found.differences]


def scaled(frame, by, decimals=2):
    other = frame.copy()
    other[PRICE] = (other[PRICE].mul(by, axis=0)).round(decimals)
    return other


def test_compare_the_same_bars_agree_on_every_session():
    found = compare_bars(bars(table()), bars(table()))
    assert found.differences == ()
    assert found.agreed.equals(found.common)
    assert found.common.equals(DAYS)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60))
def test_compare_any_bars_agree_with_themselves(seed, n):
    one = bars(table(seed, n))
    assert compare_bars(one, one).differences == ()


def test_compare_what_only_one_knows_is_no_difference():
    rich = bars(
        table().assign(pre_close=table()["close"].shift(1)),
        actions=Actions.none([SYMBOL]),
        listings={SYMBOL: Listing(DAYS[0])},
    )
    assert compare_bars(rich, bars(table().drop(columns="amount"))).differences == ()


def test_compare_sessions_before_after_and_in_a_gap_are_told_apart():
    found = differences(table().drop(range(100, 104)), table().iloc[20:280])
    assert [(d.kind, d.first, d.last, d.count) for d in found.differences] == [
        ("sessions", DAYS[0], DAYS[19], 20),
        ("sessions", DAYS[280], DAYS[299], 20),
        ("sessions", DAYS[100], DAYS[103], 4),
    ]
    before, after, gap = (d.detail for d in found.differences)
    assert before == f"only first: second begins on {DAYS[20]:%Y-%m-%d}"
    assert after == f"only first: second ends on {DAYS[279]:%Y-%m-%d}"
    assert gap == "only second, with trade: a gap in first"
    assert len(found.common) == len(found.agreed) == 256


def test_compare_rows_of_a_suspension_are_no_gap():
    halted = table()
    halted.loc[50:59, [*PRICE, "volume", "amount"]] = [*[halted["close"][49]] * 4, 0, 0]
    halted.loc[50:59, "suspended"] = True
    found = differences(halted, halted.drop(range(50, 60)))
    assert [(d.kind, d.count) for d in found.differences] == [("suspension", 10)]
    assert "second has no rows while a symbol is suspended" in found.differences[0].detail


@pytest.mark.parametrize("decimals", [2, 6])
@pytest.mark.parametrize("by", [0.9735, 3.7])
def test_compare_one_constant_between_adjusted_prices_is_one_scale(by, decimals):
    found = differences(table(), scaled(table(), by, decimals), a="adjusted", b="adjusted")
    assert kinds_of(found) == ["scale"]
    assert found.differences[0].count == 300
    said = float(found.differences[0].detail.split(" is ")[1].split()[0])
    assert said == pytest.approx(by, rel=1e-3)
    assert found.agreed.equals(found.common)


@pytest.mark.parametrize(("step", "at"), [(0.985, 120), (0.5, 60), (1.02, 290)])
def test_compare_an_event_that_one_does_not_adjust_for_is_named_on_its_day(step, at):
    other = scaled(table(), np.where(np.arange(300) < at, step, 1.0), 4)
    found = differences(table(), other, a="adjusted", b="adjusted")
    events = [d for d in found.differences if d.kind == "event"]
    assert [(d.first, d.count) for d in events] == [(DAYS[at], 1)]
    said = float(events[0].detail.split("(")[1].split("%")[0]) / 100
    assert said == pytest.approx(1 / step - 1, abs=1e-3)
    assert "one adjusts for an event here" in events[0].detail
    assert len(found.common.difference(found.agreed)) == 1


def test_compare_two_events_are_two_differences():
    at = np.arange(300)
    other = scaled(table(), np.where(at < 100, 0.9, np.where(at < 200, 0.95, 1.0)), 4)
    found = differences(table(), other, a="adjusted", b="adjusted")
    assert [d.first for d in found.differences if d.kind == "event"] == [DAYS[100], DAYS[200]]


def test_compare_raw_with_a_factor_agrees_with_adjusted_prices():
    factor = np.where(np.arange(300) < 150, 1.0, 1.25)
    raw = table()
    raw[PRICE] = (raw[PRICE].div(factor, axis=0)).round(2)
    found = differences(raw.assign(factor=factor), scaled(raw, factor, 4), b="adjusted")
    assert set(kinds_of(found)) <= {"adjustment", "rounding"}
    assert "first's are compared times its factor" in found.differences[0].detail
    assert found.agreed.equals(found.common)


def test_compare_raw_without_a_factor_names_what_the_other_adjusts_for():
    raw = table()
    found = differences(raw, scaled(raw, np.where(np.arange(300) < 150, 1.0, 1.25), 4), b="adjusted")
    assert "and without a factor" in found.differences[0].detail
    event = next(d for d in found.differences if d.kind == "event")
    assert event.first == DAYS[150]
    assert "second adjusts for an event that first's factor does not have" in event.detail


def test_compare_more_decimals_are_rounding_and_agree():
    fine = table()
    fine[PRICE] = fine[PRICE] + 0.0013
    found = differences(fine, scaled(fine, 1.0, 2))
    assert kinds_of(found) == ["rounding"]
    assert "printed with 4 and 2 decimals" in found.differences[0].detail
    assert found.agreed.equals(found.common)


def test_compare_another_last_decimal_is_rounding_that_disagrees():
    other = table()
    other.loc[77, "high"] = round(other.loc[77, "high"] + 0.01, 2)
    found = differences(table(), other)
    assert [(d.kind, d.first) for d in found.differences] == [("rounding", DAYS[77])]
    assert found.common.difference(found.agreed).tolist() == [DAYS[77]]


@pytest.mark.parametrize("which", [0, 1])
def test_compare_a_false_print_is_named_with_the_suspect(which):
    false = table()
    false.loc[150, PRICE] = (false.loc[150, PRICE] * 0.7).astype(float).round(2)
    pair = [table(), table()]
    pair[which] = false
    found = differences(*pair)
    assert [(d.kind, d.first, d.count) for d in found.differences] == [("print", DAYS[150], 1)]
    assert f"{('first', 'second')[which]} is the suspect" in found.differences[0].detail
    assert found.common.difference(found.agreed).tolist() == [DAYS[150]]


def test_compare_one_false_high_names_the_price_and_no_suspect():
    false = table()
    false.loc[150, "high"] += 0.5
    (found,) = differences(table(), false).differences
    assert (found.kind, found.first) == ("print", DAYS[150])
    assert found.detail.startswith(f"high {table()['high'][150]:.6g} and {false['high'][150]:.6g}:")
    assert "cannot be told" in found.detail


def test_compare_false_print_beside_another_scale_is_shown_at_one_scale():
    other = scaled(table(), 0.5, 4)
    other.loc[150, "high"] *= 1.05
    found = differences(table(), other, a="adjusted", b="adjusted")
    (odd,) = [d for d in found.differences if d.kind == "print"]
    assert f"high {table()['high'][150]:.6g} and {table()['high'][150] * 1.05:.5g}"[:16] in odd.detail
    assert "(at first's scale)" in odd.detail


@pytest.mark.parametrize("at", [0, 1, 298, 299])
def test_compare_false_print_near_an_end_is_found(at):
    false = table()
    false.loc[at, "high"] += 2.0
    assert [(d.kind, d.first) for d in differences(table(), false).differences] == [("print", DAYS[at])]


def test_compare_dividends_taken_off_instead_of_multiplied_is_another_method():
    other = table()
    other[PRICE] = other[PRICE] - 5.0
    (found,) = differences(table(), other, a="adjusted", b="adjusted").differences
    assert found.kind == "method"
    assert "takes dividends off instead of multiplying" in found.detail


def test_compare_another_instrument_is_said_to_be_one():
    (found, *_rest) = differences(table(1), table(2)).differences
    assert found.kind == "method"
    assert "not the same instrument?" in found.detail


@pytest.mark.parametrize("unit", [0.01, 100, 1000])
@pytest.mark.parametrize("name", ["volume", "amount"])
def test_compare_another_unit_is_named_once(name, unit):
    other = table()
    other[name] = (other[name] * unit).round(0 if unit < 1 and name == "volume" else 6)
    found = differences(table(), other)
    assert kinds_of(found) == [f"{name}_unit"]
    assert ("1/100 of" if unit < 1 else f"{unit:g} times") in found.differences[0].detail
    assert found.agreed.equals(found.common)


def test_compare_volume_of_single_sessions_is_named_beyond_the_unit():
    other = table()
    other["volume"] = other["volume"] / 100
    other.loc[[30, 40], "volume"] *= [1.5, 1.2]
    found = differences(table(), other)
    assert kinds_of(found) == ["volume_unit", "volume"]
    assert (found.differences[1].first, found.differences[1].count) == (DAYS[30], 2)
    assert f"most on {DAYS[30]:%Y-%m-%d}" in found.differences[1].detail
    assert found.common.difference(found.agreed).tolist() == [DAYS[30], DAYS[40]]


@pytest.mark.parametrize("lag", [1, -1])
def test_compare_dates_off_by_one_session_are_found_and_moved(lag):
    rows = table().iloc[1:-1]
    other = rows.assign(session=DAYS[1 + lag : 299 + lag])
    found = differences(rows, other)
    assert kinds_of(found) == ["shifted"]
    assert f"one session {'after' if lag > 0 else 'before'} first's" in found.differences[0].detail
    assert len(found.agreed) == 298


@pytest.mark.parametrize("flag", ["suspended", "st"])
def test_compare_flags_of_one_alone_are_named(flag):
    ours, theirs = table(), table()
    for frame in (ours, theirs):
        frame.loc[10:14, "volume"] = 0.0
        frame.loc[10:14, "amount"] = 0.0
    ours.loc[10:12, flag] = True
    found = differences(ours, theirs)
    assert [(d.kind, d.first, d.last, d.count) for d in found.differences] == [
        (flag, DAYS[10], DAYS[12], 3)
    ]
    assert "only first calls the symbol" in found.differences[0].detail
    assert "(second never does)" in found.differences[0].detail
    theirs.loc[12:13, flag] = True
    assert [d.count for d in differences(ours, theirs).differences] == [2, 1]


def test_compare_factors_anchored_elsewhere_agree_and_other_steps_are_named():
    factor = np.where(np.arange(300) < 100, 1.0, 1.1)
    ours = table().assign(factor=factor)
    assert differences(ours, table().assign(factor=factor * 7)).differences == ()
    found = differences(ours, table())
    assert [(d.kind, d.first, d.count) for d in found.differences] == [("factor", DAYS[100], 1)]
    assert "by +10.000% in first and by +0.000% in second" in found.differences[0].detail


def test_compare_reference_prices_that_differ_are_counted():
    before = table()["close"].shift(1)
    other = before.copy()
    other.loc[[50, 60]] -= 0.5
    found = differences(table().assign(pre_close=before), table().assign(pre_close=other))
    assert [(d.kind, d.first, d.count) for d in found.differences] == [("reference", DAYS[50], 2)]


def acting(**amounts):
    row = {"symbol": [SYMBOL], "session": [DAYS[100]], **{k: [v] for k, v in amounts.items()}}
    return Actions.from_frame(pd.DataFrame(row))


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        (Actions.none([SYMBOL]), "only first has an action: cash 1, bonus 0.5"),
        (acting(cash=1.1, bonus=0.5), "first: cash 1, bonus 0.5; second: cash 1.1, bonus 0.5"),
        (
            acting(cash=1.0, bonus=0.5, pay_session=DAYS[102]),
            f"second: cash 1, bonus 0.5, paid on {DAYS[102]:%Y-%m-%d}",
        ),
    ],
)
def test_compare_actions_that_differ_are_named(theirs, said):
    ours = bars(table(), actions=acting(cash=1.0, bonus=0.5))
    (found,) = compare_bars(ours, bars(table(), actions=theirs), ("first", "second")).differences
    assert (found.kind, found.first) == ("actions", DAYS[100])
    assert said in found.detail
    (back,) = compare_bars(bars(table(), actions=theirs), ours, ("second", "first")).differences
    assert back.first == DAYS[100]


def test_compare_listings_that_differ_are_named():
    early, late = ({SYMBOL: Listing(day)} for day in (DAYS[0], DAYS[2]))
    (found,) = compare_bars(bars(table(), listings=early), bars(table(), listings=late)).differences
    assert (found.kind, found.first, found.last) == ("listing", DAYS[0], DAYS[2])


def test_compare_sources_without_a_common_session_still_say_so():
    found = differences(table().iloc[:100], table().iloc[200:])
    assert len(found.common) == len(found.agreed) == 0
    assert [d.count for d in found.differences] == [100, 100]


def test_compare_two_symbols_are_refused():
    other = bars(table().assign(symbol="600000.SH"))
    with pytest.raises(DataError, match=r"received 600519\.SH of XSHG \(A\) and 600000\.SH"):
        compare_bars(bars(table()), other)


@settings(max_examples=100, deadline=None)
@given(
    lengths=st.lists(st.integers(6, 40), min_size=1, max_size=6),
    ratios=st.lists(st.floats(0.5, 2), min_size=6, max_size=6),
    odd=st.sets(st.integers(0, 5), max_size=6),
)
def test_stretches_of_exact_ratios_are_found_with_single_odd_sessions(lengths, ratios, odd):
    """Bounds of no width: a stretch is where the ratio stays; one odd session inside each, at most."""
    steps = [r + 2.5 * (i % 2) for i, r in enumerate(ratios)][: len(lengths)]
    ratio = np.repeat(steps, lengths)
    starts = np.cumsum([0, *lengths[:-1]])
    strange = [s + 3 for i, s in enumerate(starts) if i in odd and lengths[i] > 5]
    seen = ratio.copy()
    seen[strange] = 99.0
    found, at = _stretches(seen * (1 - 1e-9), seen * (1 + 1e-9))
    assert [s.first for s in found] == starts.tolist()
    assert np.flatnonzero(at).tolist() == strange
