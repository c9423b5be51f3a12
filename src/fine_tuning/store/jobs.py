"""Fine-tuning jobs. A job is recorded before anything is sent or started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, or_, select, update

from fine_tuning.store import budgets, job_events, paging, tables
from fine_tuning.store.column_types import now
from fine_tuning.store.records.job_results import JobResult, ProbeParity
from fine_tuning.store.records.jobs import Job, JobStatus, NewJob
from fine_tuning.store.records.rows import record, records
from fine_tuning.store.upsert import insert

_table = tables.jobs
_columns = _table.c
FINISHED: tuple[JobStatus, ...] = ("succeeded", "failed", "cancelled")


def add(connection: Connection, job: NewJob) -> None:
    """Record a new job.

    Raises:
        ConflictError: its `estimate` is more than what a budget has left this month.
    """
    if "estimate" in job:
        budgets.check(connection, job["suffix"] or job["model"], job["estimate"]["usd"])
    connection.execute(_table.insert().values(**job, requested="run", created_at=now()))


def change(connection: Connection, job_id: str, **values: object) -> None:
    """Set columns of a job."""
    connection.execute(update(_table).where(_columns.id == job_id).values(**values))


def get(connection: Connection, job_id: str) -> Job | None:
    """A job by our id or by the host's, or None."""
    query = (
        select(_table)
        .where(or_(_columns.id == job_id, _columns.provider_job_id == job_id))
        .order_by(_columns.created_at.desc())
        .limit(1)
    )
    return _one(connection, query)


def newest(connection: Connection, limit: int, provider: str | None = None) -> list[Job]:
    """The newest jobs first."""
    query = select(_table).order_by(_columns.created_at.desc(), _columns.id).limit(limit)
    if provider is not None:
        query = query.where(_columns.provider == provider)
    return records(Job, connection.execute(query).mappings())


def listed(
    connection: Connection, *, status: JobStatus | None = None, offset: int = 0, limit: int = 50
) -> tuple[list[Job], int]:
    """One page of the jobs of all hosts, newest first; and how many there are."""
    conditions = [] if status is None else [_columns.status == status]
    query = select(_table).where(*conditions).order_by(_columns.created_at.desc(), _columns.id)
    found = records(Job, connection.execute(query.offset(offset).limit(limit)).mappings())
    return found, connection.scalar(select(func.count()).select_from(_table).where(*conditions)) or 0


def failed_since(connection: Connection, moment: datetime) -> list[Job]:
    """The jobs that failed after a moment, newest first."""
    query = select(_table).where(_columns.status == "failed", _columns.finished_at > moment)
    return records(Job, connection.execute(query.order_by(_columns.finished_at.desc())).mappings())


def unconfirmed(connection: Connection, job: NewJob) -> Job | None:
    """A job with the same request that was recorded but never confirmed by its host: the trace of a crash."""
    compared = (
        _columns.provider == job["provider"],
        _columns.model == job["model"],
        _columns.training_file_id == job["training_file_id"],
        _columns.validation_file_id == job["validation_file_id"],
        _columns.suffix == job["suffix"],
    )
    query = select(_table).where(_columns.provider_job_id.is_(None), _columns.status == "queued", *compared)
    found = records(Job, connection.execute(query).mappings())
    return next((each for each in found if each["hyperparameters"] == job["hyperparameters"]), None)


def of_base_model(connection: Connection, model: str, statuses: Sequence[JobStatus]) -> list[Job]:
    """Local jobs of a base model with one of these statuses whose model is not deleted, newest first."""
    query = select(_table).where(_columns.provider == "local", _columns.model == model)
    query = query.where(_columns.status.in_(statuses), _columns.model_deleted_at.is_(None))
    return records(Job, connection.execute(query.order_by(_columns.created_at.desc())).mappings())


def find_by_model(connection: Connection, fine_tuned_model: str) -> Job | None:
    """The job that made a fine-tuned model, or None; also None of a model that was deleted.

    A job that the workspace's own server trains for a client of the same workspace has two records; the server's, which
    has the files, comes first.
    """
    of_host = case((_columns.provider == "local", 0), else_=1)
    query = select(_table).where(_columns.fine_tuned_model == fine_tuned_model, _columns.model_deleted_at.is_(None))
    return _one(connection, query.order_by(of_host).limit(1))


def has_deleted(connection: Connection, project: str, fine_tuned_model: str) -> bool:
    """Whether a local job of the project made a model of this name, which was deleted."""
    of_model = [_columns.fine_tuned_model == fine_tuned_model, _columns.model_deleted_at.is_not(None)]
    conditions = [_columns.project == project, _columns.provider == "local", *of_model]
    return bool(connection.scalar(select(exists().where(*conditions))))


def has_model() -> ColumnElement[bool]:
    """Of a job: whether it has made a model that still exists."""
    return and_(_columns.fine_tuned_model.is_not(None), _columns.model_deleted_at.is_(None))


def using_file(connection: Connection, file_id: str) -> str | None:
    """The id of a job that has not ended and trains or validates on a file, or None."""
    uses = or_(_columns.training_file_id == file_id, _columns.validation_file_id == file_id)
    return connection.scalar(select(_columns.id).where(uses, _columns.status.not_in(FINISHED)).limit(1))


def based_on(connection: Connection, folder: str) -> str | None:
    """The id of a job that trains, or whose model was trained, on the base model in a folder; or None."""
    alive = or_(_columns.status.not_in(FINISHED), has_model())
    return connection.scalar(select(_columns.id).where(_columns.base_model == folder, alive).limit(1))


def find_by_folder(connection: Connection, merged_dir: str) -> Job | None:
    """The local job that wrote its merged model to this folder, or None."""
    query = select(_table).where(_columns.provider == "local", _columns.result["merged_dir"].as_string() == merged_dir)
    return _one(connection, query.limit(1))


def in_project(connection: Connection, project: str, job_id: str) -> Job | None:
    """A local job of a project, or None."""
    query = select(_table).where(_columns.project == project, _columns.provider == "local", _columns.id == job_id)
    return _one(connection, query)


def page(
    connection: Connection, project: str, *, metadata: Mapping[str, str] | None, after: str | None, limit: int
) -> paging.Page[Job]:
    """A project's local jobs, newest first; see `paging.page`, and `paging.has_metadata` for `metadata`."""
    scope = [_columns.project == project, _columns.provider == "local"]
    conditions = [*scope, *paging.has_metadata(_table, metadata)]
    return paging.page(connection, _table, conditions, after=after, limit=limit, scope=scope)


def newest_of_file(connection: Connection, file_id: str) -> Job | None:
    """The newest job that trains on a file, or None."""
    query = select(_table).where(_columns.training_file_id == file_id).order_by(_columns.created_at.desc()).limit(1)
    return _one(connection, query)


def by_key(connection: Connection, idempotency_key: str) -> Job | None:
    """The job that was created with this key, or None."""
    return _one(connection, select(_table).where(_columns.idempotency_key == idempotency_key))


def add_once(connection: Connection, job: NewJob) -> bool:
    """Record a new job; False where one has its idempotency key."""
    statement = insert(connection, _table).values(**job, requested="run", created_at=now())
    added = connection.scalar(
        statement.on_conflict_do_nothing(index_elements=["idempotency_key"]).returning(_columns.id)
    )
    return added is not None


def find_by_id_start(connection: Connection, start: str) -> list[Job]:
    """The local jobs whose ids begin with `start`, at most 100."""
    query = (
        select(_table).where(_columns.provider == "local", _columns.id.startswith(start, autoescape=True)).limit(100)
    )
    return records(Job, connection.execute(query).mappings())


def record_parity(connection: Connection, job_id: str, same: int, probes: int) -> None:
    """Add to the result how many probes the serving engine answers as the trainer did; warn if fewer than all."""
    before: JobResult | None = connection.scalar(select(_columns.result).where(_columns.id == job_id))
    if before is None:
        return
    parity: ProbeParity = {"same": same, "probes": probes}
    change(connection, job_id, result={**before, "parity": parity})
    if same < probes:
        message = f"the serving engine answers {same} of {probes} probes with the same tokens as the trainer"
        job_events.add(connection, job_id, "message", message, parity, level="warn")


def end(connection: Connection, job_id: str, status: JobStatus, **values: object) -> None:
    """End a job that no worker holds."""
    connection.execute(
        update(_table)
        .where(_columns.id == job_id, _columns.status.not_in(FINISHED))
        .values(status=status, finished_at=now(), **values)
    )


def tokens_per_second(connection: Connection, model: str) -> float | None:
    """Training speed of the last local job with this base model; None without one."""
    query = (
        select(_columns.trained_tokens, _columns.result)
        .where(_columns.provider == "local", _columns.status == "succeeded", _columns.model == model)
        .order_by(_columns.finished_at.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    seconds = None if row is None or not row.result else row.result.get("wall_seconds")
    return row.trained_tokens / seconds if row is not None and seconds and row.trained_tokens else None


def with_model(connection: Connection, project: str) -> list[Job]:
    """A project's succeeded local jobs whose model still exists, oldest first."""
    query = select(_table).where(
        _columns.project == project,
        _columns.provider == "local",
        _columns.status == "succeeded",
        has_model(),
    )
    return records(Job, connection.execute(query.order_by(_columns.created_at)).mappings())


def count_by_status(connection: Connection) -> dict[str, int]:
    """The number of local jobs by status."""
    query = select(_columns.status, func.count()).where(_columns.provider == "local").group_by(_columns.status)
    return {status: count for status, count in connection.execute(query)}  # noqa: C416 - a row is no tuple to mypy


def _one(connection: Connection, query: Select[tuple[object, ...]]) -> Job | None:
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else record(Job, row)
