"""Changes of routes, each of them a revision in the history: set, advance, return, promote and delete."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from fine_tuning.errors import ConflictError, NotFoundError
from fine_tuning.experiments import lifecycle
from fine_tuning.experiments.design import Design
from fine_tuning.gateway import route_checks
from fine_tuning.gateway.route_policy import RoutePolicy, check_name
from fine_tuning.gateway.upstreams import read_upstreams
from fine_tuning.store import experiments, routes
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.projects import check_project
from fine_tuning.store.records.routes import ChangedBy, Route, RouteAction, RouteRevision
from fine_tuning.store.workspace import Workspace


class Change(NamedTuple):
    """Who or what changes a route, and why.

    Attributes:
        seen: the revision by which it was decided, where that takes a while: one that was changed meanwhile stays.
    """

    by: ChangedBy
    actor: str
    reason: str
    seen: int | None = None


def save(
    workspace: Workspace, project: str, name: str, policy: RoutePolicy, change: Change, aliases: Collection[str] = ()
) -> Route:
    """Create a route, or give it another policy.

    A canary begins with the first share of its ramp, unless the candidate keeps the share that it has.

    Args:
        aliases: of the server's models, beside those of the settings.

    Raises:
        UsageError, NotFoundError, ConflictError: the policy cannot be followed; see `route_checks`.
    """
    check_project(project)
    upstreams = read_upstreams(workspace.settings.upstreams)
    with workspace.database.write() as tx:
        found = routes.get(tx, project, check_name(name))
        before = None if found is None else RoutePolicy.of(found["policy"])
        share = 0.0 if policy.canary is None else policy.ramp[0]
        if found is not None and before is not None and policy.keeps_share(before, found["share"]):
            share = found["share"]
        route_checks.check_targets(tx, project, policy, upstreams, {*workspace.settings.aliases, *aliases})
        if share < 1:  # else its test is over
            route_checks.check_canary(tx, policy)
        if before is not None and before.canary != policy.canary:
            _set_units(tx, before, 0.0)
        _set_units(tx, policy, share)
        routes.lock(tx, project, name)
        if before is None or before.shadow != policy.shadow:
            routes.reset_shadow(tx, project, name)
        return _revise(tx, (project, name), "set", policy, share, change)


def find(tx: Transaction, project: str, name: str) -> Route:
    """A route.

    Raises:
        NotFoundError: there is none of this name.
    """
    found = routes.get(tx, check_project(project), check_name(name))
    if found is None:
        known = ", ".join(each["name"] for each in routes.listed(tx, project)) or "no routes"
        raise NotFoundError(f"no route {name} in project {project}, which has {known}")
    return found


def give_back(database: Database, project: str, name: str, change: Change) -> Route:
    """Have the incumbent answer all calls again.

    Raises:
        NotFoundError: there is no such route.
        ConflictError: it does so already.
    """
    return _share(database, (project, name), "return", 0.0, change)


def promote(database: Database, project: str, name: str, change: Change) -> Route:
    """Have the candidate answer all calls; the incumbent remains the fallback, and guardrails hold.

    Raises:
        NotFoundError: there is no such route.
        ConflictError: it has no candidate, or that answers all calls already.
    """
    return _share(database, (project, name), "promote", 1.0, change)


def advance(database: Database, project: str, name: str, share: float, change: Change) -> Route:
    """Give the candidate the next share of its ramp; see `give_back`."""
    return _share(database, (project, name), "advance", share, change)


def remove(database: Database, project: str, name: str, change: Change) -> None:
    """Delete a route; its history remains.

    Raises:
        NotFoundError: there is no such route.
    """
    with database.write() as tx:
        route = find(tx, project, name)
        _set_units(tx, RoutePolicy.of(route["policy"]), 0.0)
        routes.lock(tx, project, name)
        _append(tx, (project, name), "delete", None, 0.0, change)


def history(tx: Transaction, project: str, name: str) -> list[RouteRevision]:
    """Every revision of a route, oldest first.

    Raises:
        NotFoundError: there never was one of this name.
    """
    if not (found := routes.history(tx, check_project(project), check_name(name))):
        find(tx, project, name)
    return found


Place = tuple[str, str]  # project and name


def _share(database: Database, place: Place, action: RouteAction, share: float, change: Change) -> Route:
    with database.write() as tx:
        route = find(tx, *place)
        if change.seen not in (None, route["revision"]):
            raise ConflictError(f"route {place[1]} was changed meanwhile")
        policy = RoutePolicy.of(route["policy"])
        if policy.candidate is None:
            raise ConflictError(f"route {place[1]} has no candidate: {policy.incumbent} answers all calls")
        if route["share"] == share:
            answers = policy.candidate if share else policy.incumbent
            raise ConflictError(f"{answers} has {share or 1:.0%} of the calls of route {place[1]} already")
        _set_units(tx, policy, share)
        routes.lock(tx, *place)
        return _revise(tx, place, action, policy, share, change)


def _set_units(tx: Transaction, policy: RoutePolicy, share: float) -> None:
    """Let so many units take part in the canary's test that the candidate has this share; none at 0 and at 1."""
    test = None if policy.canary is None else experiments.get(tx, policy.canary)
    if policy.canary is None or test is None or test["status"] != "running":
        return
    split = Design.of(**test["design"]).split or 0.5
    lifecycle.ramp_within(tx, policy.canary, share / split if share < 1 else 0.0)


def _revise(
    tx: Transaction, place: Place, action: RouteAction, policy: RoutePolicy, share: float, change: Change
) -> Route:
    _append(tx, place, action, policy, share, change)
    return find(tx, *place)


def _append(
    tx: Transaction, place: Place, action: RouteAction, policy: RoutePolicy | None, share: float, change: Change
) -> None:
    project, name = place
    routes.revise(
        tx,
        {
            "project": project,
            "name": name,
            "revision": routes.last_revision(tx, project, name) + 1,
            "action": action,
            "policy": None if policy is None else policy.model_dump(mode="json", exclude_defaults=True),
            "share": share,
            "changed_by": change.by,
            "actor": change.actor,
            "reason": change.reason,
            "created_at": now(),
        },
    )
