"""Record of imported files, so that each is imported once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from fine_tuning.store import tables
from fine_tuning.store.column_types import iso, now
from fine_tuning.store.upsert import insert

_table = tables.imports


def done_at(connection: Connection, path: str, kind: str) -> str | None:
    """The time of the import (ISO 8601); None if it was not imported.

    Args:
        path: path of a file of the older file-based system, or hash of imported rows.
    """
    moment = connection.scalar(select(_table.c.imported_at).where(_table.c.path == path, _table.c.kind == kind))
    return None if moment is None else iso(moment)


def mark_done(connection: Connection, path: str, kind: str, rows: int) -> None:
    """Record an import, in its own transaction."""
    connection.execute(_table.insert().values(path=path, kind=kind, rows=rows, imported_at=now()))


def mark_done_again(connection: Connection, path: str, kind: str, at: datetime) -> None:
    """Record the time of an exchange, which is repeated."""
    statement = insert(connection, _table).values(path=path, kind=kind, rows=0, imported_at=at)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["path", "kind"], set_={"imported_at": statement.excluded.imported_at}
        )
    )
