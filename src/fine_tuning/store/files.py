"""Uploaded training files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, or_, select, update

from fine_tuning.store import tables
from fine_tuning.store.types import now

_table = tables.files


def add(connection: Connection, file: Mapping[str, Any]) -> None:
    """Record a file before it is sent."""
    connection.execute(_table.insert().values(**file, created_at=now()))


def set_provider_id(connection: Connection, file_id: str, provider_file_id: str) -> None:
    """Note the id a host gave the file."""
    connection.execute(update(_table).where(_table.c.id == file_id).values(provider_file_id=provider_file_id))


def get(connection: Connection, file_id: str) -> dict[str, Any] | None:
    """A file by our id or by the host's, or None."""
    query = (
        select(_table)
        .where(or_(_table.c.id == file_id, _table.c.provider_file_id == file_id))
        .order_by(_table.c.created_at.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)
