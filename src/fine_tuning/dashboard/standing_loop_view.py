"""The standing loop on a route's page: its runs, looks for drift, and alerts."""

from __future__ import annotations

from typing import NamedTuple

from nicegui import ui

from fine_tuning.dashboard import charts, components
from fine_tuning.store import flywheels
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.flywheels import DriftLook, FlywheelAlert, FlywheelRun

MOST = 20  # runs and alerts


class StandingLoop(NamedTuple):
    """What is known of a route's loop, newest first; looks oldest first."""

    runs: list[FlywheelRun]
    looks: list[DriftLook]
    alerts: list[FlywheelAlert]


def read(tx: Transaction, project: str, route: str) -> StandingLoop:
    """The loop of a route."""
    return StandingLoop(
        flywheels.newest(tx, project, route, MOST),
        flywheels.looks(tx, project, route),
        flywheels.alerts(tx, project, route, MOST),
    )


def show(loop: StandingLoop) -> None:
    """Draw what there is; nothing of a route without a loop."""
    if not any(loop):
        return
    components.heading("The standing loop")
    if loop.looks:
        _show_drift(loop.looks)
    columns = ["Run", "Began", "Why", "Status", "Step", "Waits for, or ended because"]
    rows = [
        [each["id"], each["created_at"], each["trigger"], each["status"], each["step"], each["reason"] or ""]
        for each in loop.runs
    ]
    components.table("Runs, newest first", columns, rows)
    if not loop.alerts:
        return
    alerts = [[each["created_at"], each["subject"], each["body"], each["is_delivered"]] for each in loop.alerts]
    components.table("Alerts, newest first", ["Time", "Subject", "Text", "Delivered"], alerts)


def _show_drift(looks: list[DriftLook]) -> None:
    """How much of the evidence that is needed there is, over time."""
    lines: dict[str, list[charts.Point]] = {}
    for look in looks:
        for each in look["found"]:
            share = each["evidence"] / each["needed"]
            lines.setdefault(each["kind"], []).append((look["created_at"].isoformat(), share))
    described = "Evidence of drift, as a share of what is needed; at 100 % it is drift"
    ui.echart(charts.lines(described, "", lines, kind="time")).classes("chart short")
    columns = ["Of", "Compared", "Evidence", "Needed", "Drift"]
    rows = [
        [each["kind"], each["compared"], f"{each['evidence']:.3g}", f"{each['needed']:.3g}", each["is_drift"]]
        for each in looks[-1]["found"]
    ]
    components.table("The last look for drift", columns, rows)
