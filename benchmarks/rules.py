"""What market rules cost: the same strategy in a plain Cerebro and under qushi, as ratios of time.

All ways run turn about in one process, in both orders.  A plain Cerebro knows no limits, lots, taxes or
dividends; it is timed with Backtrader's own pandas feed, and with qushi's feed, so that the rules can
be told from the loading.  A user's own strategy runs bar by bar, so that it cannot see tomorrow; weights
need no such care.

Where the time goes, by a profile of the own strategy: Backtrader moving its lines and indicators 75 %,
the broker with all its rules 13 %, the ledger's tables and its replay to the cent 7 %, panel and limits
4 %.  A session costs the broker nothing but for the symbols that are held or ordered.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import backtrader as bt
import numpy as np
import pandas as pd

from qushi.backtests import backtest, backtest_class
from qushi.backtests.feeds import SessionFeed, feeds
from qushi.backtests.panel import Panel
from qushi.core import Actions, BacktestResult, Bars, Weights
from qushi.core.calendar import sessions

SYMBOLS, SESSIONS, EVERY, REPEATS = 20, 1_000, 20, 5
PLAIN = "plain Cerebro, PandasData"


class Rotation(bt.Strategy):
    """Every 20 sessions, the same amount of money in whatever is above its 20-day average."""

    def __init__(self):
        self.means = [bt.indicators.SMA(data, period=20) for data in self.datas]

    def next(self):
        if len(self) % EVERY:
            return
        above = [data.close[0] > mean[0] for data, mean in zip(self.datas, self.means, strict=True)]
        budget = 0.9 * self.broker.getvalue() / max(1, sum(above))
        for data, wanted in zip(self.datas, above, strict=True):
            target = int(budget / data.close[0] / 100) * 100 if wanted else 0
            change = target - self.getposition(data).size
            if change:
                (self.buy if change > 0 else self.sell)(data, size=abs(change))


def make_bars() -> Bars:
    """Main-board shares on ticks, within their limits, each with a dividend a year."""
    random, at = np.random.default_rng(0), sessions("XSHG", "2016-01-04")[:SESSIONS]
    rows, actions = [], []
    for n in range(SYMBOLS):
        symbol = f"{600000 + n}.SH"
        close = random.uniform(8, 40) * np.exp(
            random.normal(0, 0.015, SESSIONS).clip(-0.05, 0.05).cumsum()
        )
        close = close.round(2)
        open_ = np.append(close[0], close[:-1] * np.exp(random.normal(0, 0.005, SESSIONS - 1))).round(2)
        body = np.maximum(open_, close), np.minimum(open_, close)
        frame = {"open": open_, "high": body[0] + 0.02, "low": body[1] - 0.02, "close": close}
        rows.append(pd.DataFrame({"symbol": symbol, "session": at, **frame, "volume": 1e7}))
        actions.append(pd.DataFrame({"symbol": symbol, "session": at[150 + n :: 243], "cash": 0.1}))
    known = Actions.from_frame(pd.concat(actions))
    return Bars.from_frame(pd.concat(rows), actions=known)


def make_weights(bars: Bars) -> Weights:
    """The decisions of `Rotation` as a table."""
    close = bars.wide("close")
    above = (close > close.rolling(20).mean()).astype(float)
    wanted = 0.9 * above.div(above.sum(axis=1).clip(lower=1), axis=0)
    decided = (np.arange(1, len(close) + 1) % EVERY == 0) & (np.arange(len(close)) >= 19)
    return Weights(wanted.where(pd.Series(decided, close.index), axis=0), "rotation")


def pandas_feeds(bars: Bars) -> list[bt.feeds.PandasData]:
    return [bt.feeds.PandasData(dataname=bars.one(symbol)) for symbol in bars.symbols]


def qushi_feeds(bars: Bars) -> list[SessionFeed]:
    return feeds(Panel.build(bars, bars.symbols))


def plain(bars: Bars, make_feeds: Callable[[Bars], list], **how: bool) -> None:
    cerebro = bt.Cerebro(stdstats=False, **how)
    cerebro.broker.setcash(1_000_000)
    cerebro.broker.setcommission(0.00025)
    for symbol, feed in zip(bars.symbols, make_feeds(bars), strict=True):
        cerebro.adddata(feed, name=symbol)
    cerebro.addstrategy(Rotation)
    cerebro.run()


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    bars = make_bars()
    weights = make_weights(bars)
    result: BacktestResult = backtest_class(bars, Rotation)
    ways = {
        PLAIN: lambda: plain(bars, pandas_feeds),
        "plain, qushi's feed": lambda: plain(bars, qushi_feeds),
        "plain, so, bar by bar": lambda: plain(bars, qushi_feeds, preload=False, runonce=False),
        "qushi, own strategy": lambda: backtest_class(bars, Rotation),
        "qushi, weights": lambda: backtest(bars, weights),
        "  bars checked once": lambda: replace(bars),
        "  ledger replayed once": lambda: replace(result),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(REPEATS):
        for name in list(ways)[:: 1 if turn % 2 else -1]:
            times[name].append(seconds(ways[name]))
    print(
        f"{SYMBOLS} symbols x {SESSIONS:,} sessions, {len(result.orders):,} orders; median of {REPEATS}"
    )
    for name, found in times.items():
        ratios = np.array(found) / np.array(times[PLAIN])
        spread = f"{ratios.min():.2f} to {ratios.max():.2f}"
        speed = f"{SYMBOLS * SESSIONS / np.median(found):9,.0f} bars/s"
        print(f"{name:28s}{speed}   time x {np.median(ratios):.2f} ({spread})")


if __name__ == "__main__":
    main()
