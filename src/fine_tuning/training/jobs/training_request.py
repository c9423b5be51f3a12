"""What a job is created with, checked and read once before anything is sent or started."""

from __future__ import annotations

from dataclasses import dataclass

from fine_tuning.store.records.jobs import Hyperparameters
from fine_tuning.training.jobs.training_files import TrainingFile


@dataclass(frozen=True)
class TrainingRequest:
    """A base model and how to train it, as `FineTuner.check_request` returns it.

    Attributes:
        suffix: part of the fine-tuned model's name.
        hyperparameters: of a local job without "auto", of a hosted one as given.
        training_file: read and checked; None for a file that is given by the id of its upload.
        validation_file: the same.
    """

    model: str
    suffix: str | None
    hyperparameters: Hyperparameters
    training_file: TrainingFile | None = None
    validation_file: TrainingFile | None = None

    @property
    def budget_name(self) -> str:
        """The name that budgets are looked up by."""
        return self.suffix or self.model


@dataclass(frozen=True)
class UploadedFiles:
    """Ids of a job's files at its trainer."""

    training_file_id: str
    validation_file_id: str | None = None
