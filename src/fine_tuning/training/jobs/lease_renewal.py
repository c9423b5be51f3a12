"""Renew the lease of a job while it trains, and pass on what the user requests of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from fine_tuning.errors import StorageError
from fine_tuning.store import job_queue
from fine_tuning.store.database import Database
from fine_tuning.store.records.jobs import JobRequest
from fine_tuning.training.jobs.worker_pool import LEASE_SECONDS

HEARTBEAT_SECONDS = 1.0
_log = logging.getLogger(__name__)


class LeaseRenewal:
    """A thread that renews a worker's lease every second.

    Args:
        worker: name of the worker that holds the lease.
        on_heartbeat: called after each renewal with the user's request; None once the lease is lost.
    """

    def __init__(
        self, database: Database, job_id: str, worker: str, on_heartbeat: Callable[[JobRequest | None], None]
    ) -> None:
        self._database = database
        self._job_id = job_id
        self._worker = worker
        self._on_heartbeat = on_heartbeat
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start to renew."""
        self._thread.start()

    def stop(self) -> None:
        """Stop renewing; returns after the last heartbeat."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        renewed = time.monotonic()
        while True:
            request: JobRequest | None
            try:
                with self._database.write() as tx:
                    request = job_queue.renew_lease(tx, self._job_id, self._worker, LEASE_SECONDS)
                renewed = time.monotonic()
            except StorageError as error:
                _log.warning("lease of %s not renewed: %s", self._job_id, error)
                # Until the lease expires no other worker claims the job, and the database may come back.
                request = "run" if time.monotonic() - renewed < LEASE_SECONDS else None
            self._on_heartbeat(request)
            if self._ended.wait(HEARTBEAT_SECONDS):
                return
