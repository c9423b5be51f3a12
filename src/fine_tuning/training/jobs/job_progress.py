"""Waiting for a job, with a bar that shows loss, speed and time left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from fine_tuning.errors import TrainingError
from fine_tuning.training.jobs.trainer_port import ENDED, Trainer

EVENTS_PER_LOOK = 50


def wait(
    trainer: Trainer, job_id: str, *, poll_seconds: float, timeout_seconds: float | None, show: bool
) -> dict[str, Any]:
    """Look at a job until it ends or pauses; returns its last view.

    Raises:
        TrainingError: it did not end within the timeout.
    """
    deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    with _bar(show) as bar:
        line = bar.add_task(job_id, total=None, facts="")
        while True:
            job = trainer.status(job_id)
            if show:
                _draw(bar, line, job, trainer.events(job_id, EVENTS_PER_LOOK))
            if job["status"] in ENDED or job["status"] == "paused":
                return job
            if deadline is not None and time.monotonic() > deadline:
                raise TrainingError(f"job {job_id} is still {job['status']} after {timeout_seconds:g} s; it goes on")
            time.sleep(poll_seconds)


def _bar(show: bool) -> Progress:
    return Progress(
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[facts]}"),
        console=Console(stderr=True),
        disable=not show,
    )


def _draw(bar: Progress, line: TaskID, job: Mapping[str, Any], events: list[dict[str, Any]]) -> None:
    facts: dict[str, Any] = {}
    for event in events:
        facts.update((event["data"] or {}) if event["type"] == "metrics" else {})
    description = job["status"]
    if job["status"] == "running" and events and "step" not in facts:
        description = events[-1]["message"]
    bar.update(line, description=description, facts=summary(facts))
    if facts.get("total_steps"):
        bar.update(line, total=facts["total_steps"], completed=facts.get("step", 0))


def summary(facts: Mapping[str, Any]) -> str:
    """One line of a run's latest figures: step, loss, tokens per second, time left."""
    parts = []
    if facts.get("total_steps"):
        parts.append(f"step {facts.get('step', 0)}/{facts['total_steps']}")
    for key, label in (("train_loss", "loss"), ("valid_loss", "valid")):
        if facts.get(key) is not None:
            parts.append(f"{label} {facts[key]:.3f}")
    if facts.get("tokens_per_second"):
        parts.append(f"{facts['tokens_per_second']:.0f} tok/s")
    if facts.get("seconds_left") is not None:
        parts.append(f"{facts['seconds_left']:.0f} s left")
    return "  ".join(parts)
