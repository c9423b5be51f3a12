"""Bake-offs: candidates that were compared on captured calls."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, and_, distinct, func, select, union

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.bakeoffs import Bakeoff, NewBakeoff
from fine_tuning.store.records.rows import record, records

_table, _calls = tables.bakeoffs, tables.bakeoff_calls


class Looks(NamedTuple):
    """Earlier bake-offs that were decided on calls of a test part, and how many of its calls that were."""

    bakeoffs: int
    calls: int

    @property
    def times(self) -> str:
        """How often, in words."""
        return "once" if self.bakeoffs == 1 else f"{self.bakeoffs} times"


def add(connection: Connection, bakeoff: NewBakeoff, calls: Collection[str] = ()) -> int:
    """Store a bake-off. Returns its id.

    Args:
        calls: hashes of those of its test part.
    """
    created = connection.execute(_table.insert().values(**bakeoff, created_at=now()))
    number = int(created.inserted_primary_key[0])  # type: ignore[index]
    if calls:
        connection.execute(_calls.insert(), [{"call_hash": each, "bakeoff_id": number} for each in {*calls}])
    return number


def earlier_looks(connection: Connection, bakeoff_id: int) -> Looks:
    """Who had seen the test part of a bake-off before it was decided."""
    own = select(_calls.c.call_hash).where(_calls.c.bakeoff_id == bakeoff_id)
    seen = and_(_calls.c.bakeoff_id < bakeoff_id, _calls.c.call_hash.in_(own))
    part = select(_table.c.test_hash).where(_table.c.id == bakeoff_id).scalar_subquery()
    alike = select(_table.c.id).where(_table.c.id < bakeoff_id, _table.c.test_hash == part)  # older ones have no calls
    looked = union(select(_calls.c.bakeoff_id).where(seen), alike).subquery()
    count = connection.scalar(select(func.count()).select_from(looked)) or 0
    if connection.scalar(alike.limit(1)) is not None:
        calls = select(func.count()).select_from(own.subquery())
    else:
        calls = select(func.count(distinct(_calls.c.call_hash))).where(seen)
    return Looks(count, connection.scalar(calls) or 0)


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
