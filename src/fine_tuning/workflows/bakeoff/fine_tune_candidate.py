"""A fine-tune of a base model on this machine, as a candidate."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from fine_tuning._util.files import atomic_write
from fine_tuning.candidates.candidate import CandidateAnswer, LabelledCall, Request
from fine_tuning.candidates.served_model import AskModel
from fine_tuning.errors import ConflictError, TrainingError
from fine_tuning.local_fine_tuner import LocalFineTuner
from fine_tuning.store import costs
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.workflows import fine_tuners

WaitForJob = Callable[[FineTuner, str], JobView]


class FineTuneCandidate:
    """A `Candidate` that trains a LoRA adapter over a base model.

    Args:
        base_model: a catalogue name, a folder or a hub id.
        folder: for the training files; an interrupted job of the same files is resumed.
        ask: answers requests with a model.
        wait_for_job: waits until a job has ended.
    """

    def __init__(
        self, base_model: str, workspace: Workspace, folder: Path, ask: AskModel, wait_for_job: WaitForJob
    ) -> None:
        self.name = f"fine-tune: {base_model}"
        self._base_model, self._workspace, self._folder = base_model, workspace, folder
        self._ask, self._wait_for_job = ask, wait_for_job
        self._job: JobView | None = None

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
        files = {name: self._written(name, calls) for name, calls in (("train", train), ("validation", valid))}
        tuner = LocalFineTuner(workspace=self._workspace)
        job = tuner.resume_like(self._base_model, files["train"])
        if job is None:
            job = fine_tuners.start(tuner, self._base_model, files["train"], files["validation"], "bakeoff")
        ended = self._wait_for_job(tuner, job["job_id"])
        if ended["status"] != "succeeded":
            raise TrainingError(f"job {ended['job_id']} {ended['status']}: {ended['error'] or 'no reason was given'}")
        self._job = ended

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
        """What the job cost. See `Candidate`."""
        with self._workspace.database.read() as tx:
            recorded = costs.training_jobs(tx, job_id=self.job["job_id"])
        return recorded[0]["total_cost"] if recorded else None

    def export(self, folder: Path) -> None:
        """Write nothing: the job keeps its model. See `Candidate`."""
