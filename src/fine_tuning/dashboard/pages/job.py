"""One job, live: its curves, its figures, what happened, and its controls.

What the page shows is made once for all browsers that look at a job, and each of them sends what has changed only.
"""

from __future__ import annotations

from asyncio import to_thread
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from fine_tuning.dashboard import charts, components, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, confirmed
from fine_tuning.dashboard.shared_reads import shared
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.store import artifacts, job_events, jobs
from fine_tuning.store.database import open_database
from fine_tuning.workflows import fine_tuners

LIVE_SECONDS = 0.4
SHOWN = 100  # events, and things that the job made
POINTS = 400  # of a curve
ENDED = ("succeeded", "failed", "cancelled")
CURVES = {
    "Loss by step": {"training": "train_loss", "validation": "valid_loss"},
    "Token accuracy by step": {"training": "token_accuracy", "validation": "valid_token_accuracy"},
}
Row = dict[str, Any]


@dataclass(frozen=True)
class View:
    """What the page shows at a moment; `state` tells moments apart."""

    state: tuple[Any, ...]
    status: str
    said: str
    facts: Row
    curves: dict[str, Row]
    events: list[list[Any]]
    made: list[list[Any]]


_views: dict[str, View] = {}  # the last one of each job that somebody looks at


@ui.page("/jobs/{job_id}")
async def show(job_id: str) -> None:
    """The page."""
    view = await to_thread(_view, job_id)
    with layout.page("Jobs", "Job"):
        if view is None:
            components.empty(f"There is no job {job_id} in this workspace.", "ft-cli jobs list")
            return
        _Live(job_id, view)


def _view(job_id: str) -> View | None:
    """What there is to see of a job now; the same object as before where nothing has changed."""
    with open_database().read() as tx:
        job = jobs.get(tx, job_id)
        if job is None:
            return None
        state = (job["status"], job["requested"], job_events.last(tx, job["id"]))
        known = _views.get(job_id)
        if known is not None and known.state == state:
            return known
        metrics, events = job_events.metrics(tx, job["id"]), job_events.told(tx, job["id"], SHOWN)
        made = artifacts.of_job(tx, job["id"])[-SHOWN:]
    wish = f" ({job['requested']} asked for)" if job["requested"] != "run" and job["status"] == "running" else ""
    view = View(
        state=state,
        status=job["status"],
        said=f"{job['id']} on {job['model']}: {job['status'].replace('_', ' ')}{wish}",
        facts=_facts(job, metrics, events),
        curves={said: _curve(said, names, metrics) for said, names in CURVES.items()},
        events=[[each[name] for name in ("created_at", "kind", "message")] for each in reversed(events)],
        made=[[each[name] for name in ("kind", "step", "path", "created_at")] for each in reversed(made)],
    )
    if len(_views) > SHOWN:
        _views.clear()
    _views[job_id] = view
    return view


def _facts(job: Row, metrics: list[Row], events: list[Row]) -> Row:
    known: Row = {}
    for each in metrics:
        known |= {name: value for name, value in each.items() if value is not None}
    left = known.get("seconds_left") if job["status"] == "running" else None
    memory = [event["message"] for event in events if "needed" in event["data"]]
    return {
        "Step": f"{known['step']:,} of {known['total_steps']:,}" if "step" in known else None,
        "Training loss": known.get("train_loss"),
        "Validation loss": known.get("valid_loss"),
        "Tokens per second": known.get("tokens_per_second"),
        "Time left": formatting.duration(left),
        "Time taken": formatting.duration((job["result"] or {}).get("wall_seconds")),
        "Memory": memory[-1] if memory else None,
        "Tokens": job["trained_tokens"] or known.get("trained_tokens"),
        "Fine-tuned model": job["fine_tuned_model"],
        "Settings": ", ".join(f"{name} {value}" for name, value in job["hyperparameters"].items()) or None,
        "Error": (job["error"] or {}).get("message"),
    }


def _curve(said: str, names: dict[str, str], metrics: list[Row]) -> Row:
    series = {}
    for label, name in names.items():
        points = [(each["step"], each[name]) for each in metrics if each.get(name) is not None]
        apart = max(1, len(points) // POINTS)
        series[label] = points[:-1:apart] + points[-1:]
    return charts.lines(said, "step", series)


def _chart(said: str, options: Row) -> ui.echart:
    with ui.element("section"):
        components.heading(said, 3)
        return ui.echart(dict(options)).classes("chart")


class _Live:
    """The parts of the page that change while a job trains."""

    def __init__(self, job_id: str, view: View) -> None:
        self._id = job_id
        self._view: View | None = None
        with ui.element("div").classes("bar"):
            self._status = components.text("").props('role="status"')
            self._pause = components.button("Pause", lambda: self._steer("pause_job", "it pauses soon"), changes=True)
            self._resume = components.button("Resume", lambda: self._steer("resume_job", "it goes on"), changes=True)
            self._cancel = components.button("Cancel", self._ask_cancel, changes=True)
        self._facts = components.Facts(list(view.facts))
        self._register_form = ui.element("div").classes("bar")
        with self._register_form:
            self._name = ui.input("Name of the model")
            components.button("Register as a model", self._register, main=True, changes=True)
        with ui.element("div").classes("two"):
            self._charts = {said: _chart(said, options) for said, options in view.curves.items()}
        components.heading("Events")
        self._events = ui.element("div")
        components.heading("Checkpoints and results")
        self._made = ui.element("div")
        self._draw(view)
        ui.timer(LIVE_SECONDS, self._refresh, immediate=False)

    async def _refresh(self) -> None:
        view = await shared(("job", self._id), lambda: _view(self._id), LIVE_SECONDS)
        if view is not None:
            self._draw(view)

    def _draw(self, view: View) -> None:
        """Send what has changed."""
        before, self._view = self._view, view
        if before is view:
            return
        components.set_text(self._status, view.said)
        self._facts.show(view.facts)
        if before is None or before.status != view.status:
            self._pause.set_visibility(view.status in {"queued", "running"})
            self._resume.set_visibility(view.status == "paused")
            self._cancel.set_visibility(view.status not in ENDED)
            self._register_form.set_visibility(view.status == "succeeded")
        for said, chart in self._charts.items():
            if before is not None and before.curves[said] != view.curves[said]:
                # Past NiceGUI's own copy of the options, which would be compared and wrapped point by point.
                chart.run_chart_method("setOption", view.curves[said])
        if before is None or before.events != view.events:
            self._events.clear()
            with self._events:
                components.table("Events, newest first", ["Time", "Kind", "Message"], view.events)
        if before is None or before.made != view.made:
            self._made.clear()
            with self._made:
                components.table("What the job made", ["Kind", "Step", "Where", "Made"], view.made)

    async def _steer(self, action: str, done: str) -> None:
        await act(_steer, self._id, action, done=done)
        await self._refresh()

    async def _register(self) -> None:
        found = await act(ModelRegistry().register_job, self._name.value or "", self._id)
        if found is not FAILED:
            ui.navigate.to(components.path("/models", found["model_name"]))

    async def _ask_cancel(self) -> None:
        if await confirmed(f"Cancel {self._id}? It cannot go on afterwards.", "Cancel the job"):
            await self._steer("cancel_job", "cancelled")


def _steer(job_id: str, action: str) -> Any:
    return getattr(fine_tuners.of_job(job_id), action)(job_id)
