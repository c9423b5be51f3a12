"""Runs a relocation: evaluate the old version, train and evaluate the new one, compare.

The result of each step is recorded, so that the same call resumes an interrupted relocation.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fine_tuning._util.model_names import version_name
from fine_tuning.store.workspace import Workspace
from fine_tuning.training.jobs.fine_tuner import FineTuner
from fine_tuning.training.jobs.job_view import JobView
from fine_tuning.workflows.evaluation_questions import read_questions
from fine_tuning.workflows.relocation.relocation_evaluation import evaluate_version
from fine_tuning.workflows.relocation.relocation_files import relocation_files
from fine_tuning.workflows.relocation.relocation_outcome import compare_versions
from fine_tuning.workflows.relocation.relocation_plan import Outcome, Plan
from fine_tuning.workflows.relocation.relocation_run import NO_ANSWER, start_run
from fine_tuning.workflows.relocation.relocation_training import FollowJob, register, train


def relocate(
    plan: Plan,
    *,
    workspace: Workspace,
    on_message: Callable[[str], None] = lambda _: None,
    follow_job: FollowJob | None = None,
) -> Outcome:
    """Train a model's data on another base, evaluate both versions and compare them. Nothing is deployed.

    Raises:
        NotFoundError: there is no such model, or its training data is not here.
        TrainingError, ProviderError: the training failed.
    """
    run = start_run(plan, workspace, on_message)
    data = relocation_files(run)
    questions = read_questions(Path(data["test"]))
    found, reason = {}, ""
    try:  # first, while the old model still answers
        found[run.old_name] = evaluate_version(run, run.old_name, questions)
    except NO_ANSWER as error:
        reason = f"the old model does not answer: {error}"
        on_message(reason)  # before a training that cannot be compared is paid for
    job = train(run, data, follow_job or _wait_for_job)
    new_name = version_name(run.old["model_name"], register(run, job, data))
    found[new_name] = evaluate_version(run, new_name, questions)
    outcome = compare_versions(run, new_name, job["job_id"], found)
    outcome.reason, outcome.held_out = reason or outcome.reason, data["held_out"]
    run.steps.finish("verdict", outcome.verdict)
    return outcome


def _wait_for_job(tuner: FineTuner, job_id: str) -> JobView:
    return tuner.wait_for_job(job_id)
