"""Who works on a job: leases that workers prolong, what is asked of them, and jobs whose worker died."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, case, func, or_, select, update

from fine_tuning.store import job_events, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.jobs import FINISHED

_table = tables.jobs
_columns = _table.c


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


def abandoned(connection: Connection) -> list[str]:
    """Jobs that count as queued or running, whose worker died and that no pool takes up."""
    query = select(_columns.id).where(
        _columns.provider == "local",
        _columns.pooled.is_(False),
        _columns.status.in_(("queued", "running")),
        or_(_columns.lease_expires_at.is_(None), _columns.lease_expires_at < now()),
    )
    return list(connection.scalars(query.order_by(_columns.created_at)))


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
        job_events.add(connection, job_id, "message", message, {}, level="warn")


def queue_again(connection: Connection, job_id: str) -> None:
    """Let a paused pooled job wait for a worker again, or take back a pause that no worker has obeyed yet."""
    connection.execute(
        update(_table).where(_columns.id == job_id, _columns.status.not_in(FINISHED)).values(requested="run")
    )
    # One that has never run may not have been looked at; once more does no harm.
    waiting = case((_columns.started_at.is_(None), "validating_files"), else_="queued")
    connection.execute(
        update(_table).where(_columns.id == job_id, _columns.status == "paused").values(status=waiting, deaths=0)
    )


def unvalidated(connection: Connection) -> dict[str, Any] | None:
    """The oldest pooled job whose files nobody has looked at yet, or None."""
    query = (
        select(_table)
        .where(_columns.pooled, _columns.status == "validating_files", _columns.requested == "run")
        .order_by(_columns.created_at, _columns.id)
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def end_validation(connection: Connection, job_id: str, status: str, **values: Any) -> bool:
    """Queue or fail a job whose files were looked at; False when another worker did before."""
    finished = {"finished_at": now()} if status in FINISHED else {}
    ended = connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.status == "validating_files")
        .values(status=status, **finished, **values)
    )
    return ended.rowcount == 1


def take(connection: Connection, worker: str, lease_seconds: float) -> str | None:
    """Reserve the oldest pooled job that waits or whose worker died. Returns its id, or None."""
    moment = now()
    waiting = (
        select(_columns.id)
        .where(
            _columns.pooled,
            _columns.requested == "run",
            _columns.status.in_(("queued", "running")),
            or_(_columns.lease_expires_at.is_(None), _columns.lease_expires_at < moment),
        )
        .order_by(_columns.created_at, _columns.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    job_id = connection.scalar(waiting)
    if job_id is not None:
        lease = moment + timedelta(seconds=lease_seconds)
        connection.execute(update(_table).where(_columns.id == job_id).values(worker=worker, lease_expires_at=lease))
    return job_id


def held(connection: Connection, worker_prefix: str) -> int:
    """How many jobs are leased to workers whose names begin so."""
    query = (
        select(func.count())
        .select_from(_table)
        .where(_columns.worker.startswith(worker_prefix, autoescape=True), _columns.lease_expires_at >= now())
    )
    return int(connection.scalar(query) or 0)


def silent(connection: Connection, worker_prefix: str, left: Mapping[str, float]) -> list[tuple[str, str]]:
    """Pooled jobs of workers whose names begin so, and their workers, whose lease was not prolonged for a while.

    Args:
        left: for each status, the seconds that the lease of one that is alive would have left.
    """
    moment = now()
    stale = [
        and_(_columns.status == status, _columns.lease_expires_at < moment + timedelta(seconds=seconds))
        for status, seconds in left.items()
    ]
    query = select(_columns.id, _columns.worker).where(
        _columns.pooled, _columns.worker.startswith(worker_prefix, autoescape=True), or_(*stale)
    )
    return [(row.id, row.worker) for row in connection.execute(query)]


def give_up(connection: Connection, job_id: str, worker: str, *, died: bool = True) -> int | None:
    """Queue a job again whose worker ended without a word. Returns its deaths so far; None if it was not its own."""
    query = (
        update(_table)
        .where(_columns.id == job_id, _columns.worker == worker, _columns.status.not_in(FINISHED))
        .values(status="queued", worker=None, lease_expires_at=None, deaths=_columns.deaths + int(died))
        .returning(_columns.deaths)
    )
    deaths: int | None = connection.scalar(query)
    return deaths


def is_wanted(connection: Connection, job_id: str) -> bool:
    """Whether a job is to go on: nobody has asked for a pause or its end."""
    return connection.scalar(select(_columns.requested).where(_columns.id == job_id)) == "run"


def settle(connection: Connection) -> None:
    """Bring pooled jobs that nobody holds to where they were wanted, whoever died before seeing to it.

    A pause or an end that was asked for takes place; a job that paused on its own, as its pool was leaving, goes on.
    """
    idle = or_(_columns.lease_expires_at.is_(None), _columns.lease_expires_at < now())
    for wanted, values in (("pause", {"status": "paused"}), ("cancel", {"status": "cancelled", "finished_at": now()})):
        connection.execute(
            update(_table)
            .where(_columns.pooled, _columns.requested == wanted, _columns.status.in_(("queued", "running")), idle)
            .values(worker=None, lease_expires_at=None, **values)
        )
    connection.execute(
        update(_table)
        .where(_columns.pooled, _columns.requested == "run", _columns.status == "paused", idle)
        .values(status="queued")
    )
