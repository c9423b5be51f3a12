"""Fine-tuning jobs, their events and artifacts. A job is recorded before anything is sent or started."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, or_, select, update

from fine_tuning.store import tables
from fine_tuning.store.types import now

_table = tables.jobs
_columns = _table.c
FINISHED = ("succeeded", "failed", "cancelled")


def add(connection: Connection, job: Mapping[str, Any]) -> None:
    """Record a new job."""
    connection.execute(_table.insert().values(**job, requested="run", created_at=now()))


def change(connection: Connection, job_id: str, **values: Any) -> None:
    """Set columns of a job."""
    connection.execute(update(_table).where(_columns.id == job_id).values(**values))


def get(connection: Connection, job_id: str) -> dict[str, Any] | None:
    """A job by our id or by the host's, or None."""
    query = (
        select(_table)
        .where(or_(_columns.id == job_id, _columns.provider_job_id == job_id))
        .order_by(_columns.created_at.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def newest(connection: Connection, limit: int, provider: str | None = None) -> list[dict[str, Any]]:
    """The newest jobs first."""
    query = select(_table).order_by(_columns.created_at.desc(), _columns.id).limit(limit)
    if provider is not None:
        query = query.where(_columns.provider == provider)
    return [dict(row) for row in connection.execute(query).mappings()]


def unanswered(connection: Connection, provider: str, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """A job with this request that was recorded but never confirmed by its host: the trace of a crash."""
    same = [_columns[name] == value for name, value in request.items() if name != "hyperparameters"]
    query = select(_table).where(
        _columns.provider == provider, _columns.provider_job_id.is_(None), _columns.status == "queued", *same
    )
    for row in connection.execute(query).mappings():
        if row["hyperparameters"] == request["hyperparameters"]:
            return dict(row)
    return None


def reserve(connection: Connection, job_id: str, worker: str, lease_seconds: float) -> bool:
    """Keep a job that nobody works on for one worker that is being started; False when it is taken or has ended."""
    moment = now()
    free = or_(_columns.lease_expires_at.is_(None), _columns.lease_expires_at < moment)
    reserved = connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.status.not_in(FINISHED), free)
        .values(
            worker=worker, lease_expires_at=moment + timedelta(seconds=lease_seconds), status="queued", requested="run"
        )
    )
    return reserved.rowcount == 1


def claim(connection: Connection, job_id: str, worker: str, lease_seconds: float) -> bool:
    """Take a job that is free or reserved for this worker; False when another holds it or it has ended."""
    moment = now()
    free = or_(_columns.lease_expires_at.is_(None), _columns.lease_expires_at < moment, _columns.worker == worker)
    claimed = connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.status.not_in(FINISHED), free)
        .values(worker=worker, lease_expires_at=moment + timedelta(seconds=lease_seconds), status="running")
    )
    if claimed.rowcount != 1:
        return False
    connection.execute(
        update(_table).where(_columns.id == job_id, _columns.started_at.is_(None)).values(started_at=moment)
    )
    return True


def heartbeat(connection: Connection, job_id: str, worker: str, lease_seconds: float) -> str | None:
    """Prolong the lease. Returns what the user wants (run, pause, cancel); None when the lease was lost."""
    prolonged = connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.worker == worker)
        .values(lease_expires_at=now() + timedelta(seconds=lease_seconds))
    )
    if prolonged.rowcount != 1:
        return None
    return connection.scalar(select(_columns.requested).where(_columns.id == job_id))


def release(connection: Connection, job_id: str, worker: str, status: str, **values: Any) -> bool:
    """Give the job back with its new status; False when the lease was lost meanwhile."""
    finished = {"finished_at": now()} if status in FINISHED else {}
    released = connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.worker == worker)
        .values(status=status, worker=None, lease_expires_at=None, **finished, **values)
    )
    return released.rowcount == 1


def request(connection: Connection, job_id: str, wanted: str) -> None:
    """Ask the worker to pause or cancel; a job without a living worker is paused or cancelled at once."""
    connection.execute(update(_table).where(_columns.id == job_id).values(requested=wanted))
    ended = {"status": "cancelled", "finished_at": now()} if wanted == "cancel" else {"status": "paused"}
    idle = or_(_columns.lease_expires_at.is_(None), _columns.lease_expires_at < now())
    connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.status.not_in(FINISHED), idle)
        .values(worker=None, lease_expires_at=None, **ended)
    )


def mark_abandoned(connection: Connection, job_id: str) -> None:
    """Pause a job whose worker died; nothing happens where the worker came back meanwhile."""
    changed = connection.execute(
        update(_table)
        .where(
            _columns.id == job_id,
            _columns.status.in_(("queued", "running")),
            or_(_columns.lease_expires_at.is_(None), _columns.lease_expires_at < now()),
        )
        .values(status="paused", worker=None, lease_expires_at=None)
    )
    if changed.rowcount == 1:
        message = "the worker died; resume the job to go on from its last checkpoint"
        add_event(connection, job_id, "message", message, {}, level="warn")


def paused(connection: Connection, model: str, dataset_id: int) -> list[dict[str, Any]]:
    """Paused local jobs on data of the same content, newest first."""
    same_content = select(tables.datasets.c.id).where(
        tables.datasets.c.content_hash
        == select(tables.datasets.c.content_hash).where(tables.datasets.c.id == dataset_id).scalar_subquery()
    )
    query = select(_table).where(
        _columns.provider == "local",
        _columns.status == "paused",
        _columns.model == model,
        _columns.dataset_id.in_(same_content),
    )
    return [dict(row) for row in connection.execute(query.order_by(_columns.created_at.desc())).mappings()]


def find_by_model(connection: Connection, fine_tuned_model: str) -> dict[str, Any] | None:
    """The job that made a fine-tuned model, or None."""
    query = select(_table).where(_columns.fine_tuned_model == fine_tuned_model).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def add_event(
    connection: Connection, job_id: str, kind: str, message: str, data: Mapping[str, Any], level: str = "info"
) -> None:
    """Append to a job's history."""
    event = {"job_id": job_id, "kind": kind, "message": message, "data": dict(data), "level": level}
    connection.execute(tables.job_events.insert().values(**event, created_at=now()))


def newest_events(connection: Connection, job_id: str, limit: int) -> list[dict[str, Any]]:
    """The newest events of a job, oldest first."""
    table = tables.job_events
    query = select(table).where(table.c.job_id == job_id).order_by(table.c.id.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()][::-1]


def add_artifact(
    connection: Connection, job_id: str | None, kind: str, path: str, sha256: str | None, step: int | None = None
) -> int:
    """Record a file or folder that a job made. Returns its id."""
    artifact = {"job_id": job_id, "kind": kind, "path": path, "sha256": sha256, "step": step}
    created = connection.execute(tables.artifacts.insert().values(**artifact, created_at=now()))
    return int(created.inserted_primary_key[0])  # type: ignore[index]


def artifacts(connection: Connection, job_id: str) -> list[dict[str, Any]]:
    """What a job made, oldest first."""
    table = tables.artifacts
    query = select(table).where(table.c.job_id == job_id).order_by(table.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]
