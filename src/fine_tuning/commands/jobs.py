"""Fine-tuning jobs, at a host or on this machine."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.base_models.template_names import ChatTemplate
from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options
from fine_tuning.errors import TrainingError
from fine_tuning.training.loop.training_config import Method, TrainingConfig, Tuning

if TYPE_CHECKING:
    from fine_tuning.training.jobs.fine_tuner import FineTuner
    from fine_tuning.training.jobs.job_view import JobView

Job = Annotated[str, typer.Argument(help="Job id, e.g. ftjob-abc123.")]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Training"
    app.command("create-openai-job", rich_help_panel=panel)(create_openai_job)
    app.command("check-job-status", rich_help_panel=panel)(check_job_status)
    app.command("train", rich_help_panel=panel)(with_options(train))
    jobs = typer.Typer(help="List, monitor, pause, resume and cancel training jobs.", no_args_is_help=True)
    jobs.command("list")(list_jobs)
    jobs.command("watch")(watch)
    jobs.command("events")(events)
    jobs.command("pause")(pause)
    jobs.command("resume")(resume)
    jobs.command("cancel")(cancel)
    app.add_typer(jobs, name="jobs", rich_help_panel=panel)


def create_openai_job(
    model: Annotated[str, typer.Argument(help="Base model, e.g. gpt-4.1-mini.")],
    file: Annotated[Path, typer.Argument(help="Training file; also searched for in the workspace's datasets.")],
    suffix: Annotated[str | None, typer.Option(help="Suffix of the fine-tuned model's name.")] = None,
    validation_file: Annotated[Path | None, typer.Option(help="Validation file.")] = None,
    epochs: Annotated[int, typer.Option(help="Training epochs.")] = 3,
    as_json: output.Json = False,
) -> None:
    """Upload a training file and start a job at OpenAI, or at the host in OPENAI_BASE_URL."""
    from fine_tuning.openai_fine_tuner import OpenAIFineTuner
    from fine_tuning.workflows import fine_tuners

    tuner = OpenAIFineTuner(workspace=command_workspace())
    job = fine_tuners.start(tuner, model, file, validation_file, suffix, n_epochs=epochs)
    _print_job(job, as_json=as_json)


def _setting(name: str, *flags: str) -> object:
    """An option for a setting of `TrainingConfig`, whose description is the help text."""
    return typer.Option(*flags, help=TrainingConfig.model_fields[name].description)


@dataclass(frozen=True)
class TrainingOptions:
    """Settings of `TrainingConfig` that have an option; None leaves the default."""

    max_steps: Annotated[int | None, _setting("max_steps")] = None
    method: Annotated[Method, _setting("method")] = "supervised"
    tuning: Annotated[Tuning, _setting("tuning")] = "lora"
    batch_size: Annotated[int | None, _setting("batch_size")] = None
    max_length: Annotated[int | None, _setting("max_length")] = None
    chat_template: Annotated[ChatTemplate | None, _setting("chat_template")] = None
    workers: Annotated[int | None, _setting("workers")] = None
    ray_address: Annotated[str | None, _setting("ray_address", "--ray")] = None
    early_stopping: Annotated[int | None, _setting("early_stopping")] = None
    report_to: Annotated[list[str] | None, _setting("report_to")] = None


@dataclass(frozen=True)
class StartOptions:
    """What to train, and on what."""

    model: Annotated[str, typer.Option(help="Base model: catalogue name, folder or Hugging Face id.")] = ""
    suffix: Annotated[str | None, typer.Option(help="Suffix of the fine-tuned model's name.")] = None
    validation_file: Annotated[Path | None, typer.Option(help="Validation file.")] = None
    epochs: Annotated[int, typer.Option(help="Training epochs.")] = 3


def train(
    file: Annotated[Path, typer.Argument(help="Training file; also searched for in the workspace's datasets.")],
    start: StartOptions,
    settings: TrainingOptions,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return immediately instead of waiting for the job to end.")
    ] = False,
    as_json: output.Json = False,
) -> None:
    """Fine-tune on this machine. Ctrl-C pauses the job; `ft-cli jobs resume` resumes it."""
    from fine_tuning.base_models.catalogue import DEFAULT_BASE_MODEL
    from fine_tuning.local_fine_tuner import LocalFineTuner
    from fine_tuning.workflows import fine_tuners

    tuner = LocalFineTuner(workspace=command_workspace())
    chosen = {name: value for name, value in asdict(settings).items() if value is not None}
    model = start.model or DEFAULT_BASE_MODEL
    job = fine_tuners.start(tuner, model, file, start.validation_file, start.suffix, n_epochs=start.epochs, **chosen)
    _print_job(job if detach else follow(tuner, job["job_id"]), as_json=as_json)


def follow(tuner: FineTuner, job_id: str) -> JobView:
    """Wait for a job with a progress bar; Ctrl-C pauses the job.

    Raises:
        TrainingError: the job failed, or was paused or cancelled.
    """
    try:
        job = tuner.wait_for_job(job_id)
    except KeyboardInterrupt:
        tuner.pause_job(job_id)
        output.echo("pausing at the next step ...", err=True)
        job = tuner.wait_for_job(job_id, progress_bar=False)
    if job["status"] == "succeeded":
        return job
    reason = job["error"]["message"] if job["error"] else ""
    if job["status"] == "paused":
        why = f" ({reason})" if reason else ""
        raise TrainingError(f"job {job_id} is paused{why}; resume it with: ft-cli jobs resume {job_id}")
    raise TrainingError(f"job {job_id} {job['status']}{': ' + reason if reason else ''}")


def _tuner_of(job_id: str) -> FineTuner:
    from fine_tuning.workflows import fine_tuners

    return fine_tuners.of_job(command_workspace(), job_id)


def check_job_status(job: Job, as_json: output.Json = False) -> None:
    """Show the status of a job."""
    _print_job(_tuner_of(job).get_job_status(job), as_json=as_json)


def watch(job: Job) -> None:
    """Watch a job until it ends. Ctrl-C pauses it."""
    _print_job(follow(_tuner_of(job), job), as_json=False)


def pause(job: Job) -> None:
    """Pause a job after the current step."""
    _print_job(_tuner_of(job).pause_job(job), as_json=False)


def resume(
    job: Job,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return immediately instead of waiting for the job to end.")
    ] = False,
) -> None:
    """Resume a paused job from its last checkpoint."""
    tuner = _tuner_of(job)
    view = tuner.resume_job(job)
    _print_job(view if detach else follow(tuner, job), as_json=False)


def cancel(job: Job) -> None:
    """Cancel a job."""
    tuner = _tuner_of(job)
    if not tuner.cancel_job(job):
        raise TrainingError(f"job {job} has {tuner.get_job_status(job)['status']}; there is nothing to cancel")
    _print_job(tuner.get_job_status(job), as_json=False)


def list_jobs(
    limit: Annotated[int, typer.Option(help="Number of jobs.")] = 10,
    hosted: Annotated[bool, typer.Option("--hosted", help="List the jobs of the OpenAI-compatible host.")] = False,
    as_json: output.Json = False,
) -> None:
    """List the newest jobs."""
    if hosted:
        from fine_tuning.openai_fine_tuner import OpenAIFineTuner

        found = OpenAIFineTuner(workspace=command_workspace()).list_jobs(limit)
    else:
        from fine_tuning.local_fine_tuner import LocalFineTuner

        found = LocalFineTuner(workspace=command_workspace()).list_jobs(limit)
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


def events(
    job: Job, limit: Annotated[int, typer.Option(help="Number of events.")] = 20, as_json: output.Json = False
) -> None:
    """List the newest events of a job."""
    found = _tuner_of(job).list_events(job, limit)
    if as_json:
        output.print_json(found)
        return
    output.print_table(
        f"Events of {job}",
        ["Time", "Type", "Message"],
        [((event["created_at"] or "")[11:19], event["type"], event["message"]) for event in found],
    )


def _print_job(job: JobView, *, as_json: bool) -> None:
    if as_json:
        output.print_json(job)
        return
    error = job["error"]["message"] if job["error"] else None
    facts: dict[str, object] = {
        name.replace("_", " "): value for name, value in job.items() if name not in {"job_id", "error"}
    }
    output.print_facts(f"Job {job['job_id']}", facts | ({"error": error} if error else {}))
    sys.stdout.flush()
