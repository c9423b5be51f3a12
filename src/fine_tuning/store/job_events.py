"""The history of a job: its messages, and the metrics of its training."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Connection, func, select

from fine_tuning.store import paging, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.job_events import JobEvent, StepMetrics
from fine_tuning.store.records.rows import records

_table = tables.job_events
MAX_EVENTS = 10_000  # of one job: far more than any run writes


def add(
    connection: Connection, job_id: str, kind: str, message: str, data: Mapping[str, object], level: str = "info"
) -> None:
    """Append to a job's history; `data` is a `JobEventData`."""
    event = {"job_id": job_id, "kind": kind, "message": message, "data": dict(data), "level": level}
    connection.execute(_table.insert().values(**event, created_at=now()))


def delete_metrics_after(connection: Connection, job_id: str, step: int) -> None:
    """Delete the metrics of later steps, which are trained again since a worker died after its last checkpoint."""
    is_later = _table.c.data["step"].as_integer() > step
    connection.execute(_table.delete().where(_table.c.job_id == job_id, _table.c.kind == "metrics", is_later))


def newest(connection: Connection, job_id: str, limit: int) -> list[JobEvent]:
    """The newest events of a job, oldest first."""
    query = select(_table).where(_table.c.job_id == job_id).order_by(_table.c.id.desc()).limit(limit)
    return records(JobEvent, connection.execute(query).mappings())[::-1]


def newest_without_metrics(connection: Connection, job_id: str, limit: int) -> list[JobEvent]:
    """The newest messages, checkpoints and epochs of a job, oldest first."""
    query = select(_table).where(_table.c.job_id == job_id, _table.c.kind != "metrics").order_by(_table.c.id.desc())
    return records(JobEvent, connection.execute(query.limit(limit)).mappings())[::-1]


def last_id(connection: Connection, job_id: str) -> int:
    """The id of the newest event of a job; 0 without events."""
    return connection.scalar(select(func.max(_table.c.id)).where(_table.c.job_id == job_id)) or 0


def metrics(connection: Connection, job_id: str, limit: int = MAX_EVENTS) -> list[StepMetrics]:
    """The newest metrics of a job, oldest first."""
    query = select(_table.c.data).where(_table.c.job_id == job_id, _table.c.kind == "metrics")
    return list(connection.scalars(query.order_by(_table.c.id.desc()).limit(limit)))[::-1]


def page(connection: Connection, job_id: str, *, after: int | None, limit: int) -> paging.Page[JobEvent]:
    """A job's events, newest first."""
    return paging.page_by_id(connection, _table, [_table.c.job_id == job_id], after=after, limit=limit)


def estimated_finish(connection: Connection, job_id: str) -> datetime | None:
    """The end of a running job by its own estimate, or None."""
    query = (
        select(_table.c.created_at, _table.c.data)
        .where(_table.c.job_id == job_id, _table.c.kind == "metrics")
        .order_by(_table.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    left = row.data.get("seconds_left") if row is not None else None
    return None if row is None or left is None else row.created_at + timedelta(seconds=left)


def metrics_at(connection: Connection, job_id: str, step: int) -> StepMetrics:
    """The metrics of a job at a step: for each, the last known value up to there."""
    known: dict[str, object] = {}
    for event in newest(connection, job_id, MAX_EVENTS):
        if event["kind"] == "metrics" and event["data"].get("step", 0) <= step:
            known |= {name: value for name, value in event["data"].items() if value is not None}
    return cast("StepMetrics", known)
