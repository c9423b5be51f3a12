"""The methods that every fine-tuner shares, whatever trains behind it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fine_tuning._util import checks
from fine_tuning._util.files import is_file
from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.settings import get_settings
from fine_tuning.training.jobs import job_progress
from fine_tuning.training.jobs.job_estimates import JobEstimator, PlannedJob
from fine_tuning.training.jobs.trainer_port import Trainer


class FineTuner:
    """Upload a file, create a job, follow it."""

    def __init__(self, trainer: Trainer, estimator: JobEstimator | None = None) -> None:
        """Work with a trainer; the estimator checks each job against the budgets before it is sent."""
        self._trainer = trainer
        self._estimator = estimator

    def upload_training_file(self, path: str | Path) -> str:
        """Check a training file and hand it to the trainer. Returns its file id.

        Args:
            path: JSONL of chat rows; a relative path is looked for in the current directory, then in the workspace's
                `datasets` folder.

        Raises:
            NotFoundError: it is in neither.
            DataError: it is empty or not JSONL; the message names file and line.
        """
        return self._trainer.upload(self.find_file(path))

    @staticmethod
    def find_file(path: str | Path) -> Path:
        """Where a data set file is: in the current directory, else in the workspace's `datasets` folder.

        Raises:
            NotFoundError: it is in neither.
        """
        datasets = get_settings().folder("datasets")
        for candidate in (Path(path), datasets / path):
            if is_file(candidate):
                return candidate
        raise NotFoundError(f"no data set file {path}, neither in {Path.cwd()} nor in {datasets}")

    def create_fine_tuning_job(
        self,
        model: str,
        training_file_id: str,
        validation_file_id: str | None = None,
        suffix: str | None = None,
        learning_rate_multiplier: float | str = 1.0,
        n_epochs: int | str = 3,
        **hyperparameters: Any,
    ) -> dict[str, Any]:
        """Start fine-tuning; the job is recorded before anything is sent or started.

        Args:
            suffix: becomes part of the fine-tuned model's name.
            learning_rate_multiplier, n_epochs: a number, or "auto" where the trainer chooses.
            hyperparameters: further ones that the trainer knows, e.g. batch_size.

        Returns:
            job_id, model, status, training_file, validation_file, fine_tuned_model, created_at, finished_at,
            trained_tokens, error.

        Raises:
            UsageError: a hyperparameter is out of range or unknown.
            NotFoundError: the file or the base model does not exist.
            ConflictError: the estimate is more than a budget has left.
        """
        chosen = {"n_epochs": n_epochs, "learning_rate_multiplier": learning_rate_multiplier, **hyperparameters}
        self.check_request(model, suffix, **chosen)
        request: dict[str, Any] = {
            "model": model,
            "training_file_id": checks.name("training_file_id", training_file_id),
            "validation_file_id": validation_file_id,
            "suffix": suffix,
            "hyperparameters": chosen,
        }
        if self._estimator is not None:
            planned = PlannedJob(model, suffix, n_epochs)
            request["estimate"] = self._estimator.estimate_upload(planned, request["training_file_id"])
        return self._trainer.start(request)

    def check_request(
        self, model: str, suffix: str | None = None, training_path: Path | None = None, **hyperparameters: Any
    ) -> None:
        """Check what a job would be created with, before its files are sent.

        Args:
            training_path: the file that would be sent, for the budgets.

        Raises:
            ConflictError: the job is estimated at more than what a budget has left.
            UsageError: a hyperparameter is out of range or unknown, or a name is none.
            NotFoundError: the base model does not exist.
            ConfigurationError, MissingDependencyError: the trainer cannot work: a key or a package is missing.
        """
        checks.name("model", model)
        if suffix is not None:
            checks.name("suffix", suffix)
        if (epochs := hyperparameters.get("n_epochs", "auto")) != "auto":
            checks.count("n_epochs", epochs, 1)
        multiplier = hyperparameters.get("learning_rate_multiplier", "auto")
        if multiplier != "auto" and not checks.amount("learning_rate_multiplier", multiplier):
            raise UsageError(f"learning_rate_multiplier must be greater than 0, not {multiplier!r}")
        self._trainer.check(model, hyperparameters)
        if training_path is not None and self._estimator is not None:
            self._estimator.check_budgets(PlannedJob(model, suffix, epochs), training_path)

    def get_job_status(self, job_id: str) -> dict[str, Any]:
        """A job's view; keys as from `create_fine_tuning_job`.

        Raises:
            NotFoundError: there is no such job.
        """
        return self._trainer.status(job_id)

    def cancel_job(self, job_id: str) -> bool:
        """Stop a job; True when it is (or is being) cancelled, False when it had ended before."""
        if self._trainer.status(job_id)["status"] in {"succeeded", "failed"}:
            return False
        return bool(self._trainer.act(job_id, "cancel"))

    def pause_job(self, job_id: str) -> dict[str, Any]:
        """Stop a job so that it can go on later; its view."""
        return self._trainer.act(job_id, "pause")

    def resume_job(self, job_id: str) -> dict[str, Any]:
        """Let a paused job (or one whose worker died) go on from its last checkpoint; its view."""
        return self._trainer.act(job_id, "resume")

    def list_jobs(self, limit: int = 10) -> list[dict[str, Any]]:
        """Views of the newest jobs.

        Raises:
            UsageError: the limit is not positive.
        """
        return self._trainer.newest(checks.count("limit", limit, 1))

    def list_events(self, job_id: str, limit: int = 20) -> list[dict[str, Any]]:
        """A job's newest events, oldest first: id, created_at, level, type (message or metrics), message, data.

        Raises:
            NotFoundError: there is no such job.
            UsageError: the limit is not positive.
        """
        return self._trainer.events(job_id, checks.count("limit", limit, 1))

    def list_checkpoints(self, job_id: str) -> list[dict[str, Any]]:
        """A job's checkpoints, newest first: id, step, model, metrics, created_at."""
        return self._trainer.checkpoints(job_id)

    def wait_for_job(
        self,
        job_id: str,
        poll_seconds: float = 1.0,
        timeout_seconds: float | None = None,
        progress_bar: bool | None = None,
    ) -> Mapping[str, Any]:
        """Wait until a job ends or is paused; its last view.

        Args:
            progress_bar: on the standard error stream; by default where that is a terminal.

        Raises:
            TrainingError: the timeout passed; the job goes on.
        """
        show = sys.stderr.isatty() if progress_bar is None else progress_bar
        return job_progress.wait(
            self._trainer, job_id, poll_seconds=poll_seconds, timeout_seconds=timeout_seconds, show=show
        )

    def delete_fine_tuned_model(self, model_id: str) -> bool:
        """Delete a fine-tuned model where it is served from; whether that was done.

        Raises:
            NotFoundError: there is no such model.
        """
        return self._trainer.delete_model(model_id)
