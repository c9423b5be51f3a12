"""What every trainer offers, whether a host far away or a process on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

Action = Literal["cancel", "pause", "resume"]
RUNNING = ("validating_files", "queued", "running")
ENDED = ("succeeded", "failed", "cancelled")


class Trainer(Protocol):
    """The port: `start` and `status`, and what people need around them.

    A job's view has the keys job_id, model, status, training_file, validation_file, fine_tuned_model, created_at,
    finished_at (ISO 8601 or None), trained_tokens and error ({code, message} or None).
    """

    def check(self, model: str, hyperparameters: Mapping[str, Any]) -> None:
        """Raise what would keep a job with these from starting, as far as that can be told at once."""

    def upload(self, path: Path) -> str:
        """Check and take a training file; returns its id."""

    def start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Record a job, start it, return its view."""

    def status(self, job_id: str) -> dict[str, Any]:
        """A job's view."""

    def act(self, job_id: str, action: Action) -> dict[str, Any]:
        """Cancel, pause or resume a job; its view afterwards."""

    def newest(self, limit: int) -> list[dict[str, Any]]:
        """Views of the newest jobs."""

    def events(self, job_id: str, limit: int) -> list[dict[str, Any]]:
        """The newest events, oldest first: id, created_at, level, type, message, data."""

    def checkpoints(self, job_id: str) -> list[dict[str, Any]]:
        """Checkpoints, newest first: id, step, model, metrics, created_at."""

    def delete_model(self, model_id: str) -> bool:
        """Delete a fine-tuned model."""
