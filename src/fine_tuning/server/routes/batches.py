"""Batches: create, list, retrieve, cancel."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query
from openai.pagination import SyncCursorPage
from openai.types import Batch

from fine_tuning.server import api_objects
from fine_tuning.server.api_errors import invalid, not_found
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.batch_request import CreateBatch
from fine_tuning.server.context import Project, Server
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.pagination import known_position, listed
from fine_tuning.server.routes.files import checked_lifetime
from fine_tuning.server.routes.files import find as find_file
from fine_tuning.store import batches
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.batches import Batch as BatchRecord

router = APIRouter(prefix="/batches", route_class=JsonRoute, tags=["Batches"])


@router.post("", response_model=Batch, response_model_exclude_unset=True)
def create(server: Server, project: Project, body: CreateBatch) -> ApiObject:
    """Create a batch of the requests in a file."""
    body.check_storable()
    file = find_file(server, project, body.input_file_id, "input_file_id")
    if file["purpose"] != "batch":
        raise invalid(f"{file['id']} has purpose {file['purpose']}; upload it as 'batch'", "input_file_id")
    after = body.output_expires_after
    keep = None if after is None else checked_lifetime(after.seconds, "output_expires_after.seconds")
    batch_id = f"batch_{uuid.uuid4().hex[:24]}"
    with server.database.write() as tx:
        batches.add(
            tx,
            {
                "id": batch_id,
                "project": project,
                "input_file_id": file["id"],
                "endpoint": body.endpoint,
                "completion_window": body.completion_window,
                "metadata": body.metadata,
                "output_keep_seconds": keep,
            },
        )
        return api_objects.batch(_find(tx, project, batch_id))


@router.get("", response_model=SyncCursorPage[Batch], response_model_exclude_unset=True)
def list_(
    server: Server,
    project: Project,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: str | None = None,
) -> ApiObject:
    """The project's batches, newest first."""
    with known_position(), server.database.read() as tx:
        return listed(batches.page(tx, project, after=after, limit=limit), api_objects.batch)


@router.get("/{batch_id}", response_model=Batch, response_model_exclude_unset=True)
def retrieve(server: Server, project: Project, batch_id: str) -> ApiObject:
    """One batch."""
    with server.database.read() as tx:
        return api_objects.batch(_find(tx, project, batch_id))


@router.post("/{batch_id}/cancel", response_model=Batch, response_model_exclude_unset=True)
def cancel(server: Server, project: Project, batch_id: str) -> ApiObject:
    """Cancel a batch; what was answered until then stays in its output file."""
    with server.database.write() as tx:
        batch = _find(tx, project, batch_id)
        if not batches.request_cancel(tx, batch_id) and batch["status"] not in ("cancelling", "cancelled"):
            message = f"Cannot cancel a batch with status '{batch['status']}'."
            raise invalid(message, "batch_id", "invalid_batch_state")
        return api_objects.batch(_find(tx, project, batch_id))


def _find(tx: Transaction, project: str, batch_id: str) -> BatchRecord:
    row = batches.in_project(tx, project, batch_id)
    if row is None:
        raise not_found("batch", batch_id, "batch_id")
    return row
