"""The dated rules of a market, as tables that a person can read and write.

A TOML file holds rows such as

    [[stamp_duty]]
    since = 2023-08-28
    boards = ["main", "chinext", "star", "bse"]
    rate = 0.0005
    sides = "sell"
    source = "Ministry of Finance, 2023 No. 39: halved"

A row holds from `since` (to `until`, where it says so) for its boards, or for the symbols that it names
(`*` for any characters).  On a day the row with the latest `since` counts, but one that names symbols
before one that does not; of two of one day that in a file of yours.  Numbers are read as decimals.
"""

import tomllib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from ...core.errors import ConfigError, near_names
from ...core.hashing import hash_json
from ...core.places import expand
from ..instruments import Board
from .rows import TABLES, Commission, PriceLimit, Row

R = TypeVar("R", bound=Row)

_FOLDER = Path(__file__).with_name("tables")
_FILES = {"XSHG": "cn.toml", "XNYS": "us.toml", "XTAI": "tw.toml"}


@dataclass(frozen=True)
class Timeline(Generic[R]):
    """Which row holds when: `rows[i]` from `starts[i - 1]` until the day before `starts[i]`."""

    starts: tuple[date, ...]
    rows: tuple[R | None, ...]

    def at(self, day: date) -> R | None:
        """The row that holds on a day; None where there is none."""
        return self.rows[bisect_right(self.starts, day)]


@dataclass(frozen=True)
class RuleBook:
    """The tables of one market, by name, and the commission where the user says none.

    Equal books have an equal fingerprint: that of their rows, wherever they were read.
    """

    fingerprint: str
    tables: Mapping[str, tuple[Row, ...]] = field(compare=False, repr=False)
    commission: Commission | None = field(compare=False)

    def rows(self, kind: type[R], board: Board, symbol: str) -> tuple[R, ...]:
        """The rows of a table that are for a symbol, as they stand."""
        name = next(name for name, row in TABLES.items() if row is kind)
        mine = (row for row in self.tables[name] if _is_for(row, board, symbol))
        return cast(tuple[R, ...], tuple(mine))

    def timeline(self, kind: type[R], board: Board, symbol: str) -> Timeline[R]:
        """Which row of a table holds for a symbol when."""
        return _timeline(self, kind, board, symbol)

    def limits(self, board: Board, symbol: str, st: bool) -> Timeline[PriceLimit]:
        """Which price limit holds for a symbol when, the first sessions after a listing aside."""
        return _limits(self, board, symbol, st)

    def first_sessions(self, board: Board, symbol: str, listed: date) -> tuple[PriceLimit, ...]:
        """The limits of the first sessions of a symbol listed on a day; empty where none are special."""
        return _first_sessions(self, board, symbol, listed)


@lru_cache(maxsize=50_000)
def _timeline(book: RuleBook, kind: type[R], board: Board, symbol: str) -> Timeline[R]:
    return timeline_of(book.rows(kind, board, symbol))


@lru_cache(maxsize=20_000)
def _limits(book: RuleBook, board: Board, symbol: str, st: bool) -> Timeline[PriceLimit]:
    rows = book.rows(PriceLimit, board, symbol)
    mine = [row for row in rows if row.sessions is None and row.st in (None, st)]
    # Of two rows of one day, the one that is for special treatment alone counts.
    return timeline_of(sorted(mine, key=lambda row: row.st is not None))


@lru_cache(maxsize=20_000)
def _first_sessions(book: RuleBook, board: Board, symbol: str, listed: date) -> tuple[PriceLimit, ...]:
    rows = book.rows(PriceLimit, board, symbol)
    held = [row for row in rows if row.sessions is not None and _holds(row, listed)]
    best = max((_rank(row) for row in held), default=None)
    return tuple(row for row in held if _rank(row) == best)


def timeline_of(rows: Sequence[R]) -> Timeline[R]:
    """Which of several rows holds when; of two of one day, the later in the sequence."""
    ends = {row.until + timedelta(days=1) for row in rows if row.until is not None}
    starts = sorted({row.since for row in rows} | ends)
    held = [_in_force(rows, day) for day in starts]
    first = min(rows, key=_rank) if rows and rows[0].ALWAYS else None
    return Timeline(tuple(starts), (first, *held))


def _in_force(rows: Sequence[R], day: date) -> R | None:
    found: R | None = None
    for row in rows:
        if _holds(row, day) and (found is None or _rank(row) >= _rank(found)):
            found = row
    return found


def _holds(row: Row, day: date) -> bool:
    return row.since <= day and (row.until is None or day <= row.until)


def _rank(row: Row) -> tuple[bool, date]:
    return bool(row.symbols), row.since


def _is_for(row: Row, board: Board, symbol: str) -> bool:
    if row.boards and board not in row.boards:
        return False
    code = symbol.upper()
    return not row.symbols or any(fnmatchcase(code, pattern.upper()) for pattern in row.symbols)


# Reading ---------------------------------------------------------------------------------------------


def book_of(calendar: str, tables: str = "") -> RuleBook:
    """The rules of an exchange, with the rows of a file of yours where one is given.

    `ConfigError` where that file cannot be read or used.
    """
    ours = _packaged(calendar)
    if not tables:
        return ours
    path = expand(tables)
    try:
        yours = parse_book(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise ConfigError(f"no file of rules {str(path)!r}: check the path", key="tables") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no TOML file in UTF-8: {error}", key="tables") from None
    return _joined(ours, yours)


@lru_cache(maxsize=8)
def _packaged(calendar: str) -> RuleBook:
    path = _FOLDER / _FILES[calendar]
    return parse_book(path.read_text(encoding="utf-8"), path.name)


@lru_cache(maxsize=64)
def _joined(ours: RuleBook, yours: RuleBook) -> RuleBook:
    """Ours, then yours: of two rows of one day the later counts."""
    tables = {name: ours.tables[name] + yours.tables[name] for name in TABLES}
    fingerprint = hash_json([ours.fingerprint, yours.fingerprint])
    return RuleBook(fingerprint, tables, yours.commission or ours.commission)


@lru_cache(maxsize=64)
def parse_book(text: str, name: str) -> RuleBook:
    """Tables from the text of a TOML file; `name` is what messages call it.

    Raises `ConfigError` for what is not TOML, an unknown table, key or board, a value out of range, and
    rows of one board that are not in order of time or say the same thing twice.
    """
    try:
        given = tomllib.loads(text, parse_float=str)  # a float would be rounded already
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is not valid TOML: {error}") from None
    for table in given:
        if table not in (*TABLES, "commission"):
            raise ConfigError(f"{name}: unknown table {table!r}: {near_names(table, _TABLE_NAMES)}")
    tables = {table: _rows(given.get(table, []), table, name) for table in TABLES}
    commission = None
    if "commission" in given:
        if not isinstance(given["commission"], Mapping):
            raise ConfigError(f"{name}: write one table [commission]")
        commission = Commission.parse(given["commission"], f"{name}: [commission]")
    plain = {table: [row.model_dump(mode="json") for row in rows] for table, rows in tables.items()}
    fees = None if commission is None else commission.model_dump(mode="json")
    return RuleBook(hash_json([plain, fees]), tables, commission)


_TABLE_NAMES = (*TABLES, "commission")


def _rows(given: Any, table: str, name: str) -> tuple[Row, ...]:
    if not isinstance(given, list) or not all(isinstance(row, Mapping) for row in given):
        raise ConfigError(f"{name}: write every row of {table!r} as a table of its own, [[{table}]]")
    rows: list[Row] = []
    for number, values in enumerate(given, start=1):
        where = f"{name}: [[{table}]] row {number}"
        row = TABLES[table].parse(values, where)
        for earlier in rows:
            _check_order(earlier, row, where)
        rows.append(row)
    return tuple(rows)


def _check_order(earlier: Row, row: Row, where: str) -> None:
    """Rows of one board and one group must follow each other in time."""
    both = set(earlier.boards) & set(row.boards)
    if earlier.boards and row.boards and not both:
        return
    who = ", ".join(sorted(both)) or ", ".join(row.symbols)
    if earlier.group == row.group and bool(earlier.boards) == bool(row.boards):
        if row.since == earlier.since:
            raise ConfigError(f"{where}: {who} has a row since {row.since} already: keep one of them")
        if row.since < earlier.since:
            raise ConfigError(
                f"{where}: since {row.since} comes after {earlier.since} of {who}: sort rows by 'since'"
            )
    elif isinstance(row, PriceLimit) and isinstance(earlier, PriceLimit):
        _check_sessions(earlier, row, who, where)


def _check_sessions(earlier: PriceLimit, row: PriceLimit, who: str, where: str) -> None:
    a, b = earlier.sessions, row.sessions
    same = (earlier.symbols, earlier.st, earlier.since) == (row.symbols, row.st, row.since)
    if a and b and same and a[0] <= b[1] and b[0] <= a[1]:
        raise ConfigError(
            f"{where}: sessions {b[0]} to {b[1]} of {who} overlap with {a[0]} to {a[1]} of the same day"
        )
