"""Tries of a call until a target answers: again by status, the next target after that, two at once where one is slow.

All of it happens before the first byte of an answer was sent to the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from fine_tuning.gateway.exchanges import Exchange
from fine_tuning.gateway.replies import BrokenOff, Reply
from fine_tuning.gateway.route_policy import Fallback
from fine_tuning.gateway.route_table import CANDIDATE, Part
from fine_tuning.gateway.wire_errors import GatewayError

PAUSE_SECONDS = 0.25  # before a target is asked again; twice as long each time
MOST_PAUSE_SECONDS = 2.0  # a target that asks for more is not waited for
TIMEOUT = "target_timeout"
Open = Callable[[Part, Exchange], Awaitable[Reply]]


@dataclass
class Attempt:
    """A try that has ended, or whose answer has begun: with its first piece, or with the error.

    Attributes:
        is_failed: by its status, or without an answer: the next target is asked.
        is_transient: the same target may answer when it is asked again.
    """

    exchange: Exchange
    reply: Reply | None = None
    first: bytes | None = None
    rest: AsyncIterator[bytes] | None = None
    error: GatewayError | None = None
    is_failed: bool = True
    is_transient: bool = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body."""
        if self.first is not None:
            yield self.first
        if self.rest is not None:
            async for piece in self.rest:
                yield piece


class Attempts:
    """Tries for one call.

    Args:
        begin: makes the exchange of a try, which is recorded when the try has failed.
        open_: asks a target, and waits for the start of its response.
    """

    def __init__(
        self,
        fallback: Fallback,
        begin: Callable[[Part], Exchange],
        open_: Open,
        record: Callable[[Exchange], None],
    ) -> None:
        self._fallback, self._begin, self._open, self._record = fallback, begin, open_, record
        self._is_answered = False  # of tries that are hedged

    async def answer(self, chain: Sequence[Part]) -> Attempt:
        """The first answer; where every target fails, the last failure."""
        first, *others = chain
        if self._fallback.hedge_seconds is not None and others:
            return await self._hedged(first, others, self._fallback.hedge_seconds)
        found = await self._of(first)
        if not found.is_failed or not others:
            return found
        self.abandon(found)
        return await self.answer(others)

    async def _of(self, part: Part) -> Attempt:
        """The answer of one target, which is asked again where that may help."""
        for number in range(self._fallback.retries):
            found = await self._once(part)
            pause = _pause(found, number)
            if pause is None:
                return found
            _end(found)
            try:
                await asyncio.sleep(pause)
                if found.exchange.route is not None:
                    found.exchange.route["arm"] = None  # the sample is the last try: this one where none comes after it
            finally:
                self._record(found.exchange)
        return await self._once(part)

    async def _once(self, part: Part) -> Attempt:
        found = Attempt(self._begin(part))
        try:
            async with asyncio.timeout(self._fallback.timeout_seconds):
                found.reply = await self._open(part, found.exchange)
                found.exchange.has_response(found.reply.status, found.reply.headers)
                found.is_transient = found.reply.status in self._fallback.statuses
                found.is_failed = found.is_transient or _is_refused_by_candidate(part, found.reply.status)
                found.rest = found.reply.pieces()
                found.first = await anext(found.rest, None)
                found.exchange.has_first_byte()
        except TimeoutError:
            reason = f"{part.target} did not answer within {self._fallback.timeout_seconds:g} s"
            found.error = GatewayError(HTTPStatus.GATEWAY_TIMEOUT, reason, TIMEOUT)
        except BrokenOff:
            reason = f"{part.target} broke off before the first byte of its answer"
            found.error = GatewayError(HTTPStatus.BAD_GATEWAY, reason, "target_failed")
        except GatewayError as error:
            found.error = error
        except asyncio.CancelledError:
            found.exchange.is_cancelled = True
            found.exchange.was_slower = self._is_answered
            self.abandon(found)
            raise
        if found.error is not None:
            is_broken = found.error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            found.is_transient = is_broken and found.error.code != TIMEOUT
            found.is_failed = is_broken or _is_refused_by_candidate(part, found.error.status)
            found.exchange.status = int(found.error.status)
        return found

    def abandon(self, attempt: Attempt) -> None:
        """End a try whose answer is not needed, and record it."""
        _end(attempt)
        self._record(attempt.exchange)

    async def _hedged(self, first: Part, others: Sequence[Part], seconds: float) -> Attempt:
        """The answer of a target, or of those after it where it takes longer than that: whichever comes first."""
        tasks = [asyncio.create_task(self._of(first))]
        try:
            await asyncio.wait(tasks, timeout=seconds)
            if not tasks[0].done() or (await tasks[0]).is_failed:
                tasks.append(asyncio.create_task(self.answer(others)))
            return await self._first_good(tasks)
        except asyncio.CancelledError:
            for task in tasks:
                task.add_done_callback(partial(self._abandon_other, best=None))
            raise
        finally:
            for task in tasks:
                task.cancel()

    async def _first_good(self, tasks: Sequence[asyncio.Task[Attempt]]) -> Attempt:
        best: Attempt | None = None
        for done in asyncio.as_completed(tasks):
            found = await done
            if best is not None:
                self.abandon(best)
            best = found
            if not found.is_failed:
                self._is_answered = True
                break
        assert best is not None  # noqa: S101 - there is a task
        for task in tasks:
            task.add_done_callback(partial(self._abandon_other, best=best))
        return best

    def _abandon_other(self, task: asyncio.Task[Attempt], best: Attempt | None) -> None:
        """End the try of a task that lost, where it had an answer already; one that had none is cancelled."""
        if not task.cancelled() and task.exception() is None and task.result() is not best:
            other = task.result()
            if other.exchange.seconds is None:
                other.exchange.is_cancelled = True
                other.exchange.was_slower = self._is_answered
                self.abandon(other)


def _end(attempt: Attempt) -> None:
    """End a try whose answer is not needed."""
    if attempt.reply is not None:
        attempt.reply.close()
    if attempt.first is not None:
        attempt.exchange.keep_response(attempt.first)
    attempt.exchange.end()


def _is_refused_by_candidate(part: Part, status: int) -> bool:
    """Whether a candidate refuses what the incumbent may answer, such as a conversation that is too long for it; where
    the call itself is wrong, the incumbent says so.
    """
    return part.role == CANDIDATE and status >= HTTPStatus.BAD_REQUEST


def _pause(attempt: Attempt, number: int) -> float | None:
    """How long to wait until a target is asked again; None where its answer stands, or that takes too long."""
    if not attempt.is_transient:
        return None
    named = attempt.reply.headers if attempt.reply is not None else []
    header = next((value for name, value in named if name.lower() == b"retry-after"), b"")
    seconds = float(header) if header.isdigit() else PAUSE_SECONDS * 2**number
    return seconds if seconds <= MOST_PAUSE_SECONDS else None
