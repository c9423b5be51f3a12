"""Which other projects may use a checkpoint of a fine-tuned model."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, exists, select

from fine_tuning.store import paging, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.paging import Page
from fine_tuning.store.upsert import insert

_table = tables.checkpoint_permissions


def grant(connection: Connection, checkpoint: str, projects: Sequence[str]) -> list[dict[str, Any]]:
    """Let projects use a checkpoint; granting twice changes nothing. Returns the permissions."""
    for project in dict.fromkeys(projects):
        row = {"id": f"cp_{uuid.uuid4().hex[:24]}", "checkpoint": checkpoint, "project": project, "created_at": now()}
        statement = insert(connection, _table).values(**row)
        connection.execute(statement.on_conflict_do_nothing(index_elements=["checkpoint", "project"]))
    query = select(_table).where(_table.c.checkpoint == checkpoint, _table.c.project.in_(projects))
    return [dict(row) for row in connection.execute(query.order_by(_table.c.created_at, _table.c.id)).mappings()]


def page(
    connection: Connection,
    checkpoint: str,
    *,
    project: str | None,
    after: str | None,
    limit: int,
    newest_first: bool,
) -> Page:
    """The permissions on a checkpoint; see `paging.page`."""
    wanted = [_table.c.checkpoint == checkpoint] + ([_table.c.project == project] if project else [])
    return paging.page(connection, _table, wanted, after=after, limit=limit, newest_first=newest_first)


def has(connection: Connection, checkpoint: str, project: str) -> bool:
    """Whether a project may use a checkpoint."""
    return bool(
        connection.scalar(select(exists().where(_table.c.checkpoint == checkpoint, _table.c.project == project)))
    )


def revoke(connection: Connection, checkpoint: str, permission_id: str) -> bool:
    """Take a permission back; False where there is no such one."""
    query = delete(_table).where(_table.c.checkpoint == checkpoint, _table.c.id == permission_id)
    return connection.execute(query).rowcount == 1
