"""Bars from files that somebody else wrote: the mapping that `csv` and `parquet` share.

A mapping states what cannot be guessed (units, adjustment, codes, flags); nothing is guessed from the
values, and nothing is dropped unless told to and counted.  Where raw prices have no factor of their own,
it follows from the corporate actions, or from the exchange's reference price:

    factor(t) / factor(t-1) = close(t-1) / pre_close(t)
"""

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from pydantic import Field, PrivateAttr, field_validator, model_validator

from ...core import Actions, Bars, ConfigError, DataError, Listing, Settings
from ...core.bars import PRICES, Adjustment
from ...core.calendar import ZONES, calendar_of
from ...core.errors import near_names
from ...core.places import expand
from ._base import BarSource
from ._beside import actions_of, listings_of, one_symbols_actions, one_symbols_listing
from ._clean import OnRow, on_calendar, possible
from ._fields import Grouped, dates, numbers, read_csv, read_parquet
from ._file_names import check_pattern, file_of, one_for_all, symbols_in

_NUMBERS = (*PRICES, "volume", "amount", "factor", "adjusted_close", "pre_close")
FIELDS = (*_NUMBERS, "session", "symbol")
_REQUIRED = ("session", *PRICES, "volume")
_HALF_A_TICK = 0.0005  # of a fund, the finest tick
_PRINTED = 1e-5  # relative: an index is printed with 2 decimals or with 4


class Flag(Settings):
    """How to read a yes/no column: `column` holds `value` where the answer is yes."""

    column: str
    value: str

    @field_validator("value", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) else value


class TableSource(BarSource):
    """Files of bars in one folder, one file a symbol or several symbols in one.

    folder
        Where the files lie; `~` and `${VARIABLE}` are expanded.
    pattern, files
        How a symbol becomes a file name: placeholders `{symbol}` (000300.SH), `{code}` (000300),
        `{exchange}` (sh), `{EXCHANGE}` (SH); `files` names single symbols' files.  A pattern with
        `{code}` alone takes bare codes for shares: 000001 is the Shenzhen share, and an index of
        the same code needs its entry in `files`.
    columns
        Our name = theirs.  Ours: open, high, low, close, volume, amount, factor, adjusted_close,
        pre_close (the exchange's reference price of the session), session, symbol.  Unnamed ones
        are looked up under our own name in any case (`date` too).  One of theirs may serve several of
        ours (a series of closes only: open = "close", ...).
    date_format
        As in `strptime`; empty reads ISO dates, with or without clock and zone.
    volume_unit, amount_unit
        Shares in one unit of volume (100 for lots), currency in one unit of amount (1000 for thousands).
    adjustment
        "raw": as traded, with `factor` or `adjusted_close` (factor = adjusted close / close, 1 in the
        first row) where there is one; else the factor follows from `actions`, else from `pre_close`,
        where one that equals the close before is no action.  "adjusted": only adjusted prices.  Has
        no default: say it.
    actions
        CSV or Parquet file in the folder (or any path) with the corporate actions of all its symbols:
        symbol, session (the ex date), and, a share, cash, bonus, split, rights, rights_price, and
        pay_session.  A symbol without a row has had none; without a file nothing is known.
    listings
        CSV or Parquet file likewise: symbol, listed, delisted, name; empty where not known.
    suspended, st
        Columns with flags, e.g. `{column = "tradestatus", value = 0}`.
    default_volume
        Volume of every row where the file has no such column (an index of volatility, say).
    calendar
        Exchange calendar; by default the symbol's own.
    off_calendar, on_bad
        What to do with rows that are not a session, and with rows whose prices or volume cannot be:
        "error", or "drop", which counts and names them in the notes.
    """

    folder: str
    pattern: str
    files: dict[str, str] = Field(default_factory=dict)
    columns: dict[str, str] = Field(default_factory=dict)
    date_format: str = ""
    volume_unit: float = Field(default=1.0, gt=0)
    amount_unit: float = Field(default=1.0, gt=0)
    adjustment: Adjustment
    suspended: Flag | None = None
    st: Flag | None = None
    default_volume: float | None = Field(default=None, ge=0)
    calendar: str = ""
    off_calendar: OnRow = "error"
    on_bad: OnRow = "error"
    actions: str = ""
    listings: str = ""

    live: ClassVar[bool] = False
    _read_once: dict[str, tuple[Path, int, Grouped]] = PrivateAttr(default_factory=dict)

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: dict[str, str]) -> dict[str, str]:
        for name in columns:
            if name not in FIELDS:
                raise ValueError(f"unknown column {name!r}: {near_names(name, FIELDS)}")
        return columns

    @field_validator("pattern")
    @classmethod
    def _known_places(cls, pattern: str) -> str:
        return check_pattern(pattern)

    @field_validator("calendar")
    @classmethod
    def _known_calendar(cls, calendar: str) -> str:
        if calendar and calendar not in ZONES:
            raise ValueError(f"unknown calendar {calendar!r}: {near_names(calendar, ZONES)}")
        return calendar

    @model_validator(mode="after")
    def _actions_need_raw_prices(self) -> Self:
        if self.actions and self.adjustment == "adjusted":
            raise ValueError("adjusted prices already hold the corporate actions: leave 'actions' out")
        return self

    @abstractmethod
    def _read(self, path: Path) -> pd.DataFrame:
        """The whole file, its columns as they stand in it."""

    def _read_text(self, path: Path) -> pd.DataFrame:
        return read_csv(path)

    def fetch(self, symbol: str, start: str | None = None, end: str | None = None) -> Bars:
        """Bars of one symbol's file; `DataError` names the file and what it lacks."""
        path = file_of(self._folder(), self.pattern, symbol, self.files.get(symbol))
        calendar = self.calendar or calendar_of(symbol)
        table = self._map(self._rows(path, symbol), path, symbol, calendar)
        table = on_calendar(table, calendar, self.off_calendar, path.name, self.note)
        table = possible(table, self.on_bad, path.name, self.note)
        if table.empty:
            raise DataError(f"{path.name} has no rows left for {symbol}: {'; '.join(self.take_notes())}")
        table = table.sort_values("session", kind="stable", ignore_index=True)
        actions, listings = self._actions(symbol), self._listing(symbol)
        bars = Bars.from_frame(
            table.assign(factor=self._factor(table, symbol, actions)),
            adjustment=self.adjustment,
            calendar=calendar,
            actions=actions,
            listings=listings,
        )
        return bars.between(start, end)

    def symbols(self) -> tuple[str, ...]:
        """Symbols of the files that are there; of a single file, those of its column of codes."""
        folder = self._folder()
        if one_for_all(self.pattern) and "symbol" in self.columns:
            path = folder / self.pattern
            return tuple(sorted(self._grouped(path, self.columns["symbol"]).symbols))
        other = {*self.files.values(), self.actions, self.listings}
        named = {s for s, name in self.files.items() if (folder / name).is_file()}
        return tuple(sorted(named | symbols_in(folder, self.pattern, other)))

    def _folder(self) -> Path:
        folder = expand(self.folder)
        if not folder.is_dir():
            raise ConfigError(
                f"the folder {str(folder)!r} is not there: set 'folder' to where the files lie"
            )
        return folder

    def _rows(self, path: Path, symbol: str) -> pd.DataFrame:
        """The file's rows of one symbol, in the file's own columns."""
        column = self.columns.get("symbol")
        if column is None:
            raw = self._read(path)
        else:
            grouped = self._grouped(path, column)
            raw = grouped.rows(symbol, any_code=True)
            if raw.empty:
                raise DataError(
                    f"{path.name} has no rows for {symbol} in {column!r}: {grouped.near(symbol)}"
                )
        if raw.empty:
            raise DataError(f"{path.name} has no rows")
        return raw

    def _grouped(self, path: Path, column: str) -> Grouped:
        """A file by its column of codes; the last one read is kept, as it may hold every symbol."""

        def read() -> Grouped:
            raw = self._read(path)
            if column not in raw.columns:
                raise DataError(_lacks(path, column, "symbol", raw))
            return Grouped(raw, column)

        return self._once(path, "bars", read)

    def _once(self, path: Path, what: str, read: Callable[[], Grouped]) -> Grouped:
        """What was read from a file, until the file changes."""
        changed = path.stat().st_mtime_ns
        kept = self._read_once.get(what)
        if kept is None or kept[:2] != (path, changed):
            kept = (path, changed, read())
            self._read_once[what] = kept
        return kept[2]

    def _beside(self, name: str, what: str, check: Callable[[pd.DataFrame, str], Grouped]) -> Grouped:
        path = self._folder() / expand(name)
        if not path.is_file():
            raise ConfigError(f"no file {str(path)!r}: set {what!r} to a file of the folder", key=what)
        reader = read_parquet if path.suffix == ".parquet" else self._read_text
        return self._once(path, what, lambda: check(reader(path), path.name))

    def _actions(self, symbol: str) -> Actions:
        if not self.actions:
            return Actions.none()
        return one_symbols_actions(self._beside(self.actions, "actions", actions_of), symbol)

    def _listing(self, symbol: str) -> dict[str, Listing]:
        if not self.listings:
            return {}
        all_of_them = self._beside(self.listings, "listings", listings_of)
        return one_symbols_listing(all_of_them, symbol, self.listings)

    def _factor(self, table: pd.DataFrame, symbol: str, actions: Actions) -> pd.Series | float:
        """The back-adjustment factor, from the first of what is there."""
        close, sound = table["close"], np.isfinite(table["close"]) & (table["close"] > 0)
        if "adjusted_close" in table.columns:
            factor = table["adjusted_close"] / close
            return factor / factor.iloc[0]
        if "factor" in table.columns:
            return table["factor"]
        if self.adjustment == "adjusted" or not sound.all():  # the latter is refused by `Bars`
            return 1.0
        if symbol in actions.known:
            at = pd.DatetimeIndex(table["session"])
            return actions.factor(symbol, close.set_axis(at)).set_axis(table.index)
        if "pre_close" in table.columns:
            return _from_reference_prices(close, table["pre_close"])
        return 1.0

    def _map(self, raw: pd.DataFrame, path: Path, symbol: str, calendar: str) -> pd.DataFrame:
        """The file's rows of one symbol under our names, in our units."""
        theirs = {name: self._their_name(name, raw, path) for name in FIELDS}
        hint = ": set date_format"
        at = dates(raw[theirs["session"]], self.date_format, ZONES[calendar], path.name, hint)
        table = pd.DataFrame({"symbol": symbol, "session": at})
        for name in _NUMBERS:
            column = theirs[name]
            if column:
                table[name] = numbers(raw[column], path.name, table["session"])
        if not theirs["volume"]:
            table["volume"] = self.default_volume
        table["volume"] = (table["volume"] * self.volume_unit).astype(float)
        if "amount" in table:
            table["amount"] = table["amount"] * self.amount_unit
        for name, flag in (("suspended", self.suspended), ("st", self.st)):
            if flag is not None:
                table[name] = _flagged(raw, flag, path)
        if "suspended" in table:
            # A suspended session has no volume; some files leave the field empty.
            table["volume"] = table["volume"].mask(table["suspended"] & table["volume"].isna(), 0.0)
        return table

    def _their_name(self, ours: str, raw: pd.DataFrame, path: Path) -> str:
        """The file's column for one of ours, "" where there is none and none is needed."""
        named = self.columns.get(ours)
        if named is not None:
            if named not in raw.columns:
                raise DataError(_lacks(path, named, ours, raw))
            return named
        wanted = ("session", "date") if ours == "session" else (ours,)
        for candidate in wanted:
            for column in raw.columns:
                # Without a mapping, `symbol` is the file's own business: the file name says it.
                if str(column).strip().lower() == candidate and ours != "symbol":
                    return str(column)
        optional = ours not in _REQUIRED or (ours == "volume" and self.default_volume is not None)
        if optional:
            return ""
        hint = "; set default_volume where there is none" if ours == "volume" else ""
        raise DataError(
            f"{path.name} lacks a column for {ours}; it has {', '.join(map(str, raw.columns))}: "
            f'name it under columns, as {ours} = "…"{hint}'
        )


def _lacks(path: Path, column: str, ours: str, raw: pd.DataFrame) -> str:
    there = ", ".join(map(str, raw.columns))
    return f"{path.name} lacks the column {column!r} (for {ours}); it has {there}"


def _from_reference_prices(close: pd.Series, reference: pd.Series) -> pd.Series:
    """A reference price that is not the close before tells of an action; an unknown one of none."""
    before = close.shift(1)
    same = (reference - before).abs() <= np.maximum(_HALF_A_TICK, _PRINTED * before) + 1e-9
    step = (before / reference).where(~same & before.notna() & reference.notna(), 1.0)
    return step.cumprod()


def _flagged(raw: pd.DataFrame, flag: Flag, path: Path) -> np.ndarray:
    if flag.column not in raw.columns:
        raise DataError(
            f"{path.name} lacks the flag column {flag.column!r}; "
            f"it has {', '.join(map(str, raw.columns))}"
        )
    return np.asarray(raw[flag.column].astype(str).str.strip() == flag.value)
