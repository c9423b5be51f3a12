"""Fine-tuning jobs: create, list, retrieve, cancel, pause, resume, events, checkpoints."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Header, Query
from openai.pagination import SyncCursorPage
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

from fine_tuning.base_models import catalogue
from fine_tuning.server import api_objects, model_lookup
from fine_tuning.server.api_errors import ApiError, invalid, not_found
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.job_request import AUTO, DEFAULT_SEED, CreateJob, hyperparameters_of
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.pagination import known_position, listed
from fine_tuning.server.query_parameters import MetadataFilter
from fine_tuning.server.routes.files import find as find_file
from fine_tuning.store import artifacts, job_events, job_queue, jobs
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.jobs import Hyperparameters, NewJob
from fine_tuning.store.records.jobs import Job as JobRecord
from fine_tuning.training.jobs import job_outcome
from fine_tuning.training.jobs.trainer_port import ENDED, RUNNING, Action

router = APIRouter(prefix="/fine_tuning/jobs", route_class=JsonRoute, tags=["Fine-tuning"])


class Job(FineTuningJob):
    """OpenAI's job, with the status `paused`, which the SDK's model lacks."""

    status: Literal["validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"]  # type: ignore[assignment]


@router.post("", response_model=Job, response_model_exclude_unset=True)
def create(
    server: Server,
    project: Project,
    body: CreateJob,
    idempotency_key: Annotated[str | None, Header(max_length=100)] = None,
) -> ApiObject:
    """Create a job; the same Idempotency-Key gives the first job again."""
    key = f"{project}:{idempotency_key or uuid.uuid4().hex}"
    with server.database.read() as tx:
        if (known := jobs.by_key(tx, key)) is not None:
            return shown(tx, known)
    row = _row(server, project, body, key)
    with server.database.write() as tx:
        if jobs.add_once(tx, row):
            job_events.add(tx, row["id"], "message", f"Created fine-tuning job: {row['id']}", {})
            job_events.add(tx, row["id"], "message", f"Validating training file: {body.training_file}", {})
        stored = jobs.by_key(tx, key)
        assert stored is not None  # noqa: S101 - added here, or by the request that was faster
        return shown(tx, stored)


def _row(server: Context, project: str, body: CreateJob, idempotency_key: str) -> NewJob:
    kind, chosen = hyperparameters_of(body)
    base = model_lookup.base_model(server, project, body.model)
    for param in ("training_file", "validation_file"):
        if (file_id := getattr(body, param)) is not None:
            file = find_file(server, project, file_id, param)
            if file["purpose"] != "fine-tune":
                raise invalid(f"{file_id} has purpose {file['purpose']}; upload it as 'fine-tune'", param)
    return {
        "id": f"ftjob-{uuid.uuid4().hex[:24]}",
        "provider": "local",
        "idempotency_key": idempotency_key,
        "project": project,
        "pooled": True,
        "model": body.model,
        "base_model": catalogue.folder_of(base) or base,
        "training_file_id": body.training_file,
        "validation_file_id": body.validation_file,
        "suffix": body.suffix,
        "hyperparameters": cast(
            "Hyperparameters",
            {
                **{name: AUTO[name] if value == "auto" else value for name, value in chosen.model_dump().items()},
                "seed": DEFAULT_SEED if body.seed is None else body.seed,
                "method": kind,
            },
        ),
        "method": {"type": kind},
        "metadata": body.metadata,
        "integrations": [each.model_dump(exclude_none=True) for each in body.integrations or []] or None,
        "dataset_id": None,
        "status": "validating_files",
    }


def shown(tx: Transaction, row: JobRecord) -> ApiObject:
    """A job as an object, with its estimated finish while it runs."""
    running = row["status"] == "running"
    return api_objects.job(row, job_events.estimated_finish(tx, row["id"]) if running else None)


@router.get("", response_model=SyncCursorPage[Job], response_model_exclude_unset=True)
def list_(
    server: Server,
    project: Project,
    metadata: MetadataFilter,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: str | None = None,
) -> ApiObject:
    """The project's jobs, newest first; `metadata[key]=value` filters, `metadata=null` keeps those without any."""
    with known_position(), server.database.read() as tx:
        page = jobs.page(tx, project, metadata=metadata, after=after, limit=limit)
        return listed(page, lambda row: shown(tx, row))


@router.get("/{job_id}", response_model=Job, response_model_exclude_unset=True)
def retrieve(server: Server, project: Project, job_id: str) -> ApiObject:
    """One job."""
    with server.database.read() as tx:
        return shown(tx, find(tx, project, job_id))


@router.post("/{job_id}/cancel", response_model=Job, response_model_exclude_unset=True)
def cancel(server: Server, project: Project, job_id: str) -> ApiObject:
    """Cancel a job."""
    return _act(server, project, job_id, "cancel")


@router.post("/{job_id}/pause", response_model=Job, response_model_exclude_unset=True)
def pause(server: Server, project: Project, job_id: str) -> ApiObject:
    """Pause a job at its next step, which frees its slot."""
    return _act(server, project, job_id, "pause")


@router.post("/{job_id}/resume", response_model=Job, response_model_exclude_unset=True)
def resume(server: Server, project: Project, job_id: str) -> ApiObject:
    """Resume a paused job from its last checkpoint."""
    return _act(server, project, job_id, "resume")


_POSSIBLE: dict[Action, tuple[str, ...]] = {
    "cancel": (*RUNNING, "paused", "cancelled"),
    "pause": (*RUNNING, "paused"),
    "resume": (*RUNNING, "paused"),
}


def _act(server: Context, project: str, job_id: str, action: Action) -> ApiObject:
    with server.database.write() as tx:
        job = find(tx, project, job_id)
        if job["status"] not in _POSSIBLE[action]:
            raise ApiError(
                400,
                f"Job has {'already ' if job['status'] in ENDED else ''}{job['status']}; {action} is not possible",
                param="fine_tuning_job_id",
                code="invalid_job_state",
            )
        if action == "resume":
            job_queue.requeue(tx, job_id)
        elif job["status"] != "cancelled":
            job_queue.request(tx, job_id, action)
            job_outcome.record_if_cancelled(tx, server.workspace.settings, job_id)
        return shown(tx, find(tx, project, job_id))


@router.get("/{job_id}/events", response_model=SyncCursorPage[FineTuningJobEvent])
def events(
    server: Server,
    project: Project,
    job_id: str,
    limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    after: str | None = None,
) -> ApiObject:
    """A job's events, newest first."""
    with known_position(), server.database.read() as tx:
        find(tx, project, job_id)
        return listed(job_events.page(tx, job_id, after=_number(after, "ftevent-"), limit=limit), api_objects.event)


@router.get(
    "/{job_id}/checkpoints", response_model=SyncCursorPage[FineTuningJobCheckpoint], response_model_exclude_unset=True
)
def checkpoints(
    server: Server,
    project: Project,
    job_id: str,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    after: str | None = None,
) -> ApiObject:
    """A job's checkpoints, one an epoch, newest first; each can be called like a model."""
    with known_position(), server.database.read() as tx:
        job = find(tx, project, job_id)
        page = artifacts.epochs_page(tx, job_id, after=_number(after, "ftckpt-"), limit=limit)
        name = model_lookup.name_of(job)
        return listed(
            page, lambda row: api_objects.checkpoint(row, name, job_events.metrics_at(tx, job_id, row["step"] or 0))
        )


def _number(name: str | None, prefix: str) -> int | None:
    if name is None:
        return None
    digits = name.removeprefix(prefix)
    if not name.startswith(prefix) or not (digits.isascii() and digits.isdecimal()) or len(digits) > 18:
        raise invalid(f"no item {name} to continue after", "after")
    return int(digits)


def find(tx: Transaction, project: str, job_id: str) -> JobRecord:
    """A job of the project.

    Raises:
        ApiError: 404.
    """
    row = jobs.in_project(tx, project, job_id)
    if row is None:
        raise not_found("fine-tuning job", job_id, "fine_tuning_job_id")
    return row
