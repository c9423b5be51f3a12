"""The form that exports a version of a model, and the table of its exports."""

from __future__ import annotations

from asyncio import to_thread
from time import monotonic

from nicegui import ui

from fine_tuning._util.model_names import version_name
from fine_tuning.dashboard import components, formatting
from fine_tuning.dashboard.actions import FAILED, act
from fine_tuning.dashboard.separate_process import in_workspace_process
from fine_tuning.export import quantization
from fine_tuning.serving.model_resolution import LOCAL
from fine_tuning.store import exports
from fine_tuning.store.records.model_versions import DescribedModelVersion
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.model_export import Exported, ExportPlan, export_model
from fine_tuning.workflows.model_export.export_plan import QUANTIZED, TARGETS
from fine_tuning.workflows.model_export.source_model import safe_file_name


class ExportForm:
    """The form that exports a version into the workspace, and the table of exports."""

    def __init__(self, workspace: Workspace, name: str, versions: list[DescribedModelVersion]) -> None:
        self._workspace, self._name = workspace, name
        self._versions = [each["version"] for each in versions if each["answered_by"] == LOCAL]

    async def draw(self) -> None:
        """Show the form and the earlier exports."""
        components.heading("Export")
        if not self._versions:
            components.text("No version of this model has its weights on this machine.").classes("dim")
            return
        with ui.element("div").classes("bar"):
            self._version = ui.select(self._versions, value=self._versions[-1], label="Version").classes("field")
            self._to = ui.select(list(TARGETS), value="gguf", label="Format").classes("field")
            self._kind = ui.select(list(quantization.KINDS), value="f16", label="Quantization").classes("field")
            self._kind.bind_enabled_from(self._to, "value", lambda to: to in QUANTIZED)
            components.button("Export", self._export, main=True, changes=True)
        self._step = components.text("").props('role="status"')
        self._made = ui.element("div")
        await self._show()

    async def _export(self) -> None:
        to, kind = self._to.value, self._kind.value if self._to.value in QUANTIZED else None
        label = version_name(self._name, self._version.value)
        file_name = "-".join(filter(None, (safe_file_name(label), to, kind)))
        plan = ExportPlan(label, to, self._workspace.folder("exports") / file_name, quantize=kind)
        began = monotonic()
        with self._made:
            ticking = ui.timer(
                1,
                lambda: components.set_text(self._step, f"writing and checking parity, {monotonic() - began:.0f} s"),
            )
        found = await act(in_workspace_process, self._workspace, _export, plan)
        ticking.delete()
        components.set_text(
            self._step, "" if found is FAILED else f"Written to {found.folder}. Run it with: {found.command}"
        )
        await self._show()

    async def _show(self) -> None:
        rows = await to_thread(_exported, self._workspace, self._name)
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


def _export(workspace: Workspace, plan: ExportPlan) -> Exported:
    return export_model(plan, workspace=workspace)


def _exported(workspace: Workspace, name: str) -> list[list[object]]:
    rows: list[list[object]] = []
    with workspace.database.read() as tx:
        for each in reversed(exports.of_model(tx, name)):
            last = list(each["parity"].values())[-1:]
            alike = [last[0]["agreement"], last[0]["divergence"]] if last else [None, None]
            when = formatting.minute(each["created_at"])
            rows.append([each["version"], each["target"], each["quantization"], *alike, each["path"], when])
    return rows
