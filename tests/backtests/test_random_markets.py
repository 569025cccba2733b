"""Invariants 9 to 15 on random markets with random orders and weights.

Statement 14 needs a backtest of its own, so it has as many markets again.  `QUSHI_MARKETS` is the number
of markets for each: 2,000 in the suite, always the same ones; 50,000 new ones in `make nightly`.
"""

import os
import random
from collections import Counter, defaultdict
from fractions import Fraction

import backtrader as bt
import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from account_oracle import Terms
from exchange_oracle import UNIT, fees, is_legal_sale, legal_buy, settles_at_once, tick_of
from execution_oracle import Played, reenact
from markets import Market, random_market
from order_scripts import Asked, RandomOrders
from qushi.backtests import Broker, MarketBroker, backtest, backtest_class
from qushi.core import BacktestResult, Bars, Weights
from qushi.core.result import ACTION_KINDS, REASONS
from qushi.market import rules_for

MARKETS = int(os.environ.get("QUSHI_MARKETS", "2000"))
BATCHES = max(4, MARKETS // 2000 * 2)  # tests of their own, for several processes
MANY = settings(
    max_examples=-(-MARKETS // BATCHES),
    deadline=None,
    derandomize="QUSHI_MARKETS" not in os.environ,
    database=None,
    phases=(Phase.generate, Phase.shrink),
)
Shape = tuple[int, int, int, int]
shapes = st.tuples(  # seed, sessions, symbols, and sessions of history before the first one traded
    st.integers(0, 2**40), st.integers(12, 30), st.integers(2, 4), st.sampled_from([0, 0, 1, 4])
)
terms_of = st.builds(
    Terms,
    cash=st.sampled_from([3_000.0, 20_000.0, 100_000.0, 1_000_000.0]),
    lots=st.sampled_from([True, True, True, False]),
    slippage=st.sampled_from([0.0, 5.0, 100.0]),
    participation=st.sampled_from([0.25, 0.1, 1.0]),
    fill=st.sampled_from(["next_open", "next_close"]),
    dividends=st.sampled_from(["cash", "cash", "reinvest"]),
    rights=st.sampled_from(["subscribe", "lapse"]),
    delisting_value=st.sampled_from([1.0, 0.3, 0.0]),
)


def market_of(shape: Shape, batch: int = 0) -> Market:
    seed, length, symbols, history = shape
    return random_market(seed * BATCHES + batch, length, symbols).since(history)


def broker_of(terms: Terms) -> Broker:
    return Broker(**vars(terms))


def ordered(
    market: Market, seed: int, terms: Terms, bars: Bars | None = None
) -> tuple[BacktestResult, list[Asked]]:
    """A backtest of random orders, and what was sent."""
    book: list[Asked] = []
    params = {"seed": seed, "book": book, "lots": terms.lots}
    result = backtest_class(
        bars or market.bars, RandomOrders, params, broker=broker_of(terms), start=market.start
    )
    return result, book


def weighted(market: Market, seed: int, terms: Terms) -> tuple[BacktestResult, list[Asked]]:
    """A backtest of random weights; the orders are read back from its result."""
    bars, draw = market.bars, np.random.default_rng(seed)
    at = bars.sessions[bars.sessions >= market.start]
    columns = [stock.symbol for stock in market.stocks]
    raw = draw.dirichlet(np.ones(len(columns) + 1), len(at))[:, :-1]
    raw[draw.random(len(at)) < 0.2] *= 0
    raw[draw.random(raw.shape) < 0.5] = np.nan
    result = backtest(bars, Weights(pd.DataFrame(raw, at, columns), "random"), broker=broker_of(terms))
    step = {session: n for n, session in enumerate(at)}
    book = [
        Asked(step[o.decided], o.symbol, o.side == "buy", "market", o.quantity)
        for o in result.orders.itertuples()
    ]
    return result, book


def agree(result: BacktestResult, played: Played) -> None:
    """Orders, fills, actions and equity are those of the naive account."""
    step = {session: n for n, session in enumerate(result.equity.index)}
    fills = [
        (
            *(f.order, step[f.session], f.symbol, f.side == "buy", f.quantity, f.price * UNIT),
            *(f.commission, f.stamp_duty, f.transfer_fee),
        )
        for f in result.fills.itertuples()
    ]
    same(fills, played.fills)
    actions = [
        (step[a.session], a.symbol, a.kind, a.quantity, a.cash, a.receivable)
        for a in result.actions.itertuples()
    ]
    same(sorted(actions, key=by_symbol), sorted(played.actions, key=by_symbol))
    orders = [(o.symbol, o.reason, o.quantity, o.filled) for o in result.orders.itertuples()]
    same(orders, [(o.asked.symbol, o.reason, o.quantity, o.filled) for o in played.orders])
    curve = np.array([[float(x) for x in row] for row in played.curve])
    np.testing.assert_allclose(result.equity[["cash", "holdings", "receivable"]], curve, atol=0.005)


def same(found: list[tuple], expected: list[tuple]) -> None:
    """Row by row: words alike, numbers to a few millionths."""
    for row, other in zip(found, expected, strict=True):
        for one, two in zip(row, other, strict=True):
            alike = one == two if isinstance(one, str) else abs(one - float(two)) < 5e-6
            assert alike, (row, [x if isinstance(x, str) else float(x) for x in other])


def by_symbol(action: tuple) -> tuple:
    """What happens to different symbols at one open has no order; what happens to one has."""
    return action[:2]


def invariants(market: Market, result: BacktestResult, book: list[Asked], terms: Terms) -> None:
    """Statements 9 to 13 and 15, read off the result's tables one by one."""
    at = {pd.Timestamp(day): n for n, day in enumerate(market.dates)}
    stocks = {stock.symbol: stock for stock in market.stocks}
    decided = dict(zip(result.orders["order"], result.orders["decided"], strict=True))
    moves = defaultdict(float)  # shares that companies gave or took, by session and symbol
    for action in result.actions.itertuples():
        moves[action.session, action.symbol] += action.quantity
    held, today, charged = defaultdict(float), defaultdict(float), 0.0
    session = None
    for fill in result.fills.itertuples():
        if fill.session != session:
            for (when, symbol), shares in list(moves.items()):
                if when <= fill.session:
                    held[symbol] += shares
                    del moves[when, symbol]
            session, today = fill.session, defaultdict(float)
        stock, buy = stocks[fill.symbol], fill.side == "buy"
        asked, day = book[fill.order - 1], stock.days[at[session]]
        price = round(fill.price * UNIT)
        assert session > decided[fill.order]  # 9
        assert day.low <= price <= day.high  # 10
        assert price == pytest.approx(fill.price * UNIT, abs=1e-6)
        assert price % tick_of(stock.board, price) == 0
        assert day.tradable  # 11
        if day.band:
            assert day.band[0] <= price <= day.band[1]
            first = day.open if terms.fill == "next_open" else day.close
            base = {"market": first, "close": day.close}.get(asked.kind, day.low if buy else day.high)
            assert base < day.band[1] if buy else base > day.band[0]
        if not buy:  # 12
            free = settles_at_once(stock.board, fill.symbol, market.dates[at[session]])
            sellable = held[fill.symbol] - (0 if free else today[fill.symbol])
            assert fill.quantity <= sellable + 1e-6
            assert not terms.lots or is_legal_sale(stock.board, fill.quantity, round(sellable))
        elif terms.lots:
            assert fill.quantity == legal_buy(stock.board, fill.quantity)
        held[fill.symbol] += fill.quantity if buy else -fill.quantity
        today[fill.symbol] += fill.quantity if buy else 0
        shares = Fraction(str(round(fill.quantity, 9)))  # as the price: without the dust of floats
        parts = fees(stock.board, market.dates[at[session]], buy, shares, price)  # 13
        assert [round(float(part), 2) for part in parts] == [
            *(fill.commission, fill.stamp_duty, fill.transfer_fee)
        ]
        charged += float(sum(parts))
    assert (result.equity["cash"] >= 0).all()  # 12
    assert (result.orders["reason"] != "")[result.orders["filled"] < result.orders["quantity"]].all()
    dearer = rules_for(market.calendar, commission=0.003, commission_minimum=25)  # 15
    more = sum(
        dearer.costs(f.symbol, f.session, f.side, f.quantity, f.price).total
        for f in result.fills.itertuples()
    )
    assert more >= charged - 0.005


@pytest.mark.parametrize("batch", range(BATCHES // 2))
@MANY
@given(shape=shapes, terms=terms_of)
def test_random_orders_obey_the_exchange_and_end_as_a_naive_account_says(
    batch: int, shape: Shape, terms: Terms
) -> None:
    market = market_of(shape, batch)
    result, book = ordered(market, shape[0], terms)
    invariants(market, result, book, terms)
    agree(result, reenact(market, book, terms, result.orders["filled"].tolist()))


@pytest.mark.parametrize("batch", range(BATCHES // 2))
@MANY
@given(shape=shapes, terms=terms_of)
def test_random_weights_obey_the_exchange_and_end_as_a_naive_account_says(
    batch: int, shape: Shape, terms: Terms
) -> None:
    market = market_of(shape, BATCHES // 2 + batch)
    result, book = weighted(market, shape[0], terms)
    invariants(market, result, book, terms)
    agree(result, reenact(market, book, terms, result.orders["filled"].tolist(), restated=True))


@pytest.mark.parametrize("batch", range(BATCHES))
@MANY
@given(shape=st.tuples(st.integers(0, 2**40), st.integers(12, 16), st.integers(1, 2)))
def test_raw_prices_with_reinvested_actions_earn_the_back_adjusted_return(
    batch: int, shape: tuple[int, int, int]
) -> None:
    market = random_market(shape[0] * BATCHES + batch, *shape[1:])
    bars = market.bars
    free = Broker(cash=1_000, lots=False, dividends="reinvest", participation=1, commission_minimum=0)
    half = pd.DataFrame(1 / len(bars.symbols), bars.sessions[:1], list(bars.symbols))
    result = backtest(bars, Weights(half, "held"), broker=free, rules=rules_for(market.calendar))
    value = result.positions.set_index(["symbol", "session"])["value"]
    for stock in market.stocks:
        bought = result.fills[result.fills["symbol"] == stock.symbol].set_index("session")["quantity"]
        if bought.empty:
            continue
        exact = pd.Series(np.cumprod([float(stock.ratios.get(t, 1)) for t in stock.days]))
        rows = bars.one(stock.symbol)
        close = rows["close"]
        factors = [exact.set_axis(close.index), rows["factor"]]
        if stock.known:
            factors.append(bars.actions.factor(stock.symbol, close))
        for factor in factors:
            growth = close * factor
            shares = (bought / factor[bought.index]).sum()
            last = growth.index[growth.index.isin(value[stock.symbol].index)][-1]
            assert value[stock.symbol][last] == pytest.approx(shares * growth[last], rel=1e-9)


@settings(MANY, max_examples=max(1, MARKETS // 20))
@given(shape=shapes, terms=terms_of, share=st.floats(0.3, 0.9))
def test_a_random_market_cut_short_gives_the_same_up_to_there(
    shape: Shape, terms: Terms, share: float
) -> None:
    market = market_of(shape)
    last = market.bars.sessions[int(share * len(market.bars.sessions))]
    early = market.bars.between(None, last)
    assume(early.symbols == market.bars.symbols)
    whole, part = (ordered(market, shape[0], terms, bars)[0] for bars in (None, early))
    pd.testing.assert_frame_equal(whole.equity.loc[:last], part.equity, check_freq=False)
    for table in ("fills", "actions", "positions"):
        found = getattr(whole, table)
        pd.testing.assert_frame_equal(found[found["session"] <= last], getattr(part, table))
    found = whole.orders[whole.orders["decided"] <= last]
    sent = ["order", "decided", "symbol", "side"]
    pd.testing.assert_frame_equal(found[sent], part.orders[sent])
    # What is decided at the very end is due at a session of which nothing is known yet.
    before = found["decided"] < last
    pd.testing.assert_series_equal(found["due"][before], part.orders["due"][before])
    over = ~part.orders["reason"].isin(["end_of_data", "not_reached"])
    assert (found["reason"][over] == part.orders["reason"][over])[part.orders["filled"] > 0].all()


class OrdinaryFeed(bt.feeds.PandasData):
    """Anyone's daily feed, which knows neither limits nor what is tradable."""

    lines = ("st", "factor")
    params = (("st", -1), ("factor", -1))


@settings(MANY, max_examples=max(1, MARKETS // 20))
@given(shape=shapes, terms=terms_of)
def test_the_broker_alone_in_a_plain_cerebro_fills_the_same(shape: Shape, terms: Terms) -> None:
    bars = random_market(*shape[:3]).bars
    gapless = [s for s in bars.symbols if len(bars.one(s)) == len(bars.sessions)]
    assume(gapless)  # Backtrader itself waits until every feed has a bar
    bars = bars.select(gapless)
    params = {"seed": shape[0], "lots": terms.lots}
    by_engine = backtest_class(bars, RandomOrders, {**params, "book": []}, broker=broker_of(terms))
    cerebro = bt.Cerebro(stdstats=False)
    rules = rules_for(bars.calendar)
    broker = MarketBroker(rules=rules, actions=bars.actions, listings=bars.listings, **vars(terms))
    cerebro.setbroker(broker)
    for symbol in bars.symbols:
        cerebro.adddata(OrdinaryFeed(dataname=bars.one(symbol)), name=symbol)
    cerebro.addstrategy(RandomOrders, **params, book=[])
    cerebro.run()
    alone = broker.result("alone")
    for table in ("orders", "fills", "actions", "positions", "equity"):
        pd.testing.assert_frame_equal(getattr(by_engine, table), getattr(alone, table), check_freq=False)


def test_random_markets_meet_everything_that_can_happen() -> None:
    reasons, kinds, actions, days = Counter(), Counter(), Counter(), Counter()
    for seed in range(120):
        draw = random.Random(seed)
        fill, dividends = draw.choice(["next_open", "next_close"]), draw.choice(["cash", "reinvest"])
        terms = Terms(cash=draw.choice([20_000.0, 1e6]), fill=fill, dividends=dividends)
        market = random_market(seed, 20, 4)
        result, book = ordered(market, seed, terms)
        reasons.update(result.orders["reason"])
        kinds.update(book[n - 1].kind for n in result.fills["order"])
        kinds.update({o.kind for o in book if o.oco is not None or o.parent is not None})
        actions.update(result.actions["kind"])
        for stock in market.stocks:
            days.update((stock.board, "traded") for day in stock.days.values() if day.tradable)
            days.update(
                (stock.board, "up") for d in stock.days.values() if d.band and d.low == d.band[1]
            )
    assert set(reasons) == set(REASONS)
    assert set(actions) == set(ACTION_KINDS)
    assert set(kinds) == {"market", "close", "limit", "stop", "stop_limit"}
    boards = {"main", "chinext", "star", "bse", "fund", "tw", "tw_fund"}
    assert {board for board, what in days if what == "up"} == boards
    assert min(reasons.values()) >= 5
