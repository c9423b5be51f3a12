"""Fine-tuning on this machine: each job is a row in the database and a separate worker process."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple, cast

from fine_tuning._util.files import explain_os_error, make_folder, sha256_file
from fine_tuning.base_models import catalogue
from fine_tuning.errors import ConflictError, MissingDependencyError, NotFoundError, StorageError
from fine_tuning.store import (
    artifacts,
    checkpoint_permissions,
    datasets,
    files,
    job_events,
    job_queue,
    jobs,
    model_versions,
)
from fine_tuning.store.column_types import iso, now
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.files import StoredFile
from fine_tuning.store.records.job_results import JobCheckpoint
from fine_tuning.store.records.jobs import Hyperparameters, Job, JobEstimate, JobStatus, NewJob
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs import job_errors, job_outcome, trainer_liveness
from fine_tuning.training.jobs.job_view import JobEventView, JobView
from fine_tuning.training.jobs.spawn_worker import START_SECONDS, Reserved, spawn
from fine_tuning.training.jobs.trainer_port import ENDED, Action
from fine_tuning.training.jobs.training_files import TrainingFile, file_record, read_training_file
from fine_tuning.training.jobs.training_request import TrainingRequest, UploadedFiles
from fine_tuning.training.loop.preference_rows import check_row
from fine_tuning.training.loop.training_config import check_hyperparameters, check_packages, check_validated

PROVIDER = "local"
_DEFAULTS: Hyperparameters = {"n_epochs": 3, "learning_rate_multiplier": 1.0}  # that jobs record where none is given
TRAIN_EXTRA = ("torch", "transformers", "trl", "peft", "safetensors", "gguf", "jinja2", "psutil")  # of pyproject.toml


class _Held(NamedTuple):
    """Jobs that a process will train together, and their locks."""

    jobs: list[Reserved]
    locks: ExitStack


def check_installed() -> None:
    """Raise MissingDependencyError unless the packages that training on this machine needs are installed."""
    for package in TRAIN_EXTRA:
        if find_spec(package) is None:
            raise MissingDependencyError(package, "train", "training on this machine")


class LocalTrainer:
    """Jobs of this workspace."""

    provider = PROVIDER

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._database = workspace.database
        self._held: _Held | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let the jobs that are started or resumed in the block train in one process; it starts as the block ends."""
        with ExitStack() as locks:
            self._held = held = _Held([], locks)
            try:
                yield
            finally:
                self._held = None
                if held.jobs:
                    self._spawn(held.jobs)

    def check(self, request: TrainingRequest, *, has_validation: bool) -> TrainingRequest:
        """See `FineTuner.check_request`; a model of the hub is fetched, and so checked, by the job itself."""
        check_installed()
        hyperparameters = _resolved(request.hyperparameters)
        catalogue.check(request.model, hyperparameters.get("chat_template"))
        check_validated(hyperparameters, has_validation=has_validation)
        return replace(request, hyperparameters=hyperparameters)

    def check_row(self, row: JsonColumn, where: str) -> None:
        """See `preference_rows.check_row`."""
        check_row(row, where)

    def upload(self, file: TrainingFile) -> str:
        """Store a copy of a training file, so that later edits do not change what a job trains on."""
        stored = file_record(self._database, file, PROVIDER)
        copy = make_folder(self._workspace.folder("files")) / f"{stored['id']}{file.path.suffix}"
        try:
            shutil.copyfile(file.path, copy)
        except OSError as error:
            copy.unlink(missing_ok=True)
            raise explain_os_error(error, copy, "write") from error
        with self._database.write() as tx:
            files.add(tx, {**stored, "path": str(copy), "provider_file_id": stored["id"]})
        return stored["id"]

    def start(self, request: TrainingRequest, uploaded: UploadedFiles, estimate: JobEstimate) -> JobView:
        """Record a job and start its worker."""
        with self._database.write() as tx:
            file = self._file(tx, uploaded.training_file_id)
            if uploaded.validation_file_id is not None:
                self._file(tx, uploaded.validation_file_id)
            job: NewJob = {
                "id": f"ftjob-{uuid.uuid4().hex[:24]}",
                "provider": PROVIDER,
                "idempotency_key": uuid.uuid4().hex,
                "model": request.model,
                "base_model": catalogue.folder_of(request.model),
                "training_file_id": uploaded.training_file_id,
                "validation_file_id": uploaded.validation_file_id,
                "dataset_id": file["dataset_id"],
                "suffix": request.suffix,
                "hyperparameters": request.hyperparameters,
                "estimate": estimate,
                "status": "queued",
            }
            jobs.add(tx, job)
            job_events.add(tx, job["id"], "message", "job created", {})
        self._launch(job["id"])
        return self.status(job["id"])

    def paused_like(self, model: str, path: Path, hyperparameters: Mapping[str, object]) -> str | None:
        """The id of the newest paused job with this base model, data and hyperparameters, or None.

        The file is read only where a paused job has the same base model and hyperparameters.
        """
        chosen = _resolved(hyperparameters)
        found = self._of_base_model(model, ["paused"])
        alike = [job for job in found if {**job["hyperparameters"], **chosen} == job["hyperparameters"]]
        return self._with_data(alike, path)

    def ended_like(self, model: str, path: Path, hyperparameters: Mapping[str, object]) -> str | None:
        """As `paused_like`, of jobs that succeeded or were cancelled; with these hyperparameters and no others."""
        chosen = {**_DEFAULTS, **_resolved(hyperparameters)}
        found = self._of_base_model(model, ["succeeded", "cancelled"])
        return self._with_data([job for job in found if {**_DEFAULTS, **job["hyperparameters"]} == chosen], path)

    def _of_base_model(self, model: str, statuses: Sequence[JobStatus]) -> list[Job]:
        with self._database.read() as tx:
            return jobs.of_base_model(tx, model, statuses)

    def _with_data(self, found: Sequence[Job], path: Path) -> str | None:
        """The first job that trains on the data in a file: the same rows, or the same bytes."""
        if not found:
            return None
        content, digest = read_training_file(path, self.check_row).content_hash, sha256_file(path)
        with self._database.read() as tx:
            known = ((job, files.get(tx, job["training_file_id"])) for job in found)
            return next(
                (
                    job["id"]
                    for job, file in known
                    if _content(tx, job) == content or (file is not None and file["sha256"] == digest)
                ),
                None,
            )

    @staticmethod
    def _file(tx: Transaction, file_id: str) -> StoredFile:
        file = files.get(tx, file_id)
        if file is None:
            raise NotFoundError(f"no training file {file_id}; upload_training_file returns the id of one")
        return file

    def _resume(self, job_id: str) -> None:
        with self._database.write() as tx:
            pooled = self._job(tx, job_id)["pooled"]
            if pooled:
                job_queue.requeue(tx, job_id)
        if not pooled:
            self._launch(job_id)

    def _launch(self, job_id: str) -> None:
        """Start a worker that alone may claim the job; it outlives this process."""
        if self._held is not None:
            self._held.jobs.append(self._reserved(job_id, self._held.locks))
            return
        with ExitStack() as locks:
            self._spawn([self._reserved(job_id, locks)])

    def _reserved(self, job_id: str, locks: ExitStack) -> Reserved:
        worker = f"{trainer_liveness.worker_prefix()}{uuid.uuid4().hex}"
        logs = make_folder(self._workspace.folder("logs"))
        lock = locks.enter_context(trainer_liveness.held(logs, job_id))
        with self._database.write() as tx:
            if not job_queue.reserve(tx, job_id, worker, START_SECONDS):
                raise ConflictError(f"job {job_id} is already being trained")
        return Reserved(job_id, worker, lock)

    def _spawn(self, reserved: Sequence[Reserved]) -> None:
        try:
            process = spawn(self._workspace, *reserved)
        except StorageError:
            with self._database.write() as tx:
                for each in reserved:
                    job_queue.release(tx, each.job_id, each.worker, "paused")
            raise
        # Its end has to be waited for, or it stays a zombie while this process lives.
        threading.Thread(target=process.wait, daemon=True).start()

    def status(self, job_id: str) -> JobView:
        """A job's view. A job whose worker died (kill, power cut) shows as paused: it can be resumed."""
        with self._database.read() as tx:
            job = self._job(tx, job_id)
            is_leased = job_queue.is_leased(tx, job)
        dead = self._dead_worker(job) if is_leased else None
        # A pooled job waits for any worker; a pool requeues it by itself.
        if not job["pooled"] and job["status"] in {"queued", "running"} and (not is_leased or dead):
            with self._database.write() as tx:
                job_queue.mark_abandoned(tx, job_id, dead)
                job = self._job(tx, job_id)
        return view(job)

    def _dead_worker(self, job: Job) -> str | None:
        """The worker of this machine that holds a job, if it has ended; elsewhere nobody knows until its lease ends."""
        worker = job["worker"] or ""
        if not worker.startswith(trainer_liveness.worker_prefix()):
            return None
        return worker if trainer_liveness.is_gone(self._workspace.folder("logs"), job["id"]) else None

    @staticmethod
    def _job(tx: Transaction, job_id: str) -> Job:
        job = jobs.get(tx, job_id)
        if job is None:
            known = [row["id"] for row in jobs.newest(tx, 3)]
            raise NotFoundError(f"no job {job_id} in this workspace; newest: {', '.join(known) or 'none'}")
        return job

    def act(self, job_id: str, action: Action) -> JobView:
        """Cancel or pause a job (its worker stops after the current step), or resume one.

        Raises:
            ConflictError: the job has ended.
        """
        job = self.status(job_id)
        if job["status"] in ENDED and not (action == "cancel" and job["status"] == "cancelled"):
            raise ConflictError(f"job {job_id} has {job['status']}; {action} is no longer possible")
        if action == "resume":
            if job["status"] == "paused":
                self._resume(job_id)
        else:
            with self._database.write() as tx:
                job_queue.request(tx, job_id, action)
                job_outcome.record_if_cancelled(tx, self._workspace.settings, job_id)
        return self.status(job_id)

    def newest(self, limit: int) -> list[JobView]:
        """Views of the newest local jobs."""
        with self._database.read() as tx:
            found = [job["id"] for job in jobs.newest(tx, limit, PROVIDER)]
        return [self.status(job_id) for job_id in found]

    def events(self, job_id: str, limit: int) -> list[JobEventView]:
        """The newest `limit` events, oldest first."""
        with self._database.read() as tx:
            self._job(tx, job_id)
            found = job_events.newest(tx, job_id, limit)
        return [
            {
                "id": event["id"],
                "created_at": iso(event["created_at"]),
                "level": event["level"],
                "type": event["kind"],
                "message": event["message"],
                "data": event["data"],
            }
            for event in found
        ]

    def checkpoints(self, job_id: str) -> list[JobCheckpoint]:
        """Checkpoints that are on disk, newest first."""
        with self._database.read() as tx:
            self._job(tx, job_id)
            found = [artifact for artifact in artifacts.of_job(tx, job_id) if artifact["kind"] == "checkpoint"]
        return [
            {
                "id": str(artifact["id"]),
                "step": artifact["step"],
                "model": artifact["path"],
                "metrics": {},
                "created_at": iso(artifact["created_at"]),
            }
            for artifact in reversed(found)
            if Path(artifact["path"]).is_dir()
        ]

    def delete_model(self, model_id: str) -> bool:
        """Delete a fine-tuned model's files.

        Raises:
            NotFoundError: no job of this workspace made it.
            ConflictError: a deployed version of the registry uses it, or another model was trained from it.
        """
        with self._database.write() as tx:
            job = jobs.find_by_model(tx, model_id)
            if job is None:
                raise NotFoundError(f"no local fine-tuned model {model_id}")
            in_use = [v for v in model_versions.versions(tx) if v["job_id"] == job["id"] and v["status"] == "DEPLOYED"]
            if in_use:
                raise ConflictError(
                    f"{model_id} is deployed as {in_use[0]['model_name']}; deploy another version first"
                )
            child = jobs.based_on(tx, str((job["result"] or {}).get("merged_dir")))
            if child is not None:
                raise ConflictError(f"{model_id} is the base model of {child}; delete the model of that job first")
            jobs.change(tx, job["id"], model_deleted_at=now())
            artifacts.forget_epochs(tx, job["id"])
            checkpoint_permissions.forget(tx, model_id)
        shutil.rmtree(self._workspace.folder("artifacts") / job["id"], ignore_errors=True)
        return True


def view(job: Job) -> JobView:
    """The view of a stored job."""
    return {
        "job_id": job["id"],
        "model": job["model"],
        "status": job["status"],
        "training_file": job["training_file_id"],
        "validation_file": job["validation_file_id"],
        "fine_tuned_model": job["fine_tuned_model"],
        "created_at": iso(job["created_at"]),
        "finished_at": iso(job["finished_at"]),
        "trained_tokens": job["trained_tokens"],
        "error": job_errors.in_detail(job["error"]),
    }


def _content(tx: Transaction, job: Job) -> str | None:
    """The content hash of the data that a job trains on; None where its file is of no dataset."""
    dataset = datasets.get(tx, job["dataset_id"])
    return None if dataset is None else dataset["content_hash"]


def _resolved(hyperparameters: Mapping[str, object]) -> Hyperparameters:
    """Checked hyperparameters without "auto", which leaves the choice to the trainer."""
    chosen = {name: value for name, value in hyperparameters.items() if value not in (None, "auto")}
    check_hyperparameters(chosen)
    check_packages(chosen)
    return cast("Hyperparameters", chosen)
