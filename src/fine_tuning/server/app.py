"""The application: every route under /v1, limits in front, errors in OpenAI's words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi_offline import FastAPIOffline

from fine_tuning.server import api_errors, rate_limits
from fine_tuning.server.context import Context
from fine_tuning.server.loaded_models import Engines
from fine_tuning.server.routes import chat, checkpoints, files, health, jobs, models, stored_completions, uploads
from fine_tuning.server.server_config import ServerConfig
from fine_tuning.server.serving_parity import Parity
from fine_tuning.store.database import Database, open_database

SWEEP_SECONDS = 60.0
SPARE_THREADS = 16
RESOURCES = (files, uploads, jobs, checkpoints, models, chat, stored_completions)


def make_app(config: ServerConfig | None = None, database: Database | None = None) -> FastAPI:
    """OpenAI's API over the workspace.

    Args:
        database: the workspace's own by default.
    """
    config = config or ServerConfig()
    database = database or open_database()
    parity = Parity(database)
    context = Context(config, database, Engines(config.memory_limit_mib, parity, config.context_length), parity)
    app = FastAPIOffline(  # its documentation page loads nothing from elsewhere
        title="Fine-tuning pipeline",
        summary="OpenAI's API for files, fine-tuning, models and chat, on your own hardware.",
        docs_url="/docs",
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.context = context
    api_errors.install(app)
    rate_limits.install(app, config, database)
    for resource in RESOURCES:
        app.include_router(resource.router, prefix="/v1")
    app.include_router(health.router)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    # A thread for each request that may run, or they would wait for each other, and a few for what runs beside them.
    current_default_thread_limiter().total_tokens = context.config.max_concurrent + SPARE_THREADS
    sweeping = asyncio.create_task(_sweep(context))
    try:
        yield
    finally:
        sweeping.cancel()
        await run_in_threadpool(context.engines.close)


async def _sweep(context: Context) -> None:
    while True:
        await run_in_threadpool(uploads.sweep, context)
        await asyncio.sleep(SWEEP_SECONDS)
