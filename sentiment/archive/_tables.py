"""The tables of the text archive, and how an older archive becomes one of today's, in place.

texts      one row a version of a text; rows are added, never changed
gone       texts that their source took back, and when: a fact beside the text, which stays
met        when the archive last heard of a source and audience, with or without news
fetches    the journal of parts: planned, fetched, settled, failed
batches    files that were imported, so that the same file again changes nothing
scores     what a classifier made of a content

Moments are UTC nanoseconds, which SQLite and PostgreSQL compare exactly.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from ...core import ConfigError, MissingExtraError, QushiError
from ...core.sqlite import WRITES, share

META = sa.MetaData()
_SORTED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Text in the order of its code points, which is that of SQLite and of Python."""
TEXTS = sa.Table(
    "texts",
    META,
    sa.Column("id", _SORTED, primary_key=True),
    sa.Column("published_at", sa.BigInteger, nullable=False),
    sa.Column("first_seen", sa.BigInteger),
    sa.Column("edited_at", sa.BigInteger),
    sa.Column("available_at", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("audience", sa.Text, nullable=False),
    sa.Column("symbol", sa.Text),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("synthetic", sa.Boolean, nullable=False),
    # what archives of before do not have: a default lets `carry_over` add the column
    sa.Column("text_id", sa.Text, nullable=False, server_default=""),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("mentions", sa.Text, nullable=False, server_default=""),
    sa.Column("reads", sa.Float),
    sa.Column("comments", sa.Float),
    sa.Column("recorded_at", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("known_at", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("ix_texts_available", "available_at", "id"),
    sa.Index("ix_texts_known", "known_at", "id"),
    sa.Index("ix_texts_of_symbol", "symbol", "available_at", "id"),
    sa.Index("ix_texts_text", "text_id"),
    sa.Index("ix_texts_content", "content_hash", "id"),
)
GONE = sa.Table(
    "gone",
    META,
    sa.Column("text_id", sa.Text, primary_key=True),
    sa.Column("gone_at", sa.BigInteger, nullable=False),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
)
MET = sa.Table(
    "met",
    META,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("audience", sa.Text, primary_key=True),
    sa.Column("last_at", sa.BigInteger, nullable=False),
)
FETCHES = sa.Table(
    "fetches",
    META,
    sa.Column("source_key", sa.Text, primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("fetched_at", sa.BigInteger),
    sa.Column("settled", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
BATCHES = sa.Table(
    "batches",
    META,
    sa.Column("fingerprint", sa.Text, primary_key=True),
    sa.Column("recorded_at", sa.BigInteger, nullable=False),
)
SCORES = sa.Table(
    "scores",
    META,
    sa.Column("content_hash", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("p_neg", sa.Float, nullable=False),
    sa.Column("p_neu", sa.Float, nullable=False),
    sa.Column("p_pos", sa.Float, nullable=False),
)

_OLD_INDEXES = ("ix_texts_available_at", "ix_texts_symbol")
_LOCK = 0x71757368  # any number that all writers of one PostgreSQL archive agree on


def open_engine(url_or_path: str | Path) -> sa.Engine:
    """An engine whose database has today's tables; an older archive is carried over."""
    url = str(url_or_path)
    engine = _engine(url)
    try:
        if not _up_to_date(engine):
            with engine.execution_options(**{WRITES: True}).begin() as connection:
                alone(connection)
                carry_over(connection)
                META.create_all(connection)
    except sa.exc.DatabaseError as error:
        raise ConfigError(f"the text archive {_shown(url)!r}: {error.orig}") from error
    return engine


def alone(connection: sa.Connection) -> None:
    """Make this writer wait for the others until its transaction ends; SQLite does so by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that writes; `QushiError` where the database refuses it (locked, full, gone)."""
    try:
        with engine.execution_options(**{WRITES: True}).begin() as connection:
            yield connection
    except sa.exc.OperationalError as error:
        raise QushiError(f"the text archive could not be written: {error.orig}") from error


def carry_over(connection: sa.Connection) -> None:
    """Give the rows of an archive that knew no versions the columns of today; nothing else changes.

    Each row is the first version of its text.  When it was recorded nobody wrote down: it counts as
    recorded now, the first moment that this machine can vouch for.
    """
    found = sa.inspect(connection)
    if not found.has_table(TEXTS.name):
        return
    there = {column["name"] for column in found.get_columns(TEXTS.name)}
    missing = [column for column in TEXTS.c if column.name not in there]
    for column in missing:
        words = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {TEXTS.name} ADD COLUMN {words}")
    for name in _OLD_INDEXES:
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")
    now = nanoseconds(pd.Timestamp.now("UTC"))
    known = sa.case((TEXTS.c.available_at > now, TEXTS.c.available_at), else_=now)
    fill = {"text_id": TEXTS.c.id, "recorded_at": now, "known_at": known}
    connection.execute(sa.update(TEXTS).where(TEXTS.c.text_id == "").values(fill))
    indexed = {index["name"] for index in found.get_indexes(TEXTS.name)}
    for index in TEXTS.indexes:
        if index.name not in indexed:
            index.create(connection)


def nanoseconds(at: pd.Timestamp) -> int:
    """A zone-aware moment as UTC nanoseconds."""
    return int(np.datetime64(at.tz_convert("UTC").tz_localize(None), "ns").astype(np.int64))


def fetched(result: sa.Result[Any]) -> pd.DataFrame:
    """The rows of an answer as objects: beside a missing moment the others would become floats."""
    return pd.DataFrame(result.all(), columns=list(result.keys()), dtype=object)


def moments(values: pd.Series) -> pd.Series:
    """UTC nanoseconds, some of them missing, as moments."""
    whole = pd.Series(pd.array(values, dtype="Int64"), index=values.index, name=values.name)
    return pd.to_datetime(whole, utc=True).astype("datetime64[ns, UTC]")


def insert(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that can say what a row does that is there already."""
    from sqlalchemy.dialects import postgresql, sqlite

    own = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return own(table)


def _up_to_date(engine: sa.Engine) -> bool:
    found = sa.inspect(engine)
    if not set(META.tables) <= set(found.get_table_names()):
        return False
    return {c.name for c in TEXTS.c} <= {c["name"] for c in found.get_columns(TEXTS.name)}


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
        raise ConfigError(f"the text archive {_shown(url)!r} cannot be reached: {error}") from error
    if engine.dialect.name == "sqlite":
        share(engine)
    return engine


def _shown(url: str) -> str:
    """The URL without its password."""
    try:
        return url if "://" not in url else sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return url
