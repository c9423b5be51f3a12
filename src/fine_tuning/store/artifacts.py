"""Artifacts: files and folders that jobs made."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from fine_tuning.store import paging, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.job_results import Artifact
from fine_tuning.store.records.rows import record, records

_table = tables.artifacts


def add(
    connection: Connection, job_id: str | None, kind: str, path: str, sha256: str | None, step: int | None = None
) -> int:
    """Record a file or folder that a job made. Returns its id."""
    artifact = {"job_id": job_id, "kind": kind, "path": path, "sha256": sha256, "step": step}
    created = connection.execute(_table.insert().values(**artifact, created_at=now()))
    return int(created.inserted_primary_key[0])  # type: ignore[index]


def keep(connection: Connection, job_id: str, kind: str, path: str, step: int) -> bool:
    """Record what a job made at a step, unless an interrupted run recorded it. Returns whether it is new."""
    known = select(_table.c.id).where(_table.c.job_id == job_id, _table.c.kind == kind, _table.c.step == step)
    if connection.scalar(known) is not None:
        return False
    add(connection, job_id, kind, path, None, step)
    return True


def of_job(connection: Connection, job_id: str) -> list[Artifact]:
    """The files and folders of a job, oldest first."""
    query = select(_table).where(_table.c.job_id == job_id).order_by(_table.c.id)
    return records(Artifact, connection.execute(query).mappings())


def epochs_page(connection: Connection, job_id: str, *, after: int | None, limit: int) -> paging.Page[Artifact]:
    """The adapters that a job saved at the end of its epochs, newest first."""
    conditions = [_table.c.job_id == job_id, _table.c.kind == "epoch"]
    return paging.page_by_id(connection, _table, conditions, after=after, limit=limit)


def forget_epochs(connection: Connection, job_id: str) -> None:
    """Delete the records of the adapters that a job saved at the end of its epochs."""
    connection.execute(delete(_table).where(_table.c.job_id == job_id, _table.c.kind == "epoch"))


def epoch_steps(connection: Connection, job_id: str) -> list[int]:
    """The steps at which a job saved adapters that it still has, in order."""
    query = select(_table.c.step).where(_table.c.job_id == job_id, _table.c.kind == "epoch").distinct()
    return [*connection.scalars(query.order_by(_table.c.step))]


def epoch_at(connection: Connection, job_id: str, step: int) -> Artifact | None:
    """The adapter that a job saved at a step, or None."""
    query = select(_table).where(_table.c.job_id == job_id, _table.c.kind == "epoch", _table.c.step == step)
    row = connection.execute(query.order_by(_table.c.id.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else record(Artifact, row)
