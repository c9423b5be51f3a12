"""How many threads of the CPU this process may compute with."""

from __future__ import annotations

import os


def thread_limit() -> int | None:
    """The value of OMP_NUM_THREADS, by which users and schedulers divide a machine; None where it sets no limit."""
    outermost = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(outermost) if outermost.isdecimal() and int(outermost) > 0 else None


def available_threads() -> int:
    """The limit, else the cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return thread_limit() or cores or 1
