"""Record how a local job ended: its result, its files and its cost, which is spent without a model, too."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from fine_tuning._util.model_names import fine_tuned_name
from fine_tuning.base_models.model_folder import weights_file, weights_sha256
from fine_tuning.settings import Settings
from fine_tuning.store import artifacts, costs, files, job_events, job_queue, jobs
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.costs import NewCostEvent
from fine_tuning.store.records.job_results import JobResult
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.result_file import write_results
from fine_tuning.training.loop.training_events import TrainingResult

JOULES_PER_KWH = 3.6e6


def record_outcome(workspace: Workspace, job: Job, worker: str, trained: TrainingResult, joules: float | None) -> bool:
    """Release a job with what its training returned.

    Args:
        worker: name of the worker that holds the lease.
        joules: energy of this session; None where it is not measured.

    Returns:
        False if the lease was lost; then nothing is recorded.
    """
    result = _over_all_sessions(job["result"] or {}, trained, joules)
    if trained.status == "succeeded":
        return _record_success(workspace, job, worker, trained, result)
    with workspace.database.write() as tx:
        job_events.add(tx, job["id"], "message", f"job {trained.status} at step {trained.steps}", {})
        job_queue.release(tx, job["id"], worker, trained.status, result=result)
    return True


def _over_all_sessions(before: JobResult, trained: TrainingResult, joules: float | None) -> JobResult:
    earlier = before.get("joules", 0.0)
    result = cast("JobResult", trained.as_dict())
    result["wall_seconds"] = trained.wall_seconds + (before.get("wall_seconds") or 0.0)
    result["joules"] = None if joules is None or earlier is None else joules + earlier
    return result


def _record_success(workspace: Workspace, job: Job, worker: str, trained: TrainingResult, result: JobResult) -> bool:
    metrics_file = write_results(workspace, job)
    checksum = weights_sha256(weights_file(Path(str(trained.merged_dir))))
    name = fine_tuned_name(job)
    with workspace.database.write() as tx:
        is_ours = job_queue.release(
            tx,
            job["id"],
            worker,
            "succeeded",
            fine_tuned_model=name,
            trained_tokens=trained.trained_tokens,
            result=result,
            error=None,
            result_file_id=metrics_file["id"],
        )
        if not is_ours:
            return False
        files.add(tx, metrics_file)
        if trained.adapter_dir is not None:
            artifacts.add(tx, job["id"], "adapter", str(trained.adapter_dir), None)
        artifacts.add(tx, job["id"], "merged", str(trained.merged_dir), checksum)
        job_events.add(tx, job["id"], "message", f"job succeeded: {name}", {})
        costs.add(tx, _cost_event(workspace.settings, job, name, result))
    return True


def record_without_model(tx: Transaction, settings: Settings, job: Job, seconds: float, joules: float | None) -> None:
    """Record the cost of a job that failed or was cancelled: what it used was spent on its model all the same.

    Args:
        seconds, joules: of this session; those before are in the job's result.
    """
    before = job["result"] or {}
    earlier = before.get("joules", 0.0)
    total: JobResult = {
        "wall_seconds": seconds + (before.get("wall_seconds") or 0.0),
        "joules": None if joules is None or earlier is None else joules + earlier,
    }
    if total["wall_seconds"] and not costs.training_jobs(tx, job_id=job["id"]):
        costs.add(tx, _cost_event(settings, job, fine_tuned_name(job), total))


def record_if_cancelled(tx: Transaction, settings: Settings, job_id: str) -> None:
    """Record the cost of a job that was cancelled while no worker had it, such as a paused one."""
    job = jobs.get(tx, job_id)
    if job is not None and job["status"] == "cancelled":
        record_without_model(tx, settings, job, 0.0, 0.0)


def _cost_event(settings: Settings, job: Job, model: str, result: JobResult) -> NewCostEvent:
    rate, electricity = settings.machine_usd_per_hour, settings.electricity_usd_per_kwh
    seconds, joules = result["wall_seconds"], result["joules"]
    return {
        "kind": "training",
        "model_name": job["suffix"] or model,
        "base_model": job["model"],
        "job_id": job["id"],
        "dataset_size": result.get("rows"),
        "tokens": result.get("trained_tokens"),
        "cost": local_cost(seconds, joules, rate, electricity),
        "is_fine_tuned": True,
        "metadata": {
            "seconds": seconds,
            "machine_usd_per_hour": rate,
            "joules": joules,
            "electricity_usd_per_kwh": electricity,
        },
    }


def local_cost(
    seconds: float, joules: float | None, usd_per_hour: float | None, usd_per_kwh: float | None
) -> float | None:
    """US dollars of the machine's time and energy, as far as each is known and has a price; None if neither is."""
    parts = [] if usd_per_hour is None else [seconds / 3600 * usd_per_hour]
    if usd_per_kwh is not None and joules is not None:
        parts.append(joules / JOULES_PER_KWH * usd_per_kwh)
    return sum(parts) if parts else None
