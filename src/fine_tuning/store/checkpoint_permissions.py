"""Which other projects may use a fine-tuned model, or a checkpoint of one."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, delete, exists, or_, select

from fine_tuning.store import paging, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.paging import Page
from fine_tuning.store.records.api_keys import CheckpointPermission
from fine_tuning.store.records.rows import records
from fine_tuning.store.upsert import insert

_table = tables.checkpoint_permissions


def grant(connection: Connection, checkpoint: str, projects: Sequence[str]) -> list[CheckpointPermission]:
    """Let projects use a checkpoint; granting twice changes nothing. Returns the permissions."""
    for project in dict.fromkeys(projects):
        row = {"id": f"cp_{uuid.uuid4().hex[:24]}", "checkpoint": checkpoint, "project": project, "created_at": now()}
        statement = insert(connection, _table).values(**row)
        connection.execute(statement.on_conflict_do_nothing(index_elements=["checkpoint", "project"]))
    query = select(_table).where(_table.c.checkpoint == checkpoint, _table.c.project.in_(projects))
    rows = connection.execute(query.order_by(_table.c.created_at, _table.c.id)).mappings()
    return records(CheckpointPermission, rows)


def page(
    connection: Connection,
    checkpoint: str,
    *,
    project: str | None,
    after: str | None,
    limit: int,
    newest_first: bool,
) -> Page[CheckpointPermission]:
    """The permissions on a checkpoint; see `paging.page`."""
    scope = [_table.c.checkpoint == checkpoint]
    conditions = scope + ([_table.c.project == project] if project else [])
    return paging.page(connection, _table, conditions, after=after, limit=limit, newest_first=newest_first, scope=scope)


def has(connection: Connection, checkpoint: str, project: str) -> bool:
    """Whether a project may use a checkpoint."""
    return bool(
        connection.scalar(select(exists().where(_table.c.checkpoint == checkpoint, _table.c.project == project)))
    )


def granted(connection: Connection, project: str) -> list[str]:
    """The names of what a project may use, oldest permission first."""
    query = select(_table.c.checkpoint).where(_table.c.project == project).order_by(_table.c.created_at, _table.c.id)
    return [*connection.scalars(query)]


def forget(connection: Connection, model: str) -> None:
    """Delete the permissions on a model and on its checkpoints."""
    of_model = or_(_table.c.checkpoint == model, _table.c.checkpoint.startswith(f"{model}:", autoescape=True))
    connection.execute(delete(_table).where(of_model))


def revoke(connection: Connection, checkpoint: str, permission_id: str) -> bool:
    """Delete a permission; False where there is none with this id."""
    query = delete(_table).where(_table.c.checkpoint == checkpoint, _table.c.id == permission_id)
    return connection.execute(query).rowcount == 1
