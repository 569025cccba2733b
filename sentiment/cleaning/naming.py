"""Which shares a text names, by what they were called on its day.

A table of names says of each: symbol, name, kind ("name", "former", "alias" or "code"), since when it
held and until when, both days included.  A text of a day is read with the names of that day: a name
given later is not known yet, and a name that lapsed goes on pointing to its share for `grace` days,
because people go on using it.  Where two shares have had a name, the one that bears it comes before the
one that bore it.

Found are codes (600519, 600519.SH, SH600519, $贵州茅台(SH600519)$; a bare one only where the table knows
it on that day and no unit follows) and names: all of them in one pass (Aho & Corasick 1975), the longest
first, never one character.  A name that is an ordinary word as well (`tables/ambiguous_names.txt`)
counts only beside the share's code, as $太阳能$, or as "太阳能：" at the beginning of a line.  What the
exchanges add to a name may be left out: the star of *ST, the -U and -W of STAR shares, the A of 万科A.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, Self, get_args

import pandas as pd
from pydantic import Field

from ...core import DataError, Settings, Texts
from ...core.errors import near_names
from ...core.notes import Said
from ...core.places import expand, store_folder
from ..sources._base import SHANGHAI
from ..sources._fields import with_suffix
from .name_matching import Entry, Found, NameMatcher, ambiguous_names

Kind = Literal["name", "former", "alias", "code"]
KINDS: tuple[str, ...] = get_args(Kind)
COLUMNS = ("symbol", "name", "kind", "since", "until")
_EVER = 1_000_000  # days from 1970, past every date
_DAY = pd.Timedelta(days=1)
_LEFT_OUT = Said(
    "Names without a day since when they hold: {n}. They are left out, as texts before that day "
    "would be read with a name of later; undated = true takes them all the same.",
    "没有起始日期的名称：{n} 个，未采用，否则更早的文本会被后来的名称识别；undated = true 则照用。",
)
_TAKEN = Said(
    "Names without a day since when they hold: {n}. They are taken for all time, so that earlier texts "
    "are read with names of later.",
    "没有起始日期的名称：{n} 个，按始终有效处理，更早的文本会被后来的名称识别。",
)


class NameSettings(Settings):
    """`[names]`: by which table texts are searched for shares.

    path
        A CSV of symbol, name, kind, since, until; empty: `names.csv` in the store.
    grace
        Days for which a name that has lapsed still points to its share.
    undated
        Take names without a `since` as if they had always held.  This looks ahead.
    ambiguous
        Further names that are ordinary words.
    """

    path: str = ""
    grace: int = Field(default=365, ge=0)
    undated: bool = False
    ambiguous: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        """Where the table lies."""
        return expand(self.path) if self.path else store_folder() / "names.csv"


@dataclass(frozen=True, eq=False)
class NameTable:
    """Names of shares, each with the days on which it held.

    frame
        `symbol`, `name`, `kind`, `since`, `until` (days, NaT: unknown, and still in force).
    settings
        Grace, whether names without `since` are taken, further ambiguous names.

    Raises `DataError` for an unknown kind, an empty name, or a name that ends before it begins.

    >>> table = NameTable.from_rows([("000001.SZ", "平安银行", "name", "2012-08-02", "")])
    >>> [table.symbols("平安银行大跌", day) for day in ("2012-08-01", "2012-08-02")]
    [(), ('000001.SZ',)]
    """

    frame: pd.DataFrame
    settings: NameSettings = field(default_factory=NameSettings)

    def __post_init__(self) -> None:
        missing = [name for name in COLUMNS if name not in self.frame.columns]
        if missing:
            raise DataError(f"a table of names lacks the column {missing[0]!r}: it has {list(COLUMNS)}")
        for kind in self.frame["kind"].unique():
            if kind not in KINDS:
                raise DataError(f"a name is of the kind {kind!r}: {near_names(str(kind), KINDS)}")
        for row in self.frame[self.frame["name"].str.strip() == ""].itertuples():
            raise DataError(f"a name of {row.symbol} is empty: write it, or leave the row out")
        for row in self.frame[self.frame["until"] < self.frame["since"]].itertuples():
            raise DataError(f"the name {row.name!r} ends on {row.until:%Y-%m-%d}, before it begins")

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[object]], settings: NameSettings | None = None) -> Self:
        """From rows of symbol, name, kind, since, until; days as YYYY-MM-DD, "" or None."""
        frame = pd.DataFrame([list(row) for row in rows], columns=list(COLUMNS), dtype=object)
        for name in ("since", "until"):
            frame[name] = _days(frame[name], name)
        frame["symbol"] = [with_suffix(str(symbol).strip()) for symbol in frame["symbol"]]
        for name in ("name", "kind"):
            frame[name] = frame[name].astype(str).str.strip()
        order = frame.sort_values(["symbol", "since", "kind", "name"], na_position="first").index
        return cls(frame.loc[order].reset_index(drop=True), settings or NameSettings())

    @classmethod
    def read(cls, settings: NameSettings) -> Self:
        """The table that the settings name; `DataError` where there is none or it cannot be read."""
        file = settings.file
        if not file.is_file():
            raise DataError(
                f"there is no table of names {str(file)!r}: qushi texts names fetch writes one, "
                "or set path"
            )
        try:
            rows = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise DataError(f"{file} is no CSV of names in UTF-8: {error}") from error
        missing = [name for name in COLUMNS if name not in rows.columns]
        if missing:
            raise DataError(
                f"{file} lacks the column {missing[0]!r}: a table of names has {', '.join(COLUMNS)}"
            )
        return cls.from_rows(rows[list(COLUMNS)].to_numpy().tolist(), settings)

    def write(self, file: Path) -> None:
        """Write the table as CSV, whole or not at all."""
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{os.getpid()}.part")
        self.frame[list(COLUMNS)].to_csv(part, index=False, date_format="%Y-%m-%d", encoding="utf-8")
        part.replace(file)

    def __len__(self) -> int:
        return len(self.frame)

    def on(self, day: str | pd.Timestamp) -> pd.DataFrame:
        """The rows that hold on a day, `grace` included."""
        at = _day_number(pd.Timestamp(day))
        return self.frame[[row.since <= at <= row.lapses for row in self._entries]]

    def symbols(self, text: str, day: str | pd.Timestamp) -> tuple[str, ...]:
        """The symbols that a text of a day names, sorted."""
        found = self._matcher.look(text, _day_number(pd.Timestamp(day)))
        return tuple(sorted({one.symbol for one in found if not one.refused}))

    def look(self, text: str, day: str | pd.Timestamp) -> tuple[Found, ...]:
        """What was met in a text of a day, in its order, with what was refused and why."""
        return tuple(self._matcher.look(text, _day_number(pd.Timestamp(day))))

    def recognise(self, texts: Texts) -> list[tuple[Found, ...]]:
        """For each text what it names on the day (Asia/Shanghai) from which it may be used."""
        local = pd.DatetimeIndex(texts.available_at).tz_convert(SHANGHAI).tz_localize(None)
        days = (local.normalize() - pd.Timestamp(0)) // _DAY
        contents = texts.frame["title"] + "\n" + texts.frame["body"]
        look = self._matcher.look
        return [
            tuple(one for one in look(text, day) if not one.refused)
            for text, day in zip(contents, days.tolist(), strict=True)
        ]

    def name(self, texts: Texts, found: Sequence[Sequence[Found]] | None = None) -> Texts:
        """The texts with `mentions`: those the source gave and those found, without the text's own."""
        known = self.recognise(texts) if found is None else found
        frame = texts.frame
        mentions = [
            " ".join(sorted({*given.split(), *(one.symbol for one in those)} - {own}))
            for given, those, own in zip(frame["mentions"], known, frame["symbol"], strict=True)
        ]
        return Texts(frame.assign(mentions=mentions), texts.synthetic)

    @property
    def remarks(self) -> tuple[Said, ...]:
        """What a reader of the results has to know: names without a day."""
        n = int(self.frame["since"].isna().sum())
        if not n:
            return ()
        return ((_TAKEN if self.settings.undated else _LEFT_OUT).fill(n=f"{n:,}"),)

    @cached_property
    def _entries(self) -> list[Entry]:
        """The rows as the matcher takes them; those without a day never hold unless they may."""
        never_known = -_EVER if self.settings.undated else 2 * _EVER
        grace = self.settings.grace
        entries = []
        for row in self.frame.itertuples(index=False):
            since = never_known if pd.isna(row.since) else _day_number(row.since)
            until = _EVER if pd.isna(row.until) else _day_number(row.until)
            entries.append(Entry(row.symbol, row.name, row.kind, since, until, until + grace))
        return entries

    @cached_property
    def _matcher(self) -> NameMatcher:
        held = [entry for entry in self._entries if entry.since <= _EVER]
        return NameMatcher(held, ambiguous_names() | set(self.settings.ambiguous))


def _day_number(day: pd.Timestamp) -> int:
    return int((day.normalize() - pd.Timestamp(0)) // _DAY)


def _days(values: pd.Series, name: str) -> pd.Series:
    given = values.map(lambda value: "" if pd.isna(value) else str(value).strip())
    days = pd.to_datetime(given.where(given != "", None), format="ISO8601", errors="coerce")
    bad = (given != "") & days.isna()
    if bad.any():
        raise DataError(f"{name} is {given[bad].iloc[0]!r}: write a day as YYYY-MM-DD, or nothing")
    return days.astype("datetime64[ns]").dt.normalize()
