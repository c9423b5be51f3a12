"""Routes of the gateway, and their history."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypedDict

from fine_tuning.store.records.rows import JsonColumn

RouteAction = Literal["set", "advance", "return", "promote", "delete"]
ChangedBy = Literal["cli", "api", "dashboard", "guardrail", "verdict", "flywheel"]


class RouteRevision(TypedDict):
    """A row of `route_revisions`; `policy` is a `gateway.route_policy.RoutePolicy`, None where it was deleted."""

    project: str
    name: str
    revision: int
    action: RouteAction
    policy: JsonColumn | None
    share: float
    changed_by: ChangedBy
    actor: str
    reason: str
    created_at: datetime


class Route(TypedDict):
    """A route as it is now: its row with what its revision says."""

    project: str
    name: str
    revision: int
    policy: JsonColumn
    share: float
    shadow_calls: int
    shadow_dollars: float
    changed_at: datetime
