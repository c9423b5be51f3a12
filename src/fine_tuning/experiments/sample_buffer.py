"""Samples written in the background, so that recording never makes a caller wait or fail."""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Callable, Sequence
from queue import Empty, Full, Queue
from types import TracebackType
from typing import Self

from fine_tuning.errors import FineTuningError, UsageError
from fine_tuning.experiments.sample import Sample

_log = logging.getLogger(__name__)
MAX_WAITING, SAMPLES_PER_BLOCK, PAUSE_SECONDS = 10_000, 500, 0.2


class Buffer:
    """Queues samples and writes them in blocks; samples that do not fit or cannot be written are counted.

    Args:
        write: records samples, all or none.

    Attributes:
        written, dropped: samples so far.
    """

    def __init__(self, write: Callable[[Sequence[Sample]], object]) -> None:
        self._write = write
        self._waiting: Queue[Sample] = Queue(MAX_WAITING)
        self._end = threading.Event()
        self.written = self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="samples", daemon=True)
        self._thread.start()
        atexit.register(self.close)  # for a program that ends without closing it

    def add(self, sample: Sample) -> bool:
        """Queue a sample; False where the queue is full or the buffer is closed."""
        if not isinstance(sample, Sample):
            raise UsageError(f"a buffer takes samples, not {type(sample).__name__}; see record")
        if not self._end.is_set():
            try:
                self._waiting.put_nowait(sample)
            except Full:
                pass
            else:
                return True
        self.dropped += 1
        return False

    def close(self) -> None:
        """Write the queued samples, and log how many were lost."""
        if self._end.is_set():
            return
        self._end.set()
        self._thread.join()
        atexit.unregister(self.close)
        if self.dropped:
            _log.warning("%d samples were lost: too many at once, or not accepted", self.dropped)

    def _run(self) -> None:
        while not (self._end.is_set() and self._waiting.empty()):
            try:
                block = [self._waiting.get(timeout=PAUSE_SECONDS)]
            except Empty:
                continue
            while len(block) < SAMPLES_PER_BLOCK and not self._waiting.empty():
                block.append(self._waiting.get_nowait())
            self._store(block)

    def _store(self, block: Sequence[Sample]) -> None:
        """Write a block; if it is refused, sample by sample, so that only the bad ones are lost."""
        try:
            self._write(block)
        except FineTuningError as error:
            if len(block) > 1:
                for sample in block:
                    self._store([sample])
                return
            self.dropped += 1
            _log.warning("sample not recorded: %s", error)
        except Exception:  # noqa: BLE001 - a bug, logged as one; the samples after it are not to be lost for it
            self.dropped += len(block)
            _log.exception("%d samples not recorded", len(block))
        else:
            self.written += len(block)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()
