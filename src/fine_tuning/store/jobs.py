"""Fine-tuning jobs, their events and artifacts. A job is recorded before anything is sent or started."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, case, func, or_, select, update

from fine_tuning.store import budgets, paging, tables
from fine_tuning.store.types import now
from fine_tuning.store.upsert import insert

_table = tables.jobs
_columns = _table.c
FINISHED = ("succeeded", "failed", "cancelled")
MOST_EVENTS = 10_000  # of one job: far more than any run writes


def add(connection: Connection, job: Mapping[str, Any]) -> None:
    """Record a new job.

    Raises:
        ConflictError: its `estimate` is more than what a budget has left this month.
    """
    if "estimate" in job:
        budgets.draw(connection, job["suffix"] or job["model"], job["estimate"]["usd"])
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


def listed(
    connection: Connection, *, status: str | None = None, offset: int = 0, limit: int = 50
) -> tuple[list[dict[str, Any]], int]:
    """Jobs of all hosts, newest first, `limit` of them from `offset` on; and how many there are."""
    wanted = [] if status is None else [_columns.status == status]
    query = select(_table).where(*wanted).order_by(_columns.created_at.desc(), _columns.id)
    found = [dict(row) for row in connection.execute(query.offset(offset).limit(limit)).mappings()]
    return found, connection.scalar(select(func.count()).select_from(_table).where(*wanted)) or 0


def failed_since(connection: Connection, moment: datetime) -> list[dict[str, Any]]:
    """The jobs that have failed after a moment, newest first."""
    query = select(_table).where(_columns.status == "failed", _columns.finished_at > moment)
    return [dict(row) for row in connection.execute(query.order_by(_columns.finished_at.desc())).mappings()]


def unanswered(connection: Connection, provider: str, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """A job with this request that was recorded but never confirmed by its host: the trace of a crash."""
    compared = request.keys() - {"hyperparameters", "estimate"}
    same = [_columns[name] == request[name] for name in compared]
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
    """The job that made a fine-tuned model, or None.

    Where the workspace's own server made it for a client in the same workspace, both have a record of the job, and the
    server's is the one that knows the files.
    """
    of_host = case((_columns.provider == "local", 0), else_=1)
    query = select(_table).where(_columns.fine_tuned_model == fine_tuned_model).order_by(of_host).limit(1)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def needing_file(connection: Connection, file_id: str) -> str | None:
    """A job that has not ended and trains or validates on a file; None where there is none."""
    uses = or_(_columns.training_file_id == file_id, _columns.validation_file_id == file_id)
    return connection.scalar(select(_columns.id).where(uses, _columns.status.not_in(FINISHED)).limit(1))


def based_on(connection: Connection, folder: str) -> str | None:
    """A job that trains, or has a model, on the base model in a folder; None where there is none."""
    alive = or_(_columns.status.not_in(FINISHED), _columns.fine_tuned_model.is_not(None))
    return connection.scalar(select(_columns.id).where(_columns.base_model == folder, alive).limit(1))


def find_by_folder(connection: Connection, merged_dir: str) -> dict[str, Any] | None:
    """The local job that wrote its merged model to this folder, or None."""
    query = select(_table).where(_columns.provider == "local", _columns.result["merged_dir"].as_string() == merged_dir)
    row = connection.execute(query.limit(1)).mappings().one_or_none()
    return None if row is None else dict(row)


def add_event(
    connection: Connection, job_id: str, kind: str, message: str, data: Mapping[str, Any], level: str = "info"
) -> None:
    """Append to a job's history."""
    event = {"job_id": job_id, "kind": kind, "message": message, "data": dict(data), "level": level}
    connection.execute(tables.job_events.insert().values(**event, created_at=now()))


def forget_steps(connection: Connection, job_id: str, after: int) -> None:
    """Drop the metrics of steps that will be trained once more, since a worker died after its last checkpoint."""
    table = tables.job_events
    told = table.c.data["step"].as_integer() > after
    connection.execute(table.delete().where(table.c.job_id == job_id, table.c.kind == "metrics", told))


def newest_events(connection: Connection, job_id: str, limit: int) -> list[dict[str, Any]]:
    """The newest events of a job, oldest first."""
    table = tables.job_events
    query = select(table).where(table.c.job_id == job_id).order_by(table.c.id.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()][::-1]


def told(connection: Connection, job_id: str, limit: int) -> list[dict[str, Any]]:
    """The newest events of a job that are no measurements, oldest first."""
    table = tables.job_events
    query = select(table).where(table.c.job_id == job_id, table.c.kind != "metrics").order_by(table.c.id.desc())
    return [dict(row) for row in connection.execute(query.limit(limit)).mappings()][::-1]


def last_event(connection: Connection, job_id: str) -> int:
    """The id of the newest event of a job; 0 where there is none."""
    table = tables.job_events
    return connection.scalar(select(func.max(table.c.id)).where(table.c.job_id == job_id)) or 0


def metrics(connection: Connection, job_id: str, limit: int = MOST_EVENTS) -> list[dict[str, Any]]:
    """What was measured while a job trained, oldest first: the data of its newest metrics events."""
    table = tables.job_events
    query = select(table.c.data).where(table.c.job_id == job_id, table.c.kind == "metrics")
    return list(connection.scalars(query.order_by(table.c.id.desc()).limit(limit)))[::-1]


def add_artifact(
    connection: Connection, job_id: str | None, kind: str, path: str, sha256: str | None, step: int | None = None
) -> int:
    """Record a file or folder that a job made. Returns its id."""
    artifact = {"job_id": job_id, "kind": kind, "path": path, "sha256": sha256, "step": step}
    created = connection.execute(tables.artifacts.insert().values(**artifact, created_at=now()))
    return int(created.inserted_primary_key[0])  # type: ignore[index]


def keep_artifact(connection: Connection, job_id: str, kind: str, path: str, step: int) -> bool:
    """Record what a job made at a step, unless a trainer that was killed since had. Returns whether it is new."""
    table = tables.artifacts
    known = select(table.c.id).where(table.c.job_id == job_id, table.c.kind == kind, table.c.step == step)
    if connection.scalar(known) is not None:
        return False
    add_artifact(connection, job_id, kind, path, None, step)
    return True


def artifacts(connection: Connection, job_id: str) -> list[dict[str, Any]]:
    """What a job made, oldest first."""
    table = tables.artifacts
    query = select(table).where(table.c.job_id == job_id).order_by(table.c.id)
    return [dict(row) for row in connection.execute(query).mappings()]


def in_project(connection: Connection, project: str, job_id: str) -> dict[str, Any] | None:
    """A local job of a project, or None."""
    query = select(_table).where(_columns.project == project, _columns.provider == "local", _columns.id == job_id)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def page(
    connection: Connection, project: str, *, metadata: Mapping[str, str] | None, after: str | None, limit: int
) -> paging.Page:
    """A project's local jobs, newest first; see `paging.page`, and `paging.has_metadata` for `metadata`."""
    wanted = [_columns.project == project, _columns.provider == "local", *paging.has_metadata(_table, metadata)]
    return paging.page(connection, _table, wanted, after=after, limit=limit)


def by_key(connection: Connection, idempotency_key: str) -> dict[str, Any] | None:
    """The job that was created with this key, or None."""
    row = connection.execute(select(_table).where(_columns.idempotency_key == idempotency_key)).mappings().one_or_none()
    return None if row is None else dict(row)


def add_once(connection: Connection, job: Mapping[str, Any]) -> bool:
    """Record a new job; False where one has its idempotency key."""
    statement = insert(connection, _table).values(**job, requested="run", created_at=now())
    added = connection.scalar(
        statement.on_conflict_do_nothing(index_elements=["idempotency_key"]).returning(_columns.id)
    )
    return added is not None


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


def find_by_id_start(connection: Connection, start: str) -> list[dict[str, Any]]:
    """The local jobs whose id begins so."""
    query = (
        select(_table).where(_columns.provider == "local", _columns.id.startswith(start, autoescape=True)).limit(100)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


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


def note_parity(connection: Connection, job_id: str, same: int, asked: int) -> None:
    """Keep with the result how many probes the serving engine answered as the trainer did; fewer than all is told."""
    before = connection.scalar(select(_columns.result).where(_columns.id == job_id))
    if before is None:
        return
    change(connection, job_id, result={**before, "parity": {"same": same, "asked": asked}})
    if same < asked:
        message = f"the serving engine answers {same} of {asked} probes as the trainer did"
        add_event(connection, job_id, "message", message, {"same": same, "asked": asked}, level="warn")


def end(connection: Connection, job_id: str, status: str, **values: Any) -> None:
    """End a job that nobody holds."""
    connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.status.not_in(FINISHED))
        .values(status=status, finished_at=now(), **values)
    )


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


def events_page(connection: Connection, job_id: str, *, after: int | None, limit: int) -> paging.Page:
    """A job's events, newest first."""
    table = tables.job_events
    return paging.page_by_id(connection, table, [table.c.job_id == job_id], after=after, limit=limit)


def epochs_page(connection: Connection, job_id: str, *, after: int | None, limit: int) -> paging.Page:
    """The adapters that a job kept at the end of its epochs, newest first."""
    table = tables.artifacts
    conditions = [table.c.job_id == job_id, table.c.kind == "epoch"]
    return paging.page_by_id(connection, table, conditions, after=after, limit=limit)


def tokens_per_second(connection: Connection, model: str) -> float | None:
    """How fast the last local job with this base model trained; None without one."""
    query = (
        select(_columns.trained_tokens, _columns.result)
        .where(_columns.provider == "local", _columns.status == "succeeded", _columns.model == model)
        .order_by(_columns.finished_at.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    seconds = None if row is None or not row.result else row.result.get("wall_seconds")
    return row.trained_tokens / seconds if row is not None and seconds and row.trained_tokens else None


def estimated_finish(connection: Connection, job_id: str) -> datetime | None:
    """When a running job ends by its own estimate, or None."""
    table = tables.job_events
    query = (
        select(table.c.created_at, table.c.data)
        .where(table.c.job_id == job_id, table.c.kind == "metrics")
        .order_by(table.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    left = row.data.get("seconds_left") if row is not None else None
    return None if row is None or left is None else row.created_at + timedelta(seconds=left)


def epoch_at(connection: Connection, job_id: str, step: int) -> dict[str, Any] | None:
    """The adapter that a job kept at a step, or None."""
    table = tables.artifacts
    query = select(table).where(table.c.job_id == job_id, table.c.kind == "epoch", table.c.step == step)
    row = connection.execute(query.order_by(table.c.id.desc()).limit(1)).mappings().one_or_none()
    return None if row is None else dict(row)


def made(connection: Connection, project: str) -> list[dict[str, Any]]:
    """A project's local jobs whose model is there, oldest first."""
    query = select(_table).where(
        _columns.project == project,
        _columns.provider == "local",
        _columns.status == "succeeded",
        _columns.fine_tuned_model.is_not(None),
    )
    return [dict(row) for row in connection.execute(query.order_by(_columns.created_at)).mappings()]


def count_by_status(connection: Connection) -> dict[str, int]:
    """How many local jobs there are of each status."""
    query = select(_columns.status, func.count()).where(_columns.provider == "local").group_by(_columns.status)
    return {status: count for status, count in connection.execute(query)}  # noqa: C416 - a row is no tuple to mypy


def metrics_at(connection: Connection, job_id: str, step: int) -> dict[str, Any]:
    """What is known of a job at a step: its metrics events up to there, later ones over earlier ones."""
    known: dict[str, Any] = {}
    for event in newest_events(connection, job_id, MOST_EVENTS):
        if event["kind"] == "metrics" and event["data"].get("step", 0) <= step:
            known |= {name: value for name, value in event["data"].items() if value is not None}
    return known
