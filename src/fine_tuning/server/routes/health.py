"""The health check and the metrics of the server."""

from __future__ import annotations

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from fine_tuning.server import authentication
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.context import Project, Server, context_of
from fine_tuning.server.prometheus_metrics import registry_of

router = APIRouter(tags=["Operations"])
_THREADS = CapacityLimiter(2)


@router.get("/healthz")
async def healthz(request: Request) -> ApiObject:
    """Whether the database responds. Needs no key and uses its own threads, so that a busy server still responds."""
    await run_sync(authentication.is_open, context_of(request).database, limiter=_THREADS)
    return {"status": "ok"}


@router.get("/metrics", response_class=Response)
def metrics(server: Server, project: Project) -> Response:  # noqa: ARG001 - a key is needed where there are keys
    """Requests, jobs and loaded models, as Prometheus reads them."""
    return Response(generate_latest(registry_of(server)), media_type=CONTENT_TYPE_LATEST)
