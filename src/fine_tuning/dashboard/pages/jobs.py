"""Jobs: the queue, the history, and a form to start one."""

from __future__ import annotations

from asyncio import to_thread
from pathlib import Path
from typing import cast

from nicegui import ui

from fine_tuning.dashboard import components, form_choices, formatting, layout
from fine_tuning.dashboard.actions import FAILED, act, session, state
from fine_tuning.local_fine_tuner import LocalFineTuner
from fine_tuning.store import jobs
from fine_tuning.store.records.jobs import Hyperparameters, Job, JobEstimate, JobStatus
from fine_tuning.store.tables import JOB_STATUSES
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.job_estimates import JobEstimator
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.training.jobs.training_request import TrainingRequest
from fine_tuning.workflows import fine_tuners

PAGE = 50


@ui.page("/jobs")
async def show(status: str = "", page: str = "1") -> None:
    """Every job, newest first."""
    chosen = cast("JobStatus", status) if status in JOB_STATUSES else None
    number = components.page_number(page)
    rows, count = await to_thread(_listed, state().workspace, chosen, (number - 1) * PAGE)
    with layout.page("Jobs"):
        await _start_form()
        components.heading("Queue and history")
        options = {"": "all", **{each: each.replace("_", " ") for each in JOB_STATUSES}}
        with ui.element("div").classes("bar"):
            ui.select(
                options,
                value=chosen or "",
                label="Status",
                on_change=lambda event: ui.navigate.to(f"/jobs?status={event.value}"),
            )
        if not count:
            components.empty("No jobs.", "ft-cli train FILE")
            return
        columns = ["Job", "Base model", "Status", "Fine-tuned model", "Tokens", "Created"]
        components.table("Jobs", columns, [_row(job) for job in rows])
        components.pages(count, number, PAGE, f"/jobs?status={chosen or ''}&page=")


def _listed(workspace: Workspace, status: JobStatus | None, offset: int) -> tuple[list[Job], int]:
    with workspace.database.read() as tx:
        return jobs.listed(tx, status=status, offset=offset, limit=PAGE)


def _row(job: Job) -> list[object]:
    return [
        (job["id"], f"/jobs/{job['id']}"),
        job["model"],
        job["status"],
        job["fine_tuned_model"],
        job["trained_tokens"],
        job["created_at"],
    ]


async def _start_form() -> None:
    workspace = state().workspace
    files = await to_thread(form_choices.training_files, workspace)
    bases = form_choices.base_models(state().aliases)
    with ui.expansion("Start a job on this machine").classes("card"):
        latest = 0  # number of the last estimate that was started

        async def estimate() -> None:
            nonlocal latest
            if not file.value or session().read_only:
                return
            latest = number = latest + 1
            starting.disable()
            components.set_text(status_text, "estimating …")
            found = await act(_estimated, workspace, file.value, model.value, int(epochs.value or 1))
            if number != latest:
                return  # a newer one is running
            components.set_text(status_text, "" if found is FAILED else _estimate_text(found))
            starting.set_enabled(found is not FAILED)

        async def start() -> None:
            job = await act(_start, workspace, file.value, model.value, int(epochs.value or 1), suffix.value or None)
            if job is not FAILED:
                ui.navigate.to(f"/jobs/{job['job_id']}")

        with ui.element("div").classes("bar"):
            file = ui.select(files, label="Training file", on_change=estimate).classes("field")
            model = ui.select(bases, value=next(iter(bases)), label="Base model", on_change=estimate).classes("field")
            epochs = ui.number("Epochs", value=3, min=1, step=1, precision=0, on_change=estimate)
            suffix = ui.input("Suffix")
        status_text = components.text("Choose a training file to estimate tokens, time and price.").props(
            'role="status"'
        )
        starting = components.button("Start", start, main=True, changes=True)
        starting.disable()  # until the estimate is shown


def _estimated(workspace: Workspace, file: str, model: str, epochs: int) -> JobEstimate:
    hyperparameters: Hyperparameters = {"n_epochs": epochs}
    path = LocalFineTuner(workspace=workspace).find_file(file)
    return JobEstimator(workspace, "local").estimate_file(TrainingRequest(model, None, hyperparameters), path)


def _estimate_text(estimate: JobEstimate) -> str:
    if estimate["tokens"] is None:
        return "Estimate unavailable: the file is too large, or its tokens cannot be counted"
    time = "unknown until a job with this base model has finished here"
    if estimate["seconds"] is not None:
        time = f"{formatting.duration(estimate['seconds'])} at the speed of the last job with this base model"
    price = "unknown" if estimate["usd"] is None else formatting.usd(estimate["usd"])
    return f"Estimate: {estimate['tokens']:,} training tokens; time {time}; price {price}"


def _start(workspace: Workspace, file: str, model: str, epochs: int, suffix: str | None) -> JobView:
    return fine_tuners.start(LocalFineTuner(workspace=workspace), model, Path(file), None, suffix, n_epochs=epochs)
