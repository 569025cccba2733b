"""How target weights become orders, and what happens to those that do not fill."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from qushi.backtests import Broker, backtest
from qushi.core import Actions, BacktestResult, Bars, Listing
from qushi.market import MarketRules

Make = Callable[..., Any]
_ = None


def _rows(result: BacktestResult, *columns: str) -> list[tuple[Any, ...]]:
    return list(result.orders[list(columns)].itertuples(index=False, name=None))


def _day(result: BacktestResult, session: Any) -> int:
    return result.equity.index.get_loc(session)


def test_weights_decided_at_a_close_fill_at_the_next_open(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(S600000={"open": [10, 10.5, 11], "close": [10, 10.5, 11]})
    result = backtest(bars, make_weights(bars, S600000=[0.5, _, _]))
    fill = result.fills.iloc[0]
    assert _day(result, fill["session"]) == 1
    assert fill["price"] == 10.5
    assert fill["quantity"] == 50_000  # half of a million at the close of 10, not at the open of 11


def test_weight_of_nan_holds_and_weight_of_zero_sells_everything(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [10.0] * 5})
    result = backtest(bars, make_weights(bars, S600000=[0.5, _, 0.0, _, _]))
    assert result.fills["side"].tolist() == ["buy", "sell"]
    assert result.positions["quantity"].tolist() == [50_000, 50_000]


def test_all_in_before_a_gap_up_buys_what_the_cash_covers(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(S600000={"open": [10, 10.5, 10.5, 10.5], "close": [10, 10.5, 10.5, 10.5]})
    result = backtest(bars, make_weights(bars, S600000=[1.0, _, _, _]))
    assert _rows(result, "quantity", "status", "reason") == [(99_900, "partial", "cash")]
    quantity, cash = result.fills["quantity"].iloc[0], result.equity["cash"].iloc[-1]
    assert quantity * 10.5 <= 1_000_000
    assert 0 <= cash < 100 * 10.5  # not even one lot more


@pytest.mark.parametrize("slippage", [0.0, 20.0])
def test_all_in_at_unchanged_prices_is_filled_because_its_costs_were_kept_back(
    make_bars: Make, make_weights: Make, slippage: float
) -> None:
    bars = make_bars(
        S600000={"high": 11.0, "close": [10.0] * 3}, S600001={"high": 8.0, "close": [7.0] * 3}
    )
    weights = make_weights(bars, S600000=[0.5, _, _], S600001=[0.5, _, _])
    result = backtest(bars, weights, broker=Broker(slippage=slippage))
    assert result.refused.empty
    assert 0 <= result.equity["cash"].iloc[-1] < 1_000  # less than one lot more


def test_sale_that_owes_dividend_tax_leaves_less_for_the_purchase_it_pays_for(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [10.0, 10, 9, 9, 9]}, S600001={"close": [10.0] * 5})
    paid = pd.DataFrame({"symbol": ["600000.SH"], "session": bars.sessions[2:3], "cash": [1.0]})
    bars = Bars.from_frame(bars.frame, actions=Actions.from_frame(paid))
    weights = make_weights(bars, S600000=[1.0, _, 0.0, _, _], S600001=[_, _, 1.0, _, _])
    result = backtest(bars, weights)
    assert result.actions["kind"].tolist() == ["dividend", "tax"]
    assert result.refused.empty


def test_weights_become_the_nearer_lot_where_the_money_is_there(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600519={"close": [1_700.0] * 3})
    result = backtest(bars, make_weights(bars, S600519=[0.1, _, _]))  # 58.8 shares
    assert _rows(result, "quantity", "status") == [(100, "filled")]


def test_order_on_suspended_sessions_is_sent_again_until_it_fills(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(
        S600000={"close": [10.0] * 6},
        S600001={"close": [10.0, 10, _, 10, 10, 10], "volume": [1e6, 0, 0, 0, 1e6, 1e6]},
    )
    result = backtest(bars, make_weights(bars, S600001=[0.5, *[_] * 5], S600000=[_] * 6))
    assert _rows(result, "status", "reason") == [("refused", "suspended")] * 3 + [("filled", "")]
    assert _day(result, result.fills["session"].iloc[0]) == 4
    assert result.orders["quantity"].nunique() == 1


def test_newer_decision_replaces_an_order_still_waiting(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(
        S600000={"close": [10.0] * 5}, S600001={"close": [10.0] * 5, "volume": [1e6, 0, 0, 1e6, 1e6]}
    )
    weights = make_weights(bars, S600000=[_] * 5, S600001=[0.5, 0.0, _, _, _])
    assert _rows(backtest(bars, weights), "status", "reason") == [("refused", "suspended")]


def test_sale_pays_for_a_purchase_at_the_same_open(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(S600000={"close": [10.0] * 4}, S600001={"close": [10.0] * 4})
    # the buyer's symbol sorts first, so its order is sent first as well
    weights = make_weights(bars, S600001=[0.9, 0.0, _, _], S600000=[_, 0.9, _, _])
    result = backtest(bars, weights)
    assert result.refused.empty
    swapped = result.fills[result.fills["session"] == result.equity.index[2]]
    assert swapped["side"].tolist() == ["sell", "buy"]


def test_purchase_short_of_cash_waits_for_the_sale_that_was_suspended(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(
        S600000={"close": [10.0] * 7},
        S600001={"close": [10.0] * 7, "volume": [1e6, 1e6, 0, 0, 1e6, 1e6, 1e6]},
    )
    weights = make_weights(bars, S600001=[0.9, 0.0, *[_] * 5], S600000=[_, 0.9, *[_] * 5])
    result = backtest(bars, weights)
    bought = result.orders[result.orders["symbol"] == "600000.SH"]
    assert bought["reason"].tolist() == ["cash", ""]
    assert [_day(result, d) for d in bought["due"]] == [2, 5]  # after the sale at session 4
    last = result.positions[result.positions["session"] == result.equity.index[-1]]
    assert last["symbol"].tolist() == ["600000.SH"]
    assert last["value"].iloc[0] == pytest.approx(900_000, rel=0.01)


def test_weight_below_one_lot_is_recorded_as_refused_and_not_sent_again(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600519={"close": [1_700.0] * 4})
    result = backtest(bars, make_weights(bars, S600519=[0.05, _, _, _]))
    assert _rows(result, "status", "reason") == [("refused", "lot")]
    assert result.orders["quantity"].iloc[0] == pytest.approx(50_000 / 1_700)


def test_rebalancing_below_one_lot_sends_no_order(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(S600000={"close": [10.0, 10.0, 10.001, 10.001]})
    result = backtest(bars, make_weights(bars, S600000=[0.5, _, 0.5, _]))
    assert len(result.orders) == 1


def test_order_of_the_last_close_is_recorded_as_end_of_data(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(S600000={"close": [10.0] * 3})
    result = backtest(bars, make_weights(bars, S600000=[_, _, 0.5]))
    assert _rows(result, "status", "reason") == [("refused", "end_of_data")]
    assert result.orders["due"].iloc[0] > bars.sessions[-1]


def test_late_listing_does_not_delay_the_others_and_is_bought_after_its_first_close(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [10.0] * 6}, S600001={"close": [_, _, _, 20.0, 20.0, 20.0]})
    result = backtest(bars, make_weights(bars, S600000=[0.4, *[_] * 5], S600001=[0.4, *[_] * 5]))
    when = {f.symbol: _day(result, f.session) for f in result.fills.itertuples()}
    assert when == {"600000.SH": 1, "600001.SH": 4}


def test_session_without_a_row_values_the_holding_at_the_last_close(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [5.0] * 4}, S600001={"close": [10.0, 10.5, _, 11.0]})
    result = backtest(bars, make_weights(bars, S600000=[_] * 4, S600001=[0.5, _, _, _]))
    assert result.positions["close"].tolist() == [10.5, 10.5, 11.0]


def test_orders_at_the_limit_are_refused_and_sent_again(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(S600000={"close": [10.0, 11.0, 11.0, 9.9, 9.9, 9.9]})
    weights = make_weights(bars, S600000=[0.5, _, 0.0, _, _, _])
    result = backtest(bars, weights)
    assert result.orders["reason"].tolist() == ["limit_up", "", "limit_down", ""]
    assert result.orders["side"].tolist() == ["buy", "buy", "sell", "sell"]


def test_order_cut_by_the_volume_is_sent_again_until_the_target_is_reached(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [10.0] * 5, "volume": 100_000.0})
    result = backtest(bars, make_weights(bars, S600000=[0.6, *[_] * 4]))
    assert _rows(result, "quantity", "filled", "reason") == [
        (60_000, 25_000, "volume_cap"),
        (35_000, 25_000, "volume_cap"),
        (10_000, 10_000, ""),
    ]


def test_fill_at_the_next_close_sends_what_was_decided_at_the_close_before(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"open": [10, 10.2, 10.4], "close": [10, 10.5, 10.6]})
    weights = make_weights(bars, S600000=[0.5, _, _])
    result = backtest(bars, weights, broker=Broker(fill="next_close"))
    fill = result.fills.iloc[0]
    assert (_day(result, fill["session"]), fill["price"], fill["quantity"]) == (1, 10.5, 50_000)


def _split(bars: Bars, session: int) -> Bars:
    """The same bars, of which 600000.SH gives one share for every share."""
    doubled = pd.DataFrame(
        {"symbol": ["600000.SH"], "session": bars.sessions[session : session + 1], "split": [1.0]}
    )
    return Bars.from_frame(bars.frame, actions=Actions.from_frame(doubled))


def test_split_between_decision_and_fill_doubles_the_order(make_bars: Make, make_weights: Make) -> None:
    bars = _split(make_bars(S600000={"close": [10.0, 5.0, 5.0]}), 1)
    result = backtest(bars, make_weights(bars, S600000=[0.5, _, _]))
    assert result.fills[["quantity", "price"]].iloc[0].tolist() == [100_000, 5.0]
    assert result.refused.empty


def test_split_while_an_order_waits_doubles_what_is_still_wanted(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(
        S600000={"close": [10.0, 10, 10, 5, 5], "volume": [1e6, 100_000, 0, 1e6, 1e6]},
        S600001={"close": [10.0] * 5},
    )
    weights = make_weights(bars, S600000=[0.5, *[_] * 4], S600001=[_] * 5)
    result = backtest(_split(bars, 3), weights)
    # 25,000 of 50,000 came before the split and are 50,000 after it; the other half is 50,000 now
    assert _rows(result, "filled", "reason") == [(25_000, "volume_cap"), (0, "suspended"), (50_000, "")]
    assert result.positions["quantity"].tolist() == [25_000, 25_000, 100_000, 100_000]


def test_order_for_a_symbol_that_left_its_exchange_is_not_sent_again(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [10.0] * 6}, S600001={"close": [10.0, 10, _, _, _, _]})
    gone = Bars.from_frame(bars.frame, listings={"600001.SH": Listing(delisted=bars.sessions[3])})
    weights = make_weights(bars, S600000=[_] * 6, S600001=[_, 0.5, *[_] * 4])
    result = backtest(gone, weights)
    assert result.orders["reason"].tolist() == ["suspended", "delisted"]


class Slow(MarketRules):
    def settlement_days(self, symbol: str, session: Any) -> int:
        return 2


def test_shares_not_yet_settled_are_sold_as_soon_as_they_are(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [10.0] * 6})
    weights = make_weights(bars, S600000=[0.5, 0.0, _, _, _, _])
    result = backtest(bars, weights, rules=Slow(calendar="XSHG"))
    assert _rows(result, "side", "reason") == [("buy", ""), ("sell", "t_plus_1"), ("sell", "")]


def test_fractions_of_an_index_are_bought_and_sold_without_crumbs(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S000300={"close": [3_333.3, 3_400.7, 3_391.1, 3_500.9, 3_477.7, 3_477.7]})
    weights = make_weights(bars, S000300=[1.0, 0.3, 0.7, 0.0, _, _])
    result = backtest(bars, weights, broker=Broker(lots=False))
    assert result.equity["holdings"].iloc[-2:].tolist() == [0.0, 0.0]
    assert result.equity["cash"].iloc[1] == pytest.approx(0, abs=0.01)
