"""The process that trains one job: `python -m fine_tuning.training.jobs.worker JOB WORKER`.

It holds the job by a lease that a thread prolongs; a worker that loses its lease stops without touching the job.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, Literal, NoReturn

from fine_tuning._util.files import disk_error_in, explain_os_error, sha256_file
from fine_tuning._util.model_names import fine_tuned_name
from fine_tuning.base_models import catalogue
from fine_tuning.errors import FineTuningError, StorageError
from fine_tuning.settings import get_settings
from fine_tuning.store import artifacts, costs, files, job_events, job_queue, jobs
from fine_tuning.store.database import Database, open_database
from fine_tuning.store.records import NewCostEvent
from fine_tuning.training.jobs.energy_meter import EnergyMeter
from fine_tuning.training.jobs.result_file import write_results
from fine_tuning.training.jobs.worker_pool import LEASE_SECONDS
from fine_tuning.training.loop import training_checkpoints
from fine_tuning.training.loop.training_config import TrainingConfig
from fine_tuning.training.loop.training_events import TrainingEvent, TrainingResult

HEARTBEAT_SECONDS = 1.0
RAY_SECONDS = 10.0  # for a Ray cluster to end
JOULES_PER_KWH = 3.6e6
Wanted = Literal["run", "pause", "cancel"]
_log = logging.getLogger(__name__)


class Worker:
    """One job, from claim to release."""

    def __init__(self, database: Database, job_id: str, name: str) -> None:
        self._database = database
        self._job_id = job_id
        self._name = name
        self._wanted: Wanted = "run"
        self._done = threading.Event()
        self._energy = EnergyMeter()

    def run(self) -> int:
        """Train the job if it is ours to train. Returns the process's exit code."""
        with self._database.write() as tx:
            if not job_queue.claim(tx, self._job_id, self._name, LEASE_SECONDS):
                _log.error("job %s is not ours to train", self._job_id)
                return 1
        signal.signal(signal.SIGTERM, lambda *_: self._want("pause"))
        signal.signal(signal.SIGINT, lambda *_: self._want("pause"))
        heart = threading.Thread(target=self._beat, daemon=True)
        heart.start()
        try:
            return self._train()
        except Exception as error:
            disk = disk_error_in(error)
            if disk is not None:  # there is nothing wrong with the job: with room again it can go on
                return self._end("paused", "StorageError", str(explain_os_error(disk, self._folder(), "write")))
            if isinstance(error, FineTuningError):
                return self._fail(type(error).__name__, str(error))
            # A bug: the log has the traceback, the job says so, nothing hangs.
            self._fail("internal_error", f"{type(error).__name__}: {error}; see {self._log_file()}")
            raise
        finally:
            self._done.set()
            heart.join()

    def _want(self, wanted: Wanted) -> None:
        self._wanted = wanted

    def _beat(self) -> None:
        prolonged = time.monotonic()
        while True:
            try:
                with self._database.write() as tx:
                    wanted = job_queue.heartbeat(tx, self._job_id, self._name, LEASE_SECONDS)
                prolonged = time.monotonic()
                if wanted == "cancel":
                    self._cancel()
            except StorageError as error:
                _log.warning("lease of %s not prolonged: %s", self._job_id, error)
                # Another worker may take the job once the lease is over; until then the database may come back.
                wanted = "run" if time.monotonic() - prolonged < LEASE_SECONDS else None
            if wanted is None:  # another trainer may be in the job's folder: nothing there is ours to write any more
                _leave(1, f"lost the lease of job {self._job_id}")
            elif wanted == "pause":
                self._want("pause")
            self._energy.read()
            if self._done.wait(HEARTBEAT_SECONDS):
                return

    def _cancel(self) -> None:
        """End at once, wherever the training is: of a cancelled job nothing has to be saved."""
        with self._database.write() as tx:
            if not job_queue.release(tx, self._job_id, self._name, "cancelled"):
                return  # it has just ended by itself
            job_events.add(tx, self._job_id, "message", "job cancelled", {})
        _leave(0, f"job {self._job_id} was cancelled")

    def _train(self) -> int:
        with self._database.read() as tx:
            job = jobs.get(tx, self._job_id)
            assert job is not None  # noqa: S101 - claimed above
            train_file = files.get(tx, job["training_file_id"])
            validation_file = files.get(tx, job["validation_file_id"]) if job["validation_file_id"] else None
        assert train_file is not None  # noqa: S101 - checked when the job was created
        self._on_message(f"preparing base model {job['model']}")
        base = catalogue.resolve(job["base_model"] or job["model"], get_settings().folder("models"))
        self._on_message("loading the training libraries")
        from fine_tuning.training.loop import data_parallel
        from fine_tuning.training.loop.train import train

        settings = get_settings()
        config = TrainingConfig(
            base_model_path=str(base.path),
            train_file=train_file["path"],
            validation_file=validation_file["path"] if validation_file else None,
            output_dir=str(self._folder()),
            **{"workers": settings.training_workers, "ray_address": settings.ray_address, **job["hyperparameters"]},
        )
        # MLflow would keep its figures where the process happens to run, which on a Ray cluster is a folder of Ray's.
        os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{settings.home.absolute() / 'mlflow.db'}")
        config = self._careful(config, job["deaths"])
        is_shared = config.workers > 1 or config.ray_address is not None
        train_it = data_parallel.train if is_shared else train
        result = train_it(config, self._on_event, lambda: self._wanted)
        return self._finish(job, result)

    def _careful(self, config: TrainingConfig, deaths: int) -> TrainingConfig:
        """With fewer rows at once where trainers died again: a system without memory kills without a word."""
        rows = config.micro_batch_size or config.batch_size
        fewer = max(1, rows >> max(0, deaths - 1))
        if fewer == rows:
            return config
        self._on_message(f"{deaths} trainers died before a checkpoint, as they do where memory is short: "
                         f"going on with {fewer} rows at once")  # fmt: skip
        return config.model_copy(update={"micro_batch_size": fewer})

    def _on_message(self, message: str) -> None:
        with self._database.write() as tx:
            job_events.add(tx, self._job_id, "message", message, {})

    def _on_event(self, event: TrainingEvent) -> None:
        with self._database.write() as tx:
            if event.kind == "checkpoint":
                jobs.change(tx, self._job_id, deaths=0)
            if event.kind == "start":
                job_events.add(tx, self._job_id, "message", event.message, event.data)
                job_events.forget_steps(tx, self._job_id, event.data["step"])
                return
            is_new = event.kind not in {"checkpoint", "epoch"} or artifacts.keep(
                tx, self._job_id, event.kind, event.data["path"], event.data["step"]
            )
            if is_new:
                job_events.add(tx, self._job_id, event.kind, event.message, event.data)

    def _finish(self, job: dict[str, Any], result: TrainingResult) -> int:
        seconds = result.wall_seconds + ((job["result"] or {}).get("wall_seconds") or 0.0)
        joules = _sum_known(self._energy.read(), (job["result"] or {}).get("joules", 0.0))
        facts = {**result.as_dict(), "wall_seconds": seconds, "joules": joules}
        if result.status != "succeeded":
            with self._database.write() as tx:
                job_events.add(tx, self._job_id, "message", f"job {result.status} at step {result.steps}", {})
                job_queue.release(tx, self._job_id, self._name, result.status, result=facts)
            return 0
        results = write_results(self._database, job)
        checksum = sha256_file(Path(str(result.merged_dir)) / "model.safetensors")
        rate, electricity = get_settings().machine_usd_per_hour, get_settings().electricity_usd_per_kwh
        with self._database.write() as tx:
            name = fine_tuned_name(job)
            done = {
                "fine_tuned_model": name,
                "trained_tokens": result.trained_tokens,
                "result": facts,
                "error": None,
                "result_file_id": results["id"],
            }
            if not job_queue.release(tx, self._job_id, self._name, "succeeded", **done):
                return 1
            files.add(tx, results)
            if result.adapter_dir is not None:
                artifacts.add(tx, self._job_id, "adapter", str(result.adapter_dir), None)
            artifacts.add(tx, self._job_id, "merged", str(result.merged_dir), checksum)
            job_events.add(tx, self._job_id, "message", f"job succeeded: {name}", {})
            cost: NewCostEvent = {
                "kind": "training",
                "model_name": job["suffix"] or name,
                "base_model": job["model"],
                "job_id": self._job_id,
                "dataset_size": result.rows,
                "tokens": result.trained_tokens,
                "cost": _local_cost(seconds, joules, rate, electricity),
                "is_fine_tuned": True,
                "metadata": {
                    "seconds": seconds,
                    "machine_usd_per_hour": rate,
                    "joules": joules,
                    "electricity_usd_per_kwh": electricity,
                },
            }
            costs.add(tx, cost)
        return 0

    def _fail(self, code: str, message: str) -> int:
        return self._end("failed", code, message)

    def _end(self, status: Literal["failed", "paused"], code: str, message: str) -> int:
        training_checkpoints.newest_complete(
            get_settings().folder("artifacts") / self._job_id / "checkpoints"
        )  # drops torn ones
        with self._database.write() as tx:
            job_events.add(tx, self._job_id, "message", message, {}, level="error")
            wanted = {"requested": "pause"} if status == "paused" else {}  # until somebody has made room and resumes it
            job_queue.release(tx, self._job_id, self._name, status, error={"code": code, "message": message}, **wanted)
        return 1

    def _folder(self) -> Path:
        return get_settings().folder("artifacts") / self._job_id

    def _log_file(self) -> Path:
        return get_settings().folder("logs") / f"{self._job_id}.log"


def _sum_known(measured: float | None, before: float | None) -> float | None:
    """Joules of this and of earlier parts of a job; None where one is unknown."""
    return None if measured is None or before is None else measured + before


def _local_cost(seconds: float, joules: float | None, rate: float | None, electricity: float | None) -> float | None:
    """US dollars of the machine's time and of its energy, as far as they have prices and are known; None of neither."""
    parts = [] if rate is None else [seconds / 3600 * rate]
    if electricity is not None and joules is not None:
        parts.append(joules / JOULES_PER_KWH * electricity)
    return sum(parts) if parts else None


def _leave(code: int, why: str) -> NoReturn:
    """End the process now: what its libraries tidy up takes seconds in which it would still be there."""
    _log.info("%s", why)
    if (ray := sys.modules.get("ray")) is not None:  # a cluster of our own would leave processes behind
        ending = threading.Thread(target=ray.shutdown, daemon=True)
        ending.start()
        ending.join(RAY_SECONDS)
    logging.shutdown()
    os._exit(code)


def main(arguments: list[str]) -> NoReturn:
    """Run the worker for the job and name given as arguments."""
    job_id, name = arguments
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    _leave(Worker(open_database(), job_id, name).run(), f"the trainer of job {job_id} ends")


if __name__ == "__main__":
    main(sys.argv[1:])
