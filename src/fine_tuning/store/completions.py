"""Chat completions that a client stored."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select, update

from fine_tuning.store import paging, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.paging import Page
from fine_tuning.store.records.completions import NewCompletion, StoredCompletion
from fine_tuning.store.records.rows import record

_table = tables.completions


def add(connection: Connection, completion: NewCompletion) -> None:
    """Record a request and its response."""
    connection.execute(_table.insert().values(**completion, created_at=now()))


def get(connection: Connection, project: str, completion_id: str) -> StoredCompletion | None:
    """A stored completion of a project, or None."""
    query = select(_table).where(_table.c.project == project, _table.c.id == completion_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else record(StoredCompletion, row)


def page(
    connection: Connection,
    project: str,
    *,
    model: str | None,
    metadata: Mapping[str, str],
    after: str | None,
    limit: int,
    newest_first: bool,
) -> Page[StoredCompletion]:
    """A project's stored completions; see `paging.page`."""
    scope = [_table.c.project == project]
    conditions = [*scope, *paging.has_metadata(_table, metadata)]
    if model is not None:
        conditions.append(_table.c.model == model)
    return paging.page(connection, _table, conditions, after=after, limit=limit, newest_first=newest_first, scope=scope)


def set_metadata(connection: Connection, completion_id: str, metadata: Mapping[str, str]) -> None:
    """Replace the metadata."""
    connection.execute(update(_table).where(_table.c.id == completion_id).values(metadata=dict(metadata)))


def set_example(connection: Connection, completion_id: str, example_id: str) -> None:
    """Note the captured example that it became."""
    connection.execute(update(_table).where(_table.c.id == completion_id).values(example_id=example_id))


def remove(connection: Connection, completion_id: str) -> None:
    """Delete a stored completion; its captured example stays."""
    connection.execute(delete(_table).where(_table.c.id == completion_id))
