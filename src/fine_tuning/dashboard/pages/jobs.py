"""Jobs: queue and history, and each one live with its curves and controls."""

from __future__ import annotations

from asyncio import to_thread
from pathlib import Path
from typing import Any

from nicegui import ui

from fine_tuning import job_estimates, tuners
from fine_tuning.dashboard import charts, choices, layout
from fine_tuning.dashboard.acting import FAILED, act, confirmed, state
from fine_tuning.dashboard.live import shared
from fine_tuning.local_fine_tuner import LocalFineTuner
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.store import jobs
from fine_tuning.store.database import open_database
from fine_tuning.store.tables import JOB_STATUSES

PAGE = 50
LIVE_SECONDS = 0.5
EVENTS = 100  # that are shown of one job, and what it made
ENDED = ("succeeded", "failed", "cancelled")


@ui.page("/jobs")
async def show(status: str = "", page: int = 1) -> None:
    """Every job, newest first."""
    chosen = status if status in JOB_STATUSES else None
    rows, count = await to_thread(_listed, chosen, (max(1, page) - 1) * PAGE)
    with layout.page("Jobs"):
        await _start_form()
        layout.heading_of("Queue and history")
        options = {"": "all", **{each: each.replace("_", " ") for each in JOB_STATUSES}}
        ui.select(options, value=chosen or "", label="Status",
                  on_change=lambda event: ui.navigate.to(f"/jobs?status={event.value}"))  # fmt: skip
        if not rows:
            layout.empty("No job here.", "ft-cli train FILE")
            return
        columns = ["Job", "Base model", "Status", "Fine-tuned model", "Tokens", "Created"]
        layout.table("Jobs", columns, [_row(job) for job in rows])
        layout.pages(count, page, PAGE, f"/jobs?status={chosen or ''}&page=")


def _listed(status: str | None, offset: int) -> tuple[list[dict[str, Any]], int]:
    with open_database().read() as tx:
        return jobs.listed(tx, status=status, offset=offset, limit=PAGE)


def _row(job: dict[str, Any]) -> list[Any]:
    return [(job["id"], f"/jobs/{job['id']}"), job["model"], job["status"], job["fine_tuned_model"],
            job["trained_tokens"], job["created_at"]]  # fmt: skip


async def _start_form() -> None:
    files, bases = await to_thread(choices.training_files), choices.base_models(state().aliases)
    with ui.expansion("Start a job on this machine").classes("card"):
        with ui.element("div").classes("bar"):
            file = ui.select(files, label="Training file").classes("field")
            model = ui.select(bases, value=next(iter(bases)), label="Base model").classes("field")
            epochs = ui.number("Epochs", value=3, min=1, step=1, precision=0)
            suffix = ui.input("Suffix")
        said = layout.text("").props('role="status"')

        async def estimate() -> None:
            found = await act(_estimated, file.value or "", model.value, int(epochs.value or 1))
            if found is not FAILED:
                said._text = _told(found)
                said.update()

        async def start() -> None:
            job = await act(_start, file.value or "", model.value, int(epochs.value or 1), suffix.value or None)
            if job is not FAILED:
                ui.navigate.to(f"/jobs/{job['job_id']}")

        with ui.element("div").classes("bar"):
            layout.button("Estimate", estimate, changes=True)
            layout.button("Start", start, main=True, changes=True)


def _estimated(file: str, model: str, epochs: int) -> dict[str, Any]:
    path = LocalFineTuner().find_file(file)
    request = {"model": model, "suffix": None, "hyperparameters": {"n_epochs": epochs}}
    return job_estimates.estimate(open_database(), request, "local", path)


def _told(found: dict[str, Any]) -> str:
    tokens, usd = layout.shown(found["tokens"]), layout.usd(found["usd"])
    return f"{tokens} tokens are trained on, for {usd} ({layout.NONE} is unknown)"


def _start(file: str, model: str, epochs: int, suffix: str | None) -> dict[str, Any]:
    return tuners.start(LocalFineTuner(), model, Path(file), None, suffix, n_epochs=epochs)


@ui.page("/jobs/{job_id}")
async def show_job(job_id: str) -> None:
    """One job, as it goes on."""
    found = await to_thread(_read, job_id)
    with layout.page("Jobs", "Job"):
        if found is None:
            layout.empty(f"There is no job {job_id} in this workspace.", "ft-cli jobs list")
            return
        _Live(job_id, found)


def _read(job_id: str) -> dict[str, Any] | None:
    """What the page shows of a job."""
    with open_database().read() as tx:
        job = jobs.get(tx, job_id)
        if job is None:
            return None
        return {
            "job": job,
            "metrics": jobs.metrics(tx, job["id"]),
            "events": jobs.told(tx, job["id"], EVENTS),
            "artifacts": jobs.artifacts(tx, job["id"])[-EVENTS:],
            "last": jobs.last_event(tx, job["id"]),
        }


class _Live:
    """The parts of the page that change while a job trains."""

    def __init__(self, job_id: str, found: dict[str, Any]) -> None:
        self._id = job_id
        self._seen: Any = None
        with ui.element("div").classes("bar"):
            self._status = layout.text("").props('role="status"')
            self._pause = layout.button(
                "Pause", lambda: self._steer("pause_job", "pausing at the next step"), changes=True
            )
            self._resume = layout.button("Resume", lambda: self._steer("resume_job", "going on"), changes=True)
            self._cancel = layout.button("Cancel", self._ask_cancel, changes=True)
        self._facts = ui.element("div")
        self._made = ui.element("div").classes("bar")
        with self._made:
            self._name = ui.input("Name of the model", value=found["job"]["suffix"] or "")
            layout.button("Register as a model", self._register, main=True, changes=True)
        with ui.element("div").classes("two"):
            self._loss = ui.echart(charts.lines("Loss by step", "step", {})).classes("chart")
            self._accuracy = ui.echart(charts.lines("Token accuracy by step", "step", {})).classes("chart")
        layout.heading_of("Events")
        self._events = ui.element("div")
        layout.heading_of("Checkpoints and results")
        self._artifacts = ui.element("div")
        self._draw(found)
        ui.timer(LIVE_SECONDS, self._refresh, immediate=False)

    async def _refresh(self) -> None:
        found = await shared(("job", self._id), lambda: _read(self._id), LIVE_SECONDS)
        if found is not None:
            self._draw(found)

    def _draw(self, found: dict[str, Any]) -> None:
        job, events = found["job"], found["events"]
        seen = (job["status"], job["requested"], found["last"])
        if seen == self._seen:
            return
        self._seen = seen
        status = job["status"]
        wish = f" ({job['requested']} asked for)" if job["requested"] != "run" and status == "running" else ""
        self._status._text = f"{job['id']} on {job['model']}: {status.replace('_', ' ')}{wish}"
        self._status.update()
        self._pause.set_visibility(status in {"queued", "running"})
        self._resume.set_visibility(status == "paused")
        self._cancel.set_visibility(status not in ENDED)
        self._made.set_visibility(status == "succeeded")
        self._show_facts(job, found["metrics"], events)
        self._show_curves(found["metrics"])
        self._show_lists(events, found["artifacts"])

    def _show_facts(self, job: dict[str, Any], metrics: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
        known: dict[str, Any] = {}
        for each in metrics:
            known |= {name: value for name, value in each.items() if value is not None}
        result = job["result"] or {}
        steps = f"{known['step']:,} of {known['total_steps']:,}" if "step" in known else None
        is_running = job["status"] == "running"
        memory = [event["message"] for event in events if "needed" in event["data"]]
        self._facts.clear()
        with self._facts:
            layout.facts(
                {
                    "Step": steps,
                    "Training loss": known.get("train_loss"),
                    "Validation loss": known.get("valid_loss"),
                    "Tokens per second": known.get("tokens_per_second"),
                    "Time left": layout.duration(known.get("seconds_left") if is_running else None),
                    "Time taken": layout.duration(result.get("wall_seconds")),
                    "Memory": memory[-1] if memory else None,
                    "Tokens": job["trained_tokens"] or known.get("trained_tokens"),
                    "Fine-tuned model": job["fine_tuned_model"],
                    "Settings": ", ".join(f"{name} {value}" for name, value in job["hyperparameters"].items()) or None,
                    "Error": (job["error"] or {}).get("message"),
                }
            )

    def _show_curves(self, metrics: list[dict[str, Any]]) -> None:
        for chart, said, names in (
            (self._loss, "Loss by step", {"training": "train_loss", "validation": "valid_loss"}),
            (
                self._accuracy,
                "Token accuracy by step",
                {"training": "token_accuracy", "validation": "valid_token_accuracy"},
            ),
        ):
            series = {
                label: [(each["step"], each[name]) for each in metrics if each.get(name) is not None]
                for label, name in names.items()
            }
            chart.options.clear()
            chart.options.update(charts.lines(said, "step", series))
            chart.update()

    def _show_lists(self, events: list[dict[str, Any]], artifacts: list[dict[str, Any]]) -> None:
        self._events.clear()
        with self._events:
            rows = [(event["created_at"], event["kind"], event["message"]) for event in reversed(events)]
            layout.table("Events, newest first", ["Time", "Kind", "Message"], [list(row) for row in rows])
        self._artifacts.clear()
        with self._artifacts:
            if artifacts:
                names = ("kind", "step", "path", "created_at")
                made = [[each[name] for name in names] for each in reversed(artifacts)]
                layout.table("What the job made", ["Kind", "Step", "Where", "Made"], made)
            else:
                layout.text("None yet.").classes("dim")

    async def _steer(self, action: str, done: str) -> None:
        await act(_steer, self._id, action, done=done)
        await self._refresh()

    async def _register(self) -> None:
        found = await act(ModelRegistry().register_job, self._name.value or "", self._id)
        if found is not FAILED:
            ui.navigate.to(layout.path("/models", found["model_name"]))

    async def _ask_cancel(self) -> None:
        if await confirmed(f"Cancel {self._id}? It cannot go on afterwards.", "Cancel the job"):
            await self._steer("cancel_job", "cancelled")


def _steer(job_id: str, action: str) -> Any:
    return getattr(tuners.of_job(job_id), action)(job_id)
