"""Models: versions as a time line, what each comes from, how they compare, and which one answers."""

from __future__ import annotations

from asyncio import to_thread
from typing import Any

from nicegui import ui

from fine_tuning.dashboard import layout
from fine_tuning.dashboard.acting import FAILED, act, confirmed, tell
from fine_tuning.errors import FineTuningError
from fine_tuning.model_evaluator import ModelEvaluator
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.store import evaluations
from fine_tuning.store.database import open_database

PAGE = 50
CHANGED_SHOWN = 50  # rows whose answers are shown side by side


@ui.page("/models")
async def show(page: int = 1) -> None:
    """Every model and the version that answers for it."""
    rows, count = await to_thread(_listed, (max(1, page) - 1) * PAGE)
    with layout.page("Models"):
        if not rows:
            layout.empty(
                "No model is registered yet: a finished job makes one.", "ft-cli register-model NAME BASE JOB ROWS"
            )
            return
        columns = ["Model", "Versions", "Deployed", "Base", "Accuracy", "Ends in days"]
        layout.table("Models", columns, rows)
        layout.pages(count, page, PAGE, "/models?page=")


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
    return [(name, layout.path("/models", name)), len(versions), number, shown["base_model"], shown["accuracy"],
            shown["days_left"]]  # fmt: skip


@ui.page("/models/{name:path}")
async def show_model(name: str) -> None:
    """One model."""
    with layout.page("Models", name):
        await _Model(name).draw()


class _Model:
    """One model's page, drawn again after each change."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._registry = ModelRegistry()
        self._body = ui.element("div")

    async def draw(self) -> None:
        """Read and show everything."""
        try:
            history = await to_thread(self._registry.history, self._name)
            versions = await to_thread(self._registry.describe_models, self._name)
            measured = await to_thread(_measured, self._name)
        except FineTuningError as error:
            layout.empty(str(error), "ft-cli list-models")
            return
        self._body.clear()
        with self._body:
            for version in reversed(versions):
                await self._version(version)
            self._roll_back_button(versions)
            _show_history(history)
            await self._lineage(versions[-1]["version"])
            _show_evaluations(measured)

    async def _version(self, version: dict[str, Any]) -> None:
        number, is_deployed = version["version"], version["status"] == "DEPLOYED"
        with ui.element("article").classes("card current" if is_deployed else "card"):
            named = f" ({', '.join(version['aliases'])})" if version["aliases"] else ""
            layout.heading_of(f"Version {number}{named}: {version['status'].lower()}")
            layout.facts(
                {
                    "Base": version["base_model"],
                    "Rows": version["dataset_size"],
                    "Accuracy": version["accuracy"],
                    "Training cost": layout.usd(version["cost"]),
                    "Answered by": version["provider"] or "unknown",
                    "Ends": _end(version),
                    "Registered": layout.minute(version["registered_at"]),
                }
            )
            if not is_deployed:
                layout.button(f"Deploy version {number}", lambda: self._deploy(number), changes=True)
            layout.text(f"ft-cli export {self._name}-v{number} --to gguf", "code")

    async def _deploy(self, number: int) -> None:
        gates = await to_thread(self._registry.check_gates, self._name, number)
        closed = [f"gate {gate}: {reason}" for gate, reason in gates.items() if reason]
        said = "; ".join(closed) if closed else f"All gates are open ({', '.join(gates) or 'none is set'})."
        if closed:
            question = f"Deploy version {number} of {self._name} although it {said}?"
        else:
            question = f"Deploy version {number} of {self._name}? {said}"
        if await confirmed(question, "Deploy it all the same" if closed else "Deploy"):
            force = bool(closed)
            done = f"version {number} is deployed"
            if await act(self._registry.deploy_model, self._name, number, force=force, done=done) is not FAILED:
                await self.draw()

    def _roll_back_button(self, versions: list[dict[str, Any]]) -> None:
        if any(version["deployed_at"] for version in versions):
            layout.button("Roll back", self._roll_back, changes=True)

    async def _roll_back(self) -> None:
        question = f"Put the version of {self._name} back that was deployed before?"
        if not await confirmed(question, "Roll back"):
            return
        if await act(self._registry.rollback_model, self._name, done="rolled back") is not FAILED:
            await self.draw()

    async def _lineage(self, version: int) -> None:
        found = await to_thread(self._registry.lineage, self._name, version)
        layout.heading_of(f"Where version {version} comes from")
        graph = {node.id: node.label for node in found.nodes}
        lines = [f"{_id(a)} --> {_id(b)}" for a, b in found.edges]
        named = [f'{_id(key)}["{_plain(label)}"]' for key, label in graph.items()]
        ui.mermaid("\n".join(["graph LR", *named, *lines])).props('role="img" aria-label="Lineage graph"')
        with ui.expansion("The same as a table"):
            layout.table("Lineage", ["What", "Which"], [[node.kind, node.label] for node in found.nodes])


def _id(key: str) -> str:
    return "n" + "".join(letter if letter.isalnum() else "_" for letter in key)


def _plain(label: str) -> str:
    """A label without what the drawing language, or HTML, would read in it."""
    kept = "".join(letter if letter.isalnum() or letter in " .,:()-/@" else "_" for letter in label)
    return kept[:60]


def _end(version: dict[str, Any]) -> str | None:
    if version["days_left"] is None:
        return None
    left = version["days_left"]
    return f"{version['shutdown_date']}, {f'in {left:,} days' if left > 0 else 'it is over'}"


def _show_history(history: list[dict[str, Any]]) -> None:
    layout.heading_of("Deployments and other changes")
    rows = [
        [layout.minute(each["created_at"]), each["version"], each["kind"], each["before"], each["after"],
         each["actor"], each["reason"]]
        for each in reversed(history)
    ]  # fmt: skip
    layout.table("Changes, newest first", ["Time", "Version", "What", "From", "To", "By", "Why"], rows)


def _measured(name: str) -> list[dict[str, Any]]:
    with open_database().read() as tx:
        return evaluations.of_model(tx, name)


def _show_evaluations(found: list[dict[str, Any]]) -> None:
    layout.heading_of("Evaluations")
    if not found:
        layout.empty("It has not been evaluated yet.", "ft-cli evaluate-model MODEL FILE")
        return
    shown = ("id", "metric", "accuracy", "test_set_size", "avg_latency_ms", "created_at")
    rows = [[each[name] for name in shown] for each in reversed(found)]
    layout.table("Evaluations, newest first", ["Id", "Metric", "Score", "Rows", "Milliseconds", "When"], rows)
    layout.heading_of("Two evaluations side by side", 3)
    layout.text("Of any models, over the same questions.").classes("dim")
    with ui.element("div").classes("bar"):
        first = ui.number("First, by id", value=found[0]["id"], min=1, precision=0)
        second = ui.number("Second, by id", value=found[-1]["id"], min=1, precision=0)
        layout.button("Compare", lambda: _compare(int(first.value or 0), int(second.value or 0), place))
    place = ui.element("div")


async def _compare(first: int, second: int, place: ui.element) -> None:
    try:
        found = await to_thread(ModelEvaluator().compare_evaluations, first, second)
    except FineTuningError as error:
        tell(str(error), wrong=True)
        return
    place.clear()
    with place:
        columns = ["Metric", "First", "Second", "Difference", "From", "To", "p", "p, adjusted"]
        names = ("metric", "first", "second", "difference", "low", "high", "p_value", "adjusted_p")
        changes = [[each[name] for name in names] for each in found["changes"]]
        layout.table("Differences with 95 % intervals", columns, changes)
        sides = ("first", "second")
        changed = [
            [row["question"], row["reference"], *(row[side] or row[f"{side}_error"] for side in sides)]
            for row in found["rows"][:CHANGED_SHOWN]
        ]
        layout.table("Rows that changed, the worst losses first", ["Question", "Right", "First", "Second"], changed)
