"""Carry out a batch: validate its requests, answer them, and end it.

Each step begins from what the database holds, so that another server can go on after any of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, islice

from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from fine_tuning.errors import DataError, FineTuningError, NotFoundError
from fine_tuning.server import batch_lines, batch_results, internal_request, model_lookup
from fine_tuning.server.batch_lines import BatchRequest, Validated
from fine_tuning.server.batch_places import BatchPlaces
from fine_tuning.server.claimed_batch import ClaimedBatch, LeaseLostError
from fine_tuning.server.context import Context
from fine_tuning.store.batches import ENDED
from fine_tuning.store.column_types import now
from fine_tuning.store.records.batches import BatchResult

LOOK_SECONDS = 0.5  # the time until a cancellation is seen
RENEW_TURNS = 6  # looks between two renewals of the lease
MAX_DEATHS = 10
READ_AHEAD = 32  # requests
GATHER_SECONDS = 0.05  # of answers that are recorded together: a transaction costs as much as a short answer
RECORDED_AT_ONCE = 500  # results of requests that had no time left


@dataclass(frozen=True)
class Host:
    """What the batches of a server share; `app` answers their requests."""

    app: ASGIApp
    server: Context
    places: BatchPlaces


class BatchRun:
    """One batch, carried out by this server."""

    def __init__(self, host: Host, claimed: ClaimedBatch) -> None:
        self._host, self._claimed = host, claimed
        self._max_bytes = host.server.config.max_body_bytes
        self._stop = asyncio.Event()
        self._is_leaving = False
        self._problem: Exception | None = None
        self._unrecorded: list[BatchResult] = []
        self._recording = asyncio.Lock()

    def leave(self) -> None:
        """Stop what is under way; `run` then gives the batch back and returns."""
        self._is_leaving = True
        self._stop.set()

    async def run(self) -> None:
        """Carry out what is left of the batch.

        Raises:
            LeaseLostError: another server has it now.
            FineTuningError: the database or the disk refuses; when the lease has run out, the batch is tried again.
        """
        watching = asyncio.create_task(self._watch())
        try:
            await self._steps()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _steps(self) -> None:
        if self._claimed.row["deaths"] > MAX_DEATHS:
            message = f"It was begun {MAX_DEATHS} times without a further result; see the log of the server."
            await run_in_threadpool(self._claimed.end, "failed", [batch_lines.error("server_error", message)])
        if self._claimed.row["status"] == "validating":
            await run_in_threadpool(self._validate)
        if self._claimed.row["status"] == "in_progress":
            await self._answer_all()
        if self._is_leaving:
            await run_in_threadpool(self._claimed.release)
        elif self._claimed.row["status"] not in ENDED:
            await run_in_threadpool(self._finish)

    async def _watch(self) -> None:
        """Renew the lease, and stop the requests of a batch that is cancelled, expired or lost."""
        for turn in count():
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await run_in_threadpool(self._claimed.renew if turn % RENEW_TURNS == 0 else self._claimed.read)
            except LeaseLostError as error:
                self._fail(error)
                return
            except FineTuningError:
                continue  # if the database does not answer the next times either, the lease runs out
            if self._claimed.row["status"] == "cancelling" or self._has_expired():
                self._stop.set()

    def _has_expired(self) -> bool:
        return self._claimed.row["expires_at"] <= now()

    def _fail(self, problem: Exception) -> None:
        self._problem = problem
        self._stop.set()

    def _validate(self) -> None:
        batch = self._claimed.row
        find = model_lookup.find_embedding_model if batch["endpoint"] == "/v1/embeddings" else model_lookup.find
        try:
            found = batch_lines.validated(
                self._claimed.input_path(),
                batch["endpoint"],
                self._max_bytes,
                lambda model: find(self._host.server, batch["project"], model),
            )
        except (NotFoundError, DataError):
            message = "The input file cannot be read; upload it again."
            found = Validated("", 0, [batch_lines.error("unreadable_file", message)])
        if found.errors:
            self._claimed.end("failed", found.errors)
        else:
            self._claimed.begin(found.model, found.total)

    async def _answer_all(self) -> None:
        """Answer the requests that have no result, until there are none or the batch is stopped."""
        if self._has_expired():
            return
        remaining = await run_in_threadpool(self._remaining)
        async with asyncio.TaskGroup() as group:
            while not self._stop.is_set():
                requests = await run_in_threadpool(lambda: [*islice(remaining, READ_AHEAD)])
                if not requests:
                    break
                for request in requests:
                    if await self._host.places.take(self._stop):
                        group.create_task(self._answer(request))
        if self._problem is not None:
            raise self._problem

    def _remaining(self) -> Iterator[BatchRequest]:
        return batch_lines.requests(self._claimed.input_path(), self._max_bytes, self._claimed.lines_with_result())

    async def _answer(self, request: BatchRequest) -> None:
        """Answer a request in a place that was taken for it, as if the project had sent it."""
        batch = self._claimed.row
        try:
            answer = await internal_request.post(
                self._host.app, batch["project"], batch["endpoint"], request.body, self._stop
            )
        finally:
            self._host.places.give_back()
        if not answer.is_stopped:
            self._unrecorded.append(batch_results.answered(request, answer))
            await self._record()

    async def _record(self) -> None:
        """Record what was answered; those who wait here meanwhile are recorded in the next transaction, all at once."""
        async with self._recording:
            if self._unrecorded:
                await asyncio.sleep(GATHER_SECONDS)
            results, self._unrecorded = self._unrecorded, []
            if results:  # else another task recorded them
                try:
                    await run_in_threadpool(self._claimed.add_results, results)
                except (LeaseLostError, FineTuningError) as error:
                    self._fail(error)

    def _finish(self) -> None:
        """End a batch that has all its results, was cancelled, or has expired."""
        self._claimed.renew()
        batch = self._claimed.row
        if batch["status"] == "cancelling":
            self._claimed.end("cancelled")
        elif batch["completed"] + batch["failed"] == batch["total"]:
            self._claimed.begin_finalizing()
            self._claimed.end("completed")
        else:
            remaining = self._remaining()
            while requests := [*islice(remaining, RECORDED_AT_ONCE)]:
                self._claimed.add_results([batch_results.expired(request) for request in requests])
            self._claimed.end("expired")
