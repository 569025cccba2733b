"""The archive of texts and of their scores: one SQLite file, or a team's PostgreSQL database.

SQLite runs in WAL mode, writers wait for each other, so many processes may add and read at once.

Nothing that was ever read changes: another content of a known text is another row, a later version
with its own time (`_archive_versions`), and a text that its source took back stays as it was, with a
mark beside it.  `recorded_at` is the clock of this machine when the archive met a version: with
`known_from="recorded"` a text counts from there, which is what could have been traded on here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from ...core import QUIET, Progress, Texts
from ..sources._base import TextSource
from ._facts import first_time, mark_gone, meet, no_longer
from ._journal import FetchJournal
from ._reading import KnownFrom, Window, check_rows, pages, texts_of, unscored, unscored_count
from ._tables import SCORES, TEXTS, alone, insert, nanoseconds, open_engine, writing
from ._versions import chunks, rows_of, sort_out
from .coverage import coverage, summary

_AT_ONCE = 5_000  # rows looked up and inserted at a time


@dataclass(frozen=True)
class ImportReport:
    """What an import did: texts that were new, known already, edited; rows without a usable time.

    `gone` counts the texts that are now known to be taken back by their source.
    """

    new: int
    duplicate: int
    edited: int = 0
    dropped: int = 0
    gone: int = 0


class TextArchive:
    """Texts and classifier scores in a database.

    `url_or_path` is a file (made where it is not there) or a SQLAlchemy URL
    (`postgresql+psycopg://...`).  Raises `ConfigError` for another kind of database,
    and for a file or server that cannot be used.
    """

    def __init__(self, url_or_path: str | Path) -> None:
        self._engine = open_engine(url_or_path)

    def close(self) -> None:
        """Give the database's connections back."""
        self._engine.dispose()

    @property
    def journal(self) -> FetchJournal:
        """Which parts of which source were fetched."""
        return FetchJournal(self._engine)

    def add(
        self,
        texts: Texts,
        *,
        dropped: int = 0,
        repeated: int = 0,
        now: pd.Timestamp | None = None,
        gone: Mapping[str, pd.Timestamp] | None = None,
        snapshot: bool = False,
        once: bool = False,
    ) -> ImportReport:
        """Add texts, all or none of them; idempotent.

        `now` (zone-aware, default the clock) is when the versions are recorded, and when an edit counts
        that its source does not date.  `gone` are ids that the source took back, and when.  A `snapshot`
        is all that the source has: known texts of the same source and symbol, published between the
        first and the last given, that are not among them are marked gone `now`.  With `once` the very
        same texts, added before, change nothing, even where later versions have come since.
        `dropped` and `repeated` are what the source left out, for the report.
        """
        clock = nanoseconds(now if now is not None else pd.Timestamp.now("UTC"))
        taken_back = {text_id: nanoseconds(at) for text_id, at in (gone or {}).items()}
        new = edited = 0
        with writing(self._engine) as connection:
            alone(connection)
            again = once and not first_time(connection, texts, clock, snapshot)
            for rows in rows_of(texts, _AT_ONCE):
                found = sort_out(connection, rows, clock, edits=not again)
                if found.rows:
                    connection.execute(sa.insert(TEXTS), found.rows)
                new, edited = new + found.new, edited + found.edited
            if snapshot and not again:
                taken_back |= dict.fromkeys(no_longer(connection, texts), clock)
            marked = mark_gone(connection, taken_back, clock)
            meet(connection, texts, clock)
        known = len(texts) - new - edited + repeated
        return ImportReport(new, known, edited, dropped, marked)

    def fill(
        self,
        source: TextSource,
        start: str | None = None,
        end: str | None = None,
        symbol: str | None = None,
        progress: Progress = QUIET,
        *,
        snapshot: bool = False,
        once: bool = False,
    ) -> ImportReport:
        """Fetch from a source and add, as `add`; what was left out is counted and noted."""
        texts = source.fetch(start, end, symbol)
        report = self.keep(source, texts, snapshot=snapshot, once=once)
        for said in (source.counts.left_out, *source.take_notes()):
            if said:
                progress.note(said)
        return report

    def keep(
        self, source: TextSource, texts: Texts, *, snapshot: bool = False, once: bool = False
    ) -> ImportReport:
        """Add what a source has just brought, with what it said of rows left out and taken back."""
        counts = source.counts
        return self.add(
            texts,
            dropped=counts.dropped,
            repeated=counts.duplicates,
            gone=source.gone,
            snapshot=snapshot,
            once=once,
        )

    def read(
        self,
        start: str | pd.Timestamp | None = None,
        end: str | pd.Timestamp | None = None,
        symbol: str | None = None,
        audience: str | None = None,
        known_from: KnownFrom = "published",
    ) -> Texts:
        """Texts available from `start` to `end` (as in `TextSource.fetch`), every version of them.

        `symbol` keeps what was written about it, `audience` who wrote.  With `known_from` "recorded" a
        version counts from `recorded_at` where that is later, and its `first_seen` says so.
        Synthetic texts make the whole answer synthetic.
        """
        window = Window.of(start, end, symbol, audience, known_from)
        found = pd.concat(pages(self._engine, window, _AT_ONCE * 4), ignore_index=True)
        return texts_of(found, window)

    def batches(
        self,
        start: str | pd.Timestamp | None = None,
        end: str | pd.Timestamp | None = None,
        rows: int = 20_000,
        *,
        symbol: str | None = None,
        audience: str | None = None,
        known_from: KnownFrom = "published",
    ) -> Iterator[Texts]:
        """What `read` gives, `rows` texts at a time, in the order of (`available_at`, `id`).

        Memory holds one batch, however large the archive is.  Each batch is read by itself: a text added
        meanwhile comes where its time is still ahead.
        """
        window = Window.of(start, end, symbol, audience, known_from)
        check_rows(rows)
        return (texts_of(page, window) for page in pages(self._engine, window, rows) if len(page))

    def unscored(self, model: str, rows: int = 20_000) -> Iterator[list[tuple[str, str]]]:
        """Contents that a model has not scored yet: (hash, content), each once, `rows` at a time.

        What is scored meanwhile is in none of the lists that follow.
        """
        return unscored(self._engine, model, rows)

    def unscored_count(self, model: str) -> int:
        """How many different contents a model has not scored yet."""
        return unscored_count(self._engine, model)

    def __len__(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(TEXTS)).scalar_one())

    def summary(self) -> pd.DataFrame:
        """One row a source, audience and symbol: `texts`, `versions`, `first`, `last` (UTC)."""
        return summary(self._engine)

    def status(
        self,
        calendar: str = "XSHG",
        start: str | pd.Timestamp | None = None,
        end: str | pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """How far the texts of each source and audience go, and which sessions have none: `coverage`."""
        return coverage(self._engine, calendar, start, end)

    def scores(self, hashes: Sequence[str], model: str) -> pd.DataFrame:
        """Stored probabilities of a model, indexed by `content_hash`; only those that are known."""
        found: list[Any] = []
        columns = [SCORES.c.content_hash, SCORES.c.p_neg, SCORES.c.p_neu, SCORES.c.p_pos]
        with self._engine.connect() as connection:
            for chunk in chunks(sorted(set(hashes))):
                query = sa.select(*columns).where(
                    SCORES.c.model == model, SCORES.c.content_hash.in_(list(chunk))
                )
                found += connection.execute(query).all()
        names = ["content_hash", "p_neg", "p_neu", "p_pos"]
        return pd.DataFrame(found, columns=names).set_index("content_hash").astype(float)

    def keep_scores(self, scores: pd.DataFrame, model: str) -> None:
        """Store probabilities of a model, indexed by `content_hash`; known ones stay as they are."""
        with writing(self._engine) as connection:
            query = insert(connection, SCORES).on_conflict_do_nothing()
            for first in range(0, len(scores), _AT_ONCE):
                part = scores.iloc[first : first + _AT_ONCE][["p_neg", "p_neu", "p_pos"]]
                connection.execute(
                    query,
                    [
                        {"content_hash": key, "model": model, "p_neg": neg, "p_neu": neu, "p_pos": pos}
                        for key, neg, neu, pos in part.itertuples()
                    ],
                )
