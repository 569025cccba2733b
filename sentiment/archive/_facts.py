"""What the archive keeps beside the texts: what was taken back, who was heard, what was imported."""

from collections.abc import Mapping

import sqlalchemy as sa

from ...core import Texts
from ._tables import BATCHES, GONE, MET, TEXTS, insert, nanoseconds
from ._versions import chunks


def first_time(connection: sa.Connection, texts: Texts, clock: int, snapshot: bool) -> bool:
    """Whether these very texts have not been imported yet; from now on they have."""
    fingerprint = texts.fingerprint + (":snapshot" if snapshot else "")
    there = sa.select(BATCHES.c.fingerprint).where(BATCHES.c.fingerprint == fingerprint)
    if connection.execute(there).first() is not None:
        return False
    row = {"fingerprint": fingerprint, "recorded_at": clock}
    connection.execute(sa.insert(BATCHES).values(row))
    return True


def no_longer(connection: sa.Connection, texts: Texts) -> list[str]:
    """Known texts that a snapshot lacks.

    By source and symbol, published between the first and the last that the snapshot has of both: a file
    of one share says nothing about another, nor about the time before it begins.
    """
    frame = texts.frame.assign(text_id=texts.text_ids)
    lacking: list[str] = []
    for (source, symbol), group in frame.groupby(["source", "symbol"], dropna=False):
        same = TEXTS.c.symbol == symbol if isinstance(symbol, str) else TEXTS.c.symbol.is_(None)
        first, last = (nanoseconds(at) for at in group["published_at"].agg(["min", "max"]))
        query = sa.select(TEXTS.c.text_id).where(
            TEXTS.c.source == source,
            same,
            TEXTS.c.version == 1,
            TEXTS.c.published_at.between(first, last),
        )
        lacking += set(connection.execute(query).scalars()) - set(group["text_id"])
    return lacking


def mark_gone(connection: sa.Connection, gone: Mapping[str, int], clock: int) -> int:
    """Write down when texts were taken back; how many marks are new.  The first mark stays."""
    marked = 0
    for chunk in chunks(sorted(gone)):
        known = sa.select(TEXTS.c.text_id).where(
            TEXTS.c.text_id.in_(chunk),
            TEXTS.c.version == 1,
            TEXTS.c.text_id.not_in(sa.select(GONE.c.text_id).where(GONE.c.text_id.in_(chunk))),
        )
        rows = [
            {"text_id": text_id, "gone_at": gone[text_id], "recorded_at": clock}
            for text_id in connection.execute(known).scalars()
        ]
        if rows:
            connection.execute(sa.insert(GONE), rows)
        marked += len(rows)
    return marked


def meet(connection: sa.Connection, texts: Texts, clock: int) -> None:
    """Write down that these sources were heard now, news or not."""
    pairs = texts.frame[["source", "audience"]].drop_duplicates()
    rows = [{**pair, "last_at": clock} for pair in pairs.to_dict("records")]
    if rows:
        query = insert(connection, MET)
        newer = sa.case(
            (query.excluded.last_at > MET.c.last_at, query.excluded.last_at), else_=MET.c.last_at
        )
        keys = [MET.c.source, MET.c.audience]
        query = query.on_conflict_do_update(index_elements=keys, set_={"last_at": newer})
        connection.execute(query, rows)
