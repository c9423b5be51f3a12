"""Models: each with the version that answers for it."""

from __future__ import annotations

from asyncio import to_thread
from typing import Any

from nicegui import ui

from fine_tuning.dashboard import components, layout
from fine_tuning.model_registry import ModelRegistry

PAGE = 50


@ui.page("/models")
async def show(page: str = "1") -> None:
    """Every model and the version that answers for it."""
    number = components.page_number(page)
    rows, count = await to_thread(_listed, (number - 1) * PAGE)
    with layout.page("Models"):
        if not count:
            components.empty(
                "No model is registered yet: a finished job makes one.", "ft-cli register-model NAME BASE JOB ROWS"
            )
            return
        columns = ["Model", "Versions", "Deployed", "Base", "Accuracy", "Ends in days"]
        components.table("Models", columns, rows)
        components.pages(count, number, PAGE, "/models?page=")


def _listed(offset: int) -> tuple[list[list[Any]], int]:
    by_name: dict[str, list[dict[str, Any]]] = {}
    for version in ModelRegistry().describe_models():
        by_name.setdefault(version["model_name"], []).append(version)
    names = sorted(by_name)
    return [_summary(name, by_name[name]) for name in names[offset : offset + PAGE]], len(names)


def _summary(name: str, versions: list[dict[str, Any]]) -> list[Any]:
    deployed = next((each for each in versions if each["status"] == "DEPLOYED"), None)
    shown = deployed or versions[-1]
    number = None if deployed is None else deployed["version"]
    return [(name, components.path("/models", name)), len(versions), number, shown["base_model"], shown["accuracy"],
            shown["days_left"]]  # fmt: skip
