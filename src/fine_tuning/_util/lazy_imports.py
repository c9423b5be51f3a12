"""Imports that need care: made first by several threads at the same time, or with settings of their own."""

from __future__ import annotations

import os
from importlib import import_module
from threading import Lock
from typing import Any

_lock = Lock()
TURNS = "10000"  # that a thread of llama.cpp waits on the spot before it sleeps


def import_transformers() -> None:
    """Import transformers in one thread at a time, before anything is taken from it.

    It puts another module in its own place when it is imported; a second thread that waits for this gets the old one,
    which has nothing in it.

    Raises:
        ImportError: it is not installed.
    """
    with _lock:
        import_module("transformers")


def import_llama_cpp() -> Any:
    """xllamacpp, whose threads soon sleep while they wait for each other.

    By default they turn on the spot for so long that beside another busy program most of the time is lost; see
    `benchmarks/bench_busy.py`. OpenMP reads how long when it is loaded. What the user has set is left alone.

    Raises:
        ImportError: it is not installed.
    """
    with _lock:
        if {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
            return import_module("xllamacpp")
        os.environ["GOMP_SPINCOUNT"] = TURNS
        try:
            return import_module("xllamacpp")
        finally:
            del os.environ["GOMP_SPINCOUNT"]
