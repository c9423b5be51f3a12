"""How many calls a process has taken and written, in a file that outlives it: a kill loses those in between.

What a process writes to a file stays when it is killed; no disk is waited for.
"""

from __future__ import annotations

import os
import struct
import time
from contextlib import suppress
from pathlib import Path

from fine_tuning._util.files import make_folder
from fine_tuning._util.locks import AVAILABLE, try_lock
from fine_tuning.errors import StorageError

_NUMBER, _BOTH = struct.Struct("<Q"), struct.Struct("<QQ")
_SUFFIX = ".taken"


class TakenCalls:
    """Counts in a file that is locked while its process lives. Each number has one thread that raises it.

    A file that cannot be written counts nothing: the calls themselves are what matters.

    Args:
        folder: made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._taken = self._written = 0
        self._handle: int | None = None
        self._path = folder / f"{time.time_ns():020d}-{os.getpid()}{_SUFFIX}"
        if AVAILABLE:
            with suppress(OSError, StorageError):
                make_folder(folder)
                self._handle = self._opened()

    def _opened(self) -> int:
        new = self._path.with_suffix(".new")  # nobody reads it before it is locked
        handle = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try_lock(handle)
        os.pwrite(handle, bytes(_BOTH.size), 0)
        new.rename(self._path)
        return handle

    def take(self) -> None:
        """Count a call that is in memory from now on."""
        self._taken += 1
        self._put(self._taken, 0)

    def write(self) -> None:
        """Count a call that is in a file from now on."""
        self._written += 1
        self._put(self._written, _NUMBER.size)

    def _put(self, number: int, place: int) -> None:
        if self._handle is not None:
            with suppress(OSError):
                os.pwrite(self._handle, _NUMBER.pack(number), place)

    def close(self) -> None:
        """Remove the file: what is lost from now on is known to the process itself."""
        if self._handle is not None:
            with suppress(OSError):
                self._path.unlink()
            os.close(self._handle)
            self._handle = None


def lost_by_kills(folder: Path) -> int:
    """How many calls processes had taken that were killed before they wrote them; each is counted once."""
    return sum(_lost(path) for path in folder.glob(f"*{_SUFFIX}")) if AVAILABLE else 0


def _lost(path: Path) -> int:
    with suppress(OSError), path.open("rb") as file:
        if not try_lock(file.fileno()) or not path.exists():  # of a process that lives, or counted by another one
            return 0
        content = file.read(_BOTH.size)
        path.unlink()
        if len(content) == _BOTH.size:
            taken, written = _BOTH.unpack(content)
            return max(0, int(taken) - int(written))
    return 0
