"""Runs of the flywheel, their steps, and alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypedDict

from fine_tuning.store.records.rows import JsonColumn

FlywheelStatus = Literal["running", "waiting", "succeeded", "stopped", "failed"]
EndStatus = Literal["succeeded", "stopped", "failed"]


class FlywheelRun(TypedDict):
    """A row of `flywheel_runs`; `policy` is a `workflows.flywheel.flywheel_policy.FlywheelPolicy`."""

    id: int
    project: str
    route: str
    trigger: str
    policy: JsonColumn
    status: FlywheelStatus
    step: str
    reason: str | None
    worker: str | None
    lease_expires_at: datetime | None
    created_at: datetime
    ended_at: datetime | None


class FlywheelStep(TypedDict):
    """A row of `flywheel_steps`."""

    run_id: int
    step: str
    approved_by: str | None
    attempts: int
    failures: int
    facts: JsonColumn | None
    began_at: datetime | None
    ended_at: datetime | None


class FlywheelAlert(TypedDict):
    """A row of `flywheel_alerts`, without its number."""

    project: str
    route: str
    subject: str
    body: str
    is_delivered: bool
    created_at: datetime


class DriftLook(TypedDict):
    """A row of `drift_looks`, without its number; `found`: of `workflows.flywheel.drift_watch.DriftFound`."""

    project: str
    route: str
    found: list[JsonColumn]
    created_at: datetime
