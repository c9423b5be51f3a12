"""API keys of the server: only their hashes are stored."""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, exists, select, update

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.api_keys import ApiKey, NewApiKey
from fine_tuning.store.records.rows import record, records

_table = tables.api_keys
_shown = [column for column in _table.c if column.name != "sha256"]


def hash_key(key: str) -> str:
    """The hash under which a key is stored. A fast one is enough: a key has 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def add(connection: Connection, key: NewApiKey) -> None:
    """Record a new key."""
    connection.execute(_table.insert().values(**key, created_at=now()))


def find(connection: Connection, *, sha256: str | None = None, key_id: str | None = None) -> ApiKey | None:
    """The valid key with this hash, or this id; None where there is none or it was revoked."""
    condition = _table.c.sha256 == sha256 if sha256 is not None else _table.c.id == key_id
    row = connection.execute(select(*_shown).where(condition, _table.c.revoked_at.is_(None))).mappings().one_or_none()
    return None if row is None else record(ApiKey, row)


def any_created(connection: Connection) -> bool:
    """Whether there is a key, or was one before it was revoked: then nobody has access without one."""
    return bool(connection.scalar(select(exists(select(_table.c.id)))))


def projects(connection: Connection) -> list[str]:
    """The projects that have, or had, keys of their own."""
    return list(connection.scalars(select(_table.c.project).where(_table.c.is_owner.is_(False)).distinct()))


def newest(connection: Connection) -> list[ApiKey]:
    """Every key without its hash, newest first."""
    query = select(*_shown).order_by(_table.c.created_at.desc(), _table.c.id)
    return records(ApiKey, connection.execute(query).mappings())


def revoke(connection: Connection, key_id: str) -> bool:
    """Make a key invalid; False where no valid key has this id."""
    query = update(_table).where(_table.c.id == key_id, _table.c.revoked_at.is_(None)).values(revoked_at=now())
    return connection.execute(query).rowcount == 1
