"""Jobs: the queue, the history, and a form to start one."""

from __future__ import annotations

from asyncio import to_thread
from pathlib import Path
from typing import Any

from nicegui import ui

from fine_tuning import job_estimates, tuners
from fine_tuning.dashboard import choices, layout
from fine_tuning.dashboard.acting import FAILED, act, state
from fine_tuning.local_fine_tuner import LocalFineTuner
from fine_tuning.store import jobs
from fine_tuning.store.database import open_database
from fine_tuning.store.tables import JOB_STATUSES

PAGE = 50


@ui.page("/jobs")
async def show(status: str = "", page: int = 1) -> None:
    """Every job, newest first."""
    chosen = status if status in JOB_STATUSES else None
    rows, count = await to_thread(_listed, chosen, (max(1, page) - 1) * PAGE)
    with layout.page("Jobs"):
        await _start_form()
        layout.heading_of("Queue and history")
        options = {"": "all", **{each: each.replace("_", " ") for each in JOB_STATUSES}}
        with ui.element("div").classes("bar"):
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
                layout.say(said, _told(found))

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
