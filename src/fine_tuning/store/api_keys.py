"""Keys of the server: only their hashes are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, exists, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import now

_table = tables.api_keys
_shown = [column for column in _table.c if column.name != "sha256"]


def add(connection: Connection, key: Mapping[str, Any]) -> None:
    """Record a new key."""
    connection.execute(_table.insert().values(**key, created_at=now()))


def find(connection: Connection, *, sha256: str | None = None, key_id: str | None = None) -> dict[str, Any] | None:
    """The valid key with this hash, or this id; None where there is none or it was revoked."""
    wanted = _table.c.sha256 == sha256 if sha256 is not None else _table.c.id == key_id
    row = connection.execute(select(*_shown).where(wanted, _table.c.revoked_at.is_(None))).mappings().one_or_none()
    return None if row is None else dict(row)


def any_valid(connection: Connection) -> bool:
    """Whether there is a key that was not revoked."""
    return bool(connection.scalar(select(exists().where(_table.c.revoked_at.is_(None)))))


def newest(connection: Connection) -> list[dict[str, Any]]:
    """Every key without its hash, newest first."""
    query = select(*_shown).order_by(_table.c.created_at.desc(), _table.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]


def revoke(connection: Connection, key_id: str) -> bool:
    """Make a key invalid; False where there is no such valid key."""
    query = update(_table).where(_table.c.id == key_id, _table.c.revoked_at.is_(None)).values(revoked_at=now())
    return connection.execute(query).rowcount == 1
