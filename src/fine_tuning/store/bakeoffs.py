"""Bake-offs: candidates that were compared on captured calls."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.bakeoffs import Bakeoff, NewBakeoff
from fine_tuning.store.records.rows import record, records

_table = tables.bakeoffs


def add(connection: Connection, bakeoff: NewBakeoff) -> int:
    """Store a bake-off. Returns its id."""
    created = connection.execute(_table.insert().values(**bakeoff, created_at=now()))
    return int(created.inserted_primary_key[0])  # type: ignore[index]


def looks(connection: Connection, test_hash: str, until: int | None = None) -> int:
    """How many bake-offs were decided on a test part; up to the one with this id where given."""
    query = select(func.count()).select_from(_table).where(_table.c.test_hash == test_hash)
    return connection.scalar(query if until is None else query.where(_table.c.id <= until)) or 0


def get(connection: Connection, bakeoff_id: object) -> Bakeoff | None:
    """One bake-off; None where there is none, and for what is no id."""
    if not isinstance(bakeoff_id, int):
        return None
    row = connection.execute(select(_table).where(_table.c.id == bakeoff_id)).mappings().one_or_none()
    return None if row is None else record(Bakeoff, row)


def newest(connection: Connection, limit: int) -> list[Bakeoff]:
    """The newest first."""
    query = select(_table).order_by(_table.c.id.desc()).limit(limit)
    return records(Bakeoff, connection.execute(query).mappings())
