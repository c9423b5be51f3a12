"""One model: its versions as a time line, what each comes from, how they compare, and which one answers."""

from __future__ import annotations

from asyncio import to_thread
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from nicegui import ui

from fine_tuning.dashboard import charts, components, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, confirmed, notify
from fine_tuning.dashboard.separate_process import in_separate_process
from fine_tuning.errors import FineTuningError
from fine_tuning.export import quantization
from fine_tuning.model_evaluator import ModelEvaluator
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.settings import get_settings
from fine_tuning.store import evaluations, exports
from fine_tuning.store.database import open_database
from fine_tuning.workflows import model_export

CHANGED_SHOWN = 50  # rows whose answers are shown side by side


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
            components.empty(str(error), "ft-cli list-models")
            return
        self._body.clear()
        with self._body:
            _show_time_line(history)
            for version in reversed(versions):
                self._version(version)
            self._roll_back_button(versions)
            _show_history(history)
            await _Export(self._name, versions).draw()
            await self._lineage(versions[-1]["version"])
            _show_evaluations(self._name, measured)

    def _version(self, version: dict[str, Any]) -> None:
        number, is_deployed = version["version"], version["status"] == "DEPLOYED"
        with ui.element("article").classes("card current" if is_deployed else "card"):
            named = f" ({', '.join(version['aliases'])})" if version["aliases"] else ""
            components.heading(f"Version {number}{named}: {version['status'].lower()}")
            components.facts(
                {
                    "Base": version["base_model"],
                    "Rows": version["dataset_size"],
                    "Accuracy": version["accuracy"],
                    "Training cost": formatting.usd(version["cost"]),
                    "Answered by": version["answered_by"] or "unknown",
                    "Ends": _end(version),
                    "Registered": formatting.minute(version["registered_at"]),
                }
            )
            if not is_deployed:
                components.button(f"Deploy version {number}", lambda: self._deploy(number), changes=True)

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
            components.button("Roll back", self._roll_back, changes=True)

    async def _roll_back(self) -> None:
        question = f"Put the version of {self._name} back that was deployed before?"
        if not await confirmed(question, "Roll back"):
            return
        if await act(self._registry.rollback_model, self._name, done="rolled back") is not FAILED:
            await self.draw()

    async def _lineage(self, version: int) -> None:
        found = await to_thread(self._registry.lineage, self._name, version)
        components.heading(f"Where version {version} comes from")
        graph = {node.id: node.label for node in found.nodes}
        lines = [f"{_id(a)} --> {_id(b)}" for a, b in found.edges]
        named = [f'{_id(key)}["{_plain(label)}"]' for key, label in graph.items()]
        ui.mermaid("\n".join(["graph LR", *named, *lines])).classes("graph").props(
            'role="img" aria-label="Lineage graph"'
        )
        with ui.expansion("The same as a table"):
            components.table("Lineage", ["What", "Which"], [[node.kind, node.label] for node in found.nodes])


class _Export:
    """Files of a version for other programs, in the workspace: a browser names no folder."""

    def __init__(self, name: str, versions: list[dict[str, Any]]) -> None:
        self._name = name
        self._versions = [each["version"] for each in versions if each["answered_by"] == LOCAL]

    async def draw(self) -> None:
        """The form, and what was exported before."""
        components.heading("Export")
        if not self._versions:
            components.text("No version of it has its weights on this machine.").classes("dim")
            return
        with ui.element("div").classes("bar"):
            self._version = ui.select(self._versions, value=self._versions[-1], label="Version").classes("field")
            self._to = ui.select(list(model_export.TARGETS), value="gguf", label="For").classes("field")
            self._kind = ui.select(list(quantization.KINDS), value="f16", label="GGUF stored as").classes("field")
            self._kind.bind_enabled_from(self._to, "value", lambda to: to in model_export.QUANTIZED)
            components.button("Export", self._export, main=True, changes=True)
        self._step = components.text("").props('role="status"')
        self._made = ui.element("div")
        await self._show()

    async def _export(self) -> None:
        to, kind = self._to.value, self._kind.value if self._to.value in model_export.QUANTIZED else None
        label = f"{self._name}-v{self._version.value}"
        folder = get_settings().folder("exports") / "-".join(filter(None, (model_export.plain(label), to, kind)))
        began = monotonic()
        with self._made:
            ticking = ui.timer(
                1,
                lambda: components.set_text(
                    self._step, f"writing and comparing with the trainer's, {monotonic() - began:.0f} s"
                ),
            )
        found = await act(in_separate_process, model_export.export, label, to, folder, quantize=kind)
        ticking.delete()
        components.set_text(
            self._step, "" if found is FAILED else f"{found.folder} is written; it runs with: {found.command}"
        )
        await self._show()

    async def _show(self) -> None:
        rows = await to_thread(_exported, self._name)
        self._made.clear()
        with self._made:
            if rows:
                columns = ["Version", "For", "Stored as", "Tokens as the trainer's", "Nats from it", "Where", "When"]
                components.table("Exports, newest first", columns, rows)


def _exported(name: str) -> list[list[Any]]:
    rows = []
    with open_database().read() as tx:
        for each in reversed(exports.of_model(tx, name)):
            last = list(each["parity"].values())[-1:]
            alike = [last[0]["agreement"], last[0]["divergence"]] if last else [None, None]
            when = formatting.minute(each["created_at"])
            rows.append([each["version"], each["target"], each["quantization"], *alike, each["path"], when])
    return rows


def _id(key: str) -> str:
    return "n" + "".join(letter if letter.isalnum() else "_" for letter in key)


def _plain(label: str) -> str:
    """A label without what the drawing language, or HTML, would read in it."""
    kept = "".join(letter if letter.isalnum() or letter in " .,:()-/@$" else "_" for letter in label)
    return kept[:60]


def _end(version: dict[str, Any]) -> str | None:
    if version["days_left"] is None:
        return None
    left = version["days_left"]
    return f"{version['shutdown_date']}, {f'in {left:,} days' if left > 0 else 'it is over'}"


def _show_time_line(history: list[dict[str, Any]]) -> None:
    """When which version answered, from its changes of status."""
    moves = [each for each in history if each["kind"] == "status"]
    answered: dict[str, list[list[str]]] = {}
    now = datetime.now(UTC).isoformat()
    for each in moves:
        spans = answered.setdefault(f"v{each['version']}", [])
        if each["after"] == "DEPLOYED":
            spans.append([each["created_at"], now])
        elif each["before"] == "DEPLOYED" and spans:
            spans[-1][1] = each["created_at"]
    registered = [(each["created_at"], f"v{each['version']}") for each in moves if each["before"] is None]
    components.heading("Which version answered when")
    drawn = charts.timeline("Versions: the time each was deployed, and when it was registered", answered, registered)
    ui.echart(drawn).classes("chart short")


def _show_history(history: list[dict[str, Any]]) -> None:
    components.heading("Deployments and other changes")
    rows = [
        [formatting.minute(each["created_at"]), each["version"], each["kind"], each["before"], each["after"],
         each["actor"], each["reason"]]
        for each in reversed(history)
    ]  # fmt: skip
    components.table("Changes, newest first", ["Time", "Version", "What", "From", "To", "By", "Why"], rows)


def _measured(name: str) -> list[dict[str, Any]]:
    with open_database().read() as tx:
        return evaluations.of_model(tx, name)


def _show_evaluations(name: str, found: list[dict[str, Any]]) -> None:
    components.heading("Evaluations")
    if not found:
        components.empty("It has not been evaluated yet.", f"ft-cli evaluate-model {name} fine_tuned FILE")
        return
    shown = ("id", "metric", "accuracy", "test_set_size", "avg_latency_ms", "created_at")
    rows = [[each[column] for column in shown] for each in reversed(found)]
    components.table("Evaluations, newest first", ["Id", "Metric", "Score", "Rows", "Milliseconds", "When"], rows)
    components.heading("Two evaluations side by side", 3)
    components.text("Of any models, over the same questions.").classes("dim")
    with ui.element("div").classes("bar"):
        first = ui.number("First, by id", value=found[0]["id"], min=1, precision=0)
        second = ui.number("Second, by id", value=found[-1]["id"], min=1, precision=0)
        components.button("Compare", lambda: _compare(int(first.value or 0), int(second.value or 0), place))
    place = ui.element("div")


async def _compare(first: int, second: int, place: ui.element) -> None:
    try:
        found = await to_thread(ModelEvaluator().compare_evaluations, first, second)
    except FineTuningError as error:
        notify(str(error), is_error=True)
        return
    place.clear()
    with place:
        columns = ["Metric", "First", "Second", "Difference", "From", "To", "p", "p, adjusted"]
        names = ("metric", "first", "second", "difference", "low", "high", "p_value", "adjusted_p")
        changes = [[each[name] for name in names] for each in found["changes"]]
        components.table("Differences with 95 % intervals", columns, changes)
        sides = ("first", "second")
        changed = [
            [row["question"], row["reference"], *(row[side] or row[f"{side}_error"] for side in sides)]
            for row in found["rows"][:CHANGED_SHOWN]
        ]
        components.table("Rows that changed, the worst losses first", ["Question", "Right", "First", "Second"], changed)
