"""What it cost that orders did not fill, or not wholly.

An order that is refused is a position not taken: the unfilled part goes on without the account until
the next order of the same symbol is due, which takes over, or a newer decision about the symbol is, or
until the last close.  What it would have earned meanwhile is what the refusal cost; below 0, the refusal
saved money.

    cost = sign x unfilled x (price then x factor then / factor at due - price at due)

with sign +1 for a purchase and -1 for a sale, before costs.  The factor (back-adjustment) states the
later price in terms of the due session, so a dividend or a split in between is no loss.  Prices are
those at which orders fill: opens, or closes with fill = "next_close"; the last close where a symbol has
no bar.  The sum telescopes: a target refused for days and then filled costs the first due price against
the price at which it was filled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..core import BacktestResult, Bars, Weights
from ..core.result import REASONS

REFUSALS = ("order", "next", "due", "symbol", "side", "reason", "asked", "unfilled", "money", "cost")
_SPAN = ("first", "last", "money", "cost")
BY_REASON = ("strategy", "reason", "orders", "partial", "symbols", *_SPAN, "share")
LARGEST = ("strategy", "symbol", "side", "reason", "orders", "unfilled", *_SPAN)


def refusals(result: BacktestResult, bars: Bars, weights: Weights | None = None) -> pd.DataFrame:
    """One row an order not, or not wholly, filled, in the order in which they were sent.

    `order`, `next` (the order of the same symbol that took over; 0: none), `due` (session), `symbol`,
    `side`, `reason`, `asked` and `unfilled` (shares), `money` (unfilled x price at due) and `cost`, both
    in currency; NaN where the symbol had no price yet.

    `weights` are the decisions behind the orders.  Without them (a strategy that sends its own orders)
    it is not known when a position that was never filled ceased to be wanted.
    """
    orders = result.orders.sort_values("order").reset_index(drop=True)
    followed = orders.assign(**_successors(orders, _replaced(orders, weights, result.equity.index)))
    lacking = followed[followed["status"] != "filled"]
    column = "close" if result.conditions.get("filled") == "next close" else "open"
    prices = _Prices(bars, result.equity.index[-1], column)
    sign = np.where(lacking["side"] == "buy", 1.0, -1.0)
    price, factor = prices.at(lacking["symbol"], lacking["due"])
    later, later_factor = prices.at(lacking["symbol"], lacking["until"])
    unfilled = (lacking["quantity"] - lacking["filled"]).to_numpy(dtype=float)
    table = lacking.assign(
        asked=lacking["quantity"].astype(float),
        unfilled=unfilled,
        money=unfilled * price,
        cost=sign * unfilled * (later * later_factor / factor - price),
    )
    return table[list(REFUSALS)].reset_index(drop=True)


def refusals_of_all(
    results: Sequence[BacktestResult], bars: Bars, weights: Mapping[str, Weights]
) -> pd.DataFrame:
    """The rows of all results, with a column `strategy` that holds the result's name.

    `weights` are by result, where it has any.
    """
    parts = [refusals(r, bars, weights.get(r.name)).assign(strategy=r.name) for r in results]
    some = [part for part in parts if len(part)] or parts[:1]
    return pd.concat(some, ignore_index=True) if some else pd.DataFrame(columns=[*REFUSALS, "strategy"])


def refusals_by_reason(refused: pd.DataFrame, orders: Mapping[str, int]) -> pd.DataFrame:
    """One row a strategy and reason, in the order of `orders` (strategy -> orders sent in all).

    `refused` is what `refusals_of_all` gives.  `orders` of a row are those refused,
    `partial` those of them that were filled in part, `symbols` how many different ones, `first` and
    `last` the first and last session due, `money` and `cost` sums, `share` = orders / all of the
    strategy.
    """
    rows = []
    for (strategy, reason), part in refused.groupby(["strategy", "reason"], sort=False):
        partial = int((part["unfilled"] < part["asked"]).sum())
        money, cost = float(part["money"].sum()), float(part["cost"].sum())
        span = (part["due"].min(), part["due"].max())
        share = len(part) / orders[strategy]
        symbols = part["symbol"].nunique()
        rows.append((strategy, reason, len(part), partial, symbols, *span, money, cost, share))
    table = pd.DataFrame(rows, columns=list(BY_REASON))
    places = {name: place for place, name in enumerate(orders)}
    keys = table["strategy"].map(places), table["reason"].map(REASONS.index)
    return table.iloc[np.lexsort(keys[::-1])].reset_index(drop=True)


def largest_refusals(refused: pd.DataFrame, most: int = 10) -> pd.DataFrame:
    """The refusals that mattered most, up or down: by size of `cost`, largest first.

    Orders sent again for the same reason, one taking over from the other, are one row: `orders` counts
    them, `first` and `last` are their sessions due, `unfilled` and `money` those of the first.
    """
    if refused.empty:
        return pd.DataFrame(columns=list(LARGEST))
    ordered = refused.sort_values(["strategy", "symbol", "order"], kind="stable")
    before, alike = ordered.shift(1), ["strategy", "side", "reason"]
    same = (ordered[alike] == before[alike]).all(axis=1)
    chain = (~(same & (before["next"] == ordered["order"]))).cumsum()
    table = ordered.groupby(chain).agg(
        strategy=("strategy", "first"),
        symbol=("symbol", "first"),
        side=("side", "first"),
        reason=("reason", "first"),
        orders=("order", "size"),
        unfilled=("unfilled", "first"),
        first=("due", "first"),
        last=("due", "last"),
        money=("money", "first"),
        cost=("cost", "sum"),
    )
    by_size = table["cost"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[by_size].head(most).reset_index(drop=True)


def _successors(orders: pd.DataFrame, replaced: np.ndarray) -> dict[str, np.ndarray]:
    """For each order the next one of its symbol that is due later, and until when it stood.

    0 where a newer decision came before that order, or where there is none; NaT: until the end.
    """
    numbers, due = orders["order"].to_numpy(dtype=int), orders["due"].to_numpy(dtype="datetime64[ns]")
    successor, until = np.zeros(len(orders), dtype=int), replaced.copy()
    for mine in orders.groupby("symbol", sort=False).indices.values():
        mine = mine[np.argsort(due[mine], kind="stable")]
        later = np.searchsorted(due[mine], due[mine], side="right")
        followed, after = mine[later < len(mine)], mine[later[later < len(mine)]]
        first = ~(replaced[followed] < due[after])  # NaT is before nothing
        successor[followed[first]], until[followed[first]] = numbers[after[first]], due[after[first]]
    return {"next": successor, "until": until}


def _replaced(orders: pd.DataFrame, weights: Weights | None, sessions: pd.DatetimeIndex) -> np.ndarray:
    """For each order the session at which the next decision about its symbol is due; NaT: none."""
    decided = orders["decided"].to_numpy(dtype="datetime64[ns]")
    found = np.full(len(orders), np.datetime64("NaT", "ns"))
    if weights is None:
        return found
    due = np.append(sessions.to_numpy(dtype="datetime64[ns]"), np.datetime64("NaT", "ns"))
    for symbol, mine in orders.groupby("symbol", sort=False).indices.items():
        days = weights.frame[symbol].dropna().index
        place = days.searchsorted(decided[mine], side="right")
        mine, place = mine[place < len(days)], place[place < len(days)]
        found[mine] = due[sessions.searchsorted(days[place], side="right")]
    return found


@dataclass(frozen=True)
class _Prices:
    """The price at which an order due at a session would have filled, and the factor then.

    After the last session of the result, and where a symbol has no bar, that is the last close.
    """

    bars: Bars
    last: pd.Timestamp
    column: str

    def at(self, symbols: pd.Series, sessions: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Prices and factors, NaN before a symbol's first bar; NaT stands for the last close of all."""
        price, factor = np.full((2, len(symbols)), np.nan)
        when = sessions.fillna(self.last + pd.Timedelta(days=1)).to_numpy()
        for symbol in symbols.unique():
            rows = self.bars.one(symbol).loc[: self.last]
            mine = np.flatnonzero(symbols == symbol)
            place = rows.index.searchsorted(when[mine], side="right") - 1
            mine, place = mine[place >= 0], place[place >= 0]
            traded = rows.index.to_numpy()[place] == when[mine]
            found = rows[[self.column, "close"]].to_numpy()[place]
            price[mine] = np.where(traded, found[:, 0], found[:, 1])
            factor[mine] = self._factor(symbol, rows)[place]
        return price, factor

    def _factor(self, symbol: str, rows: pd.DataFrame) -> np.ndarray:
        actions = self.bars.actions
        known = symbol in actions.known
        factor = actions.factor(symbol, rows["close"]) if known else rows["factor"]
        return np.asarray(factor, dtype=float)
