"""From the read fields of texts to `Texts`: ids, versions, what says nothing and what was taken back.

A title that only opens the body is left out, so that nothing is read twice.  A row without words says
nothing: it is left out, and counted.

Rows of one id with other words are versions of one text: each counts from its own time, and is a row
`<id>@2`, `<id>@3` of its own.  Where the second has no later time, nobody knows when it came to be: the
first of them is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ...core import Texts
from ..identity import hashed_ids, text_key
from ._base import ReadCounts

_MOMENTS = ("published_at", "first_seen", "edited_at")


@dataclass(frozen=True)
class Assembled:
    """Texts, what was left out on the way, and when which were taken back (id -> UTC moment)."""

    texts: Texts
    counts: ReadCounts
    gone: Mapping[str, pd.Timestamp]


def assembled(table: pd.DataFrame, rows: int, calendar: str, *, synthetic: bool = False) -> Assembled:
    """Texts from a table with the columns of `Texts` but for the id.

    `their_id` is the source's own id or "", `deleted_at` when the source took the text back (UTC, NaT
    where it did not).  `rows` is how many rows the source had, those without a usable time included.
    """
    table = _moments(table).reset_index(drop=True)
    opens = [b.startswith(t) for t, b in zip(table["title"], table["body"], strict=True)]
    table["title"] = table["title"].mask(pd.Series(opens, index=table.index, dtype=bool), "")
    contents = (table["title"] + "\n" + table["body"]).str.strip()
    table, contents = table[contents != ""], contents[contents != ""]
    available = table[list(_MOMENTS)].max(axis=1)
    order = available.sort_values(kind="stable").index
    table = table.loc[order].assign(available_at=available, contents=contents)
    table["id"] = _ids(table, calendar)
    kept = _versioned(table)
    gone = table.dropna(subset="deleted_at").groupby("id", sort=False)["deleted_at"].min()
    counts = ReadCounts(rows, rows - len(table), len(table) - len(kept))
    return Assembled(Texts.from_frame(kept, synthetic=synthetic), counts, dict(gone.items()))


def delayed(table: pd.DataFrame, minutes: float) -> pd.DataFrame:
    """The table with `first_seen` no earlier than `minutes` after the stated time."""
    if not minutes:
        return table
    earliest = table["published_at"] + pd.Timedelta(minutes=minutes)
    seen = pd.concat([table["first_seen"], earliest], axis=1).max(axis=1)
    return table.assign(first_seen=seen.astype("datetime64[ns, UTC]"))


def _moments(table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy()
    for name in (*_MOMENTS, "deleted_at"):
        if name not in table:
            table[name] = pd.Series(pd.NaT, index=table.index, dtype="datetime64[ns, UTC]")
    return table


def _ids(table: pd.DataFrame, calendar: str) -> pd.Series:
    theirs = table["their_id"]
    ids = table["source"] + ":" + theirs
    bare = table[theirs == ""]
    if bare.empty:
        return ids
    known_by = zip(bare["source"], bare["symbol"], bare["contents"], strict=True)
    keys = pd.Series([text_key(*row) for row in known_by], index=bare.index, dtype=object)
    made = hashed_ids(keys, bare["available_at"], calendar)
    return ids.where(theirs != "", made)


def _versioned(table: pd.DataFrame) -> pd.DataFrame:
    """Each id's rows in the order of their time: repetitions left out, changes made versions."""
    named = table["their_id"] != ""  # an id made from the words cannot outlive them
    table = table[named | ~table["id"].duplicated()]
    if not table["id"].duplicated().any():
        return table
    numbers = _numbered(table)
    table, number = table[numbers > 0].copy(), numbers[numbers > 0]
    later, first = number > 1, table["id"]
    table["version_of"] = first.where(later, None)
    table["id"] = first.where(~later, first + "@" + number.astype(str))
    return table


def _numbered(table: pd.DataFrame) -> pd.Series:
    """Which version of its id each row is, from 1; 0 where it says nothing new."""
    newest: dict[str, tuple[int, str, int]] = {}  # id -> its number, words and moment
    moments = table["available_at"].astype("int64")
    numbers = []
    for name, words, moment in zip(table["id"], table["contents"], moments, strict=True):
        number, said, last = newest.get(name, (0, "", 0))
        new = number == 0 or (words != said and moment > last)
        if new:
            newest[name] = (number + 1, words, moment)
        numbers.append(number + 1 if new else 0)
    return pd.Series(numbers, index=table.index)


def no_rows() -> pd.DataFrame:
    """A table without rows that `assembled` takes."""
    words = ("title", "body", "source", "audience", "symbol", "their_id")
    columns = {name: pd.Series([], dtype="datetime64[ns, UTC]") for name in _MOMENTS}
    return pd.DataFrame(columns | {name: pd.Series([], dtype=object) for name in words})
