"""A fine-tune of a base model on this machine, as a candidate."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from math import ceil, inf
from pathlib import Path

from fine_tuning._util.files import atomic_write
from fine_tuning.candidates.candidate import CandidateAnswer, LabelledCall, Request
from fine_tuning.candidates.served_model import AskModel
from fine_tuning.errors import ConflictError, TrainingError
from fine_tuning.local_fine_tuner import LocalFineTuner
from fine_tuning.store import costs, job_events
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.training.jobs.trainer_port import RUNNING
from fine_tuning.workflows import fine_tuners
from fine_tuning.workflows.bakeoff.setting_search import VALIDATIONS, Settings, SettingSearch, Trained, TrialRequest

WaitForJob = Callable[[FineTuner, str], JobView]
SUFFIX = "bakeoff"
EPOCHS, BATCH = 3, 4  # of a trial
POLL_SECONDS = 0.5


class FineTuneCandidate:
    """A `Candidate` that trains a LoRA adapter over a base model, with the best of some settings.

    A job of the same files and settings that has ended is not trained again, and one that was interrupted is resumed.

    Args:
        base_model: a catalogue name, a folder or a hub id.
        folder: for the training files.
        ask: answers requests with a model.
        wait_for_job: waits until a job has ended.
        search: over settings; with one trial, the defaults alone.
    """

    def __init__(
        self,
        base_model: str,
        workspace: Workspace,
        folder: Path,
        ask: AskModel,
        wait_for_job: WaitForJob,
        search: SettingSearch,
    ) -> None:
        self.name = f"fine-tune: {base_model}"
        self._base_model, self._workspace, self._folder = base_model, workspace, folder
        self._ask, self._wait_for_job, self._search = ask, wait_for_job, search
        self._tuner = LocalFineTuner(workspace=workspace)
        self._job: JobView | None = None
        self._trained: list[str] = []

    @property
    def job(self) -> JobView:
        """The job that trained it.

        Raises:
            ConflictError: it is not trained.
        """
        if self._job is None:
            raise ConflictError(f"{self.name} is not trained")
        return self._job

    def fit(self, train: Sequence[LabelledCall], valid: Sequence[LabelledCall]) -> None:
        """Train, and wait. See `Candidate`."""
        files = self._written("train", train), self._written("validation", valid)
        if self._search.trials > 1:
            steps = ceil(len(train) / BATCH) * EPOCHS
            rung = {"n_epochs": EPOCHS, "batch_size": BATCH, "eval_steps": max(1, steps // VALIDATIONS)}
            self._job = self._search.best(lambda trials: self._try(files, rung, trials))
            return
        begun = self._begun(files, {})
        ended = begun if begun["status"] == "succeeded" else self._wait_for_job(self._tuner, begun["job_id"])
        if ended["status"] != "succeeded":
            raise TrainingError(f"job {ended['job_id']} {ended['status']}: {ended['error'] or 'no reason was given'}")
        self._job = ended

    def _begun(self, files: tuple[Path, Path], settings: Settings) -> JobView:
        """The job of these files and settings: one that has ended, one that goes on, or a new one."""
        found = self._tuner.ended_like(self._base_model, files[0], **settings)
        if found is not None and found["status"] == "cancelled" and self._search.trials == 1:
            found = None  # by somebody, who wants it now
        found = found or self._tuner.resume_like(self._base_model, files[0], **settings)
        if found is None:
            train, valid = files
            found = fine_tuners.start(self._tuner, self._base_model, train, valid, SUFFIX, **settings)
        self._trained.append(found["job_id"])
        return found

    def _try(self, files: tuple[Path, Path], rung: Settings, trials: Sequence[TrialRequest]) -> list[Trained]:
        """Train with each of the settings until they are done, or will not become the best."""
        with self._tuner.together():
            begun = [self._begun(files, {**rung, **each.settings, "keep_best": True}) for each in trials]
        running = {job["job_id"]: each.goes_on for job, each in zip(begun, trials, strict=True)}
        seen, ended = dict.fromkeys(running, 0), dict[str, Trained]()
        try:
            while len(ended) < len(running):
                for job_id in [each for each in running if each not in ended]:
                    job, losses = self._tuner.get_job_status(job_id), self._losses(job_id)
                    goes_on = all(running[job_id](at + 1, losses[at]) for at in range(seen[job_id], len(losses)))
                    seen[job_id] = len(losses)
                    if job["status"] not in RUNNING:
                        loss = min(losses, default=inf) if job["status"] == "succeeded" else inf
                        ended[job_id] = Trained(job, loss)
                    elif not goes_on:
                        self._tuner.cancel_job(job_id)
                        ended[job_id] = Trained(job, inf)
                time.sleep(POLL_SECONDS if len(ended) < len(running) else 0)
        except KeyboardInterrupt:
            for job_id in running.keys() - ended.keys():
                self._tuner.pause_job(job_id)
            raise
        return [ended[job_id] for job_id in running]

    def _losses(self, job_id: str) -> list[float]:
        """The validation losses so far, in their order."""
        with self._workspace.database.read() as tx:
            found = [each.get("valid_loss") for each in job_events.metrics(tx, job_id)]
        return [loss for loss in found if loss is not None]

    def _written(self, name: str, calls: Sequence[LabelledCall]) -> Path:
        path = self._folder / f"{name}.jsonl"
        with atomic_write(path) as out:
            for call in calls:
                answer = {"role": "assistant", "content": call.answer}
                row = {"messages": [*call.request.messages, answer]}
                out.write(f"{json.dumps(row, ensure_ascii=False)}\n")
        return path

    def answer(self, requests: Sequence[Request]) -> list[CandidateAnswer]:
        """Ask the trained model. See `Candidate`."""
        return self._ask(str(self.job["fine_tuned_model"]), requests)

    def investment(self) -> float | None:
        """What its jobs cost, those that were ended early with them. See `Candidate`."""
        with self._workspace.database.read() as tx:
            recorded = [costs.training_jobs(tx, job_id=each) for each in self._trained]
        found = [each["total_cost"] for jobs in recorded for each in jobs]
        known = [cost for cost in found if cost is not None]
        return sum(known) if known and len(known) == len(found) else None

    def export(self, folder: Path) -> None:
        """Write nothing: the job keeps its model. See `Candidate`."""
