"""Slow loads in threads of their own: those who need the same one wait for it together, and may leave meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from fine_tuning.serving.interruption import Check, awaited

LOADS_AT_ONCE = 4


class SharedLoads:
    """Loads by key. Safe to call from several threads; a load itself must not wait for another."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(LOADS_AT_ONCE, "load")
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future[None]] = {}

    def wait(self, key: Hashable, load: Callable[[], Any], check: Check) -> None:
        """Run a load, or wait for the one of the same key that runs; it goes on when those who wait leave.

        Raises:
            What the load raises, and `check`, which is called all along.
        """
        awaited(self.start(key, load), check)

    def start(self, key: Hashable, load: Callable[[], Any]) -> Future[None]:
        """Start a load, unless one of the same key runs."""

        def run() -> None:
            try:
                load()
            finally:
                with self._lock:
                    del self._running[key]

        with self._lock:
            if key not in self._running:
                self._running[key] = self._pool.submit(run)
            return self._running[key]

    def close(self) -> None:
        """Wait for the loads that run; the others are cancelled."""
        self._pool.shutdown(cancel_futures=True)
