"""Locks on files and folders; the system releases them when the process that holds them ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fine_tuning.errors import ConflictError

try:
    import fcntl
except ImportError:  # not on Windows, where nothing is locked
    fcntl = None  # type: ignore[assignment]

AVAILABLE = fcntl is not None


def try_lock(handle: int) -> bool:
    """Lock an open file for this process alone; False if another process has it locked."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def held(folder: Path, purpose: str) -> Iterator[None]:
    """Lock a folder while the block runs.

    Args:
        purpose: the beginning of the error message of other calls.

    Raises:
        ConflictError: another call has it locked.
    """
    if not AVAILABLE:
        yield
        return
    taken = ConflictError(f"{purpose} at this moment by another call; wait for it, or choose another name")
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # the call that had it locked has just renamed it
        raise taken from None
    try:
        if not try_lock(handle) or not _is_at(handle, folder):
            raise taken
        yield
    finally:
        os.close(handle)


def _is_at(handle: int, folder: Path) -> bool:
    """Whether the open folder still has that path."""
    try:
        return os.path.samestat(os.fstat(handle), folder.stat())
    except FileNotFoundError:
        return False
