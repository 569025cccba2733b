"""Which dated rule holds for a symbol on a day.

The exchange's tables say it (`book`), with what a user knows better: the board of a symbol, the day
it was listed, a file of rows of their own.
"""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
from pydantic import Field, PrivateAttr, computed_field, model_validator

from ...core import DataError, Settings
from ...core.calendar import ZONES, sessions
from ...core.errors import near_names
from ..instruments import BOARDS, Board, board_of
from .book import RuleBook, Timeline, book_of
from .rows import PriceLimit, Row

Day = str | date  # a Timestamp is a date
R = TypeVar("R", bound=Row)


class DatedRules(Settings):
    """The tables of one exchange, and what the user adds to them; the base of `MarketRules`."""

    calendar: str
    commission: float = Field(default=0.0, ge=0, lt=0.1)
    commission_minimum: float = Field(default=0.0, ge=0)
    boards: dict[str, Board] = Field(default_factory=dict)
    same_day: tuple[str, ...] = ()
    listed: dict[str, date] = Field(default_factory=dict)
    dividend_tax: bool = True
    tables: str = Field(default="", exclude=True)

    _book: RuleBook = PrivateAttr()

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        calendar = given.get("calendar")
        if calendar not in ZONES:
            raise ValueError(f"unknown calendar {calendar!r}: {near_names(str(calendar), ZONES)}")
        usual = book_of(calendar, str(given.get("tables", ""))).commission
        if usual is None:
            return given
        return {"commission": usual.rate, "commission_minimum": usual.minimum, **given}

    @model_validator(mode="after")
    def _own_boards(self) -> Self:
        own = BOARDS[self.calendar]
        for symbol, board in self.boards.items():
            if board not in own:
                hint = near_names(board, own)
                raise ValueError(f"'boards.{symbol}' is {board!r}, no board of {self.calendar}: {hint}")
        return self

    def model_post_init(self, context: Any) -> None:
        """Read the tables."""
        self._book = book_of(self.calendar, self.tables)

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own way to write it
    @property
    def book(self) -> str:
        """Fingerprint of all the dated rows in force, ours and yours: recorded with every result."""
        return self._book.fingerprint

    def board(self, symbol: str) -> Board:
        """The board whose rules hold for a symbol; `DataError` for one of another exchange."""
        board = self.boards.get(symbol) or board_of(symbol)
        if board not in BOARDS[self.calendar]:
            raise DataError(f"{symbol} is not of {self.calendar}: ask the rules of its own exchange")
        return board

    def rows(self) -> list[tuple[str, Row]]:
        """Every row with the name of its table, as they stand, a file of yours after ours."""
        return [(name, row) for name, table in self._book.tables.items() for row in table]

    def timeline(self, kind: type[R], symbol: str) -> Timeline[R]:
        """Which row of a table holds for a symbol when."""
        return self._book.timeline(kind, self.board(symbol), symbol)

    def limits(self, symbol: str, st: bool) -> Timeline[PriceLimit]:
        """Which price limit holds when, the first sessions after a listing aside."""
        return self._book.limits(self.board(symbol), symbol, st)

    def first_sessions(self, symbol: str, listed: date) -> tuple[PriceLimit, ...]:
        """The limits of the first sessions of a symbol that was listed on a day."""
        return self._book.first_sessions(self.board(symbol), symbol, listed)

    def row(self, kind: type[R], symbol: str, session: Day) -> R:
        """The row of a table that every market has (tick, lot, settlement), on a day."""
        row = self.timeline(kind, symbol).at(day_of(session))
        if row is None:
            raise DataError(f"{symbol}: the tables have no {kind.__name__.lower()}: add a row for it")
        return row

    def limit(
        self, symbol: str, session: Day, *, st: bool = False, listed: Day | None = None
    ) -> PriceLimit | None:
        """The price limit of a session; None where there is none."""
        day = day_of(session)
        first = self.listed.get(symbol) if listed is None else day_of(listed)
        special = () if first is None or first > day else self.first_sessions(symbol, first)
        if special and first is not None:
            number = int(session_numbers(self.calendar, first, np.datetime64(day)))
            for row in reversed(special):
                if row.sessions is not None and row.sessions[0] <= number <= row.sessions[1]:
                    return row
        return self.limits(symbol, st).at(day)


def day_of(session: Day) -> date:
    """The date of a session given as text, date or Timestamp; `DataError` for anything else."""
    if isinstance(session, datetime):  # a Timestamp is one
        return session.date()
    if isinstance(session, date):
        return session
    try:
        found: date = pd.Timestamp(session).date()
    except ValueError:
        raise DataError(f"{session!r} is not a date: write YYYY-MM-DD") from None
    return found


def session_numbers(calendar: str, listed: date, days: Any) -> Any:
    """Which session since the listing each day (datetime64) is, the first being 1.

    A day before the listing has a number below 1; one that is no session that of the next session.
    """
    known = _days(calendar)
    return known.searchsorted(days) - known.searchsorted(np.datetime64(listed)) + 1


def session_before(calendar: str, day: date) -> date:
    """The last session before a day; the first one that is known where there is none."""
    known = _days(calendar)
    found: date = known[max(int(known.searchsorted(np.datetime64(day))) - 1, 0)].item()
    return found


@lru_cache(maxsize=4)
def _days(calendar: str) -> np.ndarray:
    found: np.ndarray = sessions(calendar).to_numpy().astype("datetime64[D]")
    return found
