"""Whether a worker on this machine still runs: it holds a file lock that the system releases when it dies.

Whoever starts a worker has the lock before it reserves the job, and the worker inherits it: a reserved or running job
whose lock is free has nobody left.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import gethostname

from fine_tuning._util import locks
from fine_tuning._util.files import explain_os_error
from fine_tuning.errors import StorageError

TRIES, PAUSE_SECONDS = 20, 0.1


class StillRunningError(StorageError):
    """Another trainer of the job has not ended yet."""


def worker_prefix() -> str:
    """How the names of this machine's workers begin."""
    return f"{gethostname()}/"


@contextmanager
def held(logs: Path, job_id: str, tries: int = TRIES) -> Iterator[int | None]:
    """Lock a job while the block runs; a process that inherits the lock has it for longer.

    Args:
        logs: the workspace's folder of logs, which has the lock files too.
        tries: the previous worker may still be shutting down.

    Returns:
        The open file; None on a system without file locks.

    Raises:
        StillRunningError: another process still holds it, so that a second trainer would write to the same folder.
        StorageError: the lock file cannot be written.
    """
    if not locks.AVAILABLE:  # there a dead worker's job waits until its lease expires
        yield None
        return
    path = _path(logs, job_id)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise explain_os_error(error, path, "lock") from error
    try:
        while not locks.try_lock(handle):
            if (tries := tries - 1) <= 0:
                ends = "it ends when it finds its lease lost"
                raise StillRunningError(f"another trainer of {job_id} still runs on this machine; {ends}")
            time.sleep(PAUSE_SECONDS)
        yield handle
    finally:
        os.close(handle)


def is_gone(logs: Path, job_id: str) -> bool:
    """Whether the process that held a job's lock has ended; False where that is unknown."""
    path = _path(logs, job_id)
    if not locks.AVAILABLE or not path.is_file():
        return False
    handle = os.open(path, os.O_RDWR)
    try:
        return locks.try_lock(handle)
    finally:
        os.close(handle)


def _path(logs: Path, job_id: str) -> Path:
    return logs / f"{job_id}.lock"
