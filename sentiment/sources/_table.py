"""Tables of texts: which column is what, and when a text counts from.

Times without a zone are read in `zone` (Asia/Shanghai by default).  A bare date counts from the end
of that date, 23:59:59.999999 local: nobody knows when on that day the text appeared, so the panic
index must not use it before the next session.  Codes keep their zeros and get their exchange's suffix.

A title that only opens the body is left out, so that nothing is read twice.  A row without words says
nothing: it is left out, and counted.

Read counts, comments and the like are usually collected long after the text was written: weights made
from them know the future unless the file also says when they were collected (map it to `first_seen`).
"""

from abc import abstractmethod
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field, field_validator

from ...core import DataError, Texts
from ...core.calendar import ZONES
from ...core.errors import near_names
from ...core.texts import Audience
from ..identity import hashed_ids, text_key
from ._base import SHANGHAI, ReadCounts, TextSource, within
from ._fields import read_weights, resolve_path, with_suffix
from ._times import read_times

OURS = (
    "id",
    "time",
    "first_seen",
    "edited_at",
    "title",
    "body",
    "symbol",
    "audience",
    "source",
    "weight",
)
"""What a table may say about a text."""

_NO_TIME = "is no time, and a text without a time cannot be used: mend the row, set date_format"
_NO_WEIGHT = 'is no weight above 0: mend the row, set weight_scale ("count" or "log" allow counts of 0)'


class TableSource(TextSource):
    """The settings that every file of texts shares.

    columns
        Our name <- their column, as in `{time = "发布时间", body = "content"}`.  A column that already
        has our name needs no entry.  Ours: id, time, first_seen, edited_at, title, body, symbol,
        audience, source, weight.
    audience, source, symbol
        One value for the whole file, where no column says it.  `source` is the file's name by default.
    symbols
        Their code -> our symbol, for codes that the rule does not get right (an index, a US share).
    date_format
        As for `strptime`, or `"unix"` / `"unix_ms"`; ISO dates, also with slashes, need none.
    weight_scale
        The weight column x counts `"as_is"`, as a `"count"` (1 + x), or as its `"log"` (1 + ln(1 + x)).
    on_bad
        A row without a usable time stops the import (`"raise"`) or is left out, counted (`"drop"`).
    """

    path: str
    columns: dict[str, str] = Field(default_factory=dict)
    audience: Audience = "public"
    source: str = ""
    symbol: str = ""
    symbols: dict[str, str] = Field(default_factory=dict)
    date_format: str = ""
    zone: str = SHANGHAI
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

    @abstractmethod
    def _rows(self, path: Path) -> pd.DataFrame:
        """The file as strings, missing values as empty strings; the index counts lines from 1."""

    def fetch(
        self, start: str | None = None, end: str | None = None, symbol: str | None = None
    ) -> Texts:
        """The texts of the file; `DataError` names the row or column that is missing."""
        path = resolve_path(self.path)
        texts = self._texts(self._rows(path), path)
        return within(texts, start, end, symbol)

    def _texts(self, rows: pd.DataFrame, path: Path) -> Texts:
        columns = self._mapped(rows, path)
        if rows.empty:
            raise DataError(f"{path.name} has no rows")
        read = self._read(rows, columns, path)
        table = self._table(rows.loc[read.index], columns, read, path)
        table = table[(table["title"] + table["body"]).str.strip() != ""]
        available = table[["published_at", "first_seen", "edited_at"]].max(axis=1)
        unique = table.loc[available.sort_values(kind="stable").index].drop_duplicates("id")
        self._counts = ReadCounts(len(rows), len(rows) - len(table), len(table) - len(unique))
        return Texts.from_frame(unique, synthetic=self.synthetic)

    def _mapped(self, rows: pd.DataFrame, path: Path) -> dict[str, str]:
        found = {ours: ours for ours in OURS if ours in rows.columns} | self.columns
        for ours, theirs in found.items():
            if theirs not in rows.columns:
                raise DataError(
                    f"{path.name} has no column {theirs!r} for {ours!r}: it has {list(rows.columns)}"
                )
        if "time" not in found:
            raise DataError(
                f"{path.name} has no column 'time': it has {list(rows.columns)}; "
                'say which one it is, as in columns = { time = "..." }'
            )
        if not {"title", "body"} & found.keys():
            raise DataError(
                f"{path.name} has neither a column 'title' nor 'body': it has {list(rows.columns)}; "
                'say which one it is, as in columns = { body = "..." }'
            )
        return found

    def _read(self, rows: pd.DataFrame, columns: dict[str, str], path: Path) -> pd.DataFrame:
        """Times and weights of the usable rows; the first unusable row raises or all are left out."""
        read = pd.DataFrame(index=rows.index)
        usable = pd.Series(True, index=rows.index)
        for ours, name in (("time", "published_at"), ("first_seen",) * 2, ("edited_at",) * 2):
            if ours not in columns:
                read[name] = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[ns, UTC]")
                continue
            given = rows[columns[ours]].str.strip()
            read[name] = read_times(given, self.date_format, self.zone)
            good = read[name].notna() | ((given == "") & (ours != "time"))
            self._refuse(rows, columns[ours], good, path, _NO_TIME)
            usable &= good
        read["weight"] = 1.0
        if "weight" in columns:
            read["weight"] = read_weights(rows[columns["weight"]], self.weight_scale)
            self._refuse(rows, columns["weight"], read["weight"].notna(), path, _NO_WEIGHT)
            usable &= read["weight"].notna()
        return read[usable]

    def _refuse(self, rows: pd.DataFrame, column: str, good: pd.Series, path: Path, why: str) -> None:
        if self.on_bad == "drop" or good.all():
            return
        row = rows.index[~good][0]
        raise DataError(
            f"{path.name}, row {row}: {rows.loc[row, column]!r} in column {column!r} {why}, "
            'or set on_bad = "drop"'
        )

    def _table(
        self, rows: pd.DataFrame, columns: dict[str, str], read: pd.DataFrame, path: Path
    ) -> pd.DataFrame:
        def text(ours: str, default: str) -> pd.Series:
            if ours not in columns:
                return pd.Series(default, index=rows.index, dtype=object)
            found = rows[columns[ours]].str.strip()
            return found.where(found != "", default)

        table = read.copy()
        title, body = text("title", ""), text("body", "")
        opens = [b.startswith(t) for t, b in zip(title, body, strict=True)]
        table["title"], table["body"] = title.mask(opens, ""), body
        table["source"] = text("source", self.source or path.name.partition(".")[0])
        table["audience"] = text("audience", self.audience)
        table["symbol"] = self._symbols(text("symbol", self.symbol))
        table["id"] = self._ids(table, text("id", ""))
        return table

    def _symbols(self, codes: pd.Series) -> pd.Series:
        names = {code: self.symbols.get(code) or with_suffix(code) for code in codes.unique() if code}
        return codes.map(names).astype(object).where(codes != "", None)

    def _ids(self, table: pd.DataFrame, theirs: pd.Series) -> pd.Series:
        contents = (table["title"] + "\n" + table["body"]).str.strip()
        keys = [text_key(*row) for row in zip(table["source"], table["symbol"], contents, strict=True)]
        available = table[["published_at", "first_seen", "edited_at"]].max(axis=1)
        made = hashed_ids(pd.Series(keys, index=table.index, dtype=object), available, self.calendar)
        return (table["source"] + ":" + theirs).where(theirs != "", made)
