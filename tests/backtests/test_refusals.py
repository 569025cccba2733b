"""The cost of refusals, by hand in both directions and again by a plain loop."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from qushi.backtests import backtest
from qushi.backtests.refusals import (
    largest_refusals,
    refusals,
    refusals_by_reason,
    refusals_of_all,
)
from qushi.core import Actions, BacktestResult, Bars
from qushi.core.calendar import sessions
from qushi.core.result import EQUITY, FILLS, ORDERS, POSITIONS

Make = Callable[..., Any]
_ = None
CASH = 1_000_000.0


def result_of(bars: Bars, *sent: tuple[Any, ...], filled_at: str = "open") -> BacktestResult:
    """A result from (session decided, symbol, side, asked, filled, reason), filled without costs."""
    days = bars.sessions
    after = sessions("XSHG", days[-1])[1]
    orders, fills = [], []
    for number, (t, symbol, side, asked, filled, reason) in enumerate(sent, 1):
        due = days[t + 1] if t + 1 < len(days) else after
        status = "refused" if not filled else "partial" if reason else "filled"
        orders.append((number, days[t], due, symbol, side, asked, filled, status, reason))
        if filled:
            price = bars.one(symbol)[filled_at][due]
            fills.append((number, due, symbol, side, filled, price, 0.0, 0.0, 0.0))
    cash, held, equity, positions = CASH, {}, [], []
    closes = bars.wide("close").ffill()
    for day in days:
        for _number, at, symbol, side, quantity, price, *_costs in fills:
            if at == day:
                sign = 1 if side == "buy" else -1
                held[symbol] = held.get(symbol, 0.0) + sign * quantity
                cash -= sign * quantity * price
        rows = [(day, s, q, closes.loc[day, s], q * closes.loc[day, s]) for s, q in held.items() if q]
        positions += rows
        worth = sum(row[-1] for row in rows)
        equity.append((cash, worth, 0.0, cash + worth))
    tables = [
        pd.DataFrame(rows, columns=list(columns))
        for rows, columns in ((orders, ORDERS), (fills, FILLS), (positions, POSITIONS))
    ]
    curve = pd.DataFrame(equity, index=days, columns=list(EQUITY))
    return BacktestResult("made", CASH, *tables, curve, {"filled": f"next {filled_at}"})


def test_refused_purchase_costs_the_rise_until_the_next_order_is_due(make_bars: Make) -> None:
    bars = make_bars(S600000={"open": [10, 11, 12, 13], "close": [10, 11.5, 12.5, 13.5]})
    result = result_of(
        bars,
        (0, "600000.SH", "buy", 1000.0, 0.0, "limit_up"),
        (1, "600000.SH", "buy", 1000.0, 1000.0, ""),
    )
    (row,) = refusals(result, bars).itertuples()
    assert (row.order, row.next, row.reason, row.asked, row.unfilled) == (1, 2, "limit_up", 1000, 1000)
    assert row.money == 11_000
    assert row.cost == pytest.approx(1000 * (12 - 11))


def test_refused_sale_costs_the_fall_and_a_rise_is_saved_money(make_bars: Make) -> None:
    falling = make_bars(S600000={"open": [10, 9, 8.1], "close": [10, 9, 8]})
    sale = (0, "600000.SH", "sell", 500.0, 0.0, "limit_down")
    assert refusals(result_of(falling, sale), falling)["cost"].tolist() == [pytest.approx(500 * (9 - 8))]
    rising = make_bars(S600000={"open": [10, 9, 8.1], "close": [10, 9, 9.5]})
    assert refusals(result_of(rising, sale), rising)["cost"].tolist() == [pytest.approx(-250)]


def test_part_not_filled_is_all_that_counts(make_bars: Make) -> None:
    bars = make_bars(S600000={"open": [10, 10, 11], "close": [10, 10, 12]})
    result = result_of(bars, (0, "600000.SH", "buy", 1000.0, 400.0, "volume_cap"))
    (row,) = refusals(result, bars).itertuples()
    assert (row.asked, row.unfilled, row.money) == (1000, 600, 6_000)
    assert row.cost == pytest.approx(600 * (12 - 10))


def test_costs_of_a_target_refused_for_days_add_up_to_the_whole_way(make_bars: Make) -> None:
    opens = [10, 11, 12.1, 13.31, 14.6, 14.0]
    bars = make_bars(S600000={"open": opens, "close": [10, 11, 12.1, 13.31, 14.5, 14.2]})
    refused = [(t, "600000.SH", "buy", 700.0, 0.0, "limit_up") for t in range(3)]
    result = result_of(bars, *refused, (3, "600000.SH", "buy", 700.0, 700.0, ""))
    table = refusals(result, bars)
    assert table["cost"].sum() == pytest.approx(700 * (opens[4] - opens[1]))
    assert largest_refusals(table.assign(strategy="s"))["orders"].tolist() == [3]


def test_newer_decision_without_an_order_ends_what_a_refusal_costs(
    make_bars: Make, make_weights: Make
) -> None:
    # Wanted at the first close, refused, not wanted two closes later: nothing held, nothing sent.
    opens = [10.0, 11, 11.5, 12, 20, 30]
    bars = make_bars(S600000={"open": opens, "close": opens})
    result = result_of(
        bars,
        (0, "600000.SH", "buy", 100.0, 0.0, "cash"),
        (4, "600000.SH", "buy", 100.0, 0.0, "cash"),
    )
    weights = make_weights(bars, S600000=[1.0, _, 0.0, _, 1.0, _])
    known = refusals(result, bars, weights)
    assert known["cost"].tolist() == [pytest.approx(100 * (12 - 11)), 0]
    assert known["next"].tolist() == [0, 0]
    assert refusals(result, bars)["cost"].tolist() == [pytest.approx(100 * (30 - 11)), 0]
    assert refusals(result, bars)["next"].tolist() == [2, 0]


@pytest.mark.parametrize("seed", range(12))
def test_costs_equal_a_plain_loop_over_orders_and_decisions(make_market: Make, seed: int) -> None:
    bars, weights = make_market(seed)
    result = backtest(bars, weights)
    table = refusals(result, bars, weights).set_index("order")
    opens, factor = bars.wide("open"), bars.wide("factor").ffill()
    closes, days = bars.adjusted("close").ffill(), list(bars.sessions)

    def price(symbol: str, day: pd.Timestamp) -> float:
        """Open, or last close, times the factor then."""
        if day in opens.index and opens.loc[day, symbol] > 0:
            return opens.loc[day, symbol] * factor.loc[day, symbol]
        return closes.loc[:day, symbol].iloc[-1]

    for order in result.refused.itertuples():
        mine = result.orders[result.orders["symbol"] == order.symbol]
        ends = [due for due in mine["due"] if due > order.due]
        for day in weights.frame[order.symbol].dropna().index:
            if order.decided < day < days[-1]:
                ends.append(days[days.index(day) + 1])
        inside = [day for day in ends if day <= days[-1]]
        end = price(order.symbol, min(inside)) if inside else closes[order.symbol].iloc[-1]
        scale = factor.loc[: order.due, order.symbol].iloc[-1]
        sign = 1 if order.side == "buy" else -1
        earned = sign * (order.quantity - order.filled) * (end - price(order.symbol, order.due)) / scale
        assert table.loc[order.order, "cost"] == pytest.approx(earned, abs=1e-6)


def test_dividend_in_between_is_no_loss(make_bars: Make) -> None:
    # 10.00 with one yuan a share: the reference is 9.00, and at 9.00 nobody has lost anything.
    bars = make_bars(S600000={"open": [10, 10, 9], "close": [10, 10, 9]})
    paid = Actions.from_frame(
        pd.DataFrame({"symbol": ["600000.SH"], "session": bars.sessions[2:3], "cash": [1.0]})
    )
    known = Bars.from_frame(bars.frame, actions=paid)
    sale = (0, "600000.SH", "sell", 100.0, 0.0, "limit_down")
    assert refusals(result_of(known, sale), known)["cost"].iloc[0] == pytest.approx(0, abs=1e-9)
    by_factor = Bars.from_frame(bars.frame.assign(factor=[1.0, 1.0, 10 / 9]))
    assert refusals(result_of(by_factor, sale), by_factor)["cost"].iloc[0] == pytest.approx(0, abs=1e-9)
    assert refusals(result_of(bars, sale), bars)["cost"].iloc[0] == pytest.approx(100)


def test_session_without_a_bar_counts_the_last_close(make_bars: Make) -> None:
    bars = make_bars(
        S600000={"close": [5.0] * 5}, S600001={"open": [10, 10, _, 7, 7], "close": [10, 10, _, 7, 7]}
    )
    refused = (1, "600001.SH", "sell", 100.0, 0.0, "suspended")
    result = result_of(bars, refused, (2, "600001.SH", "sell", 100.0, 0.0, "limit_down"))
    first, second = refusals(result, bars).itertuples()
    assert (first.money, first.cost) == (1_000, pytest.approx(300))
    assert second.cost == 0


def test_order_after_the_last_session_costs_nothing_yet(make_bars: Make) -> None:
    bars = make_bars(S600000={"open": [10, 11], "close": [10, 12]})
    table = refusals(result_of(bars, (1, "600000.SH", "buy", 100.0, 0.0, "end_of_data")), bars)
    assert table[["money", "cost"]].iloc[0].tolist() == [1_200, 0]


def test_symbol_without_a_price_yet_has_no_cost(make_bars: Make) -> None:
    bars = make_bars(S600000={"close": [5.0] * 4}, S600001={"close": [_, _, _, 10.0]})
    table = refusals(result_of(bars, (0, "600001.SH", "buy", 100.0, 0.0, "suspended")), bars)
    assert table[["money", "cost"]].isna().all(axis=None)


def test_orders_due_at_the_close_are_counted_in_closes(make_bars: Make) -> None:
    bars = make_bars(S600000={"open": [10, 11, 12], "close": [10, 11.5, 12.5]})
    refused = (0, "600000.SH", "buy", 100.0, 0.0, "limit_up")
    table = refusals(result_of(bars, refused, filled_at="close"), bars)
    assert table["money"].tolist() == [1_150]
    assert table["cost"].tolist() == [pytest.approx(100)]


def test_result_whose_orders_all_filled_has_no_refusals(make_bars: Make) -> None:
    bars = make_bars(S600000={"close": [10.0] * 3})
    table = refusals(result_of(bars, (0, "600000.SH", "buy", 100.0, 100.0, "")), bars)
    assert table.empty
    assert refusals_by_reason(table.assign(strategy=""), {"made": 1}).empty
    assert largest_refusals(table.assign(strategy="")).empty
    assert refusals(result_of(bars), bars).empty
    assert refusals_of_all([], bars, {}).empty


def test_refusals_by_reason_count_orders_symbols_and_money(make_bars: Make) -> None:
    bars = make_bars(S600000={"open": [10, 11, 12, 13], "close": [10, 11, 12, 13]})
    result = result_of(
        bars,
        (0, "600000.SH", "buy", 1000.0, 0.0, "limit_up"),
        (1, "600000.SH", "buy", 1000.0, 300.0, "volume_cap"),
        (2, "600000.SH", "buy", 700.0, 700.0, ""),
    )
    refused = refusals_of_all([result], bars, {})
    table = refusals_by_reason(refused, {"other": 5, "made": 3}).set_index("reason")
    assert table.index.tolist() == ["limit_up", "volume_cap"]
    assert table["orders"].tolist() == [1, 1]
    assert table["partial"].tolist() == [0, 1]
    assert table["symbols"].tolist() == [1, 1]
    assert table["cost"].tolist() == [pytest.approx(1000), pytest.approx(700)]
    assert table["share"].tolist() == [pytest.approx(1 / 3)] * 2
    assert table.loc["volume_cap", "first"] == bars.sessions[2]


def test_largest_refusals_stand_by_size_whether_they_cost_or_saved(make_bars: Make) -> None:
    bars = make_bars(
        S600000={"open": [10, 10, 11], "close": [10, 10, 11]},
        S600001={"open": [10, 10, 8], "close": [10, 10, 8]},
        S600002={"open": [10, 10, 10], "close": [10, 10, 10.1]},
    )
    sent = [(0, f"60000{j}.SH", "buy", 100.0, 0.0, "suspended") for j in range(3)]
    refused = refusals_of_all([result_of(bars, *sent)], bars, {})
    table = largest_refusals(refused, most=2)
    assert table["symbol"].tolist() == ["600001.SH", "600000.SH"]
    assert table["cost"].tolist() == [pytest.approx(-200), pytest.approx(100)]


def test_orders_for_different_reasons_or_after_a_fill_are_rows_of_their_own(make_bars: Make) -> None:
    bars = make_bars(S600000={"close": [10.0] * 8})
    reasons = ["suspended", "suspended", "limit_up", "", "limit_up"]
    sent = [
        (t, "600000.SH", "buy", 100.0, 0.0 if reason else 100.0, reason)
        for t, reason in enumerate(reasons)
    ]
    refused = refusals_of_all([result_of(bars, *sent)], bars, {})
    assert sorted(largest_refusals(refused)["orders"]) == [1, 1, 2]
