"""Why a run of the flywheel is due."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from fine_tuning.gateway import route_changes
from fine_tuning.gateway.route_policy import Target, answers_today
from fine_tuning.registry import expiry
from fine_tuning.store import flywheels, route_answers
from fine_tuning.store.column_types import now
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.flywheel import drift_watch
from fine_tuning.workflows.flywheel.drift_watch import DriftFound
from fine_tuning.workflows.flywheel.flywheel_policy import FlywheelPolicy
from fine_tuning.workflows.flywheel.schedule import is_due

LookForDrift = Callable[[FlywheelPolicy, datetime | None], list[DriftFound]]


def due(workspace: Workspace, policy: FlywheelPolicy, look: LookForDrift) -> str | None:
    """Why a run of a route is due now, all reasons; None where it is not."""
    return "; ".join(_reasons(workspace, policy, look)) or None


def last_run(workspace: Workspace, policy: FlywheelPolicy) -> datetime | None:
    """When the last run of a route began."""
    with workspace.database.read() as tx:
        found = flywheels.newest(tx, *policy.place, limit=1)
    return found[0]["created_at"] if found else None


def _reasons(workspace: Workspace, policy: FlywheelPolicy, look: LookForDrift) -> Iterator[str]:
    when, since = policy.when, last_run(workspace, policy)
    with workspace.database.read() as tx:
        route = route_changes.find(tx, *policy.place)
        first = since or route_answers.first(tx, *policy.place)
        rated = 0 if when.ratings is None else route_answers.count_ratings(tx, *policy.place, since)
    if when.ratings is not None and rated >= when.ratings:
        yield f"{rated:,} new ratings"
    if when.schedule is not None and first is not None and is_due(when.schedule, first, now()):
        yield f"the time has come ({when.schedule})"
    if when.retires_within_days is not None:
        yield from _retires(workspace, answers_today(route), when.retires_within_days, since)
    if when.drift:
        yield from (drift_watch.described(found) for found in look(policy, since) if found["is_drift"])


def _retires(workspace: Workspace, target: Target, within: int, since: datetime | None) -> Iterator[str]:
    """That a model is shut down soon, unless a run began since that is so."""
    with workspace.database.read() as tx:
        left = expiry.days_left_of(tx, target.model)
    if left is not None and left <= within:
        began_before = None if since is None else (now() - since).days
        if began_before is None or left + began_before > within:
            yield f"{target} is shut down {expiry.time_left(left)}"
