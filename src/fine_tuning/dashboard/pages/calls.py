"""Calls of the gateway: traffic of the last day, and every call with filters."""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from fine_tuning.dashboard import charts, components, formatting, layout
from fine_tuning.dashboard.actions import state
from fine_tuning.dashboard.shared_reads import shared
from fine_tuning.gateway import call_texts
from fine_tuning.gateway.traffic import HOURS, Traffic, traffic
from fine_tuning.store import gateway_calls
from fine_tuning.store.gateway_calls import Filters
from fine_tuning.store.records.gateway_calls import GatewayCall
from fine_tuning.store.workspace import Workspace

PAGE = 50
FRESH_SECONDS = 5.0  # for which browsers share what was read
ENDINGS = {"": "all", "answered": "answered", "failed": "failed"}


@dataclass(frozen=True)
class Chosen:
    """What the address of the page chooses; empty for any."""

    upstream: str = ""
    model: str = ""
    ending: str = ""
    text: str = ""

    def filters(self) -> Filters:
        """As the store takes them."""
        is_failed = {"failed": True, "answered": False}.get(self.ending)
        return Filters(
            upstream=self.upstream or None, model=self.model or None, is_failed=is_failed, text=self.text or None
        )

    def path(self, **changes: object) -> str:
        """The address of the page with other choices."""
        return f"/calls?{urlencode({**vars(self), **changes})}"


@ui.page("/calls")
async def show(upstream: str = "", model: str = "", ending: str = "", text: str = "", page: str = "1") -> None:
    """Traffic and calls, newest first."""
    chosen, number = Chosen(upstream, model, ending if ending in ENDINGS else "", text), components.page_number(page)
    workspace = state().workspace
    found = await shared("traffic", partial(traffic, workspace.database), FRESH_SECONDS)
    rows, count = await to_thread(_listed, workspace, chosen.filters(), (number - 1) * PAGE)
    choices = await to_thread(_choices, workspace)
    with layout.page("Calls"):
        _show_traffic(found)
        components.heading("Calls")
        _show_filters(chosen, choices)
        if not count:
            components.empty("No calls.", "OPENAI_BASE_URL=http://localhost:8000/openai/v1")
            return
        columns = ["Time", "Call", "Upstream", "Model", "Status", "Seconds", "Tokens", "Cost", "Captured"]
        components.table("Calls, newest first", columns, [_row(call) for call in rows])
        components.pages(count, number, PAGE, chosen.path(page=""))


def _listed(workspace: Workspace, filters: Filters, offset: int) -> tuple[list[GatewayCall], int]:
    with workspace.database.read() as tx:
        return gateway_calls.newest(tx, filters, PAGE, offset), gateway_calls.count(tx, filters)


def _choices(workspace: Workspace) -> tuple[list[str], list[str]]:
    """The upstreams and models of calls."""
    with workspace.database.read() as tx:
        return gateway_calls.values(tx, "upstream"), gateway_calls.values(tx, "model")


def _show_traffic(found: Traffic) -> None:
    components.heading(f"The last {HOURS} hours" if found.is_complete else "The newest calls")
    if not found.upstreams:
        components.text("No calls.").classes("dim")
        return
    described = f"Calls by hour, {sum(found.answered):,} answered and {sum(found.failed):,} failed"
    labels = [f"{hour:%H:%M}" for hour in found.hours]
    bars = charts.stacked_bars(described, labels, {"answered": found.answered, "failed": found.failed})
    ui.echart(bars).classes("chart")
    columns = ["Upstream", "Calls", "Failed", "Seconds, p50", "p95", "First byte, p50", "Spent", "Without a price"]
    rows = [[*each[:-2], formatting.usd(each.spent), each.unpriced] for each in found.upstreams]
    components.table("Traffic by upstream", columns, rows)


def _show_filters(chosen: Chosen, choices: tuple[list[str], list[str]]) -> None:
    def go(**changes: Any) -> None:
        ui.navigate.to(chosen.path(**changes))

    upstreams, models = ({"": "all", **{each: each for each in names}} for names in choices)
    with ui.element("div").classes("bar"):
        for label, key, options in (("Upstream", "upstream", upstreams), ("Model", "model", models)):
            value = getattr(chosen, key)
            known = options if value in options else {**options, value: value}
            ui.select(known, value=value, label=label, on_change=lambda event, key=key: go(**{key: event.value}))
        ui.select(ENDINGS, value=chosen.ending, label="Ended", on_change=lambda event: go(ending=event.value))
        search = ui.input("Text", value=chosen.text)
        search.on("keydown.enter", lambda: go(text=search.value or ""))
        components.button("Search", lambda: go(text=search.value or ""))


def _row(call: GatewayCall) -> list[object]:
    return [
        call["started_at"],
        (call["id"], components.path("/calls", call["id"])),
        call["upstream"],
        call["model"],
        call_texts.status(call),
        call["seconds"],
        call_texts.tokens(call),
        formatting.usd(call["cost"]),
        call_texts.captured(call),
    ]
