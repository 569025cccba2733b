"""Corporate actions: what a company does to the shares and the cash of whoever holds it.

An action takes effect before the open of its ex session, for shares held at the close before.  The
exchange then lets trade go on from a reference price that leaves a holder as rich as before:

    reference = (previous close - cash + rights x rights price) / (1 + bonus + split + rights)

Source: trading rules of the Shanghai and Shenzhen exchanges, ex-rights and ex-dividend reference price.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
import pandas as pd

from .errors import DataError
from .hashing import hash_frame, hash_json

AMOUNTS = ("cash", "bonus", "split", "rights", "rights_price")
COLUMNS = (*AMOUNTS, "pay_session")


@dataclass(frozen=True, eq=False)
class Actions:
    """Corporate actions, indexed by (symbol, session), the session being the ex session.

    frame
        MultiIndex (symbol, session), sorted and unique.  Columns, all a share held before the session:
        `cash` (dividend before tax, in currency), `bonus` (new shares paid out of profits, which the
        mainland taxes at their face value), `split` (any other new shares: transfers from reserves,
        splits; a reverse split is negative, above -1), `rights` (shares that may be bought at
        `rights_price`), and `pay_session` (when the cash arrives; NaT: at the ex session).
    known
        Symbols whose actions are known, even where there are none.  Of any other symbol nothing is
        known, which is not the same as "has none".

    Actions of session t are public before the open of t.  Raises `DataError`.

    >>> actions = Actions.from_frame(pd.DataFrame({
    ...     "symbol": ["600000.SH"], "session": pd.to_datetime(["2024-06-03"]),
    ...     "cash": [1.0], "bonus": [0.5]}))
    >>> round(actions.reference("600000.SH", "2024-06-03", 30.00), 2)
    19.33
    """

    frame: pd.DataFrame
    known: frozenset[str]

    def __post_init__(self) -> None:
        _check(self.frame, self.known)

    @classmethod
    def none(cls, known: Iterable[str] = ()) -> Self:
        """No actions; `known` says of which symbols that is certain."""
        return cls(_nothing(), frozenset(known))

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, known: Iterable[str] | None = None) -> Self:
        """From a table with `symbol`, `session` and any of the amounts; absent ones are 0.

        `known` defaults to the symbols of the table; it must hold all of them.
        """
        table = frame.reset_index() if frame.index.names != [None] else frame.copy()
        missing = [c for c in ("symbol", "session") if c not in table.columns]
        if missing:
            raise DataError(f"actions lack the column {missing[0]!r}; received {list(table.columns)}")
        for name in AMOUNTS:
            if name not in table.columns:
                table[name] = 0.0
        if "pay_session" not in table.columns:
            table["pay_session"] = pd.NaT
        table["symbol"] = table["symbol"].astype(str)
        try:
            for name in ("session", "pay_session"):
                table[name] = pd.to_datetime(table[name]).astype("datetime64[ns]")
        except (TypeError, ValueError) as error:
            raise DataError(f"the {name} of an action must be a date without zone: {error}") from error
        try:
            table = table.astype(dict.fromkeys(AMOUNTS, "float64"))
        except (TypeError, ValueError) as error:
            raise DataError(f"actions must hold numbers: {error}") from error
        symbols = frozenset(table["symbol"])
        table = table.set_index(["symbol", "session"]).sort_index()[list(COLUMNS)]
        return cls(table, symbols if known is None else frozenset(known))

    @classmethod
    def concat(cls, parts: Iterable[Self]) -> Self:
        """Actions of several symbols in one value."""
        several = list(parts)
        if not several:
            return cls.none()
        known = frozenset[str]().union(*(p.known for p in several))
        filled = [p.frame for p in several if len(p.frame)]
        return cls(pd.concat(filled).sort_index(), known) if filled else cls.none(known)

    def __len__(self) -> int:
        return len(self.frame)

    def select(self, symbols: Iterable[str]) -> Self:
        """Only these symbols; one that is not known stays unknown."""
        wanted = frozenset(symbols)
        if self.frame.empty:
            return type(self)(self.frame, self.known & wanted)
        keep = self.frame.index.get_level_values("symbol").isin(list(wanted))
        return type(self)(_tidy(self.frame[keep]), self.known & wanted)

    def between(self, start: str | pd.Timestamp | None, end: str | pd.Timestamp | None) -> Self:
        """Only actions whose ex session is from `start` to `end`, both included."""
        if self.frame.empty:
            return self
        at = self.frame.index.get_level_values("session")
        keep = np.ones(len(at), dtype=bool)
        if start is not None:
            keep &= at >= pd.Timestamp(start)
        if end is not None:
            keep &= at <= pd.Timestamp(end)
        return type(self)(_tidy(self.frame[keep]), self.known)

    def one(self, symbol: str) -> pd.DataFrame:
        """The actions of one symbol, indexed by ex session; empty where there are none.

        `DataError` where the symbol's actions are not known.
        """
        if symbol not in self.known:
            raise DataError(f"nothing is known of the corporate actions of {symbol!r}")
        if symbol not in self.frame.index.get_level_values("symbol"):
            return self.frame.iloc[:0].droplevel("symbol")
        return self.frame.xs(symbol, level="symbol")

    def reference(self, symbol: str, session: str | pd.Timestamp, previous: float) -> float:
        """The price that leaves a holder as rich as at `previous`, not yet rounded to a tick.

        `previous` itself where there is no action.  `DataError` where nothing would be left: a
        dividend of the whole price.
        """
        key = (symbol, pd.Timestamp(session))
        if key not in self.frame.index:
            return previous
        row = self.frame.loc[key]
        worth = previous - row["cash"] + row["rights"] * row["rights_price"]
        if not worth > 0:
            raise DataError(
                f"{symbol} on {key[1]:%Y-%m-%d}: a dividend of {row['cash']:g} on a close of "
                f"{previous:g} leaves nothing: are both in the same currency and unit?"
            )
        return float(worth / (1 + row["bonus"] + row["split"] + row["rights"]))

    def factor(self, symbol: str, closes: pd.Series) -> pd.Series:
        """The back-adjustment factor of one symbol's raw closes, by session: 1 in the first row.

        factor(t) / factor(t-1) = close(t-1) / reference(t).  An action between two rows counts at the
        later one.  Only uses closes before t and actions up to t.
        """
        factor = pd.Series(1.0, index=closes.index, name="factor")
        for session in self.one(symbol).index:
            at = int(closes.index.searchsorted(session))
            if 0 < at < len(closes):
                # Of two actions in one gap the second starts from the first one's reference.
                before = float(closes.iloc[at - 1] / (factor.iloc[at] / factor.iloc[at - 1]))
                factor.iloc[at:] *= before / self.reference(symbol, session, before)
        return factor

    @property
    def fingerprint(self) -> str:
        """Content hash: equal actions, equal hash."""
        return hash_json([hash_frame(self.frame), sorted(self.known)])


@lru_cache(maxsize=1)
def _nothing() -> pd.DataFrame:
    """The table of no actions, its types those of any other."""
    empty = {"symbol": [""], "session": pd.to_datetime(["2000-01-03"])}
    return Actions.from_frame(pd.DataFrame(empty)).select([]).frame


def _tidy(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.copy()
    frame.index = frame.index.remove_unused_levels()
    return frame


def _check(frame: pd.DataFrame, known: frozenset[str]) -> None:
    if list(frame.index.names) != ["symbol", "session"] or list(frame.columns) != list(COLUMNS):
        raise DataError(
            f"actions need the index (symbol, session) and the columns {', '.join(COLUMNS)}; "
            f"received {frame.index.names} and {list(frame.columns)}: use Actions.from_frame"
        )
    if frame.empty:
        return
    at = frame.index.get_level_values("session")
    if at.hasnans or (at != at.normalize()).any():
        raise DataError("the session of an action is a date: one is missing, or has a clock")
    if not frame.index.is_unique:
        symbol, session = frame.index[frame.index.duplicated()][0]
        raise DataError(f"{symbol} has two actions on {session:%Y-%m-%d}: add them up in one row")
    if not frame.index.is_monotonic_increasing:
        raise DataError("actions must be sorted by symbol and session: use Actions.from_frame")
    strange = set(frame.index.get_level_values("symbol")) - known
    if strange:
        raise DataError(f"actions of {sorted(strange)[0]!r}, which is not among the known symbols")
    amounts = frame[list(AMOUNTS)]
    rules = (
        (~np.isfinite(amounts).all(axis=1), "has an amount that is not a number"),
        ((amounts.drop(columns="split") < 0).any(axis=1), "has a negative amount"),
        (amounts["split"] <= -1, "has a split that leaves no share"),
        ((amounts["rights"] > 0) & (amounts["rights_price"] <= 0), "has rights without their price"),
        (frame["pay_session"] < at, "pays before its ex session"),
    )
    for bad, what in rules:
        if bad.any():
            symbol, session = frame.index[int(np.flatnonzero(bad)[0])]
            raise DataError(f"the action of {symbol} on {session:%Y-%m-%d} {what}")
