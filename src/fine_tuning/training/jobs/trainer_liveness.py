"""Whether a worker on this machine still runs: it holds a file lock that the system releases when it dies."""

from __future__ import annotations

import os
import time
from pathlib import Path

from fine_tuning._util import locks
from fine_tuning.errors import StorageError

TRIES, PAUSE_SECONDS = 20, 0.1


def hold(logs: Path, job_id: str) -> int | None:
    """Lock a job for the process that will inherit the lock.

    Args:
        logs: the workspace's folder of logs, which has the lock files too.

    Returns:
        The open file; None on a system without file locks.

    Raises:
        StorageError: another process still holds it, so that a second trainer would write to the same folder.
    """
    if not locks.AVAILABLE:  # there a dead worker's job waits until its lease expires
        return None
    handle = os.open(_path(logs, job_id), os.O_RDWR | os.O_CREAT, 0o644)
    for _ in range(TRIES):  # the previous worker may still be shutting down
        if locks.try_lock(handle):
            return handle
        time.sleep(PAUSE_SECONDS)
    os.close(handle)
    raise StorageError(f"another trainer of {job_id} still runs on this machine; it ends when it finds its lease lost")


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
