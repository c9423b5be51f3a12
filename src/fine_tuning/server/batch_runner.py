"""Carry out the batches of all projects in the background of a server, which has the models loaded."""

from __future__ import annotations

import asyncio
import logging
import socket
import uuid

from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from fine_tuning.errors import ConflictError, FineTuningError
from fine_tuning.server.batch_places import BatchPlaces
from fine_tuning.server.batch_run import BatchRun, Host
from fine_tuning.server.claimed_batch import LEASE_SECONDS, ClaimedBatch, LeaseLostError
from fine_tuning.server.context import Context
from fine_tuning.serving import vllm_engine
from fine_tuning.serving.llama_cpp_engine import SLOTS
from fine_tuning.store import batch_queue, database_clock

_log = logging.getLogger(__name__)
POLL_SECONDS = 0.2
RETRY_SECONDS = 5.0  # after the database did not answer
MAX_RUNS = 8  # batches at once, which take turns: a small one does not wait for the end of a large one


def places_of(server: Context) -> int:
    """Requests of batches that are answered at once: the engine's slots; vLLM has as many as a server may run."""
    return server.config.max_concurrent if vllm_engine.is_enabled(server.workspace.settings) else SLOTS


class BatchRunner:
    """Claims batches and carries them out, until it is cancelled; it then gives them back."""

    def __init__(self, app: ASGIApp, server: Context) -> None:
        self._server = server
        self._host = Host(app, server, BatchPlaces(places_of(server), server.requests))
        self._worker = f"{socket.gethostname()}:{uuid.uuid4().hex}"
        self._running: dict[BatchRun, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Look for batches until cancelled."""
        try:
            while True:
                await asyncio.sleep(await self._claim_all())
        finally:
            for run in self._running:
                run.leave()
            await asyncio.gather(*self._running.values())

    async def _claim_all(self) -> float:
        """Claim what waits, as far as there is room. Returns the seconds until the next look."""
        try:
            while len(self._running) < MAX_RUNS and (claimed := await run_in_threadpool(self._claim)) is not None:
                run = BatchRun(self._host, claimed)
                self._running[run] = asyncio.create_task(self._carry_out(run, claimed.id))
        except FineTuningError as error:
            _log.warning("cannot look for batches: %s", error)
            return RETRY_SECONDS
        return POLL_SECONDS

    def _claim(self) -> ClaimedBatch | None:
        with self._server.database.read() as tx:
            if not batch_queue.is_waiting(tx):
                return None
            if (problem := database_clock.problem(tx)) is not None:
                raise ConflictError(f"{problem}: set it; until then this server takes no batch")
        with self._server.database.write() as tx:
            row = batch_queue.claim_next(tx, self._worker, LEASE_SECONDS)
        return None if row is None else ClaimedBatch(self._server, self._worker, row)

    async def _carry_out(self, run: BatchRun, batch_id: str) -> None:
        try:
            await run.run()
        except LeaseLostError:
            _log.warning("batch %s is carried out by another server now", batch_id)
        except FineTuningError as error:
            _log.warning("batch %s is tried again in a while: %s", batch_id, error)
        except Exception:  # noqa: BLE001 - a bug in one batch must not stop the others
            _log.exception("batch %s failed; it is tried again in a while", batch_id)
        finally:
            del self._running[run]
