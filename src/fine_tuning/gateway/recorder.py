"""Calls that were passed on, written to files (the spool) from a thread of its own, so that no caller waits.

A file of the spool has one call a line. It is complete when its name ends with `.jsonl`; until then, at most
`SEGMENT_SECONDS` long, its name ends with `.part`, and its writer holds a lock on it.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, NamedTuple

from fine_tuning._util.files import make_folder
from fine_tuning._util.locks import AVAILABLE, try_lock
from fine_tuning._util.memory_budget import MemoryBudget
from fine_tuning.errors import StorageError
from fine_tuning.gateway.exchanges import Exchange
from fine_tuning.gateway.spool_line import to_line
from fine_tuning.gateway.taken_calls import TakenCalls, lost_by_kills

_log = logging.getLogger(__name__)
SPOOL = "spool"  # the folder of the workspace
FLUSH_SECONDS = 0.2
SEGMENT_SECONDS = 2.0
SEGMENT_BYTES = 16 << 20
MAX_WAITING_BYTES = 128 << 20
MAX_SPOOL_BYTES = 8 << 30


class Limits(NamedTuple):
    """Most bytes of calls in memory that wait to be written, and of all files of the spool; further calls are counted.

    Nobody stores what is in the spool while the database is away, so that it grows.
    """

    waiting: int = MAX_WAITING_BYTES
    spool: int = MAX_SPOOL_BYTES


class Recorder:
    """Takes calls without ever waiting, and writes them within `FLUSH_SECONDS`, or when that is possible again.

    `dropped` counts those for which there was no memory, and at the end those that could not be written; `lost` those
    that earlier processes had taken when they were killed.

    Args:
        folder: of the spool; made when it is needed.
    """

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self.folder = folder
        counts = folder.with_name(f"{folder.name}-counts")
        self.dropped, self.lost = 0, lost_by_kills(counts)
        if self.lost:
            _log.warning("%d calls were answered and not recorded, as the server was killed", self.lost)
        self._taken = TakenCalls(counts)
        self._limits = limits or Limits()
        self._waiting: deque[Exchange] = deque()  # the thread alone takes from it
        self._memory = MemoryBudget(self._limits.waiting)
        self._segment: _Segment | None = None
        self._problem = ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gateway-recorder", daemon=True)
        self._thread.start()

    def record(self, exchange: Exchange) -> None:
        """Take a call; one for which there is no memory is dropped and counted."""
        if self._memory.take(_size(exchange)):
            self._taken.take()
            self._waiting.append(exchange)
        else:
            self.dropped += 1

    def close(self) -> None:
        """Write what waits, and complete the file."""
        self._stop.set()
        self._thread.join()
        self._taken.close()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self._try(self._write)
        self._try(self._write)
        self._try(self._complete)
        self.dropped += len(self._waiting)
        if self.dropped:
            _log.warning("%d calls were not recorded", self.dropped)

    def _try(self, step: Callable[[], None]) -> None:
        """Take a step; after an error, as of a full disk, what waits is written to a new file the next time."""
        try:
            step()
            self._problem = ""
        except (OSError, StorageError) as error:
            if self._segment is not None:
                self._segment.abandon()
                self._segment = None
            if self._problem != str(error):
                self._problem = str(error)
                _log.warning("calls wait in memory, as they cannot be written to %s: %s", self.folder, error)

    def _write(self) -> None:
        if self._segment is not None and self._segment.is_full():
            self._try(self._complete)
        if not self._waiting:
            return
        if self._segment is None:
            if size_of(self.folder) > self._limits.spool:
                raise StorageError("the spool is full")
            self._segment = _Segment(self.folder)
        for _ in range(len(self._waiting)):  # one after the other: a line takes more memory than its call
            self._segment.write(to_line(self._waiting[0]))
            self._taken.write()
            self._forget()

    def _complete(self) -> None:
        if self._segment is not None:
            self._segment.complete()
            self._segment = None

    def _forget(self) -> None:
        self._memory.give_back(_size(self._waiting.popleft()))


class _Segment:
    """A file of the spool that is being written."""

    _numbers = itertools.count()

    def __init__(self, folder: Path) -> None:
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(self._numbers)}.part"
        self._path = make_folder(folder) / name
        self._file: IO[bytes] = self._path.open("xb")
        if AVAILABLE:
            try_lock(self._file.fileno())
        self._begun = time.monotonic()

    def write(self, line: bytes) -> None:
        """Append a call; a process that is killed afterwards does not lose it."""
        self._file.write(line)
        self._file.flush()

    def is_full(self) -> bool:
        """Whether the next call belongs into another file."""
        return time.monotonic() - self._begun > SEGMENT_SECONDS or self._file.tell() > SEGMENT_BYTES

    def complete(self) -> None:
        """Give the file its final name."""
        os.fsync(self._file.fileno())
        self._path.rename(self._path.with_suffix(".jsonl"))
        self._file.close()

    def abandon(self) -> None:
        """Leave the file as it is: whole lines of it are stored, and a call that is in another one, too, once."""
        with suppress(OSError):
            self._file.close()


def _size(exchange: Exchange) -> int:
    return exchange.size + 1024


def size_of(folder: Path) -> int:
    """Bytes of the files of a spool."""
    return sum(each.stat().st_size for each in folder.glob("*")) if folder.is_dir() else 0
