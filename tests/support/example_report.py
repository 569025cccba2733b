"""A report's inputs made by hand: random-walk bars, results whose ledgers replay, made-up forecasts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from qushi.backtests.refusals import largest_refusals, refusals_by_reason, refusals_of_all
from qushi.core import BacktestResult, Bars, Forecasts, PanicIndex
from qushi.core.calendar import PER_YEAR, sessions
from qushi.core.notes import Said
from qushi.core.result import COSTS, EQUITY, FILLS, ORDERS, POSITIONS
from qushi.reports import ReportInput

CASH = 1_000_000.0
QUALITY = {
    "lstm": (0.512, 0.528, 0.21, 0.498, -0.01, 0.252, 0.249, 1.013, 1.006, 0.012, 0.62),
    "always_up": (0.528, 0.528, 0.5, 0.5, 0.0, 0.249, 0.249, *[np.nan] * 4),
    "logistic": (0.547, 0.528, 0.031, 0.541, 0.081, 0.247, 0.249, *[np.nan] * 4),
    "last_value": (*[np.nan] * 7, 1.0, 1.0, *[np.nan] * 2),
}


def walk_bars(
    symbols: Sequence[str] = ("000300.SH",),
    n: int = 500,
    seed: int = 0,
    calendar: str = "XSHG",
    start: str = "2012-01-04",
    drift: float = 0.0003,
    dividends: bool = True,
) -> Bars:
    """Random-walk bars with volume, and two steps of the adjustment factor a symbol."""
    rng = np.random.default_rng(seed)
    days = sessions(calendar, start)[:n]
    frames = []
    for place, symbol in enumerate(symbols):
        step = rng.normal(drift, 0.014, n)
        close = 20 * (1 + place) * np.exp(np.cumsum(step))
        opened = close * np.exp(rng.normal(0, 0.005, n))
        factor = np.ones(n)
        if dividends:
            factor[n // 3 :] = 1.02
            factor[2 * n // 3 :] = 1.05
        frames.append(
            pd.DataFrame(
                {
                    "symbol": symbol,
                    "session": days,
                    "open": opened,
                    "high": np.maximum(opened, close) * (1 + np.abs(rng.normal(0, 0.004, n))),
                    "low": np.minimum(opened, close) * (1 - np.abs(rng.normal(0, 0.004, n))),
                    "close": close,
                    "volume": np.round(rng.lognormal(16, 0.4, n)),
                    "factor": factor,
                }
            )
        )
    return Bars.from_frame(pd.concat(frames), calendar=calendar)


def holding(returns: Sequence[float], start: str = "2020-01-02", name: str = "held") -> BacktestResult:
    """A result with exactly these returns (one position held throughout), or flat for all zeros."""
    days = sessions("XSHG", start)[: len(returns)].rename("session")
    close = 100 * np.cumprod(1 + np.asarray(returns, dtype=float))
    shares = CASH / 100 if np.any(returns) else 0.0
    orders, fills, positions = [], [], []
    if shares:
        # Bought at the open of the first session, on the decision of the one before.
        decided = sessions("XSHG", end=days[0])[-2]
        orders = [(1, decided, days[0], "000300.SH", "buy", shares, shares, "filled", "")]
        fills = [(1, days[0], "000300.SH", "buy", shares, 100.0, 0.0, 0.0, 0.0)]
        positions = [(d, "000300.SH", shares, c, shares * c) for d, c in zip(days, close, strict=True)]
    held = shares * close
    cash = np.full(len(days), 0.0 if shares else CASH)
    equity = pd.DataFrame(
        {"cash": cash, "holdings": held, "receivable": 0.0, "equity": cash + held}, index=days
    )
    return BacktestResult(name, CASH, *_ledger(orders, fills, positions), equity)


def trade(
    bars: Bars, name: str, held: pd.Series, *, symbol: str | None = None, refuse: str = ""
) -> BacktestResult:
    """Hold the symbol where `held` (decided at the close, by session) says so, whole lots, all in.

    Fills at the next open; costs 0.03 % and 0.05 % duty on sells.  `refuse` turns every fifth order
    into one refused for that reason.
    """
    symbol = symbol or bars.symbols[0]
    one = bars.one(symbol).reindex(held.index)
    cash, shares = CASH, 0.0
    orders: list[Any] = []
    fills, positions, equity = [], [], []
    wanted = held.shift(1, fill_value=False).astype(bool)
    for i, day in enumerate(held.index):
        price, close = float(one["open"].iloc[i]), float(one["close"].iloc[i])
        if i and wanted.iloc[i] != (shares > 0):
            number = len(orders) + 1
            side = "sell" if shares else "buy"
            quantity = shares or (cash * 0.99 // (price * 100)) * 100
            refused = bool(refuse) and number % 5 == 0
            end = (0.0, "refused", refuse) if refused else (quantity, "filled", "")
            orders.append((number, held.index[i - 1], day, symbol, side, quantity, *end))
            if not refused:
                commission = round(quantity * price * 0.0003, 2)
                duty = round(quantity * price * 0.0005, 2) if shares else 0.0
                cash += (1 if shares else -1) * quantity * price - commission - duty
                shares = 0.0 if shares else quantity
                fills.append((number, day, symbol, side, quantity, price, commission, duty, 0.0))
        if shares:
            positions.append((day, symbol, shares, close, shares * close))
        equity.append((cash, shares * close, 0.0, cash + shares * close))
    table = pd.DataFrame(equity, index=held.index.rename("session"), columns=list(EQUITY))
    conditions = {"data": "random walk", "fill": "next open"}
    return BacktestResult(name, CASH, *_ledger(orders, fills, positions), table, conditions)


def _ledger(orders: list[Any], fills: list[Any], positions: list[Any]) -> list[pd.DataFrame]:
    numbers = ("quantity", "filled", "price", "close", "value", *COSTS)
    dates = ("decided", "due", "session")
    tables = []
    for rows, columns in ((orders, ORDERS), (fills, FILLS), (positions, POSITIONS)):
        table = pd.DataFrame(rows, columns=list(columns))
        types = dict.fromkeys(numbers, "float64") | dict.fromkeys(dates, "datetime64[ns]")
        tables.append(table.astype({c: t for c, t in types.items() if c in columns}))
    return tables


def figures(result: BacktestResult, benchmark: pd.Series, per_year: int) -> dict[str, float]:
    """The columns of `performance()`, the simple way."""
    returns = result.returns
    wealth = np.r_[1.0, (1 + returns).cumprod()]
    total = wealth[-1] - 1
    base = float((1 + benchmark.loc[returns.index[0] : returns.index[-1]]).prod() - 1)
    deviation = returns.std()
    sells = int((result.fills["side"] == "sell").sum())
    return {
        "total_return": total,
        "cagr": wealth[-1] ** (per_year / len(returns)) - 1,
        "volatility": deviation * per_year**0.5,
        "sharpe": returns.mean() / deviation * per_year**0.5 if deviation else np.nan,
        "sortino": np.nan,
        "max_drawdown": float((wealth / np.maximum.accumulate(wealth) - 1).min()),
        "calmar": np.nan,
        "exposure": float((result.equity["holdings"] > 0).mean()),
        "idle_cash": float((result.equity["cash"] / result.equity["equity"]).mean()),
        "last_cash": float(result.equity["cash"].iloc[-1] / result.equity["equity"].iloc[-1]),
        "turnover": 4.2 if sells else 0.0,
        "orders": len(result.orders),
        "fills": len(result.fills),
        "refused": len(result.refused),
        "round_trips": sells,
        "win_rate": 0.44 if sells else np.nan,
        "costs": result.costs,
        "dividends": 0.0,
        "dividend_tax": 0.0,
        "final_equity": float(result.equity["equity"].iloc[-1]),
        "excess_return": total - base,
        "beta": 0.6 if sells else np.nan,
        "benchmark_return": base,
    }


def made_forecasts(bars: Bars, first: int) -> Forecasts:
    """Coin flips of three models in two folds, each fitted up to the session before."""
    rng = np.random.default_rng(3)
    days = bars.sessions
    rows = []
    for model in ("always_up", "logistic", "lstm"):
        for symbol in bars.symbols:
            middle = first + (len(days) - first) // 2
            for at in range(first, len(days)):
                fold = int(at >= middle)
                rows.append(
                    {
                        "model": model,
                        "seed": 0,
                        "symbol": symbol,
                        "session": days[at],
                        "horizon": 1,
                        "fold": fold,
                        "expected_return": rng.normal(0, 0.001),
                        "p_up": 1.0 if model == "always_up" else rng.uniform(0.3, 0.7),
                        "fit_start": days[0],
                        "fit_end": days[(middle if fold else first) - 1],
                    }
                )
    return Forecasts(pd.DataFrame(rows).sort_values(["model", "seed", "symbol", "session", "horizon"]))


def made_quality(n: int, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """A table like that of `forecast_quality`, one model below its base rate, one above."""
    columns = ["accuracy", "base_rate", "p_value", "balanced_accuracy", "mcc", "brier", "brier_base"]
    columns += ["relative_mae", "relative_rmse", "ic", "ic_p_value"]
    rows = [
        {"model": model, "seed": 0, "n": n, **dict(zip(columns, values, strict=True))}
        for model, values in QUALITY.items()
    ]
    return pd.DataFrame(rows).assign(first=first, last=last)


def made_panic(bars: Bars, scopes: Sequence[str] = ("market",)) -> PanicIndex:
    """A slow wave by scope and audience, with a gap of forty sessions."""
    rng = np.random.default_rng(5)
    frames = []
    days = bars.sessions
    for scope in scopes:
        for audience in ("public", "institution", "all"):
            shock = pd.Series(rng.normal(0, 1, len(days))).ewm(halflife=8).mean()
            panic = np.array(50 + 48 * np.tanh(shock / shock.std() / 1.4))
            panic[len(days) // 2 : len(days) // 2 + 40] = np.nan
            frame = pd.DataFrame({"scope": scope, "audience": audience, "session": days, "panic": panic})
            frames.append(frame.assign(texts=12, effective=30.0, z=0.0, attention=0.0, agreement=0.5))
    table = pd.concat(frames, ignore_index=True)
    table["session_bearishness"] = table["bearishness"] = 0.0
    table["quality"] = np.where(table["panic"].isna(), "none", "ok")
    return PanicIndex(table.sort_values(["scope", "audience", "session"], ignore_index=True))


def example_inputs(
    symbols: Sequence[str] = ("000300.SH",), n: int = 500, calendar: str = "XSHG", **changes: Any
) -> ReportInput:
    """Inputs of a whole report; any field may be replaced by keyword."""
    bars = walk_bars(symbols, n, calendar=calendar)
    days = bars.sessions
    first = n // 3
    tested = days[first:]
    close = bars.adjusted("close")[bars.symbols[0]]
    benchmark = close.pct_change().fillna(0.0).rename(bars.symbols[0])
    trend = (close > close.rolling(40).mean()).reindex(tested)
    quick = (close > close.rolling(10).mean()).reindex(tested)
    always = pd.Series(True, index=tested)
    results = (
        trade(bars, "trend_follow · lstm", trend, refuse="limit_up"),
        trade(bars, "trend_follow · logistic 恐慌过滤", trend & (quick | (close < 25).reindex(tested))),
        trade(bars, "top_k · sma_10", quick, symbol=bars.symbols[-1], refuse="lot"),
        trade(bars, "buy_and_hold", always),
        trade(bars, "panic_filter · never", always & False),
    )
    per_year = PER_YEAR[calendar]
    refused = refusals_of_all(results, bars, {})
    inputs = ReportInput(
        name="CSI 300 趋势与恐慌",
        description="Three forecasters, four strategies, and a panic index read from synthetic posts. "
        "三种预测、四种策略，以及由合成帖子得到的恐慌指数。",
        config_toml='[experiment]\nname = "CSI 300 趋势与恐慌"\nsymbols = ["000300.SH"]\nseed = 0\n\n'
        '[[forecasters]]\nkind = "lstm"\nlayers = [128, 128, 128]\n',
        bars=bars,
        benchmark=benchmark,
        forecasts=made_forecasts(bars, first),
        quality=made_quality(n - first, tested[0], tested[-1]),
        results=results,
        performance=pd.DataFrame({r.name: figures(r, benchmark, per_year) for r in results}).T,
        panic=made_panic(bars, ("market", bars.symbols[0])),
        classifier={
            "model": "BERT 2 × 128, trained from scratch",
            "accuracy": "0.71 (majority 0.52)",
            "device": "cpu",
        },
        failures=(("gru", "FitError: the loss became NaN in fold 3 (learning rate 0.5): lower it"),),
        warnings=(
            Said(
                "The texts are synthetic: written for this project, not by investors.",
                "文本为合成：为本项目撰写，并非投资者所写。",
            ),
            Said(
                "Prices of a random walk: nothing here can be predicted.", "价格为随机游走：无可预测。"
            ),
            Said(
                "top_k · sma_10 made few round trips: its figures are mostly chance.",
                "top_k · sma_10 的完整交易很少：其数字多半出于偶然。",
            ),
        ),
        facts={"qushi": "0.1.0", "python": "3.11", "seed": "0", "data": "4f1c…", "seconds": "41.7"},
        alignment=pd.DataFrame(
            {
                "scope": ["market", "market"],
                "audience": ["public", "institution"],
                "n": [331, 120],
                "same_session": [-0.31, -0.12],
                "last_three": [-0.28, np.nan],
                "next_session": [0.01, -0.03],
            }
        ),
        classifier_check=pd.DataFrame(
            {
                "symbol": [bars.symbols[0]],
                "texts": [400],
                "accuracy": [0.48],
                "majority": [0.52],
                "balanced_accuracy": [0.41],
            }
        ),
        refusals=refusals_by_reason(refused, {r.name: len(r.orders) for r in results}),
        largest_refusals=largest_refusals(refused),
        tear_sheets={r.name: f"tearsheet-{i}.html" for i, r in enumerate(results)},
        language="en",
    )
    return replace(inputs, **changes)
