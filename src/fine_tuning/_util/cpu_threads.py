"""How many threads of the CPU a process may compute with, and how they wait for each other."""

from __future__ import annotations

import os

TURNS = "1000"  # of a training's thread that busy-waits, before it sleeps


def thread_limit() -> int | None:
    """The value of OMP_NUM_THREADS, by which users and schedulers divide a machine; None where it sets no limit."""
    outermost = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(outermost) if outermost.isdecimal() and int(outermost) > 0 else None


def available_threads() -> int:
    """The limit, else the cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return thread_limit() or cores or 1


def waiting_is_chosen() -> bool:
    """Whether the user has chosen how OpenMP's threads wait for each other."""
    return bool({"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys())


def environment_of_trainers() -> dict[str, str]:
    """Variables with which the threads of a training soon sleep, instead of busy-waiting for each other.

    By default they busy-wait for so long that a step takes many times as long where another program is busy; if they
    slept at once, it would take a quarter longer where none is. See `benchmarks/bench_busy.py`. OpenMP reads the
    setting when it is loaded. What the user has chosen is kept.
    """
    return {} if waiting_is_chosen() else {"GOMP_SPINCOUNT": TURNS}
