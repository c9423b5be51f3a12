"""For those who run the server: whether it is well, and what it is doing."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from fine_tuning.server import keys
from fine_tuning.server.context import Project, Server
from fine_tuning.server.metrics import registry_of

router = APIRouter(tags=["Operations"])


@router.get("/healthz")
def healthz(server: Server) -> dict[str, Any]:
    """Whether the database answers; needs no key."""
    keys.any_valid(server.database)
    return {"status": "ok"}


@router.get("/metrics", response_class=Response)
def metrics(server: Server, project: Project) -> Response:  # noqa: ARG001 - a key is needed where there are keys
    """Requests, jobs and loaded models, as Prometheus reads them."""
    return Response(generate_latest(registry_of(server)), media_type=CONTENT_TYPE_LATEST)
