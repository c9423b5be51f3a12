"""Files that arrive in parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import now

_table = tables.uploads
_parts = tables.upload_parts


def add(connection: Connection, upload: Mapping[str, Any]) -> None:
    """Record a new upload; `created_at` and `expires_at` are the caller's."""
    connection.execute(_table.insert().values(**upload, status="pending"))


def get(connection: Connection, project: str, upload_id: str, *, lock: bool = False) -> dict[str, Any] | None:
    """An upload of a project, or None; one whose time is over is "expired"."""
    query = select(_table).where(_table.c.id == upload_id, _table.c.project == project)
    row = connection.execute(query.with_for_update() if lock else query).mappings().one_or_none()
    if row is None:
        return None
    over = row["status"] == "pending" and row["expires_at"] <= now()
    return {**row, "status": "expired"} if over else dict(row)


def end(connection: Connection, upload_id: str, status: str, file_id: str | None = None) -> bool:
    """Complete or cancel a pending upload; False when it had ended before."""
    ended = connection.execute(
        update(_table)
        .where(_table.c.id == upload_id, _table.c.status == "pending")
        .values(status=status, file_id=file_id)
    )
    return ended.rowcount == 1


def add_part(connection: Connection, part: Mapping[str, Any]) -> None:
    """Record a part whose bytes are on disk."""
    connection.execute(_parts.insert().values(**part))


def parts(connection: Connection, upload_id: str) -> dict[str, dict[str, Any]]:
    """The parts of an upload, by id."""
    found = connection.execute(select(_parts).where(_parts.c.upload_id == upload_id)).mappings()
    return {row["id"]: dict(row) for row in found}


def remove_parts(connection: Connection, upload_id: str) -> None:
    """Forget the parts of an upload that has ended."""
    connection.execute(_parts.delete().where(_parts.c.upload_id == upload_id))


def overdue(connection: Connection) -> list[dict[str, Any]]:
    """Pending uploads whose time is over."""
    query = select(_table).where(_table.c.status == "pending", _table.c.expires_at <= now())
    return [dict(row) for row in connection.execute(query).mappings()]
