"""Records the jobs of an account in their current state, and registers the models that they made."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import cast

from fine_tuning._util.model_names import suffix_of
from fine_tuning.store import files, jobs, model_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.job_results import JobCheckpoint
from fine_tuning.store.records.jobs import Hyperparameters, Job, JobError, JobMethod, NewJob
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.training.jobs.hosted_objects import HostedJob, moment_of
from fine_tuning.workflows.account_export.account_lists import AccountLists
from fine_tuning.workflows.account_export.export_session import ExportSession
from fine_tuning.workflows.account_export.exported_models import register_model_of_job


def record_jobs(
    session: ExportSession,
    lists: AccountLists,
    checkpoints: Mapping[str, list[JsonColumn]],
    available_files: Collection[str],
) -> None:
    """Record the current state of jobs, oldest first, and register their models.

    Args:
        checkpoints: by job, for the jobs that have any.
        available_files: ids of the files that are stored here.
    """
    alive = lists.model_ids()
    for job in sorted(lists.jobs, key=lambda each: (each.created_at or 0, each.id)):
        with session.write() as tx:
            current, known = _job_record(tx, session.url, job, checkpoints.get(job.id, [])), jobs.get(tx, job.id)
            if known is None:
                jobs.add(tx, current)
                session.report.new_jobs += 1
            elif known["idempotency_key"] == current["idempotency_key"]:  # others belong to their trainer
                session.report.changed_jobs += _renew(tx, known, current)
            ids = {job.id, job.id if known is None else known["id"]}  # a job started here has an id of ours, too
            if job.fine_tuned_model and not any(model_versions.of_job(tx, each) for each in ids):
                has_file, is_alive = job.training_file in available_files, job.fine_tuned_model in alive
                register_model_of_job(session, tx, job, has_file=has_file, is_alive=is_alive)


def _job_record(tx: Transaction, url: str, job: HostedJob, checkpoints: list[JsonColumn]) -> NewJob:
    file = files.get(tx, job.training_file)
    return {
        "id": job.id,
        "provider": url,
        "provider_job_id": job.id,
        "idempotency_key": f"export {url} {job.id}"[:200],
        "model": job.model,
        "training_file_id": job.training_file,
        "validation_file_id": job.validation_file,
        "dataset_id": None if file is None else file["dataset_id"],
        "suffix": suffix_of(job.fine_tuned_model),
        "hyperparameters": cast("Hyperparameters", _given(job.hyperparameters) or {}),
        "status": job.status,
        "fine_tuned_model": job.fine_tuned_model,
        "trained_tokens": job.trained_tokens,
        "method": cast("JobMethod | None", _given(job.method)),
        "seed": job.seed,
        "metadata": job.metadata,
        "started_at": moment_of(job.created_at),
        "finished_at": moment_of(job.finished_at),
        "error": cast("JobError", job.error) if job.error and job.error.get("message") else None,
        "result": {"checkpoints": cast("list[JobCheckpoint]", checkpoints)},
    }


def _renew(tx: Transaction, known: Job, current: NewJob) -> bool:
    """Update a job to its state at the host, except for values that are no longer given. Returns whether it changed."""
    before: Mapping[str, object] = known
    new = {name: value for name, value in current.items() if value is not None and value != before[name]}
    if not (current["result"] or {}).get("checkpoints"):  # none, or unavailable
        new.pop("result", None)
    if new:
        jobs.change(tx, known["id"], **new)
    return bool(new)


def _given(values: JsonColumn | None) -> JsonColumn | None:
    """The values without those that are null, at any depth."""
    if values is None:
        return None
    known = {name: value for name, value in values.items() if value is not None}
    return {name: _given(value) if isinstance(value, dict) else value for name, value in known.items()}
