"""Models, each with its deployed version."""

from __future__ import annotations

from asyncio import to_thread

from nicegui import ui

from fine_tuning.dashboard import components, layout
from fine_tuning.dashboard.actions import state
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.registry.expiry import time_left
from fine_tuning.store.records.model_versions import DescribedModelVersion

PAGE_SIZE = 50
Row = list[object]  # of the table


@ui.page("/models")
async def show(page: str = "1") -> None:
    """Show every model and its deployed version."""
    number = components.page_number(page)
    rows, count = await to_thread(_listed, ModelRegistry(workspace=state().workspace), (number - 1) * PAGE_SIZE)
    with layout.page("Models"):
        if not count:
            components.empty(
                "No model is registered yet. Register a finished job.", "ft-cli register-model NAME BASE JOB ROWS"
            )
            return
        columns = ["Model", "Versions", "Deployed", "Base", "Accuracy", "Shutdown"]
        components.table("Models", columns, rows)
        components.pages(count, number, PAGE_SIZE, "/models?page=")


def _listed(registry: ModelRegistry, offset: int) -> tuple[list[Row], int]:
    by_name: dict[str, list[DescribedModelVersion]] = {}
    for version in registry.describe_models():
        by_name.setdefault(version["model_name"], []).append(version)
    names = sorted(by_name)
    return [_summary(name, by_name[name]) for name in names[offset : offset + PAGE_SIZE]], len(names)


def _summary(name: str, versions: list[DescribedModelVersion]) -> Row:
    deployed = next((each for each in versions if each["status"] == "DEPLOYED"), None)
    shown = deployed or versions[-1]
    number = None if deployed is None else deployed["version"]
    return [
        (name, components.path("/models", name)),
        len(versions),
        number,
        shown["base_model"],
        shown["accuracy"],
        None if shown["days_left"] is None else time_left(shown["days_left"]),
    ]
