"""Whether a trainer on this machine still runs: it holds a lock that the system takes back when it dies."""

from __future__ import annotations

import os
import time
from pathlib import Path

from fine_tuning.settings import get_settings

try:
    import fcntl
except ImportError:  # not on Windows: there a dead trainer's job waits until its lease is over
    fcntl = None  # type: ignore[assignment]

TRIES, PAUSE_SECONDS = 20, 0.1


def hold(job_id: str) -> int | None:
    """Take a job's lock, for the process that will inherit it. Returns the open file; None where there are no locks."""
    if fcntl is None:
        return None
    handle = os.open(_path(job_id), os.O_RDWR | os.O_CREAT, 0o644)
    for _ in range(TRIES):  # the trainer before this one may still be leaving
        if _lock(handle):
            return handle
        time.sleep(PAUSE_SECONDS)
    os.close(handle)
    return None


def is_gone(job_id: str) -> bool:
    """Whether the process that held a job's lock has ended; False where that is not known."""
    if fcntl is None or not _path(job_id).is_file():
        return False
    handle = os.open(_path(job_id), os.O_RDWR)
    try:
        return _lock(handle)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _path(job_id: str) -> Path:
    return get_settings().folder("logs") / f"{job_id}.lock"
