"""The process that trains jobs: `python -m fine_tuning.training.jobs.worker JOB WORKER [JOB WORKER ...]`.

A worker claims its job with a lease that a thread renews; one that loses its lease stops without touching the job.
Several jobs train together on one copy of their base model, each in a thread of its own.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NoReturn

from fine_tuning._util.files import disk_error_in, explain_os_error
from fine_tuning.base_models import catalogue
from fine_tuning.errors import DataError, FineTuningError, NotFoundError, ProviderError
from fine_tuning.store import artifacts, files, job_events, job_queue, jobs
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.jobs import Job, JobError, JobRequest
from fine_tuning.store.workspace import Workspace, open_workspace
from fine_tuning.training.jobs import job_errors, job_outcome, next_trainer
from fine_tuning.training.jobs.energy_meter import EnergyMeter
from fine_tuning.training.jobs.lease_renewal import LeaseRenewal
from fine_tuning.training.jobs.worker_pool import LEASE_SECONDS
from fine_tuning.training.loop import training_checkpoints
from fine_tuning.training.loop.training_config import TrainingConfig
from fine_tuning.training.loop.training_events import TrainingEvent

if TYPE_CHECKING:
    from fine_tuning.training.loop.shared_base import Place

RAY_SECONDS = 10.0  # within which a Ray cluster shuts down
_log = logging.getLogger(__name__)


class Worker:
    """Trains one job, from claim to release.

    Args:
        place: of the job among others that this process trains; None if it trains no others.
    """

    def __init__(self, workspace: Workspace, job_id: str, name: str, place: Place | None = None) -> None:
        self._workspace = workspace
        self._database = workspace.database
        self._job_id = job_id
        self._name = name
        self._place = place
        self._folder = workspace.folder("artifacts") / job_id
        self._requested: JobRequest = "run"
        self._energy = EnergyMeter()
        self._trains_since: float | None = None  # seconds of the monotonic clock

    def run(self) -> int:
        """Train the job if this worker may claim it. Returns the process's exit code."""
        with self._database.write() as tx:
            if not job_queue.claim(tx, self._job_id, self._name, LEASE_SECONDS):
                _log.error("job %s is not ours to train", self._job_id)
                if self._place is not None:
                    self._place.leave()
                return 1
        lease = LeaseRenewal(self._database, self._job_id, self._name, self._on_heartbeat)
        lease.start()
        try:
            with nullcontext() if self._place is None else self._place.turn():
                return self._train()
        except Exception as error:
            disk_error = disk_error_in(error)
            if disk_error is not None:  # nothing is wrong with the job: with free space it can be resumed
                self._pause(job_errors.of_storage(str(explain_os_error(disk_error, self._folder, "write"))))
                return 1
            if isinstance(error, FineTuningError):
                self._end("failed", job_errors.of_training(error, self._names()))
                return 1
            # A bug: the log has the traceback, the job has an error, nothing hangs.
            log = self._workspace.folder("logs") / f"{self._job_id}.log"
            self._end("failed", job_errors.internal(error, log))
            raise
        finally:
            lease.stop()

    def request_pause(self) -> None:
        """Let the training pause after its current step."""
        self._requested = "pause"

    def _on_heartbeat(self, request: JobRequest | None) -> None:
        if self._place is not None and request in {None, "cancel"}:  # the other jobs of this process go on
            self._requested = "cancel"
        elif request is None:  # another worker may be writing to the job's folder: leave it alone
            _exit_now(1, f"lost the lease of job {self._job_id}")
        elif request == "cancel":
            if self._record_cancelled():
                _exit_now(0, f"job {self._job_id} was cancelled")
        elif request == "pause":
            self.request_pause()
        self._energy.read()

    def _record_cancelled(self) -> bool:
        """Release a cancelled job, of which nothing has to be saved; False if it has just ended, or is another's."""
        with self._database.write() as tx:
            if not job_queue.release(tx, self._job_id, self._name, "cancelled"):
                return False
            self._record_spent(tx)
            job_events.add(tx, self._job_id, "message", "job cancelled", {})
        return True

    def _train(self) -> int:
        with self._database.read() as tx:
            job = jobs.get(tx, self._job_id)
        assert job is not None  # noqa: S101 - claimed above
        self._on_message(f"preparing base model {job['model']}")
        if (base := self._base_model(job)) is None:
            return 1
        self._on_message("loading the training libraries")
        from fine_tuning.training.loop import data_parallel
        from fine_tuning.training.loop.train import train

        config = self._with_fewer_rows(self._config(job, base), job["deaths"])
        # MLflow would write to the working directory of the process, which on a Ray cluster is a folder of Ray's.
        database = self._workspace.settings.home.absolute() / "mlflow.db"
        os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
        is_shared = config.workers > 1 or config.ray_address is not None
        run = data_parallel.train if is_shared else partial(train, place=self._place)
        self._trains_since = time.monotonic()
        try:
            result = run(config, self._on_event, lambda: self._requested)
        except (FineTuningError, OSError):
            if self._base_model(job) is None:  # it went away meanwhile
                return 1
            raise
        if result.status == "cancelled":
            return 0 if self._record_cancelled() else 1
        return 0 if job_outcome.record_outcome(self._workspace, job, self._name, result, self._energy.read()) else 1

    def _base_model(self, job: Job) -> Path | None:
        """The folder of the base model; a job without it is paused, since nothing else is wrong with it."""
        name, template = job["base_model"] or job["model"], job["hyperparameters"].get("chat_template")
        try:
            folder = catalogue.resolve(name, self._workspace.folder("models"), template).path
        except (NotFoundError, DataError, ProviderError) as error:
            _log.error("%s", error)
            self._pause(job_errors.of_base_model(job, error))
            return None
        if template is not None:  # whoever reads the base model of the job later needs the one with the template
            with self._database.write() as tx:
                jobs.change(tx, self._job_id, base_model=str(folder))
        return folder

    def _names(self) -> dict[str, str]:
        """What clients call the files of the job, by their paths."""
        with self._database.read() as tx:
            job = jobs.get(tx, self._job_id)
            assert job is not None  # noqa: S101 - claimed
            kept = [files.get(tx, each) for each in (job["training_file_id"], job["validation_file_id"]) if each]
        names = {str(self._folder): "the job's folder", str(self._workspace.settings.home.absolute()): "the workspace"}
        names |= {str(file["path"]): file["id"] for file in kept if file is not None}
        return names | {job["base_model"] or job["model"]: job["model"]}

    def _config(self, job: Job, base: Path) -> TrainingConfig:
        with self._database.read() as tx:
            train_file = files.get(tx, job["training_file_id"])
            validation_file = files.get(tx, job["validation_file_id"]) if job["validation_file_id"] else None
        assert train_file is not None  # noqa: S101 - checked when the job was created
        settings = self._workspace.settings
        return TrainingConfig.model_validate(
            {
                "workers": settings.training_workers,
                "ray_address": settings.ray_address,
                **job["hyperparameters"],
                "base_model_path": str(base),
                "train_file": train_file["path"],
                "validation_file": validation_file["path"] if validation_file else None,
                "output_dir": str(self._folder),
            }
        )

    def _with_fewer_rows(self, config: TrainingConfig, deaths: int) -> TrainingConfig:
        """With a smaller micro batch after repeated deaths: a system out of memory kills processes without an error."""
        rows = config.micro_batch_size or config.batch_size
        fewer = max(1, rows >> max(0, deaths - 1))
        if fewer == rows:
            return config
        self._on_message(
            f"{deaths} trainers died before a checkpoint, as happens where memory is short: "
            f"continuing with {fewer} rows at once"
        )
        return config.model_copy(update={"micro_batch_size": fewer})

    def _on_message(self, message: str) -> None:
        with self._database.write() as tx:
            job_events.add(tx, self._job_id, "message", message, {})

    def _on_event(self, event: TrainingEvent) -> None:
        with self._database.write() as tx:
            if event.kind == "start":
                job_events.add(tx, self._job_id, "message", event.message, event.data)
                job_events.delete_metrics_after(tx, self._job_id, event.data["step"])
                return
            if event.kind == "checkpoint":
                jobs.change(tx, self._job_id, deaths=0)
            is_new = event.kind not in {"checkpoint", "epoch"} or artifacts.keep(
                tx, self._job_id, event.kind, event.data["path"], event.data["step"]
            )
            if is_new:
                job_events.add(tx, self._job_id, event.kind, event.message, event.data)

    def _pause(self, error: JobError) -> None:
        self._end("paused", error, requested="pause")  # no pool resumes it by itself

    def _end(self, status: Literal["failed", "paused"], error: JobError, **values: object) -> None:
        training_checkpoints.newest_complete(self._folder / "checkpoints")  # deletes incomplete ones
        with self._database.write() as tx:
            job_events.add(tx, self._job_id, "message", error["message"], {}, level="error")
            is_ours = job_queue.release(tx, self._job_id, self._name, status, error=error, **values)
            if is_ours and status == "failed":
                self._record_spent(tx)

    def _record_spent(self, tx: Transaction) -> None:
        """Record what training has cost that ends without a model; of a job that did not begin, nothing."""
        job = jobs.get(tx, self._job_id)
        if job is not None and self._trains_since is not None:
            seconds = time.monotonic() - self._trains_since
            job_outcome.record_without_model(tx, self._workspace.settings, job, seconds, self._energy.read())


def _exit_now(code: int, why: str) -> NoReturn:
    """Exit without the cleanup of libraries, which takes seconds."""
    _log.info("%s", why)
    if (ray := sys.modules.get("ray")) is not None:  # a cluster that was started here would leave processes behind
        ending = threading.Thread(target=ray.shutdown, daemon=True)
        ending.start()
        ending.join(RAY_SECONDS)
    logging.shutdown()
    os._exit(code)


def _run(workspace: Workspace, jobs: Sequence[tuple[str, str]]) -> int:
    """Train one job, or several together, each in a thread. Returns the largest of their exit codes."""
    places: Sequence[Place | None] = [None]
    if len(jobs) > 1:
        from fine_tuning.training.loop.shared_base import SharedBase

        base = SharedBase(len(jobs))
        places = [base.place(number) for number in range(len(jobs))]
    workers = [Worker(workspace, *job, place) for job, place in zip(jobs, places, strict=True)]

    def request_pause(*_: object) -> None:
        for each in workers:
            each.request_pause()

    signal.signal(signal.SIGTERM, request_pause)
    signal.signal(signal.SIGINT, request_pause)
    if len(jobs) == 1:
        return workers[0].run()
    codes = [1] * len(workers)

    def run(number: int) -> None:
        codes[number] = workers[number].run()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(workers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(codes)


def main(arguments: list[str]) -> NoReturn:
    """Run a worker for each pair of a job and a name given as arguments, at once or when a pool sends them."""
    if arguments == [next_trainer.WAITS]:
        arguments = next_trainer.wait()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    jobs = list(zip(arguments[::2], arguments[1::2], strict=True))
    shown = ", ".join(job for job, _ in jobs)
    _exit_now(_run(open_workspace(), jobs), f"the worker of {shown} ends")


if __name__ == "__main__":
    main(sys.argv[1:])
