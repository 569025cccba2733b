"""Reading an archive page by page, in the order of a key: memory holds one page.

The next page begins after the last key of the one before (keyset paging), which an index answers at
once; an offset would read everything before it again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self, get_args

import pandas as pd
import sqlalchemy as sa

from ...core import ConfigError, Texts
from ...core.errors import near_names
from ..sources._base import moment
from ._tables import SCORES, TEXTS, fetched, moments, nanoseconds

KnownFrom = Literal["published", "recorded"]
"""From when a version counts: its own time, or (where later) the clock when the archive met it."""


@dataclass(frozen=True)
class Window:
    """Which rows are asked for; moments are UTC nanoseconds, both included."""

    first: int | None
    last: int | None
    symbol: str | None
    audience: str | None
    recorded: bool

    @classmethod
    def of(
        cls,
        start: str | pd.Timestamp | None,
        end: str | pd.Timestamp | None,
        symbol: str | None,
        audience: str | None,
        known_from: str,
    ) -> Self:
        """From the arguments of `TextArchive.read`; raises `ConfigError`, `DataError`."""
        if known_from not in get_args(KnownFrom):
            hint = near_names(known_from, get_args(KnownFrom))
            raise ConfigError(f"known_from is {known_from!r}: {hint}", key="known_from")
        first = None if start is None else nanoseconds(moment(start))
        last = None if end is None else nanoseconds(moment(end, end=True))
        return cls(first, last, symbol, audience, known_from == "recorded")

    @property
    def at(self) -> sa.Column[int]:
        """The column that says from when a row counts."""
        return TEXTS.c.known_at if self.recorded else TEXTS.c.available_at

    def page(self, rows: int, after: tuple[int, str] | None) -> sa.Select[tuple[object, ...]]:
        """The next rows, in order."""
        found = sa.select(TEXTS).order_by(self.at, TEXTS.c.id).limit(rows)
        if after is not None:  # instead of the start, which would have the index begin there again
            key = sa.tuple_(*(sa.literal(value) for value in after))
            found = found.where(sa.tuple_(self.at, TEXTS.c.id) > key)
        elif self.first is not None:
            found = found.where(self.at >= self.first)
        if self.last is not None:
            found = found.where(self.at <= self.last)
        if self.symbol is not None:
            # coalesce: no index has symbols in the order of known_at, each page would sort them all
            of = sa.func.coalesce(TEXTS.c.symbol, "") if self.recorded else TEXTS.c.symbol
            found = found.where(of == self.symbol)
        if self.audience is not None:
            found = found.where(TEXTS.c.audience == self.audience)
        return found


def pages(engine: sa.Engine, window: Window, rows: int) -> Iterator[pd.DataFrame]:
    """The rows of a window, `rows` at a time; the only page of an empty window is empty."""
    after: tuple[int, str] | None = None
    while True:
        with engine.connect() as connection:
            page = fetched(connection.execute(window.page(rows, after)))
        yield page
        if len(page) < rows:
            return
        after = (page[window.at.name].iloc[-1], page["id"].iloc[-1])


def texts_of(page: pd.DataFrame, window: Window) -> Texts:
    """Rows of the table as texts."""
    frame = page.copy()
    for name in ("published_at", "first_seen", "edited_at", "recorded_at"):
        frame[name] = moments(frame[name])
    if window.recorded:
        frame["first_seen"] = frame[["first_seen", "recorded_at"]].max(axis=1)
    frame["version_of"] = frame["text_id"].where(frame["version"] > 1, None)
    return Texts.from_frame(frame, synthetic=bool(frame["synthetic"].any()))


def _not_scored(model: str) -> sa.ColumnElement[bool]:
    scored = sa.select(SCORES.c.model).where(
        SCORES.c.content_hash == TEXTS.c.content_hash, SCORES.c.model == model
    )
    return ~scored.exists()


def unscored_count(engine: sa.Engine, model: str) -> int:
    """How many contents `unscored` would give."""
    query = sa.select(sa.func.count(sa.distinct(TEXTS.c.content_hash))).where(_not_scored(model))
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())


def unscored(engine: sa.Engine, model: str, rows: int) -> Iterator[list[tuple[str, str]]]:
    """Contents that a model has not scored: see `TextArchive.unscored`."""
    last = ""
    while True:
        # title and body must come from one row: of equal contents they may part at another place
        first = sa.select(TEXTS.c.content_hash, sa.func.min(TEXTS.c.id).label("id"))
        first = first.where(TEXTS.c.content_hash > last, _not_scored(model))
        chosen = first.group_by(TEXTS.c.content_hash).order_by(TEXTS.c.content_hash).limit(rows)
        one = chosen.subquery()
        query = sa.select(TEXTS.c.content_hash, TEXTS.c.title, TEXTS.c.body)
        query = query.join(one, one.c.id == TEXTS.c.id).order_by(TEXTS.c.content_hash)
        with engine.connect() as connection:
            found = connection.execute(query).all()
        if found:
            last = found[-1].content_hash
            yield [(row.content_hash, f"{row.title}\n{row.body}".strip()) for row in found]
        if len(found) < rows:
            return


def check_rows(rows: int) -> None:
    """Refuse a batch of nothing."""
    if rows < 1:
        raise ConfigError(f"a batch has at least 1 row, received rows = {rows}")
