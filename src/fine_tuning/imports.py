"""Imports that several threads of a server may make first at the same time."""

from __future__ import annotations

from importlib import import_module
from threading import Lock

_lock = Lock()


def import_transformers() -> None:
    """Import transformers in one thread at a time, before anything is taken from it.

    It puts another module in its own place when it is imported; a second thread that waits for this gets the old one,
    which has nothing in it.

    Raises:
        ImportError: it is not installed.
    """
    with _lock:
        import_module("transformers")
