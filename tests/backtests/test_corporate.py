"""Dividends, bonus shares, splits, rights and delistings: by hand, and against the adjusted series."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qushi.backtests import Broker, backtest
from qushi.backtests.corporate import Schedule, grown, moved, reinvested_symbols
from qushi.core import Actions, BacktestResult, Bars, Weights
from qushi.core.calendar import sessions
from qushi.core.listings import Listing
from qushi.market import rules_for

Make = Callable[..., Any]
_ = None
FREE = rules_for("XSHG", commission=0, commission_minimum=0)
UNTAXED = rules_for("XSHG", commission=0, commission_minimum=0, dividend_tax=False)
NAME = "600000.SH"
DUTY_FREE = UNTAXED.model_copy(update={"boards": {NAME: "fund"}})


def actions_of(*rows: dict[str, Any]) -> Actions:
    """Actions of 600000.SH; `at` is the number of the ex session, `paid` that of the payment."""
    at = sessions("XSHG", "2023-01-03")
    table = [
        {
            "symbol": NAME,
            "session": at[row["at"]],
            "pay_session": at[row["paid"]] if "paid" in row else pd.NaT,
            **{k: v for k, v in row.items() if k not in ("at", "paid")},
        }
        for row in rows
    ]
    return Actions.from_frame(pd.DataFrame(table), {NAME})


def play(
    make_bars: Make, closes: list[Any], actions: Actions, cash: float, **more: Any
) -> BacktestResult:
    """Buy all that cash can at the second open, and hold."""
    bars = make_bars(S600000={"close": closes})
    bars = Bars.from_frame(bars.frame, actions=actions, listings=more.pop("listings", None))
    frame = pd.DataFrame({NAME: [1.0]}, index=bars.sessions[:1])
    sold = more.pop("sold", None)
    if sold is not None:
        frame.loc[bars.sessions[sold]] = 0.0
    settings_ = {"cash": cash, "limits": False, **more}
    rules = settings_.pop("rules", FREE)
    return backtest(bars, Weights(frame, "hold"), broker=Broker(**settings_), rules=rules)


def booked(result: BacktestResult) -> list[tuple[Any, ...]]:
    day = {session: n for n, session in enumerate(result.equity.index)}
    return [
        (day[a.session], a.kind, a.quantity, a.cash, a.receivable) for a in result.actions.itertuples()
    ]


def test_worked_example_of_cash_and_bonus(make_bars: Make) -> None:
    """30.00 with 10 yuan cash and 5 bonus shares per 10: 1,000 shares become 1,500 and 1,000 yuan."""
    action = actions_of({"at": 3, "paid": 5, "cash": 1.0, "bonus": 0.5})
    assert round(action.reference(NAME, action.frame.index[0][1], 30.0), 2) == 19.33
    result = play(make_bars, [30.0] * 3 + [19.33] * 4, action, 30_000.5)
    assert booked(result) == [
        (3, "dividend", 0, 0, 1000.0),
        (3, "shares", 500.0, 0, 0),
        (5, "payment", 0, 1000.0, -1000.0),
    ]
    assert result.equity["receivable"].tolist() == [0, 0, 0, 1000, 1000, 0, 0]
    assert result.positions["quantity"].tolist() == [1000.0] * 2 + [1500.0] * 4
    assert result.equity["equity"].iloc[-1] == pytest.approx(0.2 + 1000 + 1500 * 19.33, abs=0.5)
    again = play(make_bars, [30.0] * 3 + [19.33] * 4, action, 30_000.5, dividends="reinvest")
    assert again.positions["quantity"].iloc[-1] == 1551  # of 1,551.72, the fraction paid out
    assert booked(again)[1][:2] == (3, "fraction")
    assert again.actions["cash"].sum() == pytest.approx(0.724137931 * 58 / 3, abs=0.005)


def test_dividend_without_a_pay_session_is_cash_at_once_and_rounded_half_up(make_bars: Make) -> None:
    result = play(make_bars, [10.0] * 4, actions_of({"at": 2, "cash": 0.00125}), 1001.0)
    assert booked(result) == [(2, "dividend", 0, 0.13, 0)]  # 0.125


def test_action_before_the_purchase_or_of_its_own_session_gives_nothing(make_bars: Make) -> None:
    actions = actions_of({"at": 0, "cash": 1.0}, {"at": 1, "cash": 1.0})
    assert booked(play(make_bars, [10.0] * 4, actions, 1001.0)) == []


def test_action_of_a_session_without_a_row_counts_at_the_next_row(make_bars: Make) -> None:
    bars = make_bars(S600000={"close": [10.0, 10, _, 5, 5]}, S600001={"close": [1.0] * 5})
    bars = Bars.from_frame(bars.frame, actions=actions_of({"at": 2, "split": 1.0}))
    weights = Weights(pd.DataFrame({NAME: [0.5], "600001.SH": [0.0]}, index=bars.sessions[:1]), "x")
    result = backtest(bars, weights, broker=Broker(cash=10_000, limits=False), rules=FREE)
    assert booked(result) == [(3, "shares", 500.0, 0, 0)]
    assert result.equity["equity"].tolist() == pytest.approx(
        [10_000 - 0.0] + [10_000 - result.costs] * 4
    )


def test_fraction_of_a_share_is_paid_at_the_reference_price_and_kept_without_lots(
    make_bars: Make,
) -> None:
    action = actions_of({"at": 2, "split": 0.333})
    closes = [10.0, 10.0, 7.5, 7.5]
    assert booked(play(make_bars, closes, action, 1001.0)) == [(2, "shares", 33.0, 0, 0), *_paid(0.3)]
    whole = play(make_bars, closes, action, 1000.0, lots=False, rules=UNTAXED)
    assert whole.positions["quantity"].iloc[-1] == pytest.approx(100 * 1.333, rel=1e-4)
    assert set(whole.actions["kind"]) == {"shares"}


def _paid(fraction: float) -> list[tuple[Any, ...]]:
    return [(2, "fraction", 0, pytest.approx(round(fraction * 10 / 1.333, 2)), 0)]


def test_reverse_split_takes_shares_and_pays_the_fraction(make_bars: Make) -> None:
    result = play(make_bars, [1.0, 1.0, 7.0, 7.0], actions_of({"at": 2, "split": -6 / 7}), 101.0)
    assert booked(result) == [(2, "shares", -86.0, 0, 0), (2, "fraction", 0, 2.0, 0)]
    assert result.positions["quantity"].tolist() == [100.0, 14.0, 14.0]


def test_reverse_split_below_one_share_pays_the_whole_holding_out(make_bars: Make) -> None:
    result = play(make_bars, [1.0, 1.0, 1000.0, 1000.0], actions_of({"at": 2, "split": -0.999}), 101.0)
    assert booked(result) == [(2, "shares", -100.0, 0, 0), (2, "fraction", 0, 100.0, 0)]
    assert result.positions["session"].max() == result.equity.index[1]


def test_rights_are_subscribed_as_far_as_the_cash_goes_or_lapse(make_bars: Make) -> None:
    action = actions_of({"at": 2, "rights": 0.3, "rights_price": 5.0})
    closes = [10.0, 10.0, 8.85, 8.85]
    rich = play(make_bars, closes, action, 1205.0)
    assert booked(rich) == [(2, "rights", 30.0, -150.0, 0)]
    poor = play(make_bars, closes, action, 1062.0)
    (row,) = booked(poor)
    assert row[1:] == ("rights", 12.0, -60.0, 0)
    assert (poor.equity["cash"] >= 0).all()
    assert booked(play(make_bars, closes, action, 1205.0, rights="lapse")) == []


def test_dividend_tax_is_taken_at_the_sale_first_in_first_out(make_bars: Make) -> None:
    action = actions_of({"at": 3, "cash": 0.5, "bonus": 0.2})
    result = play(make_bars, [10.0] * 3 + [7.9] * 5, action, 1001.0, sold=4)
    taxed = result.actions[result.actions["kind"] == "tax"]
    assert taxed["cash"].tolist() == [-round((0.5 + 0.2) * 100 * 0.2, 2)]  # held for days: 20 %
    assert taxed["session"].tolist() == [result.equity.index[5]]
    assert result.fills["quantity"].tolist() == [100.0, 120.0]
    spared = play(make_bars, [10.0] * 3 + [7.9] * 5, action, 1001.0, sold=4, rules=UNTAXED)
    assert "tax" not in set(spared.actions["kind"])


def test_share_bought_after_the_ex_session_owes_no_tax(make_bars: Make) -> None:
    action = actions_of({"at": 1, "cash": 0.5})
    result = play(make_bars, [10.0] * 6, action, 1001.0, sold=3)
    assert result.actions.empty


@pytest.mark.parametrize("value", [1.0, 0.25, 0.0])
def test_delisted_holding_is_paid_out_and_its_orders_end(make_bars: Make, value: float) -> None:
    bars = make_bars(S600000={"close": [10.0, 10, 8, _, _, _]}, S600001={"close": [1.0] * 6})
    gone = Listing(delisted=bars.sessions[3])
    bars = Bars.from_frame(bars.frame, listings={NAME: gone})
    frame = pd.DataFrame({NAME: [0.5, _, _, _, 1.0], "600001.SH": [0.0] * 5}, index=bars.sessions[:5])
    broker = Broker(cash=10_000, limits=False, delisting_value=value)
    result = backtest(bars, Weights(frame.astype(float), "x"), broker=broker, rules=FREE)
    assert booked(result) == [(3, "delisted", -500.0, pytest.approx(4000 * value), 0)]
    assert result.orders["reason"].tolist() == ["", "delisted"]
    assert result.equity["holdings"].iloc[3:].tolist() == [0, 0, 0]


def test_delisting_meets_a_waiting_sale_with_its_reason(make_bars: Make) -> None:
    bars = make_bars(
        S600000={"close": [10.0, 10, 10, _, _], "volume": [1e6, 1e6, 0, 0, 0]},
        S600001={"close": [1.0] * 5},
    )
    bars = Bars.from_frame(bars.frame, listings={NAME: Listing(delisted=bars.sessions[3])})
    frame = pd.DataFrame({NAME: [0.5, 0.0], "600001.SH": [0.0, 0.0]}, index=bars.sessions[:2])
    result = backtest(bars, Weights(frame, "x"), broker=Broker(cash=10_000), rules=FREE)
    assert result.orders["reason"].tolist() == ["", "suspended", "delisted"]


# Raw prices with actions, nothing charged: the back-adjusted return.

rows = st.fixed_dictionaries(
    {},
    optional={
        "cash": st.floats(0.01, 0.8),
        "bonus": st.floats(0.1, 1.0),
        "split": st.one_of(st.floats(0.1, 3.0), st.floats(-0.9, -0.1)),
        "rights": st.floats(0.1, 0.3),
    },
)


@st.composite
def markets(draw: st.DrawFn) -> Bars:
    """One symbol with gaps and up to four actions, some of them in the same gap."""
    length = draw(st.integers(6, 20))
    at = sessions("XSHG", "2023-01-03")[:length]
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    keep = random.random(length) > 0.3
    keep[[0, 1, -1]] = True
    close = np.round(random.uniform(5, 20, length), 2)
    frame = pd.DataFrame({"symbol": NAME, "session": at, "close": close, "volume": 1e9})
    ex = draw(st.lists(st.integers(2, length - 1), unique=True, max_size=4))
    table = [{"symbol": NAME, "session": at[i], "rights_price": 2.0, **draw(rows)} for i in ex]
    columns = ["symbol", "session", "cash", "bonus", "split", "rights", "rights_price"]
    actions = pd.DataFrame(table, columns=columns).fillna(0.0)
    bars = frame.assign(open=close, high=close, low=close)[keep]
    return Bars.from_frame(bars, actions=Actions.from_frame(actions, {NAME}))


def hold(bars: Bars, dividends: str) -> BacktestResult:
    broker = Broker(lots=False, limits=False, dividends=dividends, participation=1)
    frame = pd.DataFrame({NAME: [0.5]}, index=bars.sessions[:1])
    return backtest(bars, Weights(frame, "hold"), broker=broker, rules=DUTY_FREE)


@given(markets())
@settings(max_examples=150, deadline=None)
def test_reinvested_raw_prices_earn_the_back_adjusted_return(bars: Bars) -> None:
    result = hold(bars, "reinvest")
    closes = bars.one(NAME)["close"]
    adjusted = closes * bars.actions.factor(NAME, closes)
    start = result.fills["quantity"].iloc[0] * closes.iloc[1]
    expected = start * adjusted / adjusted.iloc[1]
    np.testing.assert_allclose(result.equity["holdings"].iloc[1:], expected.iloc[1:], rtol=1e-9)
    assert (result.equity["cash"].iloc[1:] == result.equity["cash"].iloc[1]).all()


@given(markets())
@settings(max_examples=150, deadline=None)
def test_known_factor_alone_earns_the_same_as_the_actions_behind_it(bars: Bars) -> None:
    closes = bars.one(NAME)["close"]
    factor = bars.actions.factor(NAME, closes).to_numpy()
    blind = Bars.from_frame(bars.frame.assign(factor=factor))
    assert reinvested_symbols(bars) == ()
    moves = (np.abs(factor / factor[0] - 1) > 1e-9).any()
    assert reinvested_symbols(blind) == ((NAME,) if moves else ())
    one, two = hold(bars, "reinvest"), hold(blind, "cash")
    np.testing.assert_allclose(one.equity["equity"], two.equity["equity"], rtol=1e-9)


@given(markets())
@settings(max_examples=150, deadline=None)
def test_cash_dividends_equal_a_computation_by_hand(bars: Bars) -> None:
    result = hold(bars, "cash")
    closes = bars.one(NAME)["close"]
    held, cash = result.fills["quantity"].iloc[0], result.equity["cash"].iloc[1]
    todo = list(bars.actions.one(NAME).itertuples())
    for session, close in closes.iloc[2:].items():
        while todo and todo[0].Index <= session:
            action = todo.pop(0)
            paid = np.floor(held * action.cash * 100 + 0.5 + 1e-6) / 100  # half a cent is rounded up
            bought = min(held * action.rights, (cash + paid) / 2.0)
            cash += paid - bought * 2.0
            held += held * (action.bonus + action.split) + bought
        assert result.equity.loc[session, "equity"] == pytest.approx(
            cash + held * close, rel=1e-6
        )  # a rounded cent of cash buys a share or a part of one, and shares multiply


def test_schedule_hands_out_every_action_once_and_not_before_its_session() -> None:
    actions = actions_of({"at": 2, "cash": 1.0}, {"at": 4, "cash": 2.0})
    schedule, at = Schedule(actions), sessions("XSHG", "2023-01-03")
    assert schedule.due(at[1]) == ()
    assert schedule.due(at[3]) == (NAME,)
    assert schedule.due(at[5]) == (NAME,)
    assert [a.cash for a in schedule.take(NAME)] == [1.0, 2.0]
    assert schedule.take(NAME) == []
    assert schedule.due(at[6]) == ()


def test_growth_keeps_whole_shares_where_only_those_can_be_held() -> None:
    assert grown(10, 1.5, 7.0, whole=True).shares == 5
    odd = grown(11, 1.5, 7.0, whole=True)
    assert (odd.shares, odd.paid_out) == (5, 3.5)
    assert grown(11, 1.5, 7.0, whole=False).shares == pytest.approx(5.5)
    assert grown(3, 1 + 1 / 3, 9.0, whole=True) == grown(3, 4 / 3, 9.0, whole=False)


def test_factor_that_wavers_in_its_last_digits_has_not_moved() -> None:
    assert moved(3.3, 3.3 * (1 + 1e-12)) == 1
    assert moved(2.0, 3.0) == 1.5
    assert moved(float("nan"), 3.0) == 1
