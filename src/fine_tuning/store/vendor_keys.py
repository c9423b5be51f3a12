"""Keys of vendors that the gateway holds, one for a project and an upstream; only encrypted ones come here."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from fine_tuning.store import tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.rows import records
from fine_tuning.store.records.vendor_keys import VendorKey
from fine_tuning.store.upsert import insert

_table = tables.vendor_keys


def put(connection: Connection, project: str, upstream: str, encrypted: str) -> None:
    """Hold a key, in place of the one that was held."""
    values = {"encrypted": encrypted, "created_at": now()}
    query = insert(connection, _table).values(project=project, upstream=upstream, **values)
    connection.execute(query.on_conflict_do_update(index_elements=["project", "upstream"], set_=values))


def remove(connection: Connection, project: str, upstream: str) -> bool:
    """Forget a key; False where none is held."""
    query = delete(_table).where(_table.c.project == project, _table.c.upstream == upstream)
    return connection.execute(query).rowcount == 1


def encrypted(connection: Connection, project: str, upstream: str) -> str | None:
    """The encrypted key; None where none is held."""
    query = select(_table.c.encrypted).where(_table.c.project == project, _table.c.upstream == upstream)
    return connection.scalar(query)


def listed(connection: Connection) -> list[VendorKey]:
    """What is held, without the keys."""
    query = select(_table.c.project, _table.c.upstream, _table.c.created_at).order_by(*_table.primary_key.columns)
    return records(VendorKey, connection.execute(query).mappings())
