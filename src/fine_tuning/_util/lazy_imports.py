"""Imports of libraries that need a lock or an environment variable."""

from __future__ import annotations

import os
from importlib import import_module
from threading import Lock
from types import ModuleType

from fine_tuning._util.cpu_threads import waiting_is_chosen

_lock = Lock()
SPIN_COUNT = "10000"  # busy-wait iterations of a llama.cpp thread before it sleeps


def import_transformers() -> None:
    """Import transformers in one thread at a time, before anything is taken from it.

    It replaces its own module while it is imported; a thread that imports it meanwhile gets the old, empty module.

    Raises:
        ImportError: it is not installed.
    """
    with _lock:
        import_module("transformers")


def import_llama_cpp() -> ModuleType:
    """Import xllamacpp, with threads that sleep instead of busy-waiting for each other.

    By default they busy-wait for so long that they lose most of their time if another program is busy; see
    `benchmarks/bench_busy.py`. OpenMP reads the setting when it is loaded. A value set by the user is kept.

    Raises:
        ImportError: it is not installed.
    """
    with _lock:
        if waiting_is_chosen():
            return import_module("xllamacpp")
        os.environ["GOMP_SPINCOUNT"] = SPIN_COUNT
        try:
            return import_module("xllamacpp")
        finally:
            del os.environ["GOMP_SPINCOUNT"]
