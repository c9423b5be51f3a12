"""Fine-tuning on this machine: each job is a row in the database and a worker process of its own."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fine_tuning._util.files import explain_os_error, make_folder
from fine_tuning.base_models import catalogue
from fine_tuning.data_io.rows import read_rows
from fine_tuning.errors import ConflictError, MissingDependencyError, NotFoundError, StorageError
from fine_tuning.settings import get_settings
from fine_tuning.store import artifacts, files, job_events, job_queue, jobs, model_versions
from fine_tuning.store.column_types import iso, now
from fine_tuning.store.database import Database, Transaction
from fine_tuning.training.jobs.spawn_worker import START_SECONDS, spawn
from fine_tuning.training.jobs.trainer_port import ENDED, Action
from fine_tuning.training.jobs.training_files import file_record
from fine_tuning.training.loop.preference_rows import check_row
from fine_tuning.training.loop.training_config import check_hyperparameters, check_packages, check_validated

PROVIDER = "local"


class LocalTrainer:
    """Jobs of this workspace."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check(self, model: str, hyperparameters: Mapping[str, Any]) -> None:
        """See `FineTuner.check_request`; a model of the hub is fetched, and so checked, by the job itself."""
        for package in ("torch", "transformers", "trl", "peft"):
            if find_spec(package) is None:
                raise MissingDependencyError(package, "train", "training on this machine")
        catalogue.check(model)
        _resolved(hyperparameters)

    def upload(self, path: Path) -> str:
        """Check a training file and keep a copy, so that later edits do not change what was trained on."""
        record = file_record(self._database, path, PROVIDER)
        for line, row in read_rows(path):
            check_row(row, f"{path}, line {line}")
        kept = make_folder(get_settings().folder("files")) / f"{record['id']}{path.suffix}"
        try:
            shutil.copyfile(path, kept)
        except OSError as error:
            kept.unlink(missing_ok=True)
            raise explain_os_error(error, kept, "write") from error
        with self._database.write() as tx:
            files.add(tx, {**record, "path": str(kept), "provider_file_id": record["id"]})
        return str(record["id"])

    def start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Record a job and start its worker."""
        hyperparameters = _resolved(request["hyperparameters"])
        check_validated(hyperparameters, request["validation_file_id"] is not None)
        with self._database.write() as tx:
            dataset_id = self._file(tx, request["training_file_id"])["dataset_id"]
            if request["validation_file_id"] is not None:
                self._file(tx, request["validation_file_id"])
            job_id = f"ftjob-{uuid.uuid4().hex[:24]}"
            record = {**request, "hyperparameters": hyperparameters, "dataset_id": dataset_id}
            key = uuid.uuid4().hex
            jobs.add(tx, {**record, "id": job_id, "provider": PROVIDER, "idempotency_key": key, "status": "queued"})
            job_events.add(tx, job_id, "message", "job created", {})
        self._launch(job_id)
        return self.status(job_id)

    def paused_like(self, model: str, training_file_id: str, hyperparameters: Mapping[str, Any]) -> str | None:
        """The newest paused job with this base model, data and hyperparameters, or None."""
        with self._database.read() as tx:
            dataset_id = self._file(tx, training_file_id)["dataset_id"]
            found = [] if dataset_id is None else jobs.paused(tx, model, dataset_id)
        wanted = _resolved(hyperparameters)
        alike = [job for job in found if {**job["hyperparameters"], **wanted} == job["hyperparameters"]]
        return alike[0]["id"] if alike else None

    @staticmethod
    def _file(tx: Transaction, file_id: str) -> dict[str, Any]:
        file = files.get(tx, file_id)
        if file is None:
            raise NotFoundError(f"no training file {file_id}; upload_training_file gives one")
        return file

    def _resume(self, job_id: str) -> None:
        with self._database.write() as tx:
            pooled = self._job(tx, job_id)["pooled"]
            if pooled:
                job_queue.queue_again(tx, job_id)
        if not pooled:
            self._launch(job_id)

    def _launch(self, job_id: str) -> None:
        """Start a worker that alone may claim the job; it runs on when this process ends."""
        worker = uuid.uuid4().hex
        with self._database.write() as tx:
            if not job_queue.reserve(tx, job_id, worker, START_SECONDS):
                raise ConflictError(f"job {job_id} is being trained already")
        try:
            process = spawn(self._database, job_id, worker)
        except StorageError:
            with self._database.write() as tx:
                job_queue.release(tx, job_id, worker, "paused")
            raise
        # Someone has to take note of its end, or it stays as a zombie while this process lives.
        threading.Thread(target=process.wait, daemon=True).start()

    def status(self, job_id: str) -> dict[str, Any]:
        """A job's view. A job whose worker died (kill, power cut) shows as paused: it can be resumed."""
        with self._database.read() as tx:
            job = self._job(tx, job_id)
        if job["status"] in {"queued", "running"} and self._abandoned(job):
            with self._database.write() as tx:
                job_queue.mark_abandoned(tx, job_id)
                job = self._job(tx, job_id)
        return view(job)

    def _abandoned(self, job: Mapping[str, Any]) -> bool:
        # A pooled job waits for any worker; a pool takes it up again by itself.
        return not job["pooled"] and (job["lease_expires_at"] is None or job["lease_expires_at"] < now())

    @staticmethod
    def _job(tx: Transaction, job_id: str) -> dict[str, Any]:
        job = jobs.get(tx, job_id)
        if job is None:
            known = [row["id"] for row in jobs.newest(tx, 3)]
            raise NotFoundError(f"no job {job_id} in this workspace; newest: {', '.join(known) or 'none'}")
        return job

    def act(self, job_id: str, action: Action) -> dict[str, Any]:
        """Cancel or pause a job (its worker obeys at the next step), or resume one.

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
        return self.status(job_id)

    def newest(self, limit: int) -> list[dict[str, Any]]:
        """Views of the newest local jobs."""
        with self._database.read() as tx:
            found = [job["id"] for job in jobs.newest(tx, limit, PROVIDER)]
        return [self.status(job_id) for job_id in found]

    def events(self, job_id: str, limit: int) -> list[dict[str, Any]]:
        """The newest `limit` events, oldest first."""
        with self._database.read() as tx:
            self._job(tx, job_id)
            found = job_events.newest(tx, job_id, limit)
        names = {"kind": "type"}
        shown = ("id", "level", "kind", "message", "data")
        return [{names.get(k, k): row[k] for k in shown} | {"created_at": iso(row["created_at"])} for row in found]

    def checkpoints(self, job_id: str) -> list[dict[str, Any]]:
        """Checkpoints that are on disk, newest first."""
        with self._database.read() as tx:
            self._job(tx, job_id)
            found = [row for row in artifacts.of_job(tx, job_id) if row["kind"] == "checkpoint"]
        return [
            {
                "id": str(row["id"]),
                "step": row["step"],
                "model": row["path"],
                "metrics": {},
                "created_at": iso(row["created_at"]),
            }
            for row in reversed(found)
            if Path(row["path"]).is_dir()
        ]

    def delete_model(self, model_id: str) -> bool:
        """Remove a fine-tuned model's files.

        Raises:
            NotFoundError: no job of this workspace made it.
            ConflictError: a deployed version of the registry answers with it, or another model was trained from it.
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
                raise ConflictError(f"{model_id} is the base model of {child}; delete what that made first")
            jobs.change(tx, job["id"], fine_tuned_model=None)
        shutil.rmtree(get_settings().folder("artifacts") / job["id"], ignore_errors=True)
        return True


def view(job: Mapping[str, Any]) -> dict[str, Any]:
    """A stored job in the shape that all trainers share."""
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
        "error": job["error"],
    }


def _resolved(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters without "auto" (the trainer's own choice), checked."""
    chosen = {name: value for name, value in hyperparameters.items() if value not in (None, "auto")}
    check_hyperparameters(chosen)
    check_packages(chosen)
    return chosen
