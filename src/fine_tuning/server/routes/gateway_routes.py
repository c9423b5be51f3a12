"""Routes of the gateway: names that applications use as model. They are ours, and not part of OpenAI's API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from fine_tuning.gateway import route_changes
from fine_tuning.gateway.agreement import Agreement, agreement
from fine_tuning.gateway.route_changes import Change
from fine_tuning.gateway.route_policy import RoutePolicy
from fine_tuning.server.context import Context, Project, Server
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.request_model import BEYOND, RequestModel, supported
from fine_tuning.settings import acting_user
from fine_tuning.store import routes
from fine_tuning.store.records.routes import Route, RouteRevision

router = APIRouter(prefix="/routes", route_class=JsonRoute, tags=["Routes"])
MAX_REASON = 1000


class SetRoute(RequestModel):
    """A route with its policy, which replaces the one that it has."""

    name: str = Field(json_schema_extra={"support": "supported", "why": f"what applications send as model; {BEYOND}"})
    policy: dict[str, Any] = Field(
        json_schema_extra={"support": "supported", "why": f"incumbent, candidate, shadow, canary, ramp, ...; {BEYOND}"}
    )
    reason: str | None = supported(f"for the history; {BEYOND}", max_length=MAX_REASON)


class ChangeRoute(RequestModel):
    """Why a route is changed."""

    reason: str | None = supported(f"for the history; {BEYOND}", max_length=MAX_REASON)


class RouteObject(BaseModel):
    """A route: `share` is that of the units whose calls the candidate answers."""

    object: Literal["route"] = "route"
    project: str
    name: str
    revision: int
    policy: dict[str, Any]
    share: float
    shadow_calls: int
    shadow_dollars: float
    changed_at: datetime


class Revision(BaseModel):
    """A change of a route; `policy` is null where it was deleted."""

    object: Literal["route.revision"] = "route.revision"
    name: str
    revision: int
    action: str
    policy: dict[str, Any] | None
    share: float
    changed_by: str
    actor: str
    reason: str
    created_at: datetime


class AgreementObject(BaseModel):
    """Of pairs of answers that could be compared, with a 95 % interval; null is unknown."""

    object: Literal["route.agreement"] = "route.agreement"
    pairs: int
    not_compared: int
    rate: float | None
    low: float | None
    high: float | None


class RouteList(BaseModel):
    """Routes by name."""

    object: Literal["list"] = "list"
    data: list[RouteObject]


class RevisionList(BaseModel):
    """Revisions, oldest first."""

    object: Literal["list"] = "list"
    data: list[Revision]


class DeletedRoute(BaseModel):
    """What is left of a route, beside its history."""

    object: Literal["route.deleted"] = "route.deleted"
    name: str
    deleted: bool = True


@router.get("", response_model=RouteList)
def list_(server: Server, project: Project) -> dict[str, list[Route]]:
    """The routes of the project."""
    with server.database.read() as tx:
        return {"data": routes.listed(tx, project)}


@router.post("", response_model=RouteObject)
def set_(server: Server, project: Project, body: SetRoute) -> Route:
    """Create a route, or give it another policy."""
    body.check_storable()
    policy, change = RoutePolicy.of(body.policy), _change(server, body.reason, "set")
    return route_changes.save(server.workspace, project, body.name, policy, change, server.config.aliases)


@router.get("/{name}", response_model=RouteObject)
def retrieve(server: Server, project: Project, name: str) -> Route:
    """One route."""
    with server.database.read() as tx:
        return route_changes.find(tx, project, name)


@router.get("/{name}/agreement", response_model=AgreementObject)
def agreement_(server: Server, project: Project, name: str) -> Agreement:
    """How often the candidate in shadow says what the incumbent said."""
    with server.database.read() as tx:
        route_changes.find(tx, project, name)
        return agreement(tx, project, name)


@router.delete("/{name}", response_model=DeletedRoute)
def delete(server: Server, project: Project, name: str) -> dict[str, str]:
    """Delete a route; its history remains."""
    route_changes.remove(server.database, project, name, _change(server, None, "deleted"))
    return {"name": name}


@router.get("/{name}/history", response_model=RevisionList)
def history(server: Server, project: Project, name: str) -> dict[str, list[RouteRevision]]:
    """Every change of a route, oldest first."""
    with server.database.read() as tx:
        return {"data": route_changes.history(tx, project, name)}


@router.post("/{name}/promote", response_model=RouteObject)
def promote(server: Server, project: Project, name: str, body: ChangeRoute) -> Route:
    """Have the candidate answer all calls."""
    body.check_storable()
    return route_changes.promote(server.database, project, name, _change(server, body.reason, "promoted"))


@router.post("/{name}/return", response_model=RouteObject)
def give_back(server: Server, project: Project, name: str, body: ChangeRoute) -> Route:
    """Have the incumbent answer all calls again."""
    body.check_storable()
    return route_changes.give_back(server.database, project, name, _change(server, body.reason, "returned"))


def _change(server: Context, reason: str | None, default: str) -> Change:
    return Change("api", acting_user(server.workspace.settings), reason or default)
