"""Workers of the job queue: `ft-cli worker` keeps up to `slots` jobs of the database in training.

A job is claimed by a lease and trained by a process of its own (`training.jobs.worker`), which renews the lease itself.
So killing a pool stops no training, a killed trainer's job is requeued and resumes from its last checkpoint, and a job
has one trainer at a time: whoever loses the lease stops.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable
from socket import gethostname

from fine_tuning.errors import StorageError
from fine_tuning.store import job_events, job_queue, jobs
from fine_tuning.store.database import Database
from fine_tuning.training.jobs import trainer_liveness
from fine_tuning.training.jobs.file_validation import check_job
from fine_tuning.training.jobs.spawn_worker import START_SECONDS, spawn

POLL_SECONDS = 0.5
LEASE_SECONDS = 30.0  # that a trainer holds a job by, and prolongs every second
SILENCE = 3.0  # seconds without a word from a trainer, after which its lock is looked at
MAX_DEATHS = 10  # trainers of one job in a row that died before a new checkpoint
_log = logging.getLogger(__name__)


class Pool:
    """One process's share of the work.

    Args:
        slots: jobs trained at once on this machine, by all its pools.
        alive: asked before each round; False ends the pool, not the training under way.
    """

    def __init__(self, database: Database, slots: int = 1, alive: Callable[[], bool] = lambda: True) -> None:
        self._database = database
        self._slots = slots
        self._alive = alive
        self._host = f"{gethostname()}/"
        self._children: dict[str, tuple[str, subprocess.Popen[bytes]]] = {}  # by worker: its job and its process
        self._stop = threading.Event()

    def run(self) -> None:
        """Work until told to stop; then jobs under way are paused and queued again for the next pool."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        while not self._stop.is_set() and self._alive():
            try:
                busy = self.step()
            except StorageError as error:
                _log.warning("%s", error)
                busy = False
            if not busy:
                self._stop.wait(POLL_SECONDS)
        self.leave()

    def step(self) -> bool:
        """One round: bury the dead, look at new files, fill a slot. Returns whether there may be more at once."""
        self._reap()
        self._reap_others()
        with self._database.write() as tx:
            job_queue.settle(tx)
            unseen = job_queue.unvalidated(tx)
        if unseen is not None:
            check_job(self._database, unseen)
        return self._fill() or unseen is not None

    def _fill(self) -> bool:
        worker = f"{self._host}{uuid.uuid4().hex}"
        with self._database.write() as tx:
            if job_queue.held(tx, self._host) >= self._slots:
                return False
            job_id = job_queue.take(tx, worker, START_SECONDS)
        if job_id is None:
            return False
        try:
            self._children[worker] = (job_id, spawn(self._database, job_id, worker))
        except StorageError:
            with self._database.write() as tx:
                job_queue.give_up(tx, job_id, worker, died=False)
            raise
        _log.info("training %s", job_id)
        return True

    def _reap(self) -> None:
        for worker, (job_id, process) in list(self._children.items()):
            if process.poll() is None:
                continue
            del self._children[worker]
            with self._database.write() as tx:
                deaths = job_queue.give_up(tx, job_id, worker)
                if deaths is None or not job_queue.is_wanted(tx, job_id):
                    continue  # it ended the job itself, or nobody wants it to go on: see `job_queue.settle`
                if deaths >= MAX_DEATHS:
                    message = f"the trainer died {deaths} times without reaching a checkpoint; its log says more"
                    jobs.end(tx, job_id, "failed", error={"code": "trainer_died", "message": message})
                else:
                    message = f"the trainer died (exit status {process.returncode}); going on from the last checkpoint"
                job_events.add(tx, job_id, "message", message, {}, level="warn")

    def _reap_others(self) -> None:
        """Bury trainers of pools that were killed on this machine."""
        with self._database.read() as tx:
            silent = job_queue.silent(
                tx, self._host, {"queued": START_SECONDS - SILENCE, "running": LEASE_SECONDS - SILENCE}
            )
        for job_id, worker in silent:
            if worker not in self._children and trainer_liveness.is_gone(job_id):
                with self._database.write() as tx:
                    job_queue.give_up(tx, job_id, worker, died=False)

    def leave(self) -> None:
        """Let our trainers write a checkpoint, and queue their jobs for whoever comes next."""
        for _, process in self._children.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for _, process in self._children.values():
            process.wait()
        with self._database.write() as tx:
            for worker, (job_id, _) in self._children.items():
                job_queue.give_up(tx, job_id, worker, died=False)  # one that was told to leave before it listened
            job_queue.settle(tx)


def parent_is(process_id: int) -> Callable[[], bool]:
    """A test for whether this process is still a child of that one."""
    return lambda: os.getppid() == process_id
