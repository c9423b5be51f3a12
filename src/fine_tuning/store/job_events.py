"""What happened to a job: its messages, and what was measured while it trained."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from fine_tuning.store import paging, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records import JobEvent

_table = tables.job_events
MOST_EVENTS = 10_000  # of one job: far more than any run writes


def add(
    connection: Connection, job_id: str, kind: str, message: str, data: Mapping[str, Any], level: str = "info"
) -> None:
    """Append to a job's history."""
    event = {"job_id": job_id, "kind": kind, "message": message, "data": dict(data), "level": level}
    connection.execute(_table.insert().values(**event, created_at=now()))


def forget_steps(connection: Connection, job_id: str, after: int) -> None:
    """Drop the metrics of steps that will be trained once more, since a worker died after its last checkpoint."""
    told = _table.c.data["step"].as_integer() > after
    connection.execute(_table.delete().where(_table.c.job_id == job_id, _table.c.kind == "metrics", told))


def newest(connection: Connection, job_id: str, limit: int) -> list[dict[str, Any]]:
    """The newest events of a job, oldest first."""
    query = select(_table).where(_table.c.job_id == job_id).order_by(_table.c.id.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()][::-1]


def told(connection: Connection, job_id: str, limit: int) -> list[dict[str, Any]]:
    """The newest events of a job that are no measurements, oldest first."""
    query = select(_table).where(_table.c.job_id == job_id, _table.c.kind != "metrics").order_by(_table.c.id.desc())
    return [dict(row) for row in connection.execute(query.limit(limit)).mappings()][::-1]


def last(connection: Connection, job_id: str) -> int:
    """The id of the newest event of a job; 0 where there is none."""
    return connection.scalar(select(func.max(_table.c.id)).where(_table.c.job_id == job_id)) or 0


def metrics(connection: Connection, job_id: str, limit: int = MOST_EVENTS) -> list[dict[str, Any]]:
    """What was measured while a job trained, oldest first: the data of its newest metrics events."""
    query = select(_table.c.data).where(_table.c.job_id == job_id, _table.c.kind == "metrics")
    return list(connection.scalars(query.order_by(_table.c.id.desc()).limit(limit)))[::-1]


def page(connection: Connection, job_id: str, *, after: int | None, limit: int) -> paging.Page[JobEvent]:
    """A job's events, newest first."""
    return paging.page_by_id(connection, _table, [_table.c.job_id == job_id], after=after, limit=limit)


def estimated_finish(connection: Connection, job_id: str) -> datetime | None:
    """When a running job ends by its own estimate, or None."""
    query = (
        select(_table.c.created_at, _table.c.data)
        .where(_table.c.job_id == job_id, _table.c.kind == "metrics")
        .order_by(_table.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    left = row.data.get("seconds_left") if row is not None else None
    return None if row is None or left is None else row.created_at + timedelta(seconds=left)


def metrics_at(connection: Connection, job_id: str, step: int) -> dict[str, Any]:
    """What is known of a job at a step: its metrics events up to there, later ones over earlier ones."""
    known: dict[str, Any] = {}
    for event in newest(connection, job_id, MOST_EVENTS):
        if event["kind"] == "metrics" and event["data"].get("step", 0) <= step:
            known |= {name: value for name, value in event["data"].items() if value is not None}
    return known
