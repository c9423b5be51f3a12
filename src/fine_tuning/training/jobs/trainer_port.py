"""The methods of every trainer, whether a host or a process on this machine."""

from __future__ import annotations

from typing import Literal, Protocol

from fine_tuning.store.records.job_results import JobCheckpoint
from fine_tuning.store.records.jobs import JobEstimate, JobStatus
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.training.jobs.job_view import JobEventView, JobView
from fine_tuning.training.jobs.training_files import TrainingFile
from fine_tuning.training.jobs.training_request import TrainingRequest, UploadedFiles

Action = Literal["cancel", "pause", "resume"]
RUNNING: tuple[JobStatus, ...] = ("validating_files", "queued", "running")
ENDED: tuple[JobStatus, ...] = ("succeeded", "failed", "cancelled")


class Trainer(Protocol):
    """The trainer interface: start and follow jobs, and manage their files and models."""

    @property
    def provider(self) -> str:
        """ "local" or the host's address."""

    def check(self, request: TrainingRequest, *, has_validation: bool) -> TrainingRequest:
        """Raise what would keep a job from starting; returns the request with its defaults filled in."""

    def check_row(self, row: JsonColumn, where: str) -> None:
        """Raise DataError for a row that cannot be trained on; the message starts with `where`."""

    def upload(self, file: TrainingFile) -> str:
        """Store or send a training file that was read; returns its id."""

    def start(self, request: TrainingRequest, uploaded: UploadedFiles, estimate: JobEstimate) -> JobView:
        """Record a job of a checked request, start it, return its view."""

    def status(self, job_id: str) -> JobView:
        """A job's view."""

    def act(self, job_id: str, action: Action) -> JobView:
        """Cancel, pause or resume a job; its view afterwards."""

    def newest(self, limit: int) -> list[JobView]:
        """Views of the newest jobs."""

    def events(self, job_id: str, limit: int) -> list[JobEventView]:
        """The newest events, oldest first."""

    def checkpoints(self, job_id: str) -> list[JobCheckpoint]:
        """Checkpoints, newest first."""

    def delete_model(self, model_id: str) -> bool:
        """Delete a fine-tuned model."""
