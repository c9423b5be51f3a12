"""The overview page: counts at each step of the loop, and the tasks that need a person."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from fine_tuning.dashboard import components, formatting, layout
from fine_tuning.dashboard.actions import state
from fine_tuning.dashboard.shared_reads import shared
from fine_tuning.registry.expiry import is_retired, time_left
from fine_tuning.workflows.overview import Overview, overview

REFRESH_SECONDS = 2.0


@ui.page("/")
async def show() -> None:
    """The page."""
    read = partial(overview, state().workspace)
    found = await shared("overview", read, REFRESH_SECONDS)
    with layout.page("Overview"):
        _needs(found)
        _loop(found)

    async def refresh() -> None:
        now = await shared("overview", read, REFRESH_SECONDS)
        _needs.refresh(now)
        _loop.refresh(now)

    ui.timer(REFRESH_SECONDS, refresh, immediate=False)


@ui.refreshable
def _needs(found: Overview) -> None:
    components.heading("Tasks" if found.needs else "No tasks")
    with ui.element("ul").classes("todo"):
        for need in found.needs:
            with ui.element("li").classes("urgent" if need.is_urgent else ""):
                ui.link(need.what, f"/{need.place}")


@ui.refreshable
def _loop(found: Overview) -> None:
    components.heading("Loop")
    running = found.jobs.get("running", 0)
    queued = sum(found.jobs.get(status, 0) for status in ("queued", "validating_files"))
    steps = (
        ("Captured", found.captured, f"{found.waiting:,} to rate", "/review"),
        ("Curated", found.curated, "rated 4 or 5", "/review"),
        ("Datasets", found.datasets, "built", "/datasets"),
        ("Jobs", sum(found.jobs.values()), f"{running} running, {queued} queued", "/jobs"),
        ("Models", found.models, f"{found.versions:,} versions", "/models"),
        ("Experiments", found.running_tests, "running", "/experiments"),
        ("Deployed", found.deployed, _shutdown(found), "/models"),
        ("Spent", formatting.usd(found.spent), f"this month{_unpriced(found)}", "/costs"),
    )
    with ui.element("ol").classes("loop").props('aria-label="Steps of the loop"'):
        for step, count, note, path in steps:
            with ui.element("li"), ui.element("a").props(f'href="{path}"'):
                components.text(step, "span").classes("stage")
                components.text(formatting.shown(count), "span").classes("count")
                components.text(note, "span").classes("note")


def _shutdown(found: Overview) -> str:
    if found.days_left is None:
        return "no shutdown announced" if found.deployed else "none"
    if is_retired(found.days_left):
        return "a base model is retired"
    return f"next shutdown {time_left(found.days_left)}"


def _unpriced(found: Overview) -> str:
    return f", {found.unpriced:,} without a price" if found.unpriced else ""
