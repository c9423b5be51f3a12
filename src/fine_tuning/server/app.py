"""The application: all routes under /v1, with limits before them and errors in OpenAI's shape."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache, partial

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from starlette.routing import BaseRoute

from fine_tuning._util.memory_budget import MemoryBudget
from fine_tuning.data_io.json_values import JsonObject
from fine_tuning.errors import FineTuningError
from fine_tuning.evaluation.graders.grading import PythonLimits
from fine_tuning.server import api_errors, completion_store, request_gate, response_store
from fine_tuning.server.batch_runner import BatchRunner, places_of
from fine_tuning.server.context import Context
from fine_tuning.server.http_methods import HttpMethods
from fine_tuning.server.loaded_models import Engines
from fine_tuning.server.query_parameters import check_known
from fine_tuning.server.rate_limits import ConcurrencyLimiter, RateLimiter
from fine_tuning.server.routes import (
    anthropic_models,
    batches,
    chat,
    checkpoints,
    completions,
    conversations,
    embeddings,
    feedback,
    files,
    gateway_routes,
    graders,
    health,
    jobs,
    messages,
    models,
    responses,
    stored_completions,
    uploads,
)
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.server.serving_parity import Parity
from fine_tuning.server.waiting_answers import FOLDER, WaitingAnswers
from fine_tuning.store.workspace import Workspace, open_workspace

_log = logging.getLogger(__name__)
SWEEP_SECONDS = 60.0
BACKGROUND_THREADS = 16
RESOURCES = (
    *(files, uploads, jobs, checkpoints, anthropic_models, models, responses, conversations),
    *(chat, stored_completions, completions, embeddings, graders, batches, feedback, messages, gateway_routes),
)


def make_app(config: ServerConfig | None = None, workspace: Workspace | None = None) -> FastAPI:
    """OpenAI's API over the workspace.

    Args:
        workspace: the one that the environment names by default.
    """
    config = config or ServerConfig()
    workspace = workspace or open_workspace()
    parity = Parity(workspace.database)
    engines = Engines(workspace.settings, config.memory_limit_mib, parity, config.context_length)
    limits = PythonLimits() if config.python_graders else None
    waiting = WaitingAnswers(workspace.folder(FOLDER), partial(_store, workspace))
    bodies, rates = MemoryBudget(config.max_bodies_bytes), RateLimiter(config.requests_per_minute)
    requests = ConcurrencyLimiter(config.max_concurrent)
    context = Context(config, workspace, engines, parity, bodies, requests, rates, waiting, limits)
    app = FastAPIOffline(  # its documentation page loads nothing from elsewhere
        title="Fine-tuning pipeline",
        summary="OpenAI's API for files, fine-tuning, models and their answers, on your own hardware.",
        docs_url="/docs",
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.context = context
    _describe_in_thread(app)
    api_errors.install(app)
    routes = [("/v1", route) for resource in RESOURCES for route in resource.router.routes]
    app.add_middleware(HttpMethods, routes=[*routes, *(("", route) for route in health.router.routes)])
    request_gate.install(app, context)
    app.router.routes.extend(_routes())
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """The routes of every application in this process; FastAPI prepares them at the first request."""
    router = APIRouter()
    for resource in RESOURCES:
        router.include_router(resource.router, prefix="/v1", dependencies=[Depends(check_known)])
    router.include_router(health.router)
    return tuple(router.routes)


def _store(workspace: Workspace, waiting: JsonObject) -> None:
    """Store an answer that waited: what it is, its keys tell."""
    if response_store.KIND in waiting:
        response_store.store_waiting(workspace, waiting)
    else:
        completion_store.store_waiting(workspace, waiting)


def _describe_in_thread(app: FastAPI) -> None:
    """Describe the routes in a thread, once: that takes seconds, in which FastAPI's own route keeps everyone waiting.

    Those who ask meanwhile wait for the same description, or their threads would take the processor from everyone.
    """
    app.router.routes[:] = [route for route in app.router.routes if getattr(route, "path", "") != app.openapi_url]
    is_described = asyncio.Lock()
    described = b""

    async def describe(_: Request) -> Response:
        nonlocal described
        async with is_described:
            described = described or await run_in_threadpool(lambda: bytes(JSONResponse(app.openapi()).body))
        return Response(described, media_type=JSONResponse.media_type)

    app.add_route(str(app.openapi_url), describe, include_in_schema=False)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    # A thread for each request that may run, or they would wait for each other, and a few for background work.
    threads = context.config.max_concurrent + context.config.max_uploads + places_of(context) + BACKGROUND_THREADS
    current_default_thread_limiter().total_tokens = threads
    sweeping = asyncio.create_task(_sweep(context))
    context.engines.make_files_soon(context.config.aliases.values())
    batches_running = asyncio.create_task(BatchRunner(app, context).run())
    try:
        yield
    finally:
        sweeping.cancel()
        batches_running.cancel()
        with suppress(asyncio.CancelledError):
            await batches_running
        await run_in_threadpool(context.engines.close)
        context.waiting.close()


async def _sweep(context: Context) -> None:
    while True:
        try:
            await run_in_threadpool(uploads.delete_expired, context)
            await run_in_threadpool(context.waiting.store_all)
        except FineTuningError as error:  # as of a database that is away: the next round may find it
            _log.warning("the server's housekeeping failed: %s", error)
        await asyncio.sleep(SWEEP_SECONDS)
