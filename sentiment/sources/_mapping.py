"""Which column of a file is what, and when a text of it counts from.

Times without a zone are read in `zone` (Asia/Shanghai by default).  A bare date counts from the end
of that date, 23:59:59.999999 local: nobody knows when on that day the text appeared, so the panic
index must not use it before the next session.  Codes keep their zeros and get their exchange's suffix.

Read counts, comments and the like are usually collected long after the text was written: weights made
from them know the future unless the file also says when they were collected (map it to `first_seen`).
"""

from typing import Literal

import pandas as pd
from pydantic import Field, field_validator

from ...core import DataError
from ...core.calendar import ZONES
from ...core.errors import near_names
from ...core.texts import Audience
from ._assembly import delayed
from ._base import SHANGHAI, Declared, TextSource
from ._fields import listed_symbols, read_counts, read_weights, with_suffix
from ._times import AsStated, stated_times

OURS = (
    "id",
    "time",
    "first_seen",
    "edited_at",
    "deleted_at",
    "title",
    "body",
    "symbol",
    "mentions",
    "audience",
    "source",
    "weight",
    "reads",
    "comments",
)
"""What a table may say about a text."""

_TIMES = ("time", "first_seen", "edited_at", "deleted_at")
_NO_TIME = "is no time, and a text without a time cannot be used: mend the row, set date_format"
_NO_WEIGHT = 'is no weight above 0: mend the row, set weight_scale ("count" or "log" allow counts of 0)'
_NO_COUNT = "is no count: mend the row"


class MappedTexts(TextSource):
    """The settings that all files of texts share.

    columns
        Our name <- their column, as in `{time = "发布时间", body = "content"}`.  A column that already
        has our name needs no entry.  Ours: id, time, first_seen, edited_at, deleted_at, title, body,
        symbol, mentions, audience, source, weight, reads, comments.
    audience, source, symbol
        One value for the whole file, where no column says it.  `source` is the file's name by default.
    symbols
        Their code -> our symbol, for codes that the rule does not get right (an index, a US share).
    date_format
        As for `strptime`, or `"unix"` / `"unix_ms"`; ISO dates, also with slashes, need none.
    precision
        How exact the times are.  "second": as they stand.  "minute", "day": a text counts from the end
        of the stated minute or day.  "auto": as they stand, but a column of midnights holds dates.
    delay
        Minutes after the stated time from which a text counts at the earliest.
    weight_scale
        The weight column x counts `"as_is"`, as a `"count"` (1 + x), or as its `"log"` (1 + ln(1 + x)).
    on_bad
        A row without a usable time stops the import (`"raise"`) or is left out, counted (`"drop"`).
    """

    columns: dict[str, str] = Field(default_factory=dict)
    audience: Audience = "public"
    source: str = ""
    symbol: str = ""
    symbols: dict[str, str] = Field(default_factory=dict)
    date_format: str = ""
    zone: str = SHANGHAI
    precision: AsStated = "auto"
    delay: float = Field(default=0.0, ge=0)
    calendar: str = "XSHG"
    weight_scale: Literal["as_is", "count", "log"] = "as_is"
    on_bad: Literal["raise", "drop"] = "raise"
    synthetic: bool = False

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, value: dict[str, str]) -> dict[str, str]:
        for ours in value:
            if ours not in OURS:
                raise ValueError(f"no such column of texts: {near_names(ours, OURS)}")
        return value

    @field_validator("calendar")
    @classmethod
    def _known_calendar(cls, value: str) -> str:
        if value not in ZONES:
            raise ValueError(f"unknown calendar: {near_names(value, ZONES)}")
        return value

    @property
    def declared(self) -> Declared:
        """What the settings say; a file's columns may say more of each text."""
        precision = "second" if self.precision == "auto" else self.precision
        return Declared(self.audience, precision, self.delay, "the whole file")

    def _table(self, rows: pd.DataFrame, name: str, source: str) -> pd.DataFrame:
        """The usable rows of a file named `name`, in our columns; see `assembled`."""
        columns = self._mapped(rows, name)
        read = self._read(rows, columns, name)
        rows = rows.loc[read.index]

        def text(ours: str, default: str) -> pd.Series:
            if ours not in columns:
                return pd.Series(default, index=rows.index, dtype=object)
            found = rows[columns[ours]].str.strip()
            return found.where(found != "", default)

        table = delayed(read, self.delay)
        for ours, default in (("title", ""), ("body", ""), ("audience", self.audience)):
            table[ours] = text(ours, default)
        table["source"] = text("source", self.source or source)
        table["symbol"] = self._symbols(text("symbol", self.symbol))
        table["mentions"] = text("mentions", "").map(lambda value: listed_symbols(value, self.symbols))
        table["their_id"] = text("id", "")
        return table

    def _mapped(self, rows: pd.DataFrame, name: str) -> dict[str, str]:
        found = {ours: ours for ours in OURS if ours in rows.columns} | self.columns
        for ours, theirs in found.items():
            if theirs not in rows.columns:
                raise DataError(
                    f"{name} has no column {theirs!r} for {ours!r}: it has {list(rows.columns)}"
                )
        if "time" not in found:
            raise DataError(
                f"{name} has no column 'time': it has {list(rows.columns)}; "
                'say which one it is, as in columns = { time = "..." }'
            )
        if not {"title", "body"} & found.keys():
            raise DataError(
                f"{name} has neither a column 'title' nor 'body': it has {list(rows.columns)}; "
                'say which one it is, as in columns = { body = "..." }'
            )
        return found

    def _read(self, rows: pd.DataFrame, columns: dict[str, str], name: str) -> pd.DataFrame:
        """Times and numbers of the usable rows; the first unusable row raises or all are left out."""
        read = pd.DataFrame(index=rows.index)
        usable = pd.Series(True, index=rows.index)
        for ours in _TIMES:
            ours_of_texts = "published_at" if ours == "time" else ours
            if ours not in columns:
                read[ours_of_texts] = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[ns, UTC]")
                continue
            given = rows[columns[ours]].str.strip()
            read[ours_of_texts] = self._moments(given, columns[ours], name)
            good = read[ours_of_texts].notna() | ((given == "") & (ours != "time"))
            self._refuse(rows, columns[ours], good, name, _NO_TIME)
            usable &= good
        read["weight"] = 1.0
        if "weight" in columns:
            read["weight"] = read_weights(rows[columns["weight"]], self.weight_scale)
            self._refuse(rows, columns["weight"], read["weight"].notna(), name, _NO_WEIGHT)
            usable &= read["weight"].notna()
        for ours in ("reads", "comments"):
            read[ours], good = self._counted(rows, columns.get(ours), name)
            usable &= good
        return read[usable]

    def _moments(self, given: pd.Series, column: str, name: str) -> pd.Series:
        times = stated_times(given, self.date_format, self.zone, self.precision)
        if times.guessed:
            self.note(
                f"{name}: every time in column {column!r} is midnight, so they are read as dates, which "
                'count from their end; precision = "second" takes them as they stand'
            )
        return times.moments

    def _counted(self, rows: pd.DataFrame, column: str | None, name: str) -> tuple[pd.Series, pd.Series]:
        """Counts, NaN where the file says none, and which rows are usable."""
        if column is None:
            return pd.Series(float("nan"), index=rows.index), pd.Series(True, index=rows.index)
        given = rows[column].str.strip()
        found = read_counts(given)
        good = found.notna() | (given == "")
        self._refuse(rows, column, good, name, _NO_COUNT)
        return found, good

    def _refuse(self, rows: pd.DataFrame, column: str, good: pd.Series, name: str, why: str) -> None:
        if self.on_bad == "drop" or good.all():
            return
        row = rows.index[~good][0]
        raise DataError(
            f"{name}, row {row}: {rows.loc[row, column]!r} in column {column!r} {why}, "
            'or set on_bad = "drop"'
        )

    def _symbols(self, codes: pd.Series) -> pd.Series:
        names = {code: self.symbols.get(code) or with_suffix(code) for code in codes.unique() if code}
        return codes.map(names).astype(object).where(codes != "", None)
