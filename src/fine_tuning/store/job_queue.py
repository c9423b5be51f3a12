"""The job queue: leases that workers claim and renew, requests to pause or cancel, and jobs whose worker died."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, update

from fine_tuning.store import job_events, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.database_clock import MAX_LEASE, cap_leases, database_now
from fine_tuning.store.jobs import FINISHED
from fine_tuning.store.records.jobs import Job, JobRequest, JobStatus
from fine_tuning.store.records.rows import record

_table = tables.jobs
_columns = _table.c


class StaleLease(NamedTuple):
    """A job and the worker that holds it but no longer renews its lease."""

    job_id: str
    worker: str


def reserve(connection: Connection, job_id: str, worker: str, lease_seconds: float) -> bool:
    """Lease an unleased job to a worker that is being started; False if it is leased or has ended."""
    moment = database_now(connection)
    reserved = connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.status.not_in(FINISHED), _is_unleased(moment))
        .values(
            worker=worker, lease_expires_at=moment + timedelta(seconds=lease_seconds), status="queued", requested="run"
        )
    )
    return reserved.rowcount == 1


def claim(connection: Connection, job_id: str, worker: str, lease_seconds: float) -> bool:
    """Start running a job that is unleased or reserved for this worker; False if another holds it or it has ended."""
    moment = database_now(connection)
    is_free = or_(_is_unleased(moment), _columns.worker == worker)
    claimed = connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.status.not_in(FINISHED), is_free)
        .values(worker=worker, lease_expires_at=moment + timedelta(seconds=lease_seconds), status="running")
    )
    if claimed.rowcount != 1:
        return False
    connection.execute(
        update(_table).where(_columns.id == job_id, _columns.started_at.is_(None)).values(started_at=now())
    )
    return True


def renew_lease(connection: Connection, job_id: str, worker: str, lease_seconds: float) -> JobRequest | None:
    """Renew the lease. Returns the user's request (run, pause, cancel); None if the lease was lost."""
    renewed = connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.worker == worker)
        .values(lease_expires_at=database_now(connection) + timedelta(seconds=lease_seconds))
    )
    if renewed.rowcount != 1:
        return None
    return connection.scalar(select(_columns.requested).where(_columns.id == job_id))


def release(connection: Connection, job_id: str, worker: str, status: JobStatus, **values: object) -> bool:
    """End the lease and set the job's status; False if the lease was lost."""
    finished = {"finished_at": now()} if status in FINISHED else {}
    released = connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.worker == worker)
        .values(status=status, worker=None, lease_expires_at=None, **finished, **values)
    )
    return released.rowcount == 1


def request(connection: Connection, job_id: str, requested: Literal["pause", "cancel"]) -> None:
    """Request a pause or a cancellation of the worker; an unleased job is paused or cancelled at once."""
    connection.execute(update(_table).where(_columns.id == job_id).values(requested=requested))
    connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.status.not_in(FINISHED), _is_unleased(database_now(connection)))
        .values(worker=None, lease_expires_at=None, **_AS_REQUESTED[requested]())
    )


def abandoned(connection: Connection) -> list[str]:
    """Ids of queued or running jobs whose worker died and that no pool requeues."""
    query = select(_columns.id).where(
        _columns.provider == "local",
        ~_columns.pooled,
        _columns.status.in_(("queued", "running")),
        _is_unleased(database_now(connection)),
    )
    return list(connection.scalars(query.order_by(_columns.created_at)))


def mark_abandoned(connection: Connection, job_id: str, dead: str | None = None) -> None:
    """Pause a job whose worker died, unless it is leased again.

    Args:
        dead: a worker that is known to have died, whose lease counts no more.
    """
    moment = database_now(connection)
    cap_leases(connection, _table, moment)
    is_left = or_(_is_unleased(moment), _columns.worker == dead)
    changed = connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.status.in_(("queued", "running")), is_left)
        .values(status="paused", worker=None, lease_expires_at=None)
    )
    if changed.rowcount == 1:
        message = "the worker died; resume the job to continue from its last checkpoint"
        job_events.add(connection, job_id, "message", message, {}, level="warn")


def requeue(connection: Connection, job_id: str) -> None:
    """Queue a paused job again, or withdraw a requested pause that no worker has carried out yet.

    One that had a worker of its own waits for any, from now on.
    """
    is_left = and_(_columns.status.in_(("paused", "queued", "running")), _is_unleased(database_now(connection)))
    connection.execute(update(_table).where(_columns.id == job_id, is_left).values(pooled=True))
    connection.execute(
        update(_table).where(_columns.id == job_id, _columns.status.not_in(FINISHED)).values(requested="run")
    )
    # The files of a job that never ran may not be validated yet; validating them twice does no harm.
    waiting = case((_columns.started_at.is_(None), "validating_files"), else_="queued")
    connection.execute(
        update(_table).where(_columns.id == job_id, _columns.status == "paused").values(status=waiting, deaths=0)
    )


def next_to_validate(connection: Connection) -> Job | None:
    """The oldest pooled job whose files are not validated yet, or None."""
    query = (
        select(_table)
        .where(_columns.pooled, _columns.status == "validating_files", _columns.requested == "run")
        .order_by(_columns.created_at, _columns.id)
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else record(Job, row)


def end_validation(connection: Connection, job_id: str, status: Literal["queued", "failed"], **values: object) -> bool:
    """Queue or fail a job whose files were validated; False if another worker did before."""
    finished = {"finished_at": now()} if status in FINISHED else {}
    ended = connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.status == "validating_files")
        .values(status=status, **finished, **values)
    )
    return ended.rowcount == 1


def reserve_next(connection: Connection, worker: str, lease_seconds: float) -> str | None:
    """Lease the oldest pooled job that waits or whose worker died. Returns its id, or None."""
    moment = database_now(connection)
    waiting = (
        select(_columns.id)
        .where(
            _columns.pooled,
            _columns.requested == "run",
            _columns.status.in_(("queued", "running")),
            _is_unleased(moment),
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


def waiting_like(connection: Connection, job_id: str) -> list[Job]:
    """The other pooled jobs that wait for a worker and have this one's base model, oldest first.

    Not those whose worker has died: with them others would be lost again.
    """
    job = connection.execute(select(_table).where(_columns.id == job_id)).mappings().one()
    query = select(_table).where(
        _columns.id != job_id,
        _columns.model == job["model"],
        _columns.base_model.is_not_distinct_from(job["base_model"]),
        _columns.pooled,
        _columns.requested == "run",
        _columns.status == "queued",
        _columns.deaths == 0,
        _is_unleased(database_now(connection)),
    )
    found = connection.execute(query.order_by(_columns.created_at, _columns.id)).mappings()
    return [record(Job, row) for row in found]


def count_leased(connection: Connection, worker_prefix: str) -> int:
    """The number of jobs that are leased to workers whose names begin with `worker_prefix`."""
    query = (
        select(func.count())
        .select_from(_table)
        .where(
            _columns.worker.startswith(worker_prefix, autoescape=True),
            _columns.lease_expires_at >= database_now(connection),
        )
    )
    return int(connection.scalar(query) or 0)


def stale(connection: Connection, worker_prefix: str, min_seconds_left: Mapping[JobStatus, float]) -> list[StaleLease]:
    """Leases of pooled jobs that their workers have not renewed for a while.

    Args:
        worker_prefix: of the workers' names.
        min_seconds_left: for each status, the seconds that a lease still has if its worker is alive.
    """
    moment = database_now(connection)
    is_stale = [
        and_(_columns.status == status, _columns.lease_expires_at < moment + timedelta(seconds=seconds))
        for status, seconds in min_seconds_left.items()
    ]
    query = select(_columns.id, _columns.worker).where(
        _columns.pooled, _columns.worker.startswith(worker_prefix, autoescape=True), or_(*is_stale)
    )
    return [StaleLease(row.id, row.worker) for row in connection.execute(query)]


def requeue_lost(connection: Connection, job_id: str, worker: str, *, died: bool = True) -> int | None:
    """Queue a job again whose worker ended without releasing it.

    Args:
        died: count it as a death of a worker.

    Returns:
        The job's deaths since its last checkpoint; None if the worker did not hold it.
    """
    query = (
        update(_table)
        .where(_columns.id == job_id, _columns.worker == worker, _columns.status.not_in(FINISHED))
        .values(status="queued", worker=None, lease_expires_at=None, deaths=_columns.deaths + int(died))
        .returning(_columns.deaths)
    )
    deaths: int | None = connection.scalar(query)
    return deaths


def is_run_requested(connection: Connection, job_id: str) -> bool:
    """Whether a job should run: neither a pause nor a cancellation is requested."""
    return connection.scalar(select(_columns.requested).where(_columns.id == job_id)) == "run"


def reconcile(connection: Connection) -> None:
    """Bring unleased pooled jobs to the requested status, where their worker died before it did.

    A requested pause or cancellation is carried out; a job that paused because its pool shut down is queued again.
    """
    moment = database_now(connection)
    cap_leases(connection, _table, moment)
    for requested in ("pause", "cancel"):
        connection.execute(
            update(_table)
            .where(
                _columns.pooled,
                _columns.requested == requested,
                _columns.status.in_(("queued", "running")),
                _is_unleased(moment),
            )
            .values(worker=None, lease_expires_at=None, **_AS_REQUESTED[requested]())
        )
    connection.execute(
        update(_table)
        .where(_columns.pooled, _columns.requested == "run", _columns.status == "paused", _is_unleased(moment))
        .values(status="queued")
    )


_AS_REQUESTED: dict[str, Callable[[], dict[str, object]]] = {
    "pause": lambda: {"status": "paused"},
    "cancel": lambda: {"status": "cancelled", "finished_at": now()},
}


def is_leased(connection: Connection, job: Job) -> bool:
    """Whether a worker holds a job; not with a lease of a clock that was ahead, which `mark_abandoned` shortens."""
    expiry, moment = job["lease_expires_at"], database_now(connection)
    return expiry is not None and moment <= expiry <= moment + MAX_LEASE


def _is_unleased(moment: datetime) -> ColumnElement[bool]:
    return or_(_columns.lease_expires_at.is_(None), _columns.lease_expires_at < moment)
