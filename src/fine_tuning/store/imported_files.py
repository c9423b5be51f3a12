"""What has been imported, so that it is imported once."""

from __future__ import annotations

from sqlalchemy import Connection, select

from fine_tuning.store import tables
from fine_tuning.store.column_types import iso, now

_table = tables.imports


def done_at(connection: Connection, path: str, kind: str) -> str | None:
    """When this was imported (ISO 8601); None where it was not.

    Args:
        path: of a file of the older file-based system, or the hash of imported rows.
    """
    moment = connection.scalar(select(_table.c.imported_at).where(_table.c.path == path, _table.c.kind == kind))
    return None if moment is None else iso(moment)


def mark_done(connection: Connection, path: str, kind: str, rows: int) -> None:
    """Remember it, in the transaction that imported it."""
    connection.execute(_table.insert().values(path=path, kind=kind, rows=rows, imported_at=now()))
