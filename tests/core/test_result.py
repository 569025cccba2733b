"""A result that does not replay, or leaves an order unexplained, cannot be made."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from qushi.core import BacktestResult, DataError

AT = pd.bdate_range("2024-01-01", periods=4)


def _tables() -> dict[str, Any]:
    """Buy 100 at 10 for 5 of costs, sell 40 at 12 for 6; the rest is worth 13 each."""
    orders = pd.DataFrame(
        [
            (1, AT[0], AT[1], "A", "buy", 150.0, 100.0, "partial", "cash"),
            (2, AT[1], AT[2], "A", "sell", 40.0, 40.0, "filled", ""),
        ],
        columns=["order", "decided", "due", "symbol", "side", "quantity", "filled", "status", "reason"],
    )
    fills = pd.DataFrame(
        [
            (1, AT[1], "A", "buy", 100.0, 10.0, 5.0, 0.0, 0.0),
            (2, AT[2], "A", "sell", 40.0, 12.0, 5.0, 0.5, 0.5),
        ],
        columns=[
            "order",
            "session",
            "symbol",
            "side",
            "quantity",
            "price",
            "commission",
            "stamp_duty",
            "transfer_fee",
        ],
    )
    positions = pd.DataFrame(
        [
            (AT[1], "A", 100.0, 11.0, 1100.0),
            (AT[2], "A", 60.0, 12.0, 720.0),
            (AT[3], "A", 60.0, 13.0, 780.0),
        ],
        columns=["session", "symbol", "quantity", "close", "value"],
    )
    equity = pd.DataFrame(
        {
            "cash": [1100.0, 95.0, 95.0 + 480 - 6, 569.0],
            "holdings": [0.0, 1100.0, 720.0, 780.0],
        },
        index=AT,
    )
    equity["receivable"] = 0.0
    equity["equity"] = equity["cash"] + equity["holdings"]
    return {"orders": orders, "fills": fills, "positions": positions, "equity": equity}


def _result(**changes: Any) -> BacktestResult:
    return BacktestResult(name="x", initial_cash=1100.0, **(_tables() | changes))


def test_result_that_replays_gives_returns_costs_and_refusals() -> None:
    result = _result()
    assert result.costs == 11
    assert result.returns.tolist() == pytest.approx([0, 95 / 1100, 1289 / 1195 - 1, 1349 / 1289 - 1])
    assert result.refused["order"].tolist() == [1]
    pd.testing.assert_frame_equal(result.replay(), result.equity, check_freq=False, check_names=False)


@pytest.mark.parametrize("column", ["cash", "holdings", "equity"])
def test_result_a_cent_off_is_refused(column: str) -> None:
    equity = _tables()["equity"]
    equity.loc[AT[2], column] += 0.01
    with pytest.raises(DataError, match=f"{column} on 2024-01-03"):
        _result(equity=equity)


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (0, "reason", "", "short of a reason"),
        (0, "reason", "tired", "unknown reason 'tired'"),
        (0, "due", AT[0], "at or before the session that decided it"),
        (1, "filled", 30.0, "disagree on the quantity|short of a reason"),
    ],
)
def test_result_with_a_bad_order_is_refused(row: int, column: str, value: Any, message: str) -> None:
    orders = _tables()["orders"]
    orders.loc[row, column] = value
    with pytest.raises(DataError, match=message):
        _result(orders=orders)


def test_result_with_a_fill_at_the_close_that_decided_it_is_refused() -> None:
    """Same-bar execution: the order claims the next open, the fill happens a session too early."""
    fills, positions, equity = (_tables()[name] for name in ("fills", "positions", "equity"))
    fills.loc[0, "session"] = AT[0]
    positions.loc[-1] = (AT[0], "A", 100.0, 10.0, 1000.0)
    equity.loc[AT[0]] = (95.0, 1000.0, 0.0, 1095.0)
    with pytest.raises(DataError, match="before the session at which it was due"):
        _result(fills=fills, positions=positions, equity=equity)


@pytest.mark.parametrize("table", ["orders", "fills", "positions", "equity"])
def test_result_lacking_a_column_names_it(table: str) -> None:
    frame = _tables()[table]
    with pytest.raises(DataError, match=f"{table} lack the column '{frame.columns[-1]}'"):
        _result(**{table: frame.iloc[:, :-1]})


def test_result_with_a_holding_missing_among_the_positions_is_refused() -> None:
    with pytest.raises(DataError, match="no row among the positions"):
        _result(positions=_tables()["positions"].iloc[:-1])


def test_result_with_other_conditions_has_another_hash() -> None:
    result = _result()
    assert replace(result, conditions={"a": 1}).conditions_hash != result.conditions_hash
    assert (
        replace(result, conditions={"a": 1, "b": 2}).conditions_hash
        == replace(result, conditions={"b": 2, "a": 1}).conditions_hash
    )
