"""Which of the texts given are new, which are later versions, which are known.

Of each text the last row given says what it reads now.  Where that is not the content of the last
version held, it is another version.  It counts from

    max(published_at, first_seen, edited_at, available_at of the version before)

where its source dates it: by an edit of another time than that of the version before, or as a later
version with its own time.  Without such a date it was first seen when the archive met it.

What the source dates before the last version is an older one that came late: it counts from its own
date.  A dated version that is held already is known, whatever came after it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ...core import DataError, Texts
from ..identity import content_hash
from ._tables import TEXTS

_MOMENTS = ("published_at", "first_seen", "edited_at")
_CHUNK = 900  # bound parameters a statement, below the smallest limit of SQLite

Row = dict[str, Any]


@dataclass
class _Known:
    """What the archive holds of one text; the last version is the one that counts latest."""

    number: int = 0
    last_hash: str = ""
    last_edit: int | None = None
    last_at: int = -(2**63)
    dated: set[tuple[str, int | None]] = field(default_factory=set)

    def take(self, row: Row) -> None:
        self.number = max(self.number, row["version"])
        content = row["content_hash"]
        self.dated |= {(content, at) for at in (row["available_at"], row["edited_at"]) if at is not None}
        if row["available_at"] >= self.last_at:
            self.last_hash, self.last_edit = content, row["edited_at"]
            self.last_at = row["available_at"]

    def holds(self, row: Row) -> bool:
        content = row["content_hash"]
        if content == self.last_hash or (content, row["edited_at"]) in self.dated:
            return True
        return row["dated"] and (content, row["available_at"]) in self.dated


@dataclass(frozen=True)
class Sorted:
    """Rows to insert, and how many of them are first versions and later ones."""

    rows: list[Row]
    new: int
    edited: int


def rows_of(texts: Texts, size: int) -> Iterator[list[Row]]:
    """The texts as rows of the table, `size` at a time, each still a first version.

    `dated` says that a row's own time is that of its content: it is a later version, or there is one.
    """
    later = texts.frame["version_of"].notna() | texts.text_ids.duplicated(keep="last")
    for first in range(0, len(texts), size):
        part = Texts(texts.frame.iloc[first : first + size], texts.synthetic)
        frame = part.frame.assign(text_id=part.text_ids, version=1, synthetic=texts.synthetic)
        frame["content_hash"] = [content_hash(text) for text in part.contents]
        frame["dated"] = later.iloc[first : first + size]
        for name, values in (*((n, frame[n]) for n in _MOMENTS), ("available_at", part.available_at)):
            whole = values.astype("datetime64[ns, UTC]").astype("int64")
            frame[name] = whole.astype(object).where(values.notna(), None)
        for name in ("reads", "comments"):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
        yield frame.drop(columns="version_of").to_dict("records")


def sort_out(connection: sa.Connection, rows: Sequence[Row], now: int, *, edits: bool = True) -> Sorted:
    """The rows that the archive does not hold, with their ids and the times they count from.

    `now` is the clock in nanoseconds.  Without `edits` another content of a known text is left out.
    """
    known = _look_up(connection, [row["text_id"] for row in rows])
    here = {row["text_id"] for row in rows}
    kept: list[Row] = []
    new = 0
    for row in rows:
        there = known.get(row["text_id"])
        if there is None:
            row["id"] = row["text_id"]
            there = known[row["text_id"]] = _Known()
            new += 1
        elif there.holds(row) or not edits:
            continue
        else:
            _date(row, there, now)
            _number(connection, row, there, here)
        del row["dated"]
        row["recorded_at"] = now
        row["known_at"] = max(now, row["available_at"])
        there.take(row)
        kept.append(row)
    return Sorted(kept, new, len(kept) - new)


def chunks(items: Sequence[Any], size: int = _CHUNK) -> list[Sequence[Any]]:
    """The items in runs that one statement can carry."""
    return [items[first : first + size] for first in range(0, len(items), size)]


def _look_up(connection: sa.Connection, text_ids: list[str]) -> dict[str, _Known]:
    """What is held of these texts; `DataError` where an id is the version of another text."""
    names = ("id", "text_id", "version", "content_hash", "edited_at", "available_at")
    columns = [TEXTS.c[name] for name in names]
    wanted = sorted(set(text_ids))
    known: dict[str, _Known] = {}
    for chunk in chunks(wanted):
        query = sa.select(*columns).where(TEXTS.c.text_id.in_(chunk)).order_by(TEXTS.c.version)
        for row in connection.execute(query).mappings():
            known.setdefault(row["text_id"], _Known()).take(dict(row))
    fresh = [text_id for text_id in wanted if text_id not in known]
    for chunk in chunks(fresh):
        query = sa.select(TEXTS.c.id, TEXTS.c.text_id).where(TEXTS.c.id.in_(chunk))
        for row_id, text_id in connection.execute(query):
            raise DataError(
                f"the id {row_id!r} is taken: the archive calls a later version of {text_id!r} so; "
                "give the text another id"
            )
    return known


def _date(row: Row, before: _Known, now: int) -> None:
    """Let a version count from its edit, never before the version before it."""
    edit = row["edited_at"]
    if edit is not None and edit != before.last_edit:
        late = before.last_edit is not None and edit < before.last_edit
        floor = row["available_at"] if late else before.last_at
    elif row["dated"]:
        floor = row["available_at"]
    else:
        floor = max(now, before.last_at)
    if floor > row["available_at"]:
        row["first_seen"] = row["available_at"] = floor


def _number(connection: sa.Connection, row: Row, before: _Known, here: set[str]) -> None:
    """The next number, and an id that no text has, neither in the archive nor among those `here`."""
    row["version"] = before.number + 1
    while True:
        row["id"] = f"{row['text_id']}@{row['version']}"
        query = sa.select(TEXTS.c.id).where(TEXTS.c.id == row["id"])
        if row["id"] not in here and connection.execute(query).first() is None:
            return
        row["version"] += 1
