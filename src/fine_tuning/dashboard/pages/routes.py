"""Routes of the gateway: what answers each name that applications use as model."""

from __future__ import annotations

from asyncio import to_thread

from nicegui import ui

from fine_tuning.dashboard import components, layout
from fine_tuning.dashboard.actions import state
from fine_tuning.store import routes
from fine_tuning.store.database import Database
from fine_tuning.store.records.routes import Route


@ui.page("/routes")
async def show() -> None:
    """Every route."""
    found = await to_thread(_listed, state().workspace.database)
    with layout.page("Routes"):
        if not found:
            components.empty("No routes.", "ft-cli route set NAME openai/gpt-4o")
            return
        columns = ["Route", "Project", "Incumbent", "Candidate", "Candidate's share", "In shadow", "Changed"]
        components.table("Routes by name", columns, [_row(route) for route in found])


def _listed(database: Database) -> list[Route]:
    with database.read() as tx:
        return routes.listed(tx)


def _row(route: Route) -> list[object]:
    policy = route["policy"]
    return [
        (route["name"], components.path("/routes", route["project"], route["name"])),
        route["project"],
        policy["incumbent"],
        policy.get("candidate"),
        f"{route['share']:.1%}",
        route["shadow_calls"],
        route["changed_at"],
    ]
