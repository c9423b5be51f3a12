"""A model: its deployment timeline, versions, exports, lineage and evaluations."""

from __future__ import annotations

from asyncio import to_thread
from datetime import UTC, datetime
from time import monotonic

from nicegui import ui

from fine_tuning._util.model_names import version_name
from fine_tuning.dashboard import charts, components, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, confirmed, notify
from fine_tuning.dashboard.separate_process import in_separate_process
from fine_tuning.errors import FineTuningError
from fine_tuning.export import quantization
from fine_tuning.model_evaluator import ModelEvaluator
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.registry import expiry
from fine_tuning.registry.deployment_timeline import deployment_spans, registration_times
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.store import evaluations, exports
from fine_tuning.store.records.evaluations import Evaluation
from fine_tuning.store.records.model_versions import DescribedModelVersion, RegistryChange
from fine_tuning.store.workspace import open_workspace
from fine_tuning.workflows import model_export
from fine_tuning.workflows.model_export import ExportPlan

CHANGED_SHOWN = 50  # rows whose predictions are compared


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
            _show_deployment_timeline(history)
            for version in reversed(versions):
                self._version(version)
            self._roll_back_button(versions)
            _show_history(history)
            await _Export(self._name, versions).draw()
            await self._lineage(versions[-1]["version"])
            _show_evaluations(self._name, measured)

    def _version(self, version: DescribedModelVersion) -> None:
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
                    "Provider": version["answered_by"] or "unknown",
                    "Shutdown": _shutdown(version),
                    "Registered": formatting.minute(version["registered_at"]),
                }
            )
            if not is_deployed:
                components.button(f"Deploy version {number}", lambda: self._deploy(number), changes=True)

    async def _deploy(self, number: int) -> None:
        gates = await to_thread(self._registry.check_gates, self._name, number)
        failed = [f"{gate}: {reason}" for gate, reason in gates.items() if reason]
        if failed:
            question = f"Deploy version {number} of {self._name} although it fails gates ({'; '.join(failed)})?"
        else:
            question = f"Deploy version {number} of {self._name}? It passes all gates ({', '.join(gates) or 'none'})."
        if await confirmed(question, "Deploy anyway" if failed else "Deploy"):
            force = bool(failed)
            done = f"version {number} is deployed"
            if await act(self._registry.deploy_model, self._name, number, force=force, done=done) is not FAILED:
                await self.draw()

    def _roll_back_button(self, versions: list[DescribedModelVersion]) -> None:
        if any(version["deployed_at"] for version in versions):
            components.button("Roll back", self._roll_back, changes=True)

    async def _roll_back(self) -> None:
        question = f"Roll {self._name} back to the previously deployed version?"
        if not await confirmed(question, "Roll back"):
            return
        if await act(self._registry.rollback_model, self._name, done="rolled back") is not FAILED:
            await self.draw()

    async def _lineage(self, version: int) -> None:
        found = await to_thread(self._registry.lineage, self._name, version)
        components.heading(f"Lineage of version {version}")
        graph = {node.id: node.label for node in found.nodes}
        lines = [f"{_id(a)} --> {_id(b)}" for a, b in found.edges]
        named = [f'{_id(key)}["{_plain(label)}"]' for key, label in graph.items()]
        ui.mermaid("\n".join(["graph LR", *named, *lines])).classes("graph").props(
            'role="img" aria-label="Lineage graph"'
        )
        with ui.expansion("As a table"):
            components.table("Lineage", ["Kind", "Item"], [[node.kind, node.label] for node in found.nodes])


class _Export:
    """The form that exports a version into the workspace, and the table of exports."""

    def __init__(self, name: str, versions: list[DescribedModelVersion]) -> None:
        self._name = name
        self._versions = [each["version"] for each in versions if each["answered_by"] == LOCAL]

    async def draw(self) -> None:
        """Show the form and the earlier exports."""
        components.heading("Export")
        if not self._versions:
            components.text("No version of this model has its weights on this machine.").classes("dim")
            return
        with ui.element("div").classes("bar"):
            self._version = ui.select(self._versions, value=self._versions[-1], label="Version").classes("field")
            self._to = ui.select(list(model_export.TARGETS), value="gguf", label="Format").classes("field")
            self._kind = ui.select(list(quantization.KINDS), value="f16", label="Quantization").classes("field")
            self._kind.bind_enabled_from(self._to, "value", lambda to: to in model_export.QUANTIZED)
            components.button("Export", self._export, main=True, changes=True)
        self._step = components.text("").props('role="status"')
        self._made = ui.element("div")
        await self._show()

    async def _export(self) -> None:
        to, kind = self._to.value, self._kind.value if self._to.value in model_export.QUANTIZED else None
        label = version_name(self._name, self._version.value)
        file_name = "-".join(filter(None, (model_export.safe_file_name(label), to, kind)))
        plan = ExportPlan(label, to, open_workspace().folder("exports") / file_name, quantize=kind)
        began = monotonic()
        with self._made:
            ticking = ui.timer(
                1,
                lambda: components.set_text(self._step, f"writing and checking parity, {monotonic() - began:.0f} s"),
            )
        found = await act(in_separate_process, model_export.export_model, plan)
        ticking.delete()
        components.set_text(
            self._step, "" if found is FAILED else f"Written to {found.folder}. Run it with: {found.command}"
        )
        await self._show()

    async def _show(self) -> None:
        rows = await to_thread(_exported, self._name)
        self._made.clear()
        with self._made:
            if rows:
                columns = [
                    "Version",
                    "Format",
                    "Quantization",
                    "Token agreement",
                    "Divergence (nats)",
                    "Path",
                    "Created",
                ]
                components.table("Exports, newest first", columns, rows)


def _exported(name: str) -> list[list[object]]:
    rows: list[list[object]] = []
    with open_workspace().database.read() as tx:
        for each in reversed(exports.of_model(tx, name)):
            last = list(each["parity"].values())[-1:]
            alike = [last[0]["agreement"], last[0]["divergence"]] if last else [None, None]
            when = formatting.minute(each["created_at"])
            rows.append([each["version"], each["target"], each["quantization"], *alike, each["path"], when])
    return rows


def _id(key: str) -> str:
    return "n" + "".join(letter if letter.isalnum() else "_" for letter in key)


def _plain(label: str) -> str:
    """A label without characters that Mermaid or HTML interpret."""
    kept = "".join(letter if letter.isalnum() or letter in " .,:()-/@$" else "_" for letter in label)
    return kept[:60]


def _shutdown(version: DescribedModelVersion) -> str | None:
    if version["days_left"] is None:
        return None
    return f"{version['shutdown_date']}, {expiry.time_left(version['days_left'])}"


def _show_deployment_timeline(history: list[RegistryChange]) -> None:
    now = datetime.now(UTC).isoformat()
    registered = registration_times(history)
    deployed: dict[str, list[list[str]]] = {f"v{version}": [] for version in registered}
    for span in deployment_spans(history):
        deployed.setdefault(f"v{span.version}", []).append([span.started_at, span.ended_at or now])
    components.heading("Deployment timeline")
    drawn = charts.timeline(
        "When each version was registered and deployed",
        deployed,
        [(time, f"v{version}") for version, time in registered.items()],
    )
    ui.echart(drawn).classes("chart short")


def _show_history(history: list[RegistryChange]) -> None:
    components.heading("Deployments and other changes")
    rows = [
        [
            formatting.minute(each["created_at"]),
            each["version"],
            each["kind"],
            each["before"],
            each["after"],
            each["actor"],
            each["reason"],
        ]
        for each in reversed(history)
    ]
    components.table("Changes, newest first", ["Time", "Version", "Kind", "From", "To", "Actor", "Reason"], rows)


def _measured(name: str) -> list[Evaluation]:
    with open_workspace().database.read() as tx:
        return evaluations.of_model(tx, name)


def _show_evaluations(name: str, found: list[Evaluation]) -> None:
    components.heading("Evaluations")
    if not found:
        components.empty("No evaluation yet.", f"ft-cli evaluate-model {name} fine_tuned FILE")
        return
    rows = [
        [
            each["id"],
            each["metric"],
            each["accuracy"],
            each["test_set_size"],
            each["avg_latency_ms"],
            each["created_at"],
        ]
        for each in reversed(found)
    ]
    components.table(
        "Evaluations, newest first", ["Id", "Metric", "Score", "Examples", "Latency (ms)", "Created"], rows
    )
    components.heading("Compare two evaluations", 3)
    components.text("They may be of different models but must use the same prompts.").classes("dim")
    with ui.element("div").classes("bar"):
        first = ui.number("First (id)", value=found[0]["id"], min=1, precision=0)
        second = ui.number("Second (id)", value=found[-1]["id"], min=1, precision=0)
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
        columns = ["Metric", "First", "Second", "Difference", "Low", "High", "p", "p (adjusted)"]
        changes = [
            [
                each["metric"],
                each["first"],
                each["second"],
                each["difference"],
                each["low"],
                each["high"],
                each["p_value"],
                each["adjusted_p"],
            ]
            for each in found["changes"]
        ]
        components.table("Differences with 95 % intervals", columns, changes)
        changed = [
            [
                row["question"],
                row["reference"],
                row["first"] or row["first_error"],
                row["second"] or row["second_error"],
            ]
            for row in found["rows"][:CHANGED_SHOWN]
        ]
        components.table("Rows that changed, largest losses first", ["Prompt", "Reference", "First", "Second"], changed)
