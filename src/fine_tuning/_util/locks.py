"""Locks of files and folders, which the system takes back when the process that holds them ends."""

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
    """Lock an open file for this process alone; False where another has it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def held(folder: Path, purpose: str) -> Iterator[None]:
    """Be alone with a folder while the block runs.

    Args:
        purpose: what the others are told that it is locked for.

    Raises:
        ConflictError: somebody else has it.
    """
    if not AVAILABLE:
        yield
        return
    taken = ConflictError(f"{purpose} at this moment by another call; wait for it, or choose another name")
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:  # whoever had it has just ended, and renamed it
        raise taken from None
    try:
        if not try_lock(handle) or not _is_at(handle, folder):
            raise taken
        yield
    finally:
        os.close(handle)


def _is_at(handle: int, folder: Path) -> bool:
    """Whether what was opened still has that name."""
    try:
        return os.path.samestat(os.fstat(handle), folder.stat())
    except FileNotFoundError:
        return False
