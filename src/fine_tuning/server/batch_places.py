"""Places for the requests of batches: as many as the engine answers at once, fewer while clients wait for answers."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from fine_tuning.server.rate_limits import ConcurrencyLimiter

CHECK_SECONDS = 0.05


class BatchPlaces:
    """Shared by all batches of a server, which take turns.

    A client's request takes a place from the batches, so that it waits for one answer of a batch at most; one place is
    left to the batches, so that they always end.

    Args:
        places: requests that the engine answers at once.
        clients: counts the requests of clients.
    """

    def __init__(self, places: int, clients: ConcurrencyLimiter) -> None:
        self._places, self._clients = places, clients
        self._taken = 0
        self._waiting: deque[object] = deque()
        self._changed = asyncio.Event()

    async def take(self, stop: asyncio.Event) -> bool:
        """Wait for a place; those who wait are served in their order. False if `stop` was set meanwhile."""
        ticket = object()
        self._waiting.append(ticket)
        try:
            while not stop.is_set():
                if self._waiting[0] is ticket and self._taken < max(1, self._places - self._clients.count):
                    self._taken += 1
                    return True
                self._changed.clear()
                with suppress(TimeoutError):  # clients' requests and `stop` change without a word
                    async with asyncio.timeout(CHECK_SECONDS):
                        await self._changed.wait()
            return False
        finally:
            self._waiting.remove(ticket)
            self._changed.set()

    def give_back(self) -> None:
        """Free a place."""
        self._taken -= 1
        self._changed.set()
