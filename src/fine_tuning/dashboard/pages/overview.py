"""The loop as a picture: how much there is at each stage, and what needs a person now."""

from __future__ import annotations

from nicegui import ui

from fine_tuning.dashboard import components, formatting, layout
from fine_tuning.dashboard.shared_reads import shared
from fine_tuning.workflows.overview import Overview, overview

REFRESH_SECONDS = 2.0


@ui.page("/")
async def show() -> None:
    """The page."""
    found = await shared("overview", overview, REFRESH_SECONDS)
    with layout.page("Overview"):
        _needs(found)
        _loop(found)

    async def refresh() -> None:
        now = await shared("overview", overview, REFRESH_SECONDS)
        _needs.refresh(now)
        _loop.refresh(now)

    ui.timer(REFRESH_SECONDS, refresh, immediate=False)


@ui.refreshable
def _needs(found: Overview) -> None:
    components.heading_of("Needs you now" if found.needs else "Nothing waits for you")
    with ui.element("ul").classes("todo"):
        for need in found.needs:
            with ui.element("li").classes("urgent" if need.is_urgent else ""):
                ui.link(need.what, f"/{need.place}")


@ui.refreshable
def _loop(found: Overview) -> None:
    components.heading_of("The loop")
    running = found.jobs.get("running", 0)
    queued = sum(found.jobs.get(status, 0) for status in ("queued", "validating_files"))
    stages = (
        ("Captured", found.captured, f"{found.waiting:,} to rate", "/review"),
        ("Curated", found.curated, "rated 4 or 5", "/review"),
        ("Data sets", found.datasets, "frozen", "/datasets"),
        ("Jobs", sum(found.jobs.values()), f"{running} running, {queued} waiting", "/jobs"),
        ("Models", found.models, f"{found.versions:,} versions", "/models"),
        ("Experiments", found.running_tests, "running", "/experiments"),
        ("Deployed", found.deployed, _end(found), "/models"),
        ("Spent", formatting.usd(found.spent), f"this month{_unpriced(found)}", "/costs"),
    )
    with ui.element("ol").classes("loop").props('aria-label="Stages of the loop"'):
        for stage, count, note, path in stages:
            with ui.element("li"), ui.element("a").props(f'href="{path}"'):
                components.text(stage, "span").classes("stage")
                components.text(formatting.shown(count), "span").classes("count")
                components.text(note, "span").classes("note")


def _end(found: Overview) -> str:
    if found.days_left is None:
        return "no end announced" if found.deployed else "nothing yet"
    return f"first ends in {found.days_left:,} days" if found.days_left > 0 else "one has ended"


def _unpriced(found: Overview) -> str:
    return f", {found.unpriced:,} without a price" if found.unpriced else ""
