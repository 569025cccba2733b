"""SQLite files that many processes may write at once: the settings that make it safe.

Write-ahead logging lets readers go on while one writes, and a writer waits its turn for up to a minute
instead of failing.  SQLAlchemy is imported by whoever has an engine to share.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlalchemy as sa

WRITES = "qushi_writes"
"""Execution option of a connection that is going to write."""


def share(engine: "sa.Engine") -> None:
    """Let many processes use the SQLite file behind `engine`; before its first connection."""
    from sqlalchemy import event

    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin below, not inside the driver
    connection.execute("PRAGMA busy_timeout = 60000")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin(connection: "sa.Connection") -> None:
    # A reader that later writes would be refused at once: take the writer's place from the start.
    if connection.get_execution_options().get(WRITES):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
