"""The archive of texts and of their scores: one SQLite file, or a team's PostgreSQL database.

SQLite runs in WAL mode, writers wait for each other, so many processes may add and read at once.
Moments are stored as UTC nanoseconds, which both databases compare exactly.

A text keeps its id and the `first_seen` it came with.  Where its content changed it is *edited*:
the new content counts from the time of the edit, the moment that the source gives or else the moment
at which the archive met it.  Adding the same texts again changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..core import QUIET, ConfigError, MissingExtraError, Progress, Texts
from ..core.sqlite import WRITES, share
from .identity import content_hash
from .sources._base import TextSource, moment

_CHUNK = 400  # bound parameters a statement, below the smallest limit of SQLite
_MOMENTS = ("published_at", "first_seen", "edited_at")
_META = sa.MetaData()
_TEXTS = sa.Table(
    "texts",
    _META,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("published_at", sa.BigInteger, nullable=False),
    sa.Column("first_seen", sa.BigInteger),
    sa.Column("edited_at", sa.BigInteger),
    sa.Column("available_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("symbol", sa.Text, index=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("synthetic", sa.Boolean, nullable=False),
)
_SCORES = sa.Table(
    "scores",
    _META,
    sa.Column("content_hash", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("p_neg", sa.Float, nullable=False),
    sa.Column("p_neu", sa.Float, nullable=False),
    sa.Column("p_pos", sa.Float, nullable=False),
)


@dataclass(frozen=True)
class ImportReport:
    """What an import did: texts that were new, known already, edited; rows without a usable time."""

    new: int
    duplicate: int
    edited: int = 0
    dropped: int = 0


class TextArchive:
    """Texts and classifier scores in a database.

    `url_or_path` is a file (made where it is not there) or a SQLAlchemy URL
    (`postgresql+psycopg://...`).  Raises `ConfigError` for another kind of database,
    and for a file or server that cannot be used.
    """

    def __init__(self, url_or_path: str | Path) -> None:
        self._engine = _engine(str(url_or_path))
        self._writing = self._engine.execution_options(**{WRITES: True})
        try:
            with self._writing.begin() as connection:
                _META.create_all(connection)
        except sa.exc.DatabaseError as error:
            raise ConfigError(f"the text archive {str(url_or_path)!r}: {error.orig}") from error

    def close(self) -> None:
        """Give the database's connections back."""
        self._engine.dispose()

    def add(
        self, texts: Texts, *, dropped: int = 0, repeated: int = 0, now: pd.Timestamp | None = None
    ) -> ImportReport:
        """Add texts, all or none of them; idempotent.

        `now` (zone-aware, default the clock) is when an edit counts that its source does not date.
        `dropped` and `repeated` are what the source left out, for the report.
        """
        rows = _rows(texts)
        seen = _nanoseconds(now if now is not None else pd.Timestamp.now("UTC"))
        with self._writing.begin() as connection:
            known = self._known(connection, [row["id"] for row in rows])
            new = [row for row in rows if row["id"] not in known]
            for chunk in _chunks(new):
                connection.execute(self._insert(_TEXTS).on_conflict_do_nothing(), list(chunk))
            edited = [
                _edited(row, known[row["id"]], seen)
                for row in rows
                if row["id"] in known and known[row["id"]]["content_hash"] != row["content_hash"]
            ]
            for row in edited:
                connection.execute(sa.update(_TEXTS).where(_TEXTS.c.id == row["id"]).values(row))
        return ImportReport(
            len(new), len(rows) - len(new) - len(edited) + repeated, len(edited), dropped
        )

    def fill(
        self,
        source: TextSource,
        start: str | None = None,
        end: str | None = None,
        symbol: str | None = None,
        progress: Progress = QUIET,
    ) -> ImportReport:
        """Fetch from a source and add; what was left out is counted and noted."""
        texts = source.fetch(start, end, symbol)
        counts = source.counts
        report = self.add(texts, dropped=counts.dropped, repeated=counts.duplicates)
        if counts.left_out:
            progress.note(counts.left_out)
        return report

    def read(
        self,
        start: str | pd.Timestamp | None = None,
        end: str | pd.Timestamp | None = None,
        symbol: str | None = None,
        audience: str | None = None,
    ) -> Texts:
        """Texts available from `start` to `end` (as in `TextSource.fetch`), of a symbol, an audience.

        Synthetic texts make the whole answer synthetic.
        """
        query = sa.select(_TEXTS)
        if start is not None:
            query = query.where(_TEXTS.c.available_at >= _nanoseconds(moment(start)))
        if end is not None:
            query = query.where(_TEXTS.c.available_at <= _nanoseconds(moment(end, end=True)))
        if symbol is not None:
            query = query.where(_TEXTS.c.symbol == symbol)
        if audience is not None:
            query = query.where(_TEXTS.c.audience == audience)
        with self._engine.connect() as connection:
            frame = pd.DataFrame(connection.execute(query).mappings().all(), columns=_TEXTS.c.keys())
        for name in _MOMENTS:
            frame[name] = pd.to_datetime(frame[name].astype("Int64"), utc=True)
            frame[name] = frame[name].astype("datetime64[ns, UTC]")
        return Texts.from_frame(frame, synthetic=bool(frame["synthetic"].any()))

    def __len__(self) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(_TEXTS)).scalar_one())

    def summary(self) -> pd.DataFrame:
        """One row a source, audience and symbol: `texts`, `first`, `last` (available, UTC)."""
        keys = (_TEXTS.c.source, _TEXTS.c.audience, _TEXTS.c.symbol)
        at = _TEXTS.c.available_at
        query = sa.select(
            *keys, sa.func.count().label("texts"), sa.func.min(at).label("first"),
            sa.func.max(at).label("last"),
        ).group_by(*keys).order_by(*keys)  # fmt: skip
        names = ["source", "audience", "symbol", "texts", "first", "last"]
        with self._engine.connect() as connection:
            frame = pd.DataFrame(connection.execute(query).mappings().all(), columns=names)
        for name in ("first", "last"):
            frame[name] = pd.to_datetime(frame[name], utc=True)
        return frame

    def scores(self, hashes: Sequence[str], model: str) -> pd.DataFrame:
        """Stored probabilities of a model, indexed by `content_hash`; only those that are known."""
        found: list[Any] = []
        columns = [_SCORES.c.content_hash, _SCORES.c.p_neg, _SCORES.c.p_neu, _SCORES.c.p_pos]
        with self._engine.connect() as connection:
            for chunk in _chunks(sorted(set(hashes))):
                query = sa.select(*columns).where(
                    _SCORES.c.model == model, _SCORES.c.content_hash.in_(list(chunk))
                )
                found += connection.execute(query).all()
        names = ["content_hash", "p_neg", "p_neu", "p_pos"]
        return pd.DataFrame(found, columns=names).set_index("content_hash").astype(float)

    def keep_scores(self, scores: pd.DataFrame, model: str) -> None:
        """Store probabilities of a model, indexed by `content_hash`; known ones stay as they are."""
        rows = [
            {"content_hash": key, "model": model, "p_neg": neg, "p_neu": neu, "p_pos": pos}
            for key, neg, neu, pos in scores[["p_neg", "p_neu", "p_pos"]].itertuples()
        ]
        with self._writing.begin() as connection:
            for chunk in _chunks(rows):
                connection.execute(self._insert(_SCORES).on_conflict_do_nothing(), list(chunk))

    def _known(self, connection: sa.Connection, ids: list[str]) -> dict[str, Any]:
        columns = [_TEXTS.c.id, _TEXTS.c.content_hash, *(_TEXTS.c[name] for name in _MOMENTS)]
        known: dict[str, Any] = {}
        for chunk in _chunks(ids):
            query = sa.select(*columns).where(_TEXTS.c.id.in_(list(chunk)))
            known |= {row["id"]: dict(row) for row in connection.execute(query).mappings()}
        return known

    def _insert(self, table: sa.Table) -> Any:
        own = postgresql.insert if self._engine.dialect.name == "postgresql" else sqlite.insert
        return own(table)


def _engine(url: str) -> sa.Engine:
    if "://" not in url:
        path = Path(url).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        url = f"sqlite:///{path}"
    try:
        backend = sa.make_url(url).get_backend_name()
        if backend not in ("sqlite", "postgresql"):
            raise ConfigError(
                f"the text archive is a SQLite file or a PostgreSQL URL, received {backend!r}"
            )
        engine = sa.create_engine(url)
    except ImportError as error:
        raise MissingExtraError(str(error.name), "postgres", "a PostgreSQL archive") from error
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise ConfigError(f"the text archive {url!r} cannot be reached: {error}") from error
    if engine.dialect.name == "sqlite":
        share(engine)
    return engine


def _rows(texts: Texts) -> list[dict[str, Any]]:
    frame = texts.frame.copy()
    available = texts.available_at
    frame["content_hash"] = [content_hash(text) for text in texts.contents]
    frame["synthetic"] = texts.synthetic
    for name, values in (*((n, frame[n]) for n in _MOMENTS), ("available_at", available)):
        whole = values.astype("datetime64[ns, UTC]").astype("int64")
        frame[name] = whole.astype(object).where(values.notna(), None)
    frame["weight"] = frame["weight"].astype(float)
    rows: list[dict[str, Any]] = frame[_TEXTS.c.keys()].to_dict("records")
    return rows


def _edited(row: dict[str, Any], known: dict[str, Any], seen: int) -> dict[str, Any]:
    """The new content under the old times; it counts from the edit."""
    given = row["edited_at"]
    if given is None or given == known["edited_at"]:
        given = seen
    moments = [known["published_at"], known["first_seen"], known["edited_at"], given]
    changed = {key: row[key] for key in ("title", "body", "content_hash", "weight")}
    edited_at = max(at for at in (known["edited_at"], given) if at is not None)
    available = max(at for at in moments if at is not None)
    return {"id": row["id"], **changed, "edited_at": edited_at, "available_at": available}


def _nanoseconds(at: pd.Timestamp) -> int:
    return int(np.datetime64(at.tz_convert("UTC").tz_localize(None), "ns").astype(np.int64))


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for first in range(0, len(items), _CHUNK):
        yield items[first : first + _CHUNK]
