"""Permissions on fine-tuned models and their checkpoints: which other projects may call one."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from openai.pagination import SyncCursorPage
from openai.types.fine_tuning.checkpoints import PermissionCreateResponse, PermissionDeleteResponse
from pydantic import Field

from fine_tuning.server import api_objects, model_lookup
from fine_tuning.server.api_errors import not_found
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.pagination import known_position, listed
from fine_tuning.server.request_model import RequestModel
from fine_tuning.store import checkpoint_permissions
from fine_tuning.store.paging import Page

router = APIRouter(prefix="/fine_tuning/checkpoints", route_class=JsonRoute, tags=["Fine-tuning"])


class GrantPermissions(RequestModel):
    """The projects that may use a checkpoint."""

    project_ids: list[Annotated[str, Field(min_length=1, max_length=80)]] = Field(min_length=1, max_length=100)


@router.post("/{checkpoint:path}/permissions", response_model=SyncCursorPage[PermissionCreateResponse])
def create(server: Server, project: Project, checkpoint: str, body: GrantPermissions) -> ApiObject:
    """Let projects use a model of the caller's project, or a checkpoint of one."""
    _check_owned(server, project, checkpoint)
    with server.database.write() as tx:
        rows = checkpoint_permissions.grant(tx, checkpoint, body.project_ids)
    return listed(Page(rows, has_more=False), api_objects.permission)


@router.get("/{checkpoint:path}/permissions", response_model=SyncCursorPage[PermissionCreateResponse])
def list_(
    server: Server,
    project: Project,
    checkpoint: str,
    project_id: str | None = None,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    order: Literal["ascending", "descending"] = "descending",
) -> ApiObject:
    """The permissions on a checkpoint."""
    _check_owned(server, project, checkpoint)
    with known_position(), server.database.read() as tx:
        page = checkpoint_permissions.page(
            tx, checkpoint, project=project_id, after=after, limit=limit, newest_first=order == "descending"
        )
    return listed(page, api_objects.permission)


@router.delete("/{checkpoint:path}/permissions/{permission_id}", response_model=PermissionDeleteResponse)
def delete(server: Server, project: Project, checkpoint: str, permission_id: str) -> ApiObject:
    """Revoke a permission."""
    _check_owned(server, project, checkpoint)
    with server.database.write() as tx:
        if not checkpoint_permissions.revoke(tx, checkpoint, permission_id):
            raise not_found("permission", permission_id, "permission_id")
    return api_objects.deleted(permission_id, "checkpoint.permission")


def _check_owned(server: Context, project: str, checkpoint: str) -> None:
    with server.database.read() as tx:
        model_lookup.owned(server, tx, project, checkpoint)
