"""The health check and the metrics of the server."""

from __future__ import annotations

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from fine_tuning.server import authentication, azure_clients
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.context import Server, context_of
from fine_tuning.server.prometheus_metrics import registry_of

router = APIRouter(tags=["Operations"])
_THREADS = CapacityLimiter(2)


@router.get("/healthz")
async def healthz(request: Request) -> ApiObject:
    """Whether the database responds. Needs no key and uses its own threads, so that a busy server still responds."""
    await run_sync(authentication.is_open, context_of(request).database, limiter=_THREADS)
    return {"status": "ok"}


@router.get("/metrics", response_class=Response)
def metrics(server: Server, request: Request) -> Response:
    """Requests, calls, jobs and loaded models of all projects, as Prometheus reads them."""
    authentication.check_sees_all(server.database, azure_clients.authorization(dict(request.scope["headers"])))
    return Response(generate_latest(registry_of(server)), media_type=CONTENT_TYPE_LATEST)
