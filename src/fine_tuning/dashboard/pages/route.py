"""A route of the gateway: what answers it, its ramp, its traffic by target, agreement in shadow, and its history."""

from __future__ import annotations

import json
from asyncio import to_thread
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from nicegui import ui

from fine_tuning.dashboard import charts, components, formatting, layout, standing_loop_view
from fine_tuning.dashboard.actions import FAILED, act, confirmed, session, state
from fine_tuning.dashboard.standing_loop_view import StandingLoop
from fine_tuning.errors import FineTuningError
from fine_tuning.gateway import route_changes, route_texts
from fine_tuning.gateway.agreement import Agreement, agreement
from fine_tuning.gateway.route_changes import Change
from fine_tuning.gateway.traffic import HOURS, Figures, of_route
from fine_tuning.store.database import Database
from fine_tuning.store.records.routes import Route, RouteRevision


class _Read(NamedTuple):
    route: Route
    agreement: Agreement | None
    history: list[RouteRevision]
    figures: list[Figures]
    loop: StandingLoop


@ui.page("/routes/{project}/{name:path}")
async def show(project: str, name: str) -> None:
    """One route."""
    with layout.page("Routes", name):
        await _RoutePage(project, name).draw()


class _RoutePage:
    """One route's page, drawn again after each change."""

    def __init__(self, project: str, name: str) -> None:
        self._project, self._name = project, name
        self._database = state().workspace.database
        self._body = ui.element("div")

    async def draw(self) -> None:
        """Read and show everything."""
        try:
            found = await to_thread(_read, self._database, self._project, self._name)
        except FineTuningError as error:
            components.empty(str(error), "ft-cli route list")
            return
        self._body.clear()
        with self._body:
            components.text(f"{route_texts.state(found.route)}.")
            self._buttons(found.route)
            _show_policy(found.route)
            if "candidate" in found.route["policy"]:
                _show_ramp(found.history)
            if found.agreement is not None:
                _show_shadow(found.route, found.agreement)
            _show_traffic(found.figures)
            standing_loop_view.show(found.loop)
            _show_history(found.history)

    def _buttons(self, route: Route) -> None:
        candidate, incumbent = route["policy"].get("candidate"), route["policy"]["incumbent"]
        with ui.element("div").classes("bar"):
            if candidate is not None and route["share"] < 1:
                question = f"Have {candidate} answer all calls of {self._name}? {incumbent} remains the fallback."
                self._button("Promote the candidate", question, route_changes.promote)
            if route["share"]:
                question = f"Have {incumbent} answer all calls of {self._name} again?"
                self._button("Return to the incumbent", question, route_changes.give_back)

    def _button(self, label: str, question: str, change: Callable[[Database, str, str, Change], Route]) -> None:
        async def ask() -> None:
            if not await confirmed(question, label):
                return
            made = Change("dashboard", session().name, label)
            if await act(change, self._database, self._project, self._name, made, done="changed") is not FAILED:
                await self.draw()

        components.button(label, ask, changes=True)


def _read(database: Database, project: str, name: str) -> _Read:
    with database.read() as tx:
        route = route_changes.find(tx, project, name)
        found = agreement(tx, project, name) if "shadow" in route["policy"] else None
        history = route_changes.history(tx, project, name)
        loop = standing_loop_view.read(tx, project, name)
    return _Read(route, found, history, of_route(database, project, name), loop)


def _show_policy(route: Route) -> None:
    components.heading(f"Policy, revision {route['revision']}")
    components.facts(
        {key: value if isinstance(value, str) else json.dumps(value) for key, value in route["policy"].items()}
    )


def _show_ramp(history: list[RouteRevision]) -> None:
    """The candidate's share over time, which stays until the next revision."""
    components.heading("The candidate's share")
    points: list[charts.Point] = []
    for revision in history:
        at = revision["created_at"].isoformat()
        points += [(at, points[-1][1])] if points else []
        points.append((at, revision["share"]))
    points.append((datetime.now(UTC).isoformat(), history[-1]["share"]))
    described = f"Share of the candidate, now {history[-1]['share']:.1%}"
    ui.echart(charts.lines(described, "", {"share": points}, kind="time")).classes("chart short")


def _show_shadow(route: Route, found: Agreement) -> None:
    components.heading("In shadow")
    components.text(f"{route_texts.shadow(route)}; {route_texts.agreement(found)}.")


def _show_traffic(figures: list[Figures]) -> None:
    components.heading(f"The last {HOURS} hours")
    if not figures:
        components.text("No calls.").classes("dim")
        return
    columns = ["Target", "Calls", "Failed", "Seconds, p50", "p95", "First byte, p50", "Spent", "Without a price"]
    rows = [[*each[:-2], formatting.usd(each.spent), each.unpriced] for each in figures]
    components.table("Traffic by target", columns, rows)


def _show_history(history: list[RouteRevision]) -> None:
    components.heading("History")
    columns = ["Time", "Revision", "Change", "By", "Actor", "Share", "Reason"]
    rows = [[each["created_at"], *route_texts.revision(each)] for each in reversed(history)]
    components.table("Changes of the route, newest first", columns, rows)
