"""The engine's own doors: windows, prices, conditions, a user's own Backtrader strategy."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

from qushi.backtests import Broker, backtest, backtest_class, load_bt_strategy
from qushi.core import Actions, Bars, ConfigError, DataError, Forecasts, Weights
from qushi.core.calendar import sessions
from qushi.market import rules_for

Make = Callable[..., Any]
_ = None
FREE = rules_for("XSHG", commission_minimum=0, commission=0)


class Scripted(bt.Strategy):
    """Runs `script[now]` at each close, and keeps what it saw."""

    params = (("script", None),)

    def __init__(self) -> None:
        self.now = -1
        self.seen: list[tuple[float, ...]] = []
        Scripted.last = self

    def next(self) -> None:
        self.now += 1
        d = self.data
        self.seen.append((d.close[0], d.forecast[0], d.p_up[0], d.panic[0], d.tradable[0]))
        if self.now in (self.p.script or {}):
            self.p.script[self.now](self)


def _run(bars: Bars, script: dict[int, Callable[[Any], Any]], **more: Any) -> Any:
    return backtest_class(bars, Scripted, {"script": script}, **more)


def test_importing_backtests_does_not_load_backtrader() -> None:
    code = "import sys, qushi.backtests; sys.exit('backtrader' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_backtest_of_two_thousand_sessions_takes_well_under_a_second() -> None:
    random, at = np.random.default_rng(1), sessions("XSHG", "2010-01-04")[:2000]
    close = 10 * np.exp(random.normal(0, 0.01, 2000).cumsum())
    frame = pd.DataFrame({"symbol": "600000.SH", "session": at, "close": close, "volume": 1e6})
    bars = Bars.from_frame(frame.assign(open=close, high=close, low=close))
    target = np.where(random.random(2000) < 0.1, random.integers(0, 2, 2000), np.nan)
    weights = Weights(pd.DataFrame({"600000.SH": target}, index=at), "busy")
    backtest(bars, weights, end=at[50])  # Backtrader is loaded once
    began = time.perf_counter()
    assert len(backtest(bars, weights).fills) > 20
    assert time.perf_counter() - began < 1.0


def test_backtest_window_starts_with_the_weights_and_ends_where_asked(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [10.0] * 6})
    frame = pd.DataFrame({"600000.SH": [0.5]}, index=bars.sessions[2:3])
    result = backtest(bars, Weights(frame, "late"), end=bars.sessions[4])
    assert result.equity.index.tolist() == bars.sessions[2:5].tolist()


def test_backtest_of_an_unknown_symbol_or_session_is_refused(make_bars: Make) -> None:
    bars = make_bars(S600000={"close": [10.0, _, 10.0]}, S600001={"close": [10.0, _, 10.0]})
    wrong = pd.DataFrame({"600002.SH": [0.5]}, index=bars.sessions[:1])
    with pytest.raises(DataError, match="did you mean"):
        backtest(bars, Weights(wrong, "x"))
    gap = sessions("XSHG", "2023-01-03")[:3]
    with pytest.raises(DataError, match="2023-01-04"):
        backtest(bars, Weights(pd.DataFrame({"600000.SH": [0.5] * 3}, index=gap), "x"))


def test_factor_without_actions_counts_as_reinvested_and_the_conditions_say_so(
    make_bars: Make, make_weights: Make
) -> None:
    factor = [8.0, 8.0, 8.0, 16.0, 16.0]
    bars = make_bars(S600000={"close": [10.0, 10, 10, 5, 5], "factor": factor})
    result = backtest(bars, make_weights(bars, S600000=[0.5, *[_] * 4]), rules=FREE)
    assert result.fills["price"].tolist() == [10.0]
    assert result.actions[["kind", "quantity"]].values.tolist() == [["reinvested", 50_000.0]]
    assert result.equity["equity"].iloc[-1] == pytest.approx(1_000_000 - result.costs)
    assert result.conditions["reinvested"] == ["600000.SH"]


def test_known_actions_need_no_factor(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(S600000={"close": [10.0, 10, 10, 5, 5]})
    split = Actions.from_frame(
        pd.DataFrame({"symbol": "600000.SH", "session": [bars.sessions[3]], "split": 1.0})
    )
    known = Bars.from_frame(bars.frame, actions=split)
    result = backtest(known, make_weights(bars, S600000=[0.5, *[_] * 4]), rules=FREE)
    assert result.actions[["kind", "quantity"]].values.tolist() == [["shares", 50_000.0]]
    assert result.conditions["reinvested"] == []


def test_symbol_known_to_have_no_actions_is_not_reinvested_whatever_its_factor_does(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [10.0] * 5, "factor": [1.0, 1, 1, 2, 2]})
    known = Bars.from_frame(bars.frame, actions=Actions.none({"600000.SH"}))
    result = backtest(known, make_weights(bars, S600000=[0.5, *[_] * 4]), rules=FREE)
    assert result.actions.empty
    assert result.conditions["reinvested"] == []


def test_bars_adjusted_by_their_source_know_no_lots_and_no_limits_unless_asked(
    make_bars: Make, make_weights: Make
) -> None:
    raw = make_bars(S600000={"close": [10.003, 11.0, 11.0]})
    bars = Bars(raw.frame, raw.calendar, "adjusted")
    weights = make_weights(raw, S600000=[0.5, _, _])
    free = backtest(bars, weights)
    assert free.fills["quantity"].tolist() == [pytest.approx(500_000 / 10.003)]
    assert free.conditions["broker"]["limits"] is free.conditions["broker"]["lots"] is False
    strict = backtest(bars, weights, broker=Broker(limits=True, lots=True))
    assert strict.orders["reason"].tolist() == ["limit_up", ""]  # 11.0 is within 0.2 % of 11.0033
    assert strict.fills["quantity"].iloc[0] % 100 == 0


def test_window_that_opens_on_a_limit_up_session_knows_its_limit(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [10.0, 10.0, 11.0, 12.1, 12.1]})
    weights = Weights(pd.DataFrame({"600000.SH": [0.5]}, index=bars.sessions[2:3]), "x")
    result = backtest(bars, weights)
    assert result.orders["reason"].tolist() == ["limit_up", ""]


def test_conditions_are_equal_for_equal_inputs_and_differ_with_any_of_them(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [10.0] * 4})
    half = make_weights(bars, S600000=[0.5, _, _, _])
    base = backtest(bars, half)
    same = backtest(bars, make_weights(bars, S600000=[0.1, _, _, _]))
    assert same.conditions_hash == base.conditions_hash
    others = [
        backtest(bars, half, broker=Broker(slippage=5)),
        backtest(bars, half, broker=Broker(commission=0.001)),
        backtest(bars, half, end=bars.sessions[2]),
        backtest(bars, half, conditions={"universe": "csi300"}),
        backtest(make_bars(S600000={"close": [10.0, 10, 10, 11]}), half),
    ]
    assert len({r.conditions_hash for r in [base, *others]}) == 1 + len(others)


def test_commission_of_the_broker_replaces_that_of_the_rules(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [10.0] * 2})
    weights = make_weights(bars, S600000=[0.5, _])
    dear = rules_for("XSHG", commission=0.01, commission_minimum=0)
    cheap = rules_for("XSHG", commission=0.001, commission_minimum=0)
    by_broker = backtest(bars, weights, broker=Broker(commission=0.001), rules=dear)
    by_rules = backtest(bars, weights, rules=cheap)
    pd.testing.assert_frame_equal(by_broker.fills, by_rules.fills)
    assert by_broker.conditions_hash == by_rules.conditions_hash


def test_rules_of_another_market_are_refused(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(S600000={"close": [10.0] * 2})
    with pytest.raises(ConfigError, match="XNYS were given for bars of XSHG"):
        backtest(bars, make_weights(bars, S600000=[0.5, _]), rules=rules_for("XNYS"))


def test_own_strategy_sees_forecasts_and_panic_of_the_session_and_nan_elsewhere(
    make_bars: Make,
) -> None:
    bars = make_bars(S600000={"close": [10.0, 11, 12, 13]})
    at = bars.sessions[1]
    forecasts = Forecasts(
        pd.DataFrame(
            {
                "model": "m",
                "seed": 0,
                "symbol": "600000.SH",
                "session": [at],
                "horizon": 1,
                "fold": 0,
                "expected_return": 0.02,
                "p_up": 0.7,
                "fit_start": at,
                "fit_end": at,
            }
        )
    )
    _run(bars, {}, forecasts=forecasts)
    seen = Scripted.last.seen
    assert [row[0] for row in seen] == [10, 11, 12, 13]
    assert seen[1][1:3] == (0.02, 0.7)
    assert all(np.isnan(row[1]) and np.isnan(row[2]) for i, row in enumerate(seen) if i != 1)
    assert all(np.isnan(row[3]) and row[4] == 1 for row in seen)


def test_own_strategy_orders_one_lot_by_default_and_fills_at_the_next_open(make_bars: Make) -> None:
    bars = make_bars(S600000={"open": [10, 10.5, 11], "close": [10, 10.5, 11]})
    result = _run(bars, {0: lambda s: s.buy(), 1: lambda s: s.close()}, name="mine")
    assert result.name == "mine"
    assert result.fills[["side", "quantity", "price"]].values.tolist() == [
        ["buy", 100.0, 10.5],
        ["sell", 100.0, 11.0],
    ]


def test_own_strategy_meets_every_rule_with_its_reason(make_bars: Make) -> None:
    bars = make_bars(
        S600000={"close": [10.0] * 9, "low": 9.5, "high": 10.5, "volume": [1e6] * 7 + [0, 1e6]}
    )
    order: list[Any] = []
    result = _run(
        bars,
        {
            0: lambda s: s.sell(size=100),
            1: lambda s: s.buy(size=150),
            2: lambda s: (
                s.buy(exectype=bt.Order.Limit, price=9.6, size=100),
                s.sell(exectype=bt.Order.Limit, price=10.4, size=200),
            ),
            3: lambda s: s.buy(
                exectype=bt.Order.Limit, price=9.1, size=100, valid=s.data.datetime.date(0)
            ),
            4: lambda s: order.append(s.buy(exectype=bt.Order.Limit, price=9.2, size=100)),
            5: lambda s: (s.cancel(order[0]), s.buy(size=10_000_000)),
            6: lambda s: s.buy(size=100),
            7: lambda s: s.buy(exectype=bt.Order.Limit, price=9.1, size=100),
            8: lambda s: s.buy(size=100),
        },
    )
    assert result.orders["reason"].tolist() == [
        "short",
        "lot",
        "",
        "t_plus_1",
        "not_reached",
        "cancelled",
        "cash",
        "suspended",
        "not_reached",
        "end_of_data",
    ]
    statuses = result.orders["status"].tolist()
    assert [statuses[i] for i in (0, 1, 2, 3, 6)] == [
        "refused",
        "partial",
        "filled",
        "partial",
        "partial",
    ]


def test_own_strategy_limit_order_waits_through_a_suspension_and_fills_at_its_price(
    make_bars: Make,
) -> None:
    bars = make_bars(
        S600000={
            "open": 10.0,
            "close": 10.0,
            "low": [9, 9, 9, 9.9],
            "volume": [1e6, 0, 1e6, 1e6],
        }
        | {"close": [10.0] * 4}
    )
    result = _run(bars, {0: lambda s: s.buy(exectype=bt.Order.Limit, price=9.5, size=100)})
    fill = result.fills.iloc[0]
    assert (fill["session"], fill["price"]) == (bars.sessions[2], 9.5)


def test_own_strategy_bracket_keeps_its_stop_after_a_partial_entry(make_bars: Make) -> None:
    bars = make_bars(S600000={"open": [10, 10.9, 10.9, 9.9, 8.95], "close": [10, 10.9, 10.9, 9.9, 8.95]})
    result = _run(
        bars,
        {
            0: lambda s: s.buy_bracket(
                size=100_000, exectype=bt.Order.Market, stopprice=10.0, limitprice=20.0
            )
        },
    )
    assert result.fills["side"].tolist() == ["buy", "sell"]
    assert result.positions["session"].max() == bars.sessions[2]


def test_own_strategy_looking_ahead_fails_instead_of_seeing(make_bars: Make) -> None:
    bars = make_bars(S600000={"close": [10.0, 11, 12]})
    with pytest.raises(IndexError):
        _run(bars, {0: lambda s: s.data.close[1]})


@pytest.mark.parametrize("call", ["set_coc", "setcash", "setcommission", "set_filler", "add_cash"])
def test_own_strategy_changing_its_broker_is_refused(make_bars: Make, call: str) -> None:
    bars = make_bars(S600000={"close": [10.0, 11, 12]})
    with pytest.raises(ConfigError, match="comparable"):
        _run(bars, {0: lambda s: getattr(s.broker, call)(True)})


def test_own_strategy_close_order_fills_at_the_next_close(make_bars: Make) -> None:
    bars = make_bars(S600000={"open": [10, 11, 12], "close": [10.5, 11.5, 12.5]})
    result = _run(bars, {0: lambda s: s.buy(exectype=bt.Order.Close, size=100)})
    fill = result.fills.iloc[0]
    assert (fill["session"], fill["price"]) == (bars.sessions[1], 11.5)


def test_own_strategy_with_an_unknown_parameter_names_the_near_one(make_bars: Make) -> None:
    with pytest.raises(ConfigError, match="did you mean 'script'"):
        backtest_class(make_bars(S600000={"close": [10.0]}), Scripted, {"scrpt": 1})


def test_window_that_opens_later_takes_the_decisions_in_force(
    make_bars: Make, make_weights: Make
) -> None:
    bars = make_bars(S600000={"close": [10.0] * 6})
    weights = make_weights(bars, S600000=[0.5, _, _, _, 0.0, _])
    result = backtest(bars, weights, start=bars.sessions[2])
    assert result.fills["side"].tolist() == ["buy", "sell"]
    assert result.fills["session"].tolist() == [bars.sessions[3], bars.sessions[5]]
    assert result.fills["quantity"].tolist() == [50_000, 50_000]


def test_own_strategy_equals_the_weights_it_mimics(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(S600000={"close": [10.0, 11, 12, 11, 13], "open": [10, 10.5, 12, 12, 11]})
    by_weights = backtest(bars, make_weights(bars, S600000=[0.5, _, 0.0, _, _]))
    by_class = _run(bars, {0: lambda s: s.buy(size=50_000), 2: lambda s: s.close()})
    pd.testing.assert_frame_equal(by_weights.fills, by_class.fills)
    pd.testing.assert_frame_equal(by_weights.equity, by_class.equity)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nothing", "package.module:Class"),
        ("no_such_module:X", "PYTHONPATH"),
        ("qushi.core:Bars", "derive the class"),
    ],
)
def test_load_bt_strategy_of_something_else_is_refused(path: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_bt_strategy(path)


def test_load_bt_strategy_finds_a_class() -> None:
    assert load_bt_strategy("backtrader.strategies:SMA_CrossOver") is bt.strategies.SMA_CrossOver


def test_slippage_hurts_and_stays_within_the_bar(make_bars: Make, make_weights: Make) -> None:
    bars = make_bars(
        S600000={"close": [10.0] * 4, "high": [10.0, 10.02, 10.5, 10.5], "low": [10, 10, 9.0, 9.0]}
    )
    weights = make_weights(bars, S600000=[0.5, 0.0, _, _])
    result = backtest(bars, weights, broker=Broker(slippage=50))
    assert result.fills["price"].tolist() == pytest.approx([10.02, 9.95])


@pytest.mark.parametrize("parts", [(0.1, 0.2), (0.7, 0.1)])
def test_own_strategy_selling_the_sum_of_its_fractions_ends_flat(
    make_bars: Make, parts: tuple[float, float]
) -> None:
    bars = make_bars(S000300={"close": [3_000.0] * 5})
    total = round(sum(parts), 1)
    assert sum(parts) != total  # binary fractions: one crumb above, one below
    script = {t: lambda s, size=size: s.buy(size=size) for t, size in enumerate(parts)}
    result = _run(bars, script | {2: lambda s: s.sell(size=total)}, broker=Broker(lots=False))
    assert result.refused.empty
    assert result.positions["session"].max() == bars.sessions[2]
