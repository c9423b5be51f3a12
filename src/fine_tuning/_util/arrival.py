"""How long a body may take to arrive: a client that sends a byte now and then must not hold its place for ever."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MIN_RATE = 64 << 10  # bytes a second that a body brings, beside the first seconds


class Arrival:
    """A body as it arrives.

    Args:
        patience: seconds to wait for the next piece, and for all of them beside a second for each `MIN_RATE` bytes.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._waited = 0.0
        self.total = 0

    def add(self, size: int) -> None:
        """Count bytes that have arrived."""
        self.total += size

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Wait for the next piece in the block; what is done with a piece takes no time of the sender's.

        Raises:
            TimeoutError: it did not come in time, or the body has taken too long for what has arrived of it.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(min(self._patience, self._patience + self.total / MIN_RATE - self._waited)):
                yield
        finally:
            self._waited += time.monotonic() - began
