"""The journal of a text archive: which parts of which source are in it for good.

A part is planned when a fetch sets out, fetched when it arrived, settled when it will never bring more.
Planned and never fetched is what a person wants to hear of: an interruption, or a source that failed.
"""

from collections.abc import Sequence

import pandas as pd
import sqlalchemy as sa

from ._tables import FETCHES, fetched, insert, moments, nanoseconds, writing
from ._versions import chunks


class FetchJournal:
    """What was fetched, by the key of the source and the name of the part."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def plan(self, source_key: str, label: str, parts: Sequence[str]) -> list[str]:
        """Write down the parts of a fetch; those that are not settled, in the order given."""
        rows = [
            {"source_key": source_key, "part": part, "label": label, "settled": False, "reason": ""}
            for part in parts
        ]
        settled = sa.select(FETCHES.c.part).where(
            FETCHES.c.source_key == source_key, FETCHES.c.settled.is_(True)
        )
        with writing(self._engine) as connection:
            for chunk in chunks(rows):
                query = insert(connection, FETCHES).on_conflict_do_nothing()
                connection.execute(query, list(chunk))
            done = set(connection.execute(settled).scalars())
        return [part for part in parts if part not in done]

    def keep(self, source_key: str, part: str, *, settled: bool, now: pd.Timestamp) -> None:
        """A part arrived."""
        self._note(source_key, part, fetched_at=nanoseconds(now), settled=settled, reason="")

    def fail(self, source_key: str, part: str, reason: str) -> None:
        """A part did not arrive; what earlier fetches brought of it stays."""
        self._note(source_key, part, reason=reason)

    def _note(self, source_key: str, part: str, **values: object) -> None:
        this = (FETCHES.c.source_key == source_key, FETCHES.c.part == part)
        with writing(self._engine) as connection:
            connection.execute(sa.update(FETCHES).where(*this).values(**values))

    def summary(self) -> pd.DataFrame:
        """One row a source that was ever fetched.

        `label`, `parts`, `settled`, `never` (planned, and never fetched), `first_never`, `last_never`
        (of those, by name), `last_fetch` (UTC, NaT where nothing ever came), `reason` (why the last of
        its failed parts failed).
        """
        never = FETCHES.c.fetched_at.is_(None)
        part, reason = FETCHES.c.part, FETCHES.c.reason
        query = sa.select(
            FETCHES.c.source_key,
            sa.func.max(FETCHES.c.label).label("label"),
            sa.func.count().label("parts"),
            sa.func.sum(sa.case((FETCHES.c.settled.is_(True), 1), else_=0)).label("settled"),
            sa.func.sum(sa.case((never, 1), else_=0)).label("never"),
            sa.func.min(sa.case((never, part))).label("first_never"),
            sa.func.max(sa.case((never, part))).label("last_never"),
            sa.func.max(FETCHES.c.fetched_at).label("last_fetch"),
            sa.func.max(sa.case((reason != "", part))).label("failed"),
        ).group_by(FETCHES.c.source_key)
        one = query.subquery()
        same = sa.and_(FETCHES.c.source_key == one.c.source_key, part == one.c.failed)
        told = sa.select(one, reason).select_from(one.outerjoin(FETCHES, same)).order_by(one.c.label)
        with self._engine.connect() as connection:
            frame = fetched(connection.execute(told))
        frame["last_fetch"] = moments(frame["last_fetch"])
        frame["reason"] = [reason or "" for reason in frame["reason"]]
        return frame.drop(columns=["source_key", "failed"]).infer_objects()
