"""Bars from files that somebody else wrote: the mapping that `csv` and `parquet` share.

A mapping states what cannot be guessed (units, adjustment, codes, flags); nothing is guessed from the
values, and nothing is dropped unless told to and counted.
"""

import re
import string
from abc import abstractmethod
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from ...core import Bars, ConfigError, DataError, Settings
from ...core.bars import PRICES, Adjustment
from ...core.calendar import ZONES, calendar_of
from ...core.errors import near_names
from ...core.places import expand
from ..instruments import exchange_of
from ._base import BarSource
from ._clean import OnRow, on_calendar, possible

FIELDS = (*PRICES, "volume", "amount", "factor", "adjusted_close", "session", "symbol")
_REQUIRED = ("session", *PRICES, "volume")
_PLACES = {
    "symbol": r".+",
    "code": r"[^.\\/]+",
    "exchange": "sh|sz|bj|two|tw",
    "EXCHANGE": "SH|SZ|BJ|TWO|TW",
}
_ZONED = re.compile(r"\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})$")


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
        session, symbol.  Unnamed ones are looked up under our own name in any case (`date` too).
        One of theirs may serve several of ours (a series of closes only: open = "close", ...).
    date_format
        As in `strptime`; empty reads ISO dates, with or without clock and zone.
    volume_unit, amount_unit
        Shares in one unit of volume (100 for lots), currency in one unit of amount (1000 for thousands).
    adjustment
        "raw": as traded, with `factor` or `adjusted_close` (factor = adjusted close / close, 1 in the
        first row) where there is one.  "adjusted": only adjusted prices.  Has no default: say it.
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
        for _, name, _, _ in string.Formatter().parse(pattern):
            if name is not None and name not in _PLACES:
                raise ValueError(f"unknown placeholder {name!r}: {near_names(name, _PLACES)}")
        return pattern

    @field_validator("calendar")
    @classmethod
    def _known_calendar(cls, calendar: str) -> str:
        if calendar and calendar not in ZONES:
            raise ValueError(f"unknown calendar {calendar!r}: {near_names(calendar, ZONES)}")
        return calendar

    @abstractmethod
    def _read(self, path: Path) -> pd.DataFrame:
        """The whole file, its columns as they stand in it."""

    def fetch(self, symbol: str, start: str | None = None, end: str | None = None) -> Bars:
        """Bars of one symbol's file; `DataError` names the file and what it lacks."""
        path = self._path(symbol)
        raw = self._read(path)
        calendar = self.calendar or calendar_of(symbol)
        table = self._map(raw, path, symbol, calendar)
        table = on_calendar(table, calendar, self.off_calendar, path.name, self.note)
        table = possible(table, self.on_bad, path.name, self.note)
        if table.empty:
            raise DataError(f"{path.name} has no rows left for {symbol}: {'; '.join(self.take_notes())}")
        if "adjusted_close" in table.columns:
            factor = table.pop("adjusted_close") / table["close"]
            table["factor"] = factor / factor.iloc[0]
        bars = Bars.from_frame(table, adjustment=self.adjustment, calendar=calendar)
        return bars.between(start, end)

    def symbols(self) -> tuple[str, ...]:
        """Symbols of the files that are there."""
        folder = self._folder()
        pieces = [
            re.escape(text) + (f"(?P<{name}>{_PLACES[name]})" if name else "")
            for text, name, _, _ in string.Formatter().parse(self.pattern)
        ]
        shape = re.compile("".join(pieces))
        named = set(self.files.values())
        found = {s for s, name in self.files.items() if (folder / name).is_file()}
        for path in folder.iterdir():
            match = shape.fullmatch(path.name)
            if match is not None and path.name not in named:
                found.add(_symbol_of(match.groupdict()))
        return tuple(sorted(found - {""}))

    def _folder(self) -> Path:
        folder = expand(self.folder)
        if not folder.is_dir():
            raise ConfigError(
                f"the folder {str(folder)!r} is not there: set 'folder' to where the files lie"
            )
        return folder

    def _path(self, symbol: str) -> Path:
        folder = self._folder()
        name = self.files.get(symbol)
        if name is None:
            name = self._file_name(symbol)
        if not (folder / name).is_file():
            there = [p.name for p in folder.iterdir() if p.is_file()]
            raise DataError(f"no file {name!r} for {symbol} in {folder}: {near_names(name, there)}")
        return folder / name

    def _file_name(self, symbol: str) -> str:
        suffixed = calendar_of(symbol) != "XNYS"
        code = symbol.rpartition(".")[0] if suffixed else symbol
        exchange = symbol.rpartition(".")[2] if suffixed else ""
        name = self.pattern.format(
            symbol=symbol, code=code, exchange=exchange.lower(), EXCHANGE=exchange.upper()
        )
        tells = any(f"{{{place}}}" in self.pattern for place in ("symbol", "exchange", "EXCHANGE"))
        if not tells and "{code}" in self.pattern and exchange_of(code) not in ("", exchange.upper()):
            raise DataError(
                f"{name!r} would be {code}.{exchange_of(code)}, not {symbol}: "
                f"name the file of {symbol} under 'files'"
            )
        return name

    def _map(self, raw: pd.DataFrame, path: Path, symbol: str, calendar: str) -> pd.DataFrame:
        """The file's rows of one symbol under our names, in our units."""
        theirs = {name: self._their_name(name, raw, path) for name in FIELDS}
        if theirs["symbol"]:
            raw = _rows_of(raw, theirs["symbol"], symbol, path)
        if raw.empty:
            raise DataError(f"{path.name} has no rows")
        table = pd.DataFrame({"symbol": symbol, "session": self._dates(raw, theirs, path, calendar)})
        for name in (*PRICES, "volume", "amount", "factor", "adjusted_close"):
            column = theirs[name]
            if column:
                table[name] = _numbers(raw[column], path, column, table["session"])
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
                raise DataError(
                    f"{path.name} lacks the column {named!r} (for {ours}); "
                    f"it has {', '.join(map(str, raw.columns))}"
                )
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

    def _dates(
        self, raw: pd.DataFrame, theirs: dict[str, str], path: Path, calendar: str
    ) -> pd.DatetimeIndex:
        column = raw[theirs["session"]]
        zone = ZONES[calendar]
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            return _midnights(pd.DatetimeIndex(column).tz_convert(zone))
        if pd.api.types.is_datetime64_any_dtype(column):
            return _midnights(pd.DatetimeIndex(column))
        text = column.astype(str).str.strip()
        zoned = bool(text.str.contains(_ZONED).any())
        parsed = pd.to_datetime(
            text, format=self.date_format or "ISO8601", errors="coerce", utc=zoned or None
        )
        if parsed.isna().any():
            at = int(np.flatnonzero(parsed.isna())[0])
            raise DataError(
                f"{path.name}, row {at + 1}: {text.iloc[at]!r} in {theirs['session']!r} is not a date "
                f"of the form {self.date_format or 'YYYY-MM-DD'}: set date_format"
            )
        found = pd.DatetimeIndex(parsed)
        return _midnights(found.tz_convert(zone) if zoned else found)


def _symbol_of(parts: dict[str, str]) -> str:
    if "symbol" in parts:
        return parts["symbol"]
    code = parts.get("code", "")
    exchange = parts.get("exchange") or parts.get("EXCHANGE") or exchange_of(code)
    return f"{code}.{exchange.upper()}" if exchange else code


def _rows_of(raw: pd.DataFrame, column: str, symbol: str, path: Path) -> pd.DataFrame:
    """Rows whose code column means `symbol`, in any usual spelling of it."""
    code, _, exchange = symbol.rpartition(".") if calendar_of(symbol) != "XNYS" else (symbol, "", "")
    spellings = {symbol, code, f"{exchange}{code}", f"{exchange}.{code}", f"{code}{exchange}"}
    text = raw[column].astype(str).str.strip()
    mine = text.str.upper().isin({s.upper() for s in spellings})
    if not mine.any():
        raise DataError(
            f"{path.name} has no rows for {symbol} in {column!r}: {near_names(symbol, text.unique())}"
        )
    return raw[mine]


def _numbers(column: pd.Series, path: Path, name: str, at: pd.Series) -> np.ndarray:
    """Floats; an empty field is NaN, anything else that is no number is refused."""
    if pd.api.types.is_numeric_dtype(column):
        return np.asarray(column.to_numpy(dtype=float))
    text = column.astype("string").str.strip()
    empty = text.isna() | text.isin(["", "nan", "NaN", "None", "null"])
    numbers = pd.to_numeric(text.mask(empty), errors="coerce").astype("Float64")
    wrong = (numbers.isna() & ~empty).to_numpy()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{path.name}, {at.iloc[row]:%Y-%m-%d}: {text.iloc[row]!r} in {name!r} is not a number"
        )
    return np.asarray(numbers.to_numpy(dtype=float, na_value=np.nan))


def _flagged(raw: pd.DataFrame, flag: Flag, path: Path) -> np.ndarray:
    if flag.column not in raw.columns:
        raise DataError(
            f"{path.name} lacks the flag column {flag.column!r}; "
            f"it has {', '.join(map(str, raw.columns))}"
        )
    return np.asarray(raw[flag.column].astype(str).str.strip() == flag.value)


def _midnights(at: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return at.tz_localize(None).normalize().as_unit("ns")
