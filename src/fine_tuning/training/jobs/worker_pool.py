"""Workers of the job queue: `ft-cli worker` trains up to `slots` jobs of the database at once.

A job is claimed with a lease and trained by a separate process (`training.jobs.worker`), which renews the lease itself.
A pool may let jobs that wait for the same base model train together, in one process with one copy of it.
So killing a pool stops no training, a killed worker's job is requeued and resumes from its last checkpoint, and a job
has one worker at a time: a worker that loses the lease stops. Once a pool has trained, its next trainer waits with its
libraries loaded.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable
from contextlib import ExitStack

from fine_tuning._util.files import make_folder
from fine_tuning.base_models import catalogue
from fine_tuning.errors import StorageError
from fine_tuning.store import database_clock, job_events, job_queue, jobs
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs import trainer_liveness
from fine_tuning.training.jobs.file_validation import check_job
from fine_tuning.training.jobs.next_trainer import NextTrainer
from fine_tuning.training.jobs.spawn_worker import START_SECONDS, Reserved, environment, spawn
from fine_tuning.training.loop.training_config import can_share_base

POLL_SECONDS = 0.5
LEASE_SECONDS = 30.0  # of a worker, which renews it every second
STALE_SECONDS = 3.0  # without a renewal, after which the worker's file lock is checked
MAX_DEATHS = 10  # workers of one job in a row that died before a new checkpoint
_log = logging.getLogger(__name__)


class Pool:
    """Starts workers for queued jobs.

    Args:
        slots: jobs trained at once on this machine, by all its pools.
        is_alive: checked before each round; False ends the pool, not the workers that are training.
        together: let jobs on the same base model share a process, and its products.
    """

    def __init__(
        self,
        workspace: Workspace,
        slots: int = 1,
        is_alive: Callable[[], bool] = lambda: True,
        *,
        together: bool = False,
    ) -> None:
        self._workspace = workspace
        self._database = workspace.database
        self._slots = slots
        self._is_alive = is_alive
        self._together = together
        self._host = trainer_liveness.worker_prefix()
        self._children: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}  # by worker: its job and its process
        self._next_trainer = NextTrainer()
        self._stop = threading.Event()
        self._clock_problem: str | None = None

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; then running jobs are paused and requeued for the next pool."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        while not self._stop.is_set() and self._is_alive():
            try:
                busy = self.step()
            except StorageError as error:
                _log.warning("%s", error)
                busy = False
            if not busy:
                self._stop.wait(POLL_SECONDS)
        self.shut_down()

    def step(self) -> bool:
        """One round: requeue jobs of dead workers, validate new files, start a worker.

        A pool whose clock is wrong says so and only requeues the jobs of its own dead workers.

        Returns:
            Whether there may be more to do at once.
        """
        self._requeue_dead_workers()
        self._next_trainer.end_if_unused()
        if not self._has_right_clock():
            return False
        self._requeue_stale()
        with self._database.write() as tx:
            job_queue.reconcile(tx)
            new = job_queue.next_to_validate(tx)
        if new is not None:
            name = new["base_model"] or new["model"]
            check_job(self._database, new, catalogue.folder_at_hand(name, self._workspace.folder("models")))
        try:
            return self._start_next() or new is not None
        except trainer_liveness.StillRunningError as error:  # as one that was killed does for a moment
            _log.info("%s", error)
            return new is not None

    def _has_right_clock(self) -> bool:
        with self._database.read() as tx:
            problem = database_clock.problem(tx)
        if problem is not None and self._clock_problem is None:
            _log.warning("%s: set it (by NTP, for example); until then this worker takes no job", problem)
        if problem is None and self._clock_problem is not None:
            _log.warning("this machine's clock agrees with the database's again")
        self._clock_problem = problem
        return problem is None

    def _start_next(self) -> bool:
        with ExitStack() as locks:
            with self._database.write() as tx:
                free = self._slots - job_queue.count_leased(tx, self._host)
                reserved = self._reserved(tx, free, locks) if free > 0 else []
            if not reserved:
                return False
            try:
                process = spawn(self._workspace, *reserved, ready=self._next_trainer)
            except StorageError:
                with self._database.write() as tx:
                    for each in reserved:
                        job_queue.requeue_lost(tx, each.job_id, each.worker, died=False)
                raise
        for each in reserved:
            self._children[each.worker] = (each.job_id, process)
        _log.info("training %s", ", ".join(each.job_id for each in reserved))
        return True

    def _reserved(self, tx: Transaction, free: int, locks: ExitStack) -> list[Reserved]:
        """The next job, and others that can train together with it; at most `free`."""
        logs, worker = make_folder(self._workspace.folder("logs")), self._new_worker()
        job_id = job_queue.reserve_next(tx, worker, START_SECONDS)
        if job_id is None:
            return []
        first = Reserved(job_id, worker, locks.enter_context(trainer_liveness.held(logs, job_id, tries=1)))
        return [first, *self._companions(tx, job_id, free - 1, locks)] if self._together else [first]

    def _companions(self, tx: Transaction, job_id: str, free: int, locks: ExitStack) -> list[Reserved]:
        first = jobs.get(tx, job_id)
        if first is None or first["deaths"] or not self._can_share(first):
            return []
        found: list[Reserved] = []
        for job in job_queue.waiting_like(tx, job_id):
            if len(found) == free or not self._can_share(job):
                continue
            try:
                lock = locks.enter_context(trainer_liveness.held(self._workspace.folder("logs"), job["id"], tries=1))
            except trainer_liveness.StillRunningError:
                continue
            if job_queue.reserve(tx, job["id"], worker := self._new_worker(), START_SECONDS):
                found.append(Reserved(job["id"], worker, lock))
        return found

    def _can_share(self, job: Job) -> bool:
        settings = self._workspace.settings
        shared = {"workers": settings.training_workers, "ray_address": settings.ray_address}
        return can_share_base({**shared, **job["hyperparameters"]})

    def _new_worker(self) -> str:
        return f"{self._host}{uuid.uuid4().hex}"

    def _requeue_dead_workers(self) -> None:
        for worker, (job_id, process) in list(self._children.items()):
            if process.poll() is None:
                continue
            del self._children[worker]
            if not self._children and not self._workspace.settings.trainer_command:
                self._next_trainer.prepare(environment(self._workspace))
            with self._database.write() as tx:
                deaths = job_queue.requeue_lost(tx, job_id, worker)
                if deaths is None or not job_queue.is_run_requested(tx, job_id):
                    continue  # the worker released it, or a pause or end is requested: see `job_queue.reconcile`
                if deaths >= MAX_DEATHS:
                    message = f"the trainer died {deaths} times before a checkpoint; see its log"
                    jobs.end(tx, job_id, "failed", error={"code": "trainer_died", "message": message})
                else:
                    message = f"the trainer died (exit status {process.returncode}); resuming from the last checkpoint"
                job_events.add(tx, job_id, "message", message, {}, level="warn")

    def _requeue_stale(self) -> None:
        """Requeue jobs of dead workers whose pool was killed too, on this machine."""
        with self._database.read() as tx:
            stale = job_queue.stale(
                tx, self._host, {"queued": START_SECONDS - STALE_SECONDS, "running": LEASE_SECONDS - STALE_SECONDS}
            )
        logs = self._workspace.folder("logs")
        for job_id, worker in stale:
            if worker not in self._children and trainer_liveness.is_gone(logs, job_id):
                with self._database.write() as tx:
                    job_queue.requeue_lost(tx, job_id, worker, died=False)

    def shut_down(self) -> None:
        """Pause our workers, which write a checkpoint, and requeue their jobs."""
        self._next_trainer.end()
        for _, process in self._children.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for _, process in self._children.values():
            process.wait()
        with self._database.write() as tx:
            for worker, (job_id, _) in self._children.items():
                job_queue.requeue_lost(tx, job_id, worker, died=False)  # one stopped before it handled signals
            job_queue.reconcile(tx)


def parent_is(process_id: int) -> Callable[[], bool]:
    """A function that tells whether this process is still a child of that one."""
    return lambda: os.getppid() == process_id
