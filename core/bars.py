"""Daily bars of one or several symbols on one exchange calendar.

A `Bars` is checked once, when it is made; whoever holds one need not check again.  Corrupt data is
worse than no data, so nothing is repaired here: the error names symbol, session and value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
import pandas as pd

from .actions import Actions
from .calendar import calendar_of, sessions
from .errors import DataError, near_names
from .hashing import hash_frame, hash_json
from .listings import Listing

Adjustment = Literal["raw", "adjusted"]
PRICES = ("open", "high", "low", "close")
COLUMNS = (*PRICES, "volume", "amount", "factor", "suspended", "st", "pre_close")
_TOLERANCE = 1e-6  # relative: adjusted prices are printed with few digits


@dataclass(frozen=True, eq=False)
class Bars:
    """Daily bars, indexed by (symbol, session).

    frame
        MultiIndex (symbol, session), sorted and unique.  Columns: `open high low close` (> 0, in the
        market's currency), `volume` (shares, >= 0), `amount` (currency, NaN where unknown), `factor`
        (back-adjustment: price x factor is comparable over time, > 0), `suspended`, `st` (bool),
        `pre_close` (the reference price of the session as the exchange published it, known before the
        open; NaN where the source has none).  A session without a row is a session without trade.
    calendar
        Exchange calendar (XSHG, XNYS, XTAI); every session must be on it.
    adjustment
        "raw": prices as traded, with `factor` beside them.  "adjusted": the source had adjusted
        prices only; `factor` is 1 and nothing in a result may pretend these prices were traded.

    Bars of session t are known after the close of t.  Raises `DataError`.

    >>> bars = Bars.from_frame(pd.DataFrame({
    ...     "symbol": "000300.SH", "session": pd.to_datetime(["2024-01-02", "2024-01-03"]),
    ...     "open": 3.0, "high": 3.2, "low": 2.9, "close": [3.1, 3.0], "volume": 1e6}))
    >>> bars.symbols, len(bars), bars.calendar
    (('000300.SH',), 2, 'XSHG')
    """

    frame: pd.DataFrame
    calendar: str
    adjustment: Adjustment
    actions: Actions = field(default_factory=Actions.none)
    listings: Mapping[str, Listing] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check(self.frame, self.calendar, self.adjustment)
        _check_beside(self)

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        adjustment: Adjustment = "raw",
        calendar: str | None = None,
        actions: Actions | None = None,
        listings: Mapping[str, Listing] | None = None,
    ) -> Self:
        """From a table with `symbol`, `session`, prices and volume; other columns are optional.

        Rows are sorted; `amount` and `pre_close` default to NaN, `factor` to 1, the flags to False;
        actions and listings of other symbols, and actions outside the rows, are left out.  The calendar
        defaults to the symbols' own, which must be one.
        """
        table = frame.reset_index() if frame.index.names != [None] else frame.copy()
        required = ("symbol", "session", *PRICES, "volume")
        missing = [c for c in required if c not in table.columns]
        if missing:
            raise DataError(f"bars lack the column {missing[0]!r}; received {list(frame.columns)}")
        if table.empty:
            raise DataError("no bars: the table has no rows")
        if not pd.api.types.is_datetime64_any_dtype(table["session"]):
            raise DataError(f"sessions must be dates, received {table['session'].dtype} values")
        defaults = {
            "amount": np.nan,
            "factor": 1.0,
            "suspended": False,
            "st": False,
            "pre_close": np.nan,
        }
        for name, default in defaults.items():
            if name not in table.columns:
                table[name] = default
        symbols = table["symbol"].astype(str)
        if calendar is None:
            found = {calendar_of(s) for s in symbols.unique()}
            if len(found) != 1:
                raise DataError(f"one Bars holds one market, received symbols of {sorted(found)}")
            calendar = found.pop()
        table["symbol"] = symbols
        table = table.set_index(["symbol", "session"]).sort_index()[list(COLUMNS)]
        types = {c: "bool" if c in ("suspended", "st") else "float64" for c in COLUMNS}
        try:
            table = table.astype(types)
        except (TypeError, ValueError) as error:
            raise DataError(f"bars must hold numbers: {error}") from error
        known = Actions.none() if actions is None else actions  # none at all is not unknown
        beside = _beside(table, known, listings or {})
        return cls(table, calendar, adjustment, *beside)

    @classmethod
    def concat(cls, parts: Iterable[Self]) -> Self:
        """Bars of several symbols in one value; calendar and adjustment must agree."""
        several = list(parts)
        if not several:
            raise DataError("no bars to put together")
        kinds = {(b.calendar, b.adjustment) for b in several}
        if len(kinds) != 1:
            raise DataError(f"cannot mix bars of different calendar or adjustment: {sorted(kinds)}")
        calendar, adjustment = kinds.pop()
        return cls(
            pd.concat([b.frame for b in several]).sort_index(),
            calendar,
            adjustment,
            Actions.concat(b.actions for b in several),
            {symbol: listing for b in several for symbol, listing in b.listings.items()},
        )

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols, sorted."""
        return tuple(self.frame.index.unique("symbol"))

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """Sessions in which at least one symbol has a row, ascending."""
        return pd.DatetimeIndex(self.frame.index.unique("session").sort_values(), name="session")

    def wide(self, column: str) -> pd.DataFrame:
        """One column as sessions x symbols; NaN where a symbol has no row."""
        return _wide(self.frame[column])

    def adjusted(self, column: str = "close") -> pd.DataFrame:
        """A price column times the back-adjustment factor, sessions x symbols: comparable in time.

        Back-adjusted, so a later dividend changes no earlier value.
        """
        if column not in PRICES:
            raise DataError(f"{column!r} is not a price: {near_names(column, PRICES)}")
        return _wide(self.frame[column] * self.frame["factor"])

    def one(self, symbol: str) -> pd.DataFrame:
        """The rows of one symbol, indexed by session."""
        self._known([symbol])
        return self.frame.xs(symbol, level="symbol")

    def select(self, symbols: Iterable[str]) -> Self:
        """Only these symbols."""
        wanted = self._known(symbols)
        if set(wanted) == set(self.symbols):
            return self
        return self._with(self.frame[self.frame.index.get_level_values("symbol").isin(wanted)])

    def between(self, start: str | pd.Timestamp | None, end: str | pd.Timestamp | None) -> Self:
        """Only sessions from `start` to `end`, both included."""
        if start is None and end is None:
            return self
        at = self.frame.index.get_level_values("session")
        keep = np.ones(len(at), dtype=bool)
        if start is not None:
            keep &= at >= _day(start)
        if end is not None:
            keep &= at <= _day(end)
        if not keep.any():
            raise DataError(
                f"no bars from {start or 'the first'} to {end or 'the last'}: "
                f"they run from {at.min():%Y-%m-%d} to {at.max():%Y-%m-%d} "
                f"({', '.join(self.symbols[:3])})"
            )
        return self if keep.all() else self._with(self.frame[keep])

    @property
    def fingerprint(self) -> str:
        """Content hash: equal bars, actions and listings, equal hash."""
        listed = {s: [str(x.listed), str(x.delisted)] for s, x in self.listings.items()}
        return hash_json([hash_frame(self.frame), self.actions.fingerprint, listed])

    def _known(self, symbols: Iterable[str]) -> list[str]:
        wanted, known = list(symbols), set(self.symbols)
        for symbol in wanted:
            if symbol not in known:
                raise DataError(f"no bars for {symbol!r}: {near_names(symbol, known)}")
        return wanted

    def _with(self, frame: pd.DataFrame) -> Self:
        frame = frame.copy()
        frame.index = frame.index.remove_unused_levels()
        beside = _beside(frame, self.actions, self.listings)
        return type(self)(frame, self.calendar, self.adjustment, *beside)


def _beside(
    frame: pd.DataFrame, actions: Actions, listings: Mapping[str, Listing]
) -> tuple[Actions, dict[str, Listing]]:
    """What is known of the symbols of a frame, up to its last session.

    An action before a symbol's first row changes nothing that the frame shows; one after the last
    session is the future.
    """
    symbols = frame.index.unique("symbol")
    at = frame.index.get_level_values("session")
    mine = actions.select(symbols)
    if len(mine):
        mine = mine.between(at.min(), at.max())
    return mine, {s: x for s, x in listings.items() if s in symbols}


def _wide(values: pd.Series) -> pd.DataFrame:
    """Sessions x symbols, both ascending: `unstack` alone keeps the order of the index levels, which a
    selection leaves in order of appearance, where one symbol's gaps come last.
    """
    return values.unstack("symbol").sort_index().sort_index(axis=1)


def _day(date: str | pd.Timestamp) -> pd.Timestamp:
    try:
        return pd.Timestamp(date)
    except ValueError:
        raise DataError(f"{date!r} is not a date: write YYYY-MM-DD") from None


def _check(frame: pd.DataFrame, calendar: str, adjustment: str) -> None:
    if adjustment not in ("raw", "adjusted"):
        raise DataError(f"adjustment is 'raw' or 'adjusted', received {adjustment!r}")
    if list(frame.index.names) != ["symbol", "session"] or list(frame.columns) != list(COLUMNS):
        raise DataError(
            f"bars need the index (symbol, session) and the columns {', '.join(COLUMNS)}; "
            f"received {frame.index.names} and {list(frame.columns)}: use Bars.from_frame"
        )
    if frame.empty:
        raise DataError("no bars: the table has no rows")
    at = frame.index.get_level_values("session")
    if at.tz is not None or (at != at.normalize()).any():
        raise DataError("sessions are dates without zone or clock: use .tz_localize(None).normalize()")
    if not frame.index.is_unique:
        _refuse(frame, frame.index.duplicated(), "appears twice")
    if not frame.index.is_monotonic_increasing:
        raise DataError("bars must be sorted by symbol and session: use Bars.from_frame")
    known = sessions(calendar)
    off = known[np.minimum(known.searchsorted(at), len(known) - 1)] != at
    if off.any() and at[off].min() > known[-1]:
        raise DataError(
            f"bars run to {at.max():%Y-%m-%d}, the sessions of {calendar} are known to "
            f"{known[-1]:%Y-%m-%d}: upgrade the package exchange_calendars"
        )
    if off.any():
        _refuse(frame, off, f"is not a session of {calendar}")
    _check_numbers(frame)
    if adjustment == "adjusted" and not (frame["factor"] == 1).all():
        bad = (frame["factor"] != 1).to_numpy()
        _refuse(frame, bad, "is marked adjusted but carries a factor", ("factor",))


def _check_numbers(frame: pd.DataFrame) -> None:
    """Every number must be possible; in arrays, as thousands of symbols are checked one by one."""
    prices = frame[list(PRICES)].to_numpy()
    opened, high, low, close = prices.T
    volume, factor = frame["volume"].to_numpy(), frame["factor"].to_numpy()
    amount, before = frame["amount"].to_numpy(), frame["pre_close"].to_numpy()
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    rules: tuple[tuple[np.ndarray, str, tuple[str, ...]], ...] = (
        (
            ~(np.isfinite(prices) & (prices > 0)).all(axis=1),
            "a price that is not a positive number",
            PRICES,
        ),
        (
            (top > high * (1 + _TOLERANCE)) | (bottom < low * (1 - _TOLERANCE)),
            "open or close outside low to high",
            PRICES,
        ),
        (~((volume >= 0) & np.isfinite(volume)), "a bad volume", ("volume",)),
        (amount < 0, "a negative amount", ("amount",)),
        (
            ~((factor > 0) & np.isfinite(factor)),
            "an adjustment factor that is not positive",
            ("factor",),
        ),
        (
            ~(np.isnan(before) | ((before > 0) & np.isfinite(before))),
            "a reference price that is not positive",
            ("pre_close",),
        ),
    )
    for bad, what, columns in rules:
        if bad.any():
            _refuse(frame, bad, f"has {what}", columns)
    traded = frame["suspended"] & (volume > 0)
    if traded.any():
        _refuse(frame, traded.to_numpy(), "is marked suspended but has volume", ("volume",))


def _check_beside(bars: Bars) -> None:
    """Actions and listings must be of the bars' own symbols, actions on sessions."""
    strange = (set(bars.actions.known) | set(bars.listings)) - set(bars.symbols)
    if strange:
        raise DataError(f"actions or a listing of {sorted(strange)[0]!r}, of which there are no bars")
    if bars.adjustment == "adjusted" and len(bars.actions):
        raise DataError("adjusted prices already hold the corporate actions: leave the actions out")
    at = bars.actions.frame.index.get_level_values("session")
    off = ~at.isin(sessions(bars.calendar))
    if off.any():
        symbol, session = bars.actions.frame.index[int(np.flatnonzero(off)[0])]
        raise DataError(
            f"the action of {symbol} on {session:%Y-%m-%d} is not on a session of {bars.calendar}"
        )


def _refuse(frame: pd.DataFrame, bad: np.ndarray, what: str, columns: tuple[str, ...] = ()) -> None:
    """Raise for the first bad row, naming symbol, session and value."""
    symbol, session = frame.index[int(np.flatnonzero(bad)[0])]
    row = frame.iloc[int(np.flatnonzero(bad)[0])]
    values = " (" + ", ".join(f"{c} {row[c]:g}" for c in columns) + ")" if columns else ""
    more = int(np.sum(bad)) - 1
    rest = f"; {more} more rows like it" if more else ""
    raise DataError(
        f"{symbol} on {session:%Y-%m-%d} {what}{values}{rest}: mend the source or drop the row"
    )
