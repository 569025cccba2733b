"""The figures of one backtest, each with its convention beside it.

Returns are simple, session by session, the first against the initial cash.  Annualised figures use
`per_year` sessions except the compound growth rate, which counts calendar years (365.25 days).  A
figure that is not defined (a Sharpe ratio of constant returns, a beta without a benchmark) is NaN,
never a number that looks like an answer.

    sharpe  = mean(r) / std(r, ddof = 1) * sqrt(per_year)                  (no risk-free rate)
    sortino = mean(r) / sqrt(sum(min(r, 0)^2) / n) * sqrt(per_year)
    max_drawdown = min(equity / running maximum - 1), the maximum starting at the initial cash
"""

import math

import numpy as np
import pandas as pd

from ..core import BacktestResult, DataError
from ..core.result import COSTS, ActionKind

_ZERO = 1e-12
_DUST = 1e-6  # shares: a position below is closed
_MISSING = 0.05  # share of sessions that a benchmark may lack
_DAYS = 365.25

KEYS = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "exposure",
    "idle_cash",
    "last_cash",
    "turnover",
    "orders",
    "fills",
    "refused",
    "round_trips",
    "win_rate",
    "costs",
    "dividends",
    "dividend_tax",
    "final_equity",
    "excess_return",
    "beta",
    "benchmark_return",
)


def performance(result: BacktestResult, benchmark: pd.Series | None, per_year: int) -> dict[str, float]:
    """All figures of `KEYS`.

    total_return
        Final equity over initial cash, minus 1.
    cagr
        Compound growth a calendar year, from the first session to the last; NaN within one day.
    volatility, sharpe, sortino
        Annualised with `per_year` sessions; NaN where returns are constant.
    max_drawdown, calmar
        Drawdown is 0 or below; calmar is cagr over its size, NaN without a drawdown.
    exposure
        Mean share of equity that is invested, close by close.
    idle_cash, last_cash
        Share of equity that is cash: mean over the closes, and at the last one.
    turnover
        Half of all money bought and sold, over mean equity, a year of `per_year` sessions.
    orders, fills, refused
        Numbers of orders sent, of fills, of orders without any fill.
    round_trips, win_rate
        A round trip goes from flat to flat in one symbol; it wins if it earns more than its costs.
        `win_rate` is NaN without one.
    costs, dividends, dividend_tax, final_equity
        In currency; dividends before the tax on them, also those not yet paid out, and none of those
        that a price or a setting has turned into shares.
    benchmark_return, excess_return, beta
        Of the same sessions: the benchmark compounded, total return minus it, and the slope of
        returns on it; NaN without a benchmark.

    `benchmark` holds simple returns by session.  A session it lacks counts as no change; `DataError`
    where it lacks more than 5 % of the sessions.
    """
    returns, equity = result.returns, result.equity["equity"]
    total = float(equity.iloc[-1] / result.initial_cash - 1)
    growth = _cagr(total, equity.index)
    drawdown = _max_drawdown(equity, result.initial_cash)
    trips = round_trips(result)
    wins = float((trips["profit"] > 0).mean()) if len(trips) else math.nan
    against = _against(returns, total, benchmark)
    return {
        "total_return": total,
        "cagr": growth,
        "volatility": _spread(returns) * math.sqrt(per_year),
        "sharpe": _ratio(float(returns.mean()), _spread(returns)) * math.sqrt(per_year),
        "sortino": _ratio(float(returns.mean()), _downside(returns)) * math.sqrt(per_year),
        "max_drawdown": drawdown,
        "calmar": _ratio(growth, -drawdown),
        "exposure": float((result.equity["holdings"] / equity).mean()),
        "idle_cash": float((result.equity["cash"] / equity).mean()),
        "last_cash": float(result.equity["cash"].iloc[-1] / equity.iloc[-1]),
        "turnover": _turnover(result, per_year),
        "orders": float(len(result.orders)),
        "fills": float(len(result.fills)),
        "refused": float((result.orders["status"] == "refused").sum()),
        "round_trips": float(len(trips)),
        "win_rate": wins,
        "costs": result.costs,
        "dividends": _acted(result, "dividend"),
        "dividend_tax": 0.0 - _acted(result, "tax"),
        "final_equity": float(equity.iloc[-1]),
        **against,
    }


def round_trips(result: BacktestResult) -> pd.DataFrame:
    """Closed round trips, flat to flat in one symbol: `symbol`, `opened`, `closed`, `profit`.

    `profit` is in currency, after costs; dividends and the tax on them belong to the trip that held the
    shares, and a payment at delisting closes it.
    """
    rows = []
    for symbol, moves in _moves(result).groupby("symbol", sort=True):
        held, earned, opened = 0.0, 0.0, None
        for move in moves.itertuples(index=False):
            held, earned = held + move.quantity, earned + move.money
            if opened is None and held > _DUST:
                opened = move.session
            if opened is not None and abs(held) < _DUST:
                rows.append((symbol, opened, move.session, earned))
                held, earned, opened = 0.0, 0.0, None
    return pd.DataFrame(rows, columns=["symbol", "opened", "closed", "profit"])


def _moves(result: BacktestResult) -> pd.DataFrame:
    """Shares and money that came (below 0: went) by session, corporate actions before fills."""
    fills, actions = result.fills, result.actions
    sign = np.where(fills["side"] == "buy", 1.0, -1.0)
    traded = fills[["session", "symbol"]].assign(
        quantity=sign * fills["quantity"],
        money=-sign * fills["quantity"] * fills["price"] - fills[list(COSTS)].sum(axis=1),
    )
    acted = actions[["session", "symbol", "quantity"]].assign(
        money=actions["cash"] + actions["receivable"]
    )
    parts = [part for part in (acted, traded) if len(part)] or [traded]
    return pd.concat(parts).sort_values("session", kind="stable")


def _acted(result: BacktestResult, kind: ActionKind) -> float:
    """Money that corporate actions of one kind have brought, paid or still to be paid."""
    rows = result.actions.loc[result.actions["kind"] == kind, ["cash", "receivable"]]
    return float(rows.to_numpy(dtype=float).sum())


def _spread(returns: pd.Series) -> float:
    return float(returns.std(ddof=1)) if len(returns) > 1 else math.nan


def _downside(returns: pd.Series) -> float:
    return float(np.sqrt((returns.clip(upper=0) ** 2).mean()))


def _ratio(above: float, below: float) -> float:
    return above / below if below > _ZERO else math.nan


def _cagr(total: float, sessions: pd.DatetimeIndex) -> float:
    years = (sessions[-1] - sessions[0]).days / _DAYS
    if years <= 0:
        return math.nan
    return -1.0 if total <= -1 else float((1 + total) ** (1 / years) - 1)


def _max_drawdown(equity: pd.Series, initial_cash: float) -> float:
    path = np.concatenate([[initial_cash], equity.to_numpy(dtype=float)])
    return float((path / np.maximum.accumulate(path) - 1).min())


def _turnover(result: BacktestResult, per_year: int) -> float:
    traded = float((result.fills["quantity"] * result.fills["price"]).sum()) / 2
    years = len(result.equity) / per_year
    return traded / float(result.equity["equity"].mean()) / years


def _against(returns: pd.Series, total: float, benchmark: pd.Series | None) -> dict[str, float]:
    if benchmark is None:
        return {"excess_return": math.nan, "beta": math.nan, "benchmark_return": math.nan}
    other = benchmark.reindex(returns.index).astype(float)
    missing = float(other.isna().iloc[1:].mean()) if len(other) > 1 else float(other.isna().mean())
    if missing > _MISSING:
        raise DataError(
            f"the benchmark {benchmark.name!r} lacks {missing:.0%} of the sessions from "
            f"{returns.index[0]:%Y-%m-%d} to {returns.index[-1]:%Y-%m-%d}: give its returns for them"
        )
    both = pd.DataFrame({"own": returns, "other": other}).dropna()
    variance = float(both["other"].var(ddof=1)) if len(both) > 1 else math.nan
    covariance = float(both["own"].cov(both["other"])) if len(both) > 1 else math.nan
    earned = float((1 + other.fillna(0.0)).prod() - 1)
    beta = covariance / variance if variance > _ZERO**2 else math.nan
    return {"excess_return": total - earned, "beta": beta, "benchmark_return": earned}
