"""Wait for a job, with a progress bar that shows loss, speed and time left."""

from __future__ import annotations

import time
from typing import cast

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from fine_tuning._util.printable import printable
from fine_tuning.errors import TrainingError
from fine_tuning.store.records.job_events import StepMetrics
from fine_tuning.training.jobs.job_view import JobEventView, JobView
from fine_tuning.training.jobs.trainer_port import ENDED, Trainer

EVENTS_PER_POLL = 50


def wait(trainer: Trainer, job_id: str, *, poll_seconds: float, timeout_seconds: float | None, show: bool) -> JobView:
    """Poll a job until it ends or pauses; returns its last view.

    Raises:
        TrainingError: it did not end within the timeout.
    """
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    with _bar(show=show) as bar:
        line = bar.add_task(job_id, total=None, facts="")
        while True:
            job = trainer.status(job_id)
            if show:
                _draw(bar, line, job, trainer.events(job_id, EVENTS_PER_POLL))
            if job["status"] in ENDED or job["status"] == "paused":
                return job
            if deadline is not None and time.monotonic() > deadline:
                raise TrainingError(f"job {job_id} is still {job['status']} after {timeout_seconds:g} s; it continues")
            time.sleep(poll_seconds)


def _bar(*, show: bool) -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[facts]}", markup=False),
        console=Console(stderr=True),
        disable=not show,
    )


def _draw(bar: Progress, line: TaskID, job: JobView, events: list[JobEventView]) -> None:
    metrics = _newest_metrics(events)
    is_starting = job["status"] == "running" and events and "step" not in metrics
    bar.update(
        line, description=printable(events[-1]["message"] if is_starting else job["status"]), facts=summary(metrics)
    )
    if total := metrics.get("total_steps"):
        bar.update(line, total=total, completed=metrics.get("step", 0))


def _newest_metrics(events: list[JobEventView]) -> StepMetrics:
    known: dict[str, object] = {}
    for event in events:
        if event["type"] == "metrics":
            known |= event["data"] or {}
    return cast("StepMetrics", known)


def summary(metrics: StepMetrics) -> str:
    """One line of a run's latest metrics: step, losses, tokens per second, time left."""
    parts = []
    if total := metrics.get("total_steps"):
        parts.append(f"step {metrics.get('step', 0)}/{total}")
    if (loss := metrics.get("train_loss")) is not None:
        parts.append(f"loss {loss:.3f}")
    if (loss := metrics.get("valid_loss")) is not None:
        parts.append(f"valid {loss:.3f}")
    if speed := metrics.get("tokens_per_second"):
        parts.append(f"{speed:.0f} tok/s")
    if (left := metrics.get("seconds_left")) is not None:
        parts.append(f"{left:.0f} s left")
    return "  ".join(parts)
