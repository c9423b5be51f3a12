"""The methods shared by all fine-tuners, independent of their trainer."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.store.records.job_results import JobCheckpoint
from fine_tuning.store.records.jobs import Hyperparameters
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs import job_progress
from fine_tuning.training.jobs.job_estimates import JobEstimator
from fine_tuning.training.jobs.job_view import JobEventView, JobView
from fine_tuning.training.jobs.trainer_port import Trainer
from fine_tuning.training.jobs.training_files import TrainingFile, find_training_file, read_training_file
from fine_tuning.training.jobs.training_request import TrainingRequest, UploadedFiles

DEFAULTS = {"n_epochs": 3, "learning_rate_multiplier": 1.0}  # as of `create_fine_tuning_job`


class FineTuner:
    """Upload a file, create a job, follow it."""

    def __init__(self, workspace: Workspace, trainer: Trainer) -> None:
        self._workspace = workspace
        self._trainer = trainer
        self._estimator = JobEstimator(workspace, trainer.provider)

    def upload_training_file(self, path: str | Path) -> str:
        """Check a training file and upload it to the trainer. Returns its file id.

        Args:
            path: JSONL of chat rows; a relative path is looked for in the current directory, then in the workspace's
                `datasets` folder.

        Raises:
            NotFoundError: it is in neither.
            DataError: it is empty or not JSONL; the message names file and line.
        """
        return self._trainer.upload(read_training_file(self.find_file(path), self._trainer.check_row))

    def find_file(self, path: str | Path) -> Path:
        """The path of a dataset file in the current directory, else in the workspace's `datasets` folder.

        Raises:
            NotFoundError: it is in neither.
        """
        return find_training_file(self._workspace, path)

    def create_fine_tuning_job(
        self,
        model: str,
        training_file_id: str,
        validation_file_id: str | None = None,
        suffix: str | None = None,
        learning_rate_multiplier: float | str = 1.0,
        n_epochs: int | str = 3,
        **hyperparameters: object,
    ) -> JobView:
        """Start fine-tuning; the job is recorded before anything is sent or started.

        Args:
            suffix: becomes part of the fine-tuned model's name.
            learning_rate_multiplier, n_epochs: a number, or "auto" where the trainer chooses.
            hyperparameters: further ones of the trainer, e.g. batch_size.

        Returns:
            job_id, model, status, training_file, validation_file, fine_tuned_model, created_at, finished_at,
            trained_tokens, error.

        Raises:
            UsageError: a hyperparameter is out of range or unknown.
            NotFoundError: the file or the base model does not exist.
            ConflictError: the estimate is more than a budget has left.
        """
        chosen = {"n_epochs": n_epochs, "learning_rate_multiplier": learning_rate_multiplier, **hyperparameters}
        request = TrainingRequest(model, suffix, cast("Hyperparameters", chosen))
        request = self._checked(request, has_validation=validation_file_id is not None)
        checks.name("training_file_id", training_file_id)
        return self.start_job(request, UploadedFiles(training_file_id, validation_file_id))

    def check_request(
        self,
        model: str,
        suffix: str | None = None,
        training_path: str | Path | None = None,
        validation_path: str | Path | None = None,
        **hyperparameters: object,
    ) -> TrainingRequest:
        """Check a request, its files and the budgets, before anything is sent.

        Args:
            training_path, validation_path: files that will be uploaded; see `find_file`.

        Returns:
            The request with its files read, for `upload` and `start_job`.

        Raises:
            ConflictError: the job is estimated at more than what a budget has left.
            UsageError: a hyperparameter is out of range or unknown, or a name is invalid.
            NotFoundError: a file or the base model does not exist.
            DataError: a file is empty, or a row cannot be used; the message names file and line.
            ConfigurationError, MissingDependencyError: the trainer cannot work: a key or a package is missing.
        """
        path = None if training_path is None else self.find_file(training_path)
        held_out = None if validation_path is None else self.find_file(validation_path)
        request = TrainingRequest(model, suffix, cast("Hyperparameters", {**DEFAULTS, **hyperparameters}))
        request = self._checked(request, has_validation=held_out is not None)
        if path is not None:
            count = self._estimator.token_count(request, path)
            request = replace(request, training_file=read_training_file(path, self._trainer.check_row, count))
            self._estimator.check_budgets(request, self._estimator.estimate(request, _tokens(request)))
        if held_out is not None:
            request = replace(request, validation_file=read_training_file(held_out, self._trainer.check_row))
        return request

    def upload(self, file: TrainingFile) -> str:
        """Upload a file of a checked request. Returns its file id."""
        return self._trainer.upload(file)

    def start_job(self, request: TrainingRequest, uploaded: UploadedFiles) -> JobView:
        """Start the job of a checked request whose files are uploaded.

        Raises:
            NotFoundError: a file does not exist.
            ConflictError: the estimate is more than a budget has left.
        """
        if request.training_file is not None:
            estimate = self._estimator.estimate(request, _tokens(request))
        else:  # the tokens depend on the model, which its upload does not know
            estimate = self._estimator.estimate_uploaded(request, uploaded.training_file_id)
        return self._trainer.start(request, uploaded, estimate)

    def _checked(self, request: TrainingRequest, *, has_validation: bool) -> TrainingRequest:
        checks.name("model", request.model)
        if request.suffix is not None:
            checks.name("suffix", request.suffix)
        chosen = request.hyperparameters
        if (epochs := chosen.get("n_epochs", "auto")) != "auto":
            checks.count("n_epochs", epochs, 1)
        multiplier = chosen.get("learning_rate_multiplier", "auto")
        if multiplier != "auto" and not checks.amount("learning_rate_multiplier", multiplier):
            raise UsageError(f"learning_rate_multiplier must be greater than 0, not {multiplier!r}")
        return self._trainer.check(request, has_validation=has_validation)

    def get_job_status(self, job_id: str) -> JobView:
        """A job's view; keys as from `create_fine_tuning_job`.

        Raises:
            NotFoundError: there is no such job.
        """
        return self._trainer.status(checks.name("job_id", job_id))

    def cancel_job(self, job_id: str) -> bool:
        """Cancel a job; True when it is (or is being) cancelled, False when it had ended before."""
        if self._trainer.status(checks.name("job_id", job_id))["status"] in {"succeeded", "failed"}:
            return False
        return bool(self._trainer.act(job_id, "cancel"))

    def pause_job(self, job_id: str) -> JobView:
        """Pause a job, to be resumed later; its view."""
        return self._trainer.act(checks.name("job_id", job_id), "pause")

    def resume_job(self, job_id: str) -> JobView:
        """Resume a paused job (or one whose worker died) from its last checkpoint; its view."""
        return self._trainer.act(checks.name("job_id", job_id), "resume")

    def list_jobs(self, limit: int = 10) -> list[JobView]:
        """Views of the newest jobs.

        Raises:
            UsageError: the limit is not positive.
        """
        return self._trainer.newest(checks.count("limit", limit, 1))

    def list_events(self, job_id: str, limit: int = 20) -> list[JobEventView]:
        """A job's newest events, oldest first: id, created_at, level, type (message or metrics), message, data.

        Raises:
            NotFoundError: there is no such job.
            UsageError: the limit is not positive.
        """
        return self._trainer.events(checks.name("job_id", job_id), checks.count("limit", limit, 1))

    def list_checkpoints(self, job_id: str) -> list[JobCheckpoint]:
        """A job's checkpoints, newest first: id, step, model, metrics, created_at."""
        return self._trainer.checkpoints(checks.name("job_id", job_id))

    def wait_for_job(
        self,
        job_id: str,
        poll_seconds: float = 1.0,
        timeout_seconds: float | None = None,
        progress_bar: bool | None = None,
    ) -> JobView:
        """Wait until a job ends or is paused; its last view.

        Args:
            progress_bar: on the standard error stream; by default where that is a terminal.

        Raises:
            TrainingError: the timeout passed; the job continues.
        """
        show = sys.stderr.isatty() if progress_bar is None else progress_bar
        return job_progress.wait(
            self._trainer, job_id, poll_seconds=poll_seconds, timeout_seconds=timeout_seconds, show=show
        )

    def delete_fine_tuned_model(self, model_id: str) -> bool:
        """Delete a fine-tuned model where it is served from; returns whether it was deleted.

        Raises:
            NotFoundError: there is no such model.
        """
        return self._trainer.delete_model(model_id)


def _tokens(request: TrainingRequest) -> int | None:
    return None if request.training_file is None else request.training_file.tokens
