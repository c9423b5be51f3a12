"""Candidates asked in shadow: after the answer was delivered, in the background, within the budget of the route."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from fastapi.concurrency import run_in_threadpool

from fine_tuning.errors import FineTuningError
from fine_tuning.experiments.assignment import takes_part
from fine_tuning.experiments.design import SLOTS
from fine_tuning.gateway.exchanges import is_capture_allowed, is_in_sample
from fine_tuning.gateway.kept_bodies import BodyLimits
from fine_tuning.gateway.route_table import KnownRoute
from fine_tuning.gateway.target_requests import RoutedCall
from fine_tuning.store import routes
from fine_tuning.store.workspace import Workspace

_log = logging.getLogger(__name__)
MOST_WAITING, MOST_BYTES = 100, 32 << 20  # calls and their bodies; further ones are dropped and counted
AT_ONCE = 4


class Shadowed(NamedTuple):
    """A call that was answered, for the candidate to answer it, too."""

    route: KnownRoute
    call: RoutedCall
    project: str
    tags: dict[str, str]
    call_id: str
    limits: BodyLimits

    def is_drawn(self, capture_rate: float) -> bool:
        """Whether it is in the share of the shadow; a call whose own answer is not kept has nothing to compare with."""
        shadow = self.route.policy.shadow
        is_kept = is_capture_allowed(self.tags) and is_in_sample(self.tags, self.call_id, capture_rate)
        if shadow is None or not is_kept:
            return False
        return takes_part("shadow", self.call_id, [[0, round(shadow.share * SLOTS)]])


class Shadows:
    """Asks in the background, a few at once. One for a process; `dropped` counts what there was no place for.

    Args:
        ask: has a call answered, and recorded.
    """

    def __init__(self, workspace: Workspace, ask: Callable[[Shadowed], Awaitable[None]], waiting: int = MOST_WAITING):
        self._database, self._capture_rate, self._ask = workspace.database, workspace.settings.capture_rate, ask
        self._waiting: asyncio.Queue[Shadowed] = asyncio.Queue(waiting)
        self._bytes = 0  # of what waits
        self._running: list[asyncio.Task[None]] = []
        self.dropped = 0

    def offer(self, shadowed: Shadowed) -> None:
        """Take a call that is drawn, if there is a place for it."""
        if not shadowed.is_drawn(self._capture_rate):
            return
        if not self._running:
            self._running = [asyncio.create_task(self._run()) for _ in range(AT_ONCE)]
        size = len(shadowed.call.body.text)
        if self._waiting.full() or self._bytes + size > MOST_BYTES:
            self.dropped += 1
            return
        self._bytes += size
        self._waiting.put_nowait(shadowed)

    async def close(self) -> None:
        """Stop; what waits is dropped, and said."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        self.dropped += self._waiting.qsize()
        if self.dropped:
            _log.warning("%d calls were not asked in shadow: too many at once", self.dropped)

    async def _run(self) -> None:
        while True:
            shadowed = await self._waiting.get()
            self._bytes -= len(shadowed.call.body.text)
            try:
                if await run_in_threadpool(self._take, shadowed):
                    await self._ask(shadowed)
            except FineTuningError as error:
                _log.warning("a call was not asked in shadow: %s", error)
            except Exception:  # noqa: BLE001 - a bug, logged as one; the calls after it are not to be lost for it
                _log.exception("a call was not asked in shadow")

    def _take(self, shadowed: Shadowed) -> bool:
        """Whether the budget allows the call, which is counted."""
        shadow = shadowed.route.policy.shadow
        assert shadow is not None  # noqa: S101 - it is drawn
        with self._database.write() as tx:
            return routes.take_shadow(tx, shadowed.project, shadowed.route.name, shadow.max_calls, shadow.max_dollars)
