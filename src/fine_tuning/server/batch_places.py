"""Places for the requests of batches: as many as the engine answers at once, fewer while clients wait for answers."""

from __future__ import annotations

import asyncio
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
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()

    async def take(self) -> None:
        """Wait for a place; batches that wait are served in their order."""
        async with self._turn:
            while self._taken >= max(1, self._places - self._clients.count):
                self._freed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_SECONDS):  # clients' requests end without a word
                        await self._freed.wait()
            self._taken += 1

    def give_back(self) -> None:
        """Free a place."""
        self._taken -= 1
        self._freed.set()
