"""Trains the new version of a relocation, and registers it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fine_tuning.data_io.rows import read_rows
from fine_tuning.errors import TrainingError
from fine_tuning.local_fine_tuner import LocalFineTuner
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.openai_fine_tuner import OpenAIFineTuner
from fine_tuning.store import jobs, model_versions
from fine_tuning.store.records.relocations import RelocationData
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.training.jobs.training_request import UploadedFiles
from fine_tuning.workflows.relocation.relocation_run import RelocationRun

UNSUCCESSFUL = {"failed", "cancelled"}
FollowJob = Callable[[FineTuner, str], JobView]  # waits for a job and returns its status


def train(run: RelocationRun, data: RelocationData, follow_job: FollowJob) -> JobView:
    """Train the new version, and wait. Returns the job.

    Raises:
        TrainingError, ProviderError: the training failed.
    """
    tuner = _tuner(run)
    job_id = _start_or_find_job(run, tuner, data)
    if not run.steps.has("trained"):
        run.on_message(f"training {run.plan.base_model} ({job_id})")
    return run.steps.run("trained", lambda: _wait(tuner, job_id, follow_job))


def register(run: RelocationRun, job: JobView, data: RelocationData) -> int:
    """Register the model of the job as a version. Returns its number."""
    return run.steps.run("version", lambda: _register_once(run, job, data))


def _tuner(run: RelocationRun) -> FineTuner:
    if run.is_local:
        return LocalFineTuner(workspace=run.workspace)
    return OpenAIFineTuner(base_url=run.provider, workspace=run.workspace)


def _start_or_find_job(run: RelocationRun, tuner: FineTuner, data: RelocationData) -> str:
    """The id of the training job; a new one where that of an earlier run failed."""
    started = run.steps.find("job")
    is_open = not run.steps.has("trained")
    if started and is_open and tuner.get_job_status(str(started))["status"] in UNSUCCESSFUL:
        return run.steps.repeat("job", lambda: _start_job(run, tuner, data))
    return str(run.steps.run("job", lambda: _start_job(run, tuner, data)))


def _start_job(run: RelocationRun, tuner: FineTuner, data: RelocationData) -> str:
    """Upload the training file and start the job. Returns its id."""
    hyperparameters: JsonColumn = dict(run.plan.hyperparameters or {}) | {"n_epochs": run.plan.n_epochs}
    name = run.old["model_name"][:64]
    request = tuner.check_request(run.plan.base_model, name, Path(data["train"]), **hyperparameters)
    file = request.training_file
    assert file is not None  # noqa: S101 - of the path above
    uploaded = UploadedFiles(run.steps.run("file", lambda: tuner.upload(file)))
    with run.workspace.database.read() as tx:  # an earlier run may have stopped before it recorded the job
        known = jobs.newest_of_file(tx, uploaded.training_file_id)
    if known is not None and known["status"] not in UNSUCCESSFUL:
        return known["id"]
    return str(tuner.start_job(request, uploaded)["job_id"])


def _wait(tuner: FineTuner, job_id: str, follow_job: FollowJob) -> JobView:
    if tuner.get_job_status(job_id)["status"] == "paused":
        tuner.resume_job(job_id)
    job = follow_job(tuner, job_id)
    if job["status"] != "succeeded":
        reason = job["error"]["message"] if job["error"] else "run the same command again to resume it"
        raise TrainingError(f"job {job_id} is {job['status']}: {reason}")
    return job


def _register_once(run: RelocationRun, job: JobView, data: RelocationData) -> int:
    with run.workspace.database.read() as tx:  # an earlier run may have stopped before it recorded the version
        known = model_versions.of_job(tx, job["job_id"], run.old["model_name"])
    if known is not None:
        return known["version"]
    record = ModelRegistry(workspace=run.workspace).register_model(
        run.old["model_name"],
        run.plan.base_model,
        job["job_id"],
        len(read_rows(data["train"])),
        cost=None,
        metadata={"relocated_from": run.old["version"]},
        provider=None if run.is_local else run.provider,
        provider_model=None if run.is_local else job["fine_tuned_model"],
    )
    return record["version"]
