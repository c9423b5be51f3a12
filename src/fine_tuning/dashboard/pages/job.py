"""One job, live: its curves, metrics, events and controls.

The view of a job is computed once for all browsers that show it, and each browser receives only what has changed.
"""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import dataclass
from typing import Any, Literal, cast

from nicegui import ui

from fine_tuning.dashboard import charts, components, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, confirmed, state
from fine_tuning.dashboard.shared_reads import shared
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.store import artifacts, job_events, jobs
from fine_tuning.store.records.job_events import JobEvent, StepMetrics
from fine_tuning.store.records.jobs import Job
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.workflows import fine_tuners

LIVE_SECONDS = 0.4
MAX_SHOWN = 100  # events, and artifacts
MAX_POINTS = 400  # of a curve
ENDED = ("succeeded", "failed", "cancelled")
Metric = Literal["train_loss", "valid_loss", "token_accuracy", "valid_token_accuracy"]
CURVES: dict[str, dict[str, Metric]] = {
    "Loss by step": {"training": "train_loss", "validation": "valid_loss"},
    "Token accuracy by step": {"training": "token_accuracy", "validation": "valid_token_accuracy"},
}
Facts = dict[str, object]  # values by their names on the page
ChartOptions = dict[str, Any]  # of ECharts
Steering = Literal["pause_job", "resume_job", "cancel_job"]


@dataclass(frozen=True)
class View:
    """The content of the page; `state` changes whenever the content does."""

    state: tuple[str, str, int]
    status: str
    summary: str
    facts: Facts
    curves: dict[str, ChartOptions]
    events: list[list[object]]
    artifacts: list[list[object]]


_views: dict[str, View] = {}  # the last one of each job that is shown


@ui.page("/jobs/{job_id}")
async def show(job_id: str) -> None:
    """The page."""
    workspace = state().workspace
    view = await to_thread(_view, workspace, job_id)
    with layout.page("Jobs", "Job"):
        if view is None:
            components.empty(f"There is no job {job_id} in this workspace.", "ft-cli jobs list")
            return
        _Live(workspace, job_id, view)


def _view(workspace: Workspace, job_id: str) -> View | None:
    """The content of a job's page now; the same object as before if nothing has changed."""
    with workspace.database.read() as tx:
        job = jobs.get(tx, job_id)
        if job is None:
            return None
        state = (job["status"], job["requested"], job_events.last_id(tx, job["id"]))
        known = _views.get(job_id)
        if known is not None and known.state == state:
            return known
        metrics = job_events.metrics(tx, job["id"])
        events = job_events.newest_without_metrics(tx, job["id"], MAX_SHOWN)
        made = artifacts.of_job(tx, job["id"])[-MAX_SHOWN:]
    is_pending = job["requested"] != "run" and job["status"] == "running"
    view = View(
        state=state,
        status=job["status"],
        summary=f"{job['id']} on {job['model']}: {job['status'].replace('_', ' ')}"
        + (f" ({job['requested']} requested)" if is_pending else ""),
        facts=_facts(job, metrics, events),
        curves={title: _curve(title, names, metrics) for title, names in CURVES.items()},
        events=[[each["created_at"], each["kind"], each["message"]] for each in reversed(events)],
        artifacts=[[each["kind"], each["step"], each["path"], each["created_at"]] for each in reversed(made)],
    )
    if len(_views) > MAX_SHOWN:
        _views.clear()
    _views[job_id] = view
    return view


def _facts(job: Job, metrics: list[StepMetrics], events: list[JobEvent]) -> Facts:
    known: StepMetrics = {}
    for each in metrics:
        known = cast("StepMetrics", {**known, **{name: value for name, value in each.items() if value is not None}})
    left = known.get("seconds_left") if job["status"] == "running" else None
    memory = [event["message"] for event in events if "needed" in event["data"]]
    result = job["result"] or {}
    return {
        "Step": f"{known['step']:,} of {known['total_steps']:,}" if "step" in known else None,
        "Training loss": known.get("train_loss"),
        "Validation loss": known.get("valid_loss"),
        "Tokens per second": known.get("tokens_per_second"),
        "Time left": formatting.duration(left),
        "Training time": formatting.duration(result.get("wall_seconds")),
        "Memory": memory[-1] if memory else None,
        "Tokens": job["trained_tokens"] or known.get("trained_tokens"),
        "Fine-tuned model": job["fine_tuned_model"],
        "Hyperparameters": ", ".join(f"{name} {value}" for name, value in job["hyperparameters"].items()) or None,
        "Error": job["error"]["message"] if job["error"] else None,
    }


def _curve(title: str, names: dict[str, Metric], metrics: list[StepMetrics]) -> ChartOptions:
    series = {}
    for label, name in names.items():
        points = [(each["step"], each[name]) for each in metrics if each.get(name) is not None]
        stride = max(1, len(points) // MAX_POINTS)
        series[label] = points[:-1:stride] + points[-1:]
    return charts.lines(title, "step", series)


def _chart(title: str, options: ChartOptions) -> ui.echart:
    with ui.element("section"):
        components.heading(title, 3)
        return ui.echart(dict(options)).classes("chart")


class _Live:
    """The parts of the page that change while a job trains."""

    def __init__(self, workspace: Workspace, job_id: str, view: View) -> None:
        self._workspace, self._id = workspace, job_id
        self._view: View | None = None
        with ui.element("div").classes("bar"):
            self._status = components.text("").props('role="status"')
            self._pause = components.button("Pause", lambda: self._steer("pause_job", "Pause requested"), changes=True)
            self._resume = components.button("Resume", lambda: self._steer("resume_job", "Resumed"), changes=True)
            self._cancel = components.button("Cancel", self._ask_cancel, changes=True)
        self._facts = components.Facts(list(view.facts))
        self._register_form = ui.element("div").classes("bar")
        with self._register_form:
            self._name = ui.input("Model name")
            components.button("Register model", self._register, main=True, changes=True)
        with ui.element("div").classes("two"):
            self._charts = {title: _chart(title, options) for title, options in view.curves.items()}
        components.heading("Events")
        self._events = ui.element("div")
        components.heading("Artifacts")
        self._artifacts = ui.element("div")
        self._draw(view)
        ui.timer(LIVE_SECONDS, self._refresh, immediate=False)

    async def _refresh(self) -> None:
        view = await shared(("job", self._id), lambda: _view(self._workspace, self._id), LIVE_SECONDS)
        if view is not None:
            self._draw(view)

    def _draw(self, view: View) -> None:
        """Send the changes."""
        before, self._view = self._view, view
        if before is view:
            return
        components.set_text(self._status, view.summary)
        self._facts.show(view.facts)
        if before is None or before.status != view.status:
            self._pause.set_visibility(view.status in {"queued", "running"})
            self._resume.set_visibility(view.status == "paused")
            self._cancel.set_visibility(view.status not in ENDED)
            self._register_form.set_visibility(view.status == "succeeded")
        for title, chart in self._charts.items():
            if before is not None and before.curves[title] != view.curves[title]:
                # Bypasses NiceGUI's own copy of the options, which is compared and wrapped point by point.
                chart.run_chart_method("setOption", view.curves[title])
        if before is None or before.events != view.events:
            self._events.clear()
            with self._events:
                components.table("Events, newest first", ["Time", "Kind", "Message"], view.events)
        if before is None or before.artifacts != view.artifacts:
            self._artifacts.clear()
            with self._artifacts:
                components.table("Artifacts", ["Kind", "Step", "Path", "Created"], view.artifacts)

    async def _steer(self, action: Steering, done: str) -> None:
        await act(_steer, self._workspace, self._id, action, done=done)
        await self._refresh()

    async def _register(self) -> None:
        found = await act(ModelRegistry(workspace=self._workspace).register_job, self._name.value or "", self._id)
        if found is not FAILED:
            ui.navigate.to(components.path("/models", found["model_name"]))

    async def _ask_cancel(self) -> None:
        if await confirmed(f"Cancel {self._id}? It cannot be resumed.", "Cancel the job"):
            await self._steer("cancel_job", "Cancelled")


def _steer(workspace: Workspace, job_id: str, action: Steering) -> JobView | bool:
    tuner = fine_tuners.of_job(workspace, job_id)
    if action == "cancel_job":
        return tuner.cancel_job(job_id)
    return tuner.pause_job(job_id) if action == "pause_job" else tuner.resume_job(job_id)
