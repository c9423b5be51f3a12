"""Whether a trainer on this machine still runs: it holds a lock that the system takes back when it dies."""

from __future__ import annotations

import os
import time
from pathlib import Path

from fine_tuning._util import locks
from fine_tuning.settings import get_settings

TRIES, PAUSE_SECONDS = 20, 0.1


def hold(job_id: str) -> int | None:
    """Take a job's lock, for the process that will inherit it. Returns the open file; None where there are no locks."""
    if not locks.AVAILABLE:  # there a dead trainer's job waits until its lease is over
        return None
    handle = os.open(_path(job_id), os.O_RDWR | os.O_CREAT, 0o644)
    for _ in range(TRIES):  # the trainer before this one may still be leaving
        if locks.try_lock(handle):
            return handle
        time.sleep(PAUSE_SECONDS)
    os.close(handle)
    return None


def is_gone(job_id: str) -> bool:
    """Whether the process that held a job's lock has ended; False where that is not known."""
    if not locks.AVAILABLE or not _path(job_id).is_file():
        return False
    handle = os.open(_path(job_id), os.O_RDWR)
    try:
        return locks.try_lock(handle)
    finally:
        os.close(handle)


def _path(job_id: str) -> Path:
    return get_settings().folder("logs") / f"{job_id}.lock"
