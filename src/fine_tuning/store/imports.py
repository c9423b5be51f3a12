"""Which files of the older file-based system have been read."""

from __future__ import annotations

from sqlalchemy import Connection, select

from fine_tuning.store import tables
from fine_tuning.store.types import now

_table = tables.imports


def is_done(connection: Connection, path: str, kind: str) -> bool:
    """Whether this file was imported before."""
    return connection.scalar(select(_table.c.path).where(_table.c.path == path, _table.c.kind == kind)) is not None


def mark_done(connection: Connection, path: str, kind: str, rows: int) -> None:
    """Remember it, in the transaction that imported it."""
    connection.execute(_table.insert().values(path=path, kind=kind, rows=rows, imported_at=now()))
