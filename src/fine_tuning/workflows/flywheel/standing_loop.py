"""Do something again and again until the process is told to stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

from fine_tuning.errors import MissingDependencyError

PARENT_SECONDS = 1.0


def run(look: Callable[[], object], every: int, parent: int | None) -> None:
    """Look now and every so many seconds, one look at a time, until SIGTERM, Ctrl-C or the end of the parent process.

    Args:
        parent: process id; None for no parent.

    Raises:
        MissingDependencyError: apscheduler is not installed.
    """
    try:
        from apscheduler.schedulers.background import BackgroundScheduler
    except ImportError as error:
        raise MissingDependencyError("apscheduler", "flywheel", "the flywheel") from error
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.start()
    try:
        look()
        scheduler.add_job(look, "interval", seconds=every, max_instances=1, coalesce=True, misfire_grace_time=None)
        while not stop.wait(PARENT_SECONDS) and (parent is None or os.getppid() == parent):
            pass
    finally:
        scheduler.shutdown(wait=False)
