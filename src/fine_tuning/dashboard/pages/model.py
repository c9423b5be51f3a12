"""A model: its deployment timeline, versions, exports, lineage and evaluations."""

from __future__ import annotations

from asyncio import to_thread
from datetime import UTC, datetime

from nicegui import ui

from fine_tuning.costs import training_costs
from fine_tuning.dashboard import charts, components, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, confirmed, state
from fine_tuning.dashboard.evaluation_tables import evaluations_of_model, show_evaluations
from fine_tuning.dashboard.export_form import ExportForm
from fine_tuning.dashboard.lineage_view import show_lineage
from fine_tuning.errors import FineTuningError
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.registry import expiry
from fine_tuning.registry.deployment_timeline import deployment_spans, registration_times
from fine_tuning.store.records.model_versions import DescribedModelVersion, RegistryChange


@ui.page("/models/{name:path}")
async def show_model(name: str) -> None:
    """One model."""
    with layout.page("Models", name):
        await _Model(name).draw()


class _Model:
    """One model's page, drawn again after each change."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._workspace = state().workspace
        self._registry = ModelRegistry(workspace=self._workspace)
        self._body = ui.element("div")

    async def draw(self) -> None:
        """Read and show everything."""
        try:
            history = await to_thread(self._registry.history, self._name)
            versions = await to_thread(self._registry.describe_models, self._name)
            measured = await to_thread(evaluations_of_model, self._workspace, self._name)
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
            await ExportForm(self._workspace, self._name, versions).draw()
            await self._lineage(versions[-1]["version"])
            show_evaluations(self._workspace, self._name, measured)

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
                    "Training cost": formatting.usd(training_costs.registered(version)),
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
        show_lineage(found)


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
