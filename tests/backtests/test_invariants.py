"""What no backtest may ever break, on random small markets with random weights."""

import math
from collections import defaultdict
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qushi.backtests import Broker, backtest
from qushi.backtests.account import Account
from qushi.backtests.adapter import WeightsStrategy
from qushi.core import BacktestResult, Bars, DataError, Forecasts, Weights
from qushi.forecasters import make_labels
from qushi.market import MarketRules, price_bands, rules_for
from qushi.strategies import Signals
from qushi.strategies.trend_follow import TrendFollow

Market = Callable[..., tuple[Bars, Weights]]
CHEAP = {"max_examples": 60, "deadline": None}
brokers = st.builds(
    Broker,
    cash=st.sampled_from([5_000.0, 100_000.0, 1_000_000.0]),
    lots=st.booleans(),
    slippage=st.sampled_from([0.0, 5.0, 300.0]),
)
seeds = st.integers(0, 10_000)


class SlowRules(MarketRules):
    """Shares settle after three sessions, so that T+n binds at daily opens."""

    def settlement_days(self, symbol: str, session: Any) -> int:
        return 3


def _worse(price: float, buy: bool, basis_points: float) -> float:
    """A price made worse and put on the next cent, in decimal arithmetic."""
    share = Decimal(repr(basis_points)) / 10_000
    moved = Decimal(repr(float(price))) * (1 + share if buy else 1 - share)
    return float(moved.quantize(Decimal("0.01"), ROUND_CEILING if buy else ROUND_FLOOR))


@given(seed=seeds, broker=brokers)
@settings(**CHEAP)
def test_fills_are_later_than_decisions_at_the_open_and_only_where_trade_was_possible(
    make_market: Market, seed: int, broker: Broker
) -> None:
    bars, weights = make_market(seed)
    rules = rules_for("XSHG")
    result = backtest(bars, weights, broker=broker, rules=rules)
    decided = result.orders.set_index("order")["decided"]
    lows, highs = price_bands(bars, rules)
    for fill in result.fills.itertuples():
        assert fill.session > decided[fill.order]
        row = bars.frame.loc[(fill.symbol, fill.session)]
        assert row["volume"] > 0
        assert not row["suspended"]
        down, up = (w.fillna(f).loc[fill.session, fill.symbol] for w, f in ((lows, 0), (highs, np.inf)))
        price, buy = row["open"], fill.side == "buy"
        assert price < up if buy else price > down
        if broker.slippage:
            worse = _worse(price, buy, broker.slippage)
            price = (
                max(price, min(worse, row["high"], up))
                if buy
                else min(price, max(worse, row["low"], down))
            )
        assert fill.price == pytest.approx(price, rel=1e-12)
    assert not result.orders["order"].duplicated().any()
    unfilled = result.orders["filled"] < result.orders["quantity"]
    assert (result.orders.loc[unfilled, "reason"] != "").all()
    assert (result.orders.loc[~unfilled, "reason"] == "").all()


@given(seed=seeds, lots=st.booleans())
@settings(**CHEAP)
def test_shares_settle_before_they_are_sold_lots_are_legal_and_nothing_is_short(
    make_market: Market, seed: int, lots: bool
) -> None:
    bars, weights = make_market(seed, symbols=4)
    rules = SlowRules(calendar="XSHG")
    result = backtest(bars, weights, broker=Broker(lots=lots), rules=rules)
    day = {session: i for i, session in enumerate(result.equity.index)}
    held: dict[str, float] = defaultdict(float)
    bought: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for event in _events(result):
        now, before = day[event.session], held[event.symbol]
        if event.kind == "reinvested":
            growth = 1 + event.quantity / before
            bought[event.symbol] = [(at, q * growth) for at, q in bought[event.symbol]]
        elif event.kind == "buy":
            bought[event.symbol].append((now, event.quantity))
        elif event.kind == "sell":
            young = sum(q for at, q in bought[event.symbol] if at > now - 3)
            assert -event.quantity <= before - young + 1e-6
        held[event.symbol] += event.quantity
        assert held[event.symbol] >= -1e-6
        if lots:
            assert held[event.symbol] == round(held[event.symbol])
        if lots and event.kind == "buy":
            star = event.symbol.startswith("688")
            assert event.quantity >= 200 if star else event.quantity % 100 == 0
        if lots and event.kind == "sell" and not event.symbol.startswith("688"):
            assert -event.quantity % 100 in (0, math.floor(before - young + 1e-6) % 100)
    assert (result.equity["cash"] >= 0).all()


def _events(result: BacktestResult) -> list[Any]:
    """Actions and fills in the order in which they happened; `quantity` is what came."""
    fills = result.fills.assign(kind=result.fills["side"])
    fills["quantity"] *= np.where(fills["side"] == "buy", 1.0, -1.0)
    both = pd.concat([result.actions, fills]).sort_values("session", kind="stable")
    return list(both.itertuples())


@given(seed=seeds, broker=brokers)
@settings(**CHEAP)
def test_equity_equals_a_naive_loop_over_actions_fills_and_closes(
    make_market: Market, seed: int, broker: Broker
) -> None:
    bars, weights = make_market(seed)
    result = backtest(bars, weights, broker=broker)
    closes = bars.wide("close").ffill()
    cash, held = broker.cash, defaultdict(float)
    rules = rules_for("XSHG")
    events = defaultdict(list)
    for event in _events(result):
        events[event.session].append(event)
    for session, row in result.equity.iterrows():
        for event in events[session]:
            held[event.symbol] += event.quantity
            if event.kind not in ("buy", "sell"):
                cash += event.cash
                continue
            quantity = abs(event.quantity)
            costs = rules.costs(event.symbol, session, event.kind, quantity, event.price)
            assert costs.commission == event.commission
            cash -= event.quantity * event.price
            cash -= costs.commission + costs.stamp_duty + costs.transfer_fee
        value = sum(q * closes.loc[session, s] for s, q in held.items() if abs(q) > 1e-9)
        assert row["equity"] == pytest.approx(cash + value, abs=0.005)


@given(seed=seeds, cut=st.integers(8, 22), broker=brokers)
@settings(**CHEAP)
def test_a_backtest_cut_short_equals_the_full_one_up_to_there(
    make_market: Market, seed: int, cut: int, broker: Broker
) -> None:
    bars, weights = make_market(seed)
    last = bars.sessions[cut]
    early = bars.between(None, last)
    assume(early.symbols == bars.symbols)
    part = backtest(early, Weights(weights.frame.loc[:last], weights.name), broker=broker)
    _same_up_to(backtest(bars, weights, broker=broker), part, last)


@given(seed=seeds, cut=st.integers(3, 22), poison=st.sampled_from([0.1, 10.0]))
@settings(**CHEAP)
def test_a_poisoned_future_changes_nothing_before_it(
    make_market: Market, seed: int, cut: int, poison: float
) -> None:
    bars, weights = make_market(seed)
    last = bars.sessions[cut]
    frame = bars.frame.copy()
    later = frame.index.get_level_values("session") > last
    frame.loc[later, ["open", "high", "low", "close"]] *= poison
    frame.loc[later, "factor"] *= 3
    frame.loc[later, "volume"] = (1.0 - frame["volume"].clip(0, 1)).where(~frame["suspended"], 0.0)
    poisoned = weights.frame.copy()
    poisoned.loc[poisoned.index > last] = 0.0
    other = backtest(Bars(frame, bars.calendar, bars.adjustment), Weights(poisoned, weights.name))
    _same_up_to(backtest(bars, weights), other, last)


def _same_up_to(one: BacktestResult, two: BacktestResult, last: pd.Timestamp) -> None:
    pd.testing.assert_frame_equal(one.equity.loc[:last], two.equity.loc[:last], check_freq=False)
    for table, day in (
        ("fills", "session"),
        ("orders", "due"),
        ("positions", "session"),
        ("actions", "session"),
    ):
        a, b = getattr(one, table), getattr(two, table)
        a, b = a[a[day] <= last], b[b[day] <= last]
        pd.testing.assert_frame_equal(a.reset_index(drop=True), b.reset_index(drop=True))
    asked = ["order", "decided", "symbol", "side"]  # also at the close of the last session
    a, b = (r.orders.loc[r.orders["decided"] <= last, [*asked, "quantity"]] for r in (one, two))
    assert len(a) == len(b)
    # An order that waits over an ex session grows with the shares, before the next session opens.
    same = np.isclose(a["quantity"], b["quantity"]) | (a["decided"] == last).to_numpy()
    assert same.all()
    pd.testing.assert_frame_equal(a[asked].reset_index(drop=True), b[asked].reset_index(drop=True))


@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_higher_costs_on_the_same_fills_never_raise_final_equity(make_market: Market, seed: int) -> None:
    bars, weights = make_market(seed)
    fills = backtest(bars, weights, rules=rules_for("XSHG", commission=0.0)).fills
    finals = [
        -sum(
            rules.costs(f.symbol, f.session, f.side, f.quantity, f.price).total
            for f in fills.itertuples()
        )
        for rules in (rules_for("XSHG", commission=rate) for rate in (0.0, 0.00025, 0.001, 0.01))
    ]
    assert finals == sorted(finals, reverse=True)


@given(seed=seeds, rate=st.sampled_from([0.0, 0.001, 0.01]))
@settings(max_examples=30, deadline=None)
def test_final_equity_is_trading_profit_minus_costs(make_market: Market, seed: int, rate: float) -> None:
    bars, weights = make_market(seed)
    rules = rules_for("XSHG", commission=rate)
    result = backtest(bars, weights, rules=rules)
    charged = sum(
        rules.costs(f.symbol, f.session, f.side, f.quantity, f.price).total
        for f in result.fills.itertuples()
    )
    expected = 1_000_000 + _gain(result) - charged
    assert result.equity["equity"].iloc[-1] == pytest.approx(expected, abs=0.01)


def _gain(result: BacktestResult) -> float:
    """Trading profit without costs: what holdings are worth minus what was paid for them."""
    sign = np.where(result.fills["side"] == "buy", -1.0, 1.0)
    flow = float((sign * result.fills["quantity"] * result.fills["price"]).sum())
    flow += float(result.actions["cash"].sum())
    return flow + float(result.equity["holdings"].iloc[-1])


@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_perfect_foresight_makes_money_and_still_obeys(make_market: Market, seed: int) -> None:
    bars, _ = make_market(seed, length=60, symbols=1)
    opens = bars.adjusted("open")
    ahead = opens.shift(-2) > opens.shift(-1) * 1.002
    oracle = Weights(ahead.astype(float), "oracle")
    result = backtest(bars, oracle, broker=Broker(lots=False))
    assert result.equity["equity"].iloc[-1] > 1_000_000
    assert (result.fills["session"] > result.equity.index[0]).all()


def _oracle(bars: Bars, late: int) -> BacktestResult:
    """Trend following on the true returns, told `late` sessions after they could be traded."""
    labels = make_labels(bars)["label"].shift(late)  # one symbol only
    rows = labels.rename("expected_return").reset_index().assign(model="oracle", seed=0, horizon=1)
    unknown = rows.assign(fold=0, p_up=np.nan, fit_start=pd.NaT, fit_end=pd.NaT)
    weights = TrendFollow().weights(Signals.build(bars, Forecasts(unknown)))
    return backtest(bars, weights, broker=Broker(lots=False))


@pytest.mark.parametrize("seed", range(5))
def test_perfect_forecasts_make_a_fortune_and_one_session_late_they_do_not(
    make_bars: Callable[..., Bars], seed: int
) -> None:
    random = np.random.default_rng(seed)
    close = 10 * np.exp(random.normal(0, 0.02, 400).cumsum())
    bars = make_bars(S600000={"close": close.tolist(), "open": [10.0, *close[:-1]]})
    prompt, late = (_oracle(bars, n).equity["equity"].iloc[-1] / 1_000_000 for n in (0, 1))
    assert prompt > 5
    assert late < 2


def test_planted_fill_at_the_close_that_decided_it_is_caught(
    monkeypatch: pytest.MonkeyPatch, make_market: Market
) -> None:
    honest = Account._fill

    def same_bar(self: Any, *args: Any) -> float:
        self.now -= 1
        paid = honest(self, *args)
        self.now += 1
        return paid

    monkeypatch.setattr(Account, "_fill", same_bar)
    with pytest.raises(DataError, match="before the session at which it was due"):
        backtest(*make_market(1))


def test_planted_decision_of_tomorrow_is_caught(
    monkeypatch: pytest.MonkeyPatch, make_market: Market
) -> None:
    honest = WeightsStrategy.__init__

    def peeking(self: Any) -> None:
        honest(self)
        self._decisions = np.roll(self._decisions, -1, axis=0)
        self._decided = np.roll(self._decided, -1)

    bars, weights = make_market(1)
    last = bars.sessions[11]
    assert weights.frame.iloc[12].notna().any()
    monkeypatch.setattr(WeightsStrategy, "__init__", peeking)
    part = backtest(bars.between(None, last), Weights(weights.frame.loc[:last], "part"))
    with pytest.raises(AssertionError):
        _same_up_to(backtest(bars, weights), part, last)
