"""Batches of requests: record, read, list and cancel them. `batch_queue` has what servers do with them."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, select, update

from fine_tuning.store import paging, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.paging import Page
from fine_tuning.store.records.batches import Batch, BatchStatus, NewBatch
from fine_tuning.store.records.rows import record

_table = tables.batches
_columns = _table.c
ENDED: tuple[BatchStatus, ...] = ("failed", "completed", "expired", "cancelled")
WINDOW = timedelta(hours=24)


def add(connection: Connection, batch: NewBatch) -> None:
    """Record a new batch, whose requests have a day to be answered."""
    moment = now()
    connection.execute(
        _table.insert().values(**batch, status="validating", created_at=moment, expires_at=moment + WINDOW)
    )


def in_project(connection: Connection, project: str, batch_id: str) -> Batch | None:
    """A batch of a project, or None."""
    query = select(_table).where(_columns.project == project, _columns.id == batch_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else record(Batch, row)


def page(connection: Connection, project: str, *, after: str | None, limit: int) -> Page[Batch]:
    """A project's batches, newest first; see `paging.page`."""
    return paging.page(connection, _table, [_columns.project == project], after=after, limit=limit)


def request_cancel(connection: Connection, batch_id: str) -> bool:
    """Request that a batch be cancelled; False where it has ended or is being cancelled."""
    requested = connection.execute(
        update(_table)
        .where(_columns.id == batch_id, _columns.status.not_in((*ENDED, "cancelling")))
        .values(status="cancelling", cancelling_at=now())
    )
    return requested.rowcount == 1


def using_file(connection: Connection, file_id: str) -> str | None:
    """The id of a batch that has not ended and reads a file, or None."""
    query = select(_columns.id).where(_columns.input_file_id == file_id, _columns.status.not_in(ENDED))
    return connection.scalar(query.limit(1))
