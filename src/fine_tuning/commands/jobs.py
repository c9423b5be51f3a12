"""Fine-tuning jobs, at a host or on this machine."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fine_tuning.commands import output
from fine_tuning.errors import TrainingError
from fine_tuning.training.loop.training_config import Method, Tuning

if TYPE_CHECKING:
    from fine_tuning.training.jobs.fine_tuner import FineTuner

Job = Annotated[str, typer.Argument(help="Job id, e.g. ftjob-abc123.")]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Training"
    app.command("create-openai-job", rich_help_panel=panel)(create_openai_job)
    app.command("check-job-status", rich_help_panel=panel)(check_job_status)
    app.command("train", rich_help_panel=panel)(train)
    jobs = typer.Typer(help="Follow and steer jobs.", no_args_is_help=True)
    jobs.command("list")(list_jobs)
    jobs.command("watch")(watch)
    jobs.command("events")(events)
    jobs.command("pause")(pause)
    jobs.command("resume")(resume)
    jobs.command("cancel")(cancel)
    app.add_typer(jobs, name="jobs", rich_help_panel=panel)


def create_openai_job(
    model: Annotated[str, typer.Argument(help="Base model, e.g. gpt-4.1-mini.")],
    file: Annotated[Path, typer.Argument(help="Training file; also looked for in the workspace's datasets.")],
    suffix: Annotated[str | None, typer.Option(help="Part of the fine-tuned model's name.")] = None,
    validation_file: Annotated[Path | None, typer.Option(help="File to validate on.")] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 3,
    as_json: output.Json = False,
) -> None:
    """Upload a file and start a job at OpenAI, or at the host that OPENAI_BASE_URL names."""
    from fine_tuning.openai_fine_tuner import OpenAIFineTuner
    from fine_tuning.workflows import fine_tuners

    _print_job(fine_tuners.start(OpenAIFineTuner(), model, file, validation_file, suffix, n_epochs=epochs), as_json)


def train(
    file: Annotated[Path, typer.Argument(help="Training file; also looked for in the workspace's datasets.")],
    model: Annotated[str, typer.Option(help="Base model: catalogue name, folder or Hugging Face id.")] = "",
    suffix: Annotated[str | None, typer.Option(help="Part of the fine-tuned model's name.")] = None,
    validation_file: Annotated[Path | None, typer.Option(help="File to validate on.")] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 3,
    max_steps: Annotated[int | None, typer.Option(help="Stop after so many optimizer steps.")] = None,
    method: Annotated[Method, typer.Option(help="Chats with answers, or pairs of a better and a worse one.")] = (
        "supervised"
    ),
    tuning: Annotated[
        Tuning, typer.Option(help="Adapters, adapters on a base in 4 bits, or all its weights.")
    ] = "lora",
    batch_size: Annotated[int | None, typer.Option(help="Conversations in one optimizer step.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens of a conversation that are kept.")] = None,
    workers: Annotated[int | None, typer.Option(help="Machines, or processes of one, that share every step.")] = None,
    ray: Annotated[str | None, typer.Option(help="Address of the Ray cluster they are on.")] = None,
    early_stopping: Annotated[
        int | None, typer.Option(help="Stop after so many validations without a lower loss; the best is kept.")
    ] = None,
    report_to: Annotated[list[str] | None, typer.Option(help="Also tell tensorboard, mlflow or wandb.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for the end.")] = False,
    as_json: output.Json = False,
) -> None:
    """Fine-tune on this machine. Ctrl-C pauses the job; `ft-cli jobs resume` lets it go on."""
    from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL
    from fine_tuning.local_fine_tuner import LocalFineTuner
    from fine_tuning.workflows import fine_tuners

    tuner = LocalFineTuner()
    more = {"max_steps": max_steps, "early_stopping": early_stopping, "report_to": report_to,
            "method": method, "tuning": tuning, "batch_size": batch_size, "max_length": max_length,
            "workers": workers, "ray_address": ray}  # fmt: skip
    asked = {name: value for name, value in more.items() if value is not None}
    job = fine_tuners.start(tuner, model or DEFAULT_BASE_MODEL, file, validation_file, suffix, n_epochs=epochs, **asked)
    _print_job(job if detach else follow(tuner, job["job_id"]), as_json)


def follow(tuner: FineTuner, job_id: str) -> dict[str, Any]:
    """Wait with a progress bar; Ctrl-C pauses the job.

    Raises:
        TrainingError: the job failed, or was paused or cancelled.
    """
    try:
        job = tuner.wait_for_job(job_id)
    except KeyboardInterrupt:
        tuner.pause_job(job_id)
        typer.echo("pausing at the next step ...", err=True)
        job = tuner.wait_for_job(job_id, progress_bar=False)
    if job["status"] == "succeeded":
        return dict(job)
    reason = (job["error"] or {}).get("message", "")
    if job["status"] == "paused":
        why = f" ({reason})" if reason else ""
        raise TrainingError(f"job {job_id} is paused{why}; go on with: ft-cli jobs resume {job_id}")
    raise TrainingError(f"job {job_id} {job['status']}{': ' + reason if reason else ''}")


def _tuner_of(job_id: str) -> FineTuner:
    from fine_tuning.workflows import fine_tuners

    return fine_tuners.of_job(job_id)


def check_job_status(job: Job, as_json: output.Json = False) -> None:
    """Show how a job stands."""
    _print_job(_tuner_of(job).get_job_status(job), as_json)


def watch(job: Job) -> None:
    """Follow a job to its end. Ctrl-C pauses it."""
    _print_job(follow(_tuner_of(job), job), as_json=False)


def pause(job: Job) -> None:
    """Let a job stop at the next step, to go on later."""
    _print_job(_tuner_of(job).pause_job(job), as_json=False)


def resume(
    job: Job, detach: Annotated[bool, typer.Option("--detach", help="Do not wait for the end.")] = False
) -> None:
    """Let a paused job go on from its last checkpoint."""
    tuner = _tuner_of(job)
    view = tuner.resume_job(job)
    _print_job(view if detach else follow(tuner, job), as_json=False)


def cancel(job: Job) -> None:
    """Stop a job for good."""
    tuner = _tuner_of(job)
    if not tuner.cancel_job(job):
        raise TrainingError(f"job {job} has {tuner.get_job_status(job)['status']}; there is nothing to cancel")
    _print_job(tuner.get_job_status(job), as_json=False)


def list_jobs(
    limit: Annotated[int, typer.Option(help="How many.")] = 10,
    hosted: Annotated[bool, typer.Option("--hosted", help="Those of the OpenAI-compatible host instead.")] = False,
    as_json: output.Json = False,
) -> None:
    """The newest jobs of this machine."""
    if hosted:
        from fine_tuning.openai_fine_tuner import OpenAIFineTuner

        found = OpenAIFineTuner().list_jobs(limit)
    else:
        from fine_tuning.local_fine_tuner import LocalFineTuner

        found = LocalFineTuner().list_jobs(limit)
    if as_json:
        output.print_json(found)
        return
    columns = ["Job", "Base model", "Status", "Fine-tuned model", "Tokens#", "Created"]
    rows = [
        (
            job["job_id"],
            job["model"],
            job["status"],
            job["fine_tuned_model"],
            job["trained_tokens"],
            output.utc(job["created_at"]),
        )
        for job in found
    ]
    output.print_table("Jobs", columns, rows)


def events(job: Job, limit: Annotated[int, typer.Option(help="How many.")] = 20, as_json: output.Json = False) -> None:
    """A job's newest events."""
    found = _tuner_of(job).list_events(job, limit)
    if as_json:
        output.print_json(found)
        return
    output.print_table(
        f"Events of {job}",
        ["Time", "Type", "Message"],
        [(event["created_at"][11:19], event["type"], event["message"]) for event in found],
    )


def _print_job(job: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        output.print_json(job)
        return
    error = (job.get("error") or {}).get("message")
    facts = {name.replace("_", " "): value for name, value in job.items() if name not in {"job_id", "error"}}
    output.print_facts(f"Job {job['job_id']}", facts | ({"error": error} if error else {}))
    sys.stdout.flush()
