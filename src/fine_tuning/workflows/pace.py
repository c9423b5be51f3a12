"""Spaces calls evenly, so that a host's limit is not reached."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Pace:
    """Spaces calls evenly to a number per minute. Safe to use from several threads.

    Args:
        per_minute: maximum calls per minute; None for no limit.
        clock: the current time in seconds.
        sleep: waits for a number of seconds.
    """

    def __init__(self, per_minute: float | None, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._seconds = 60 / per_minute if per_minute else 0.0
        self._clock, self._sleep = clock, sleep
        self._next = clock()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait until the next call may start."""
        with self._lock:
            turn = max(self._next, self._clock())
            self._next = turn + self._seconds
        self._sleep(max(0.0, turn - self._clock()))
