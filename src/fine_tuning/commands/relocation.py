"""Leave a host: export an account, and train its models on another base."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning._util.model_names import parse_version_name
from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options

if TYPE_CHECKING:
    from fine_tuning.workflows.relocation import Outcome, Plan

MAX_SHOWN = 10


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    account = typer.Typer(help="Export the files, jobs and models of an OpenAI account.", no_args_is_help=True)
    account.command("export")(export)
    app.add_typer(account, name="openai", rich_help_panel="Migration")
    app.command("relocate", rich_help_panel="Migration")(with_options(relocate))


def export(
    base_url: Annotated[str | None, typer.Option(help="Address of another OpenAI-compatible host.")] = None,
    as_json: output.Json = False,
) -> None:
    """Fetch every job, model, checkpoint and training file of an account. Read-only; run it again to resume."""
    from fine_tuning.workflows.account_export import export_account

    with output.message_progress() as on_message:
        report = export_account(command_workspace(), None, base_url, on_message=on_message)
    if as_json:
        output.print_json(asdict(report))
        return
    rows = [
        ("jobs", report.jobs, report.new_jobs, report.changed_jobs),
        ("models", report.models, report.new_models, report.archived_models),
        ("files", report.files, report.new_files, None),
        ("checkpoints", report.checkpoints, None, None),
    ]
    output.print_table(f"Account at {report.host}", ["", "Total#", "New#", "Changed#"], rows)
    output.echo(f"inventory: {report.inventory}")
    for line in report.missing[:MAX_SHOWN]:
        output.print_text(f"unavailable: {line}")
    if len(report.missing) > MAX_SHOWN:
        output.echo(f"{len(report.missing) - MAX_SHOWN} more are listed in the inventory")


@dataclass(frozen=True)
class RelocationOptions:
    """How to train and to compare; see `workflows.relocation.Plan`."""

    provider: Annotated[str, typer.Option(help="local, or the address of an OpenAI-compatible host.")] = "local"
    metric: Annotated[str, typer.Option(help="Metric that scores each answer, such as token_f1.")] = "exact_match"
    margin: Annotated[
        float, typer.Option(help="Non-inferiority margin: largest drop in score that counts as not worse.")
    ] = 0.05
    test: Annotated[
        Path | None, typer.Option(help="File of prompts and references; the validation file by default.")
    ] = None
    epochs: Annotated[int, typer.Option(help="Training epochs.")] = 3
    max_steps: Annotated[int | None, typer.Option(help="Maximum number of optimizer steps, if trained locally.")] = None
    max_tokens: Annotated[int, typer.Option(help="Maximum tokens per answer.")] = 256


def relocate(
    model: Annotated[str, typer.Argument(help="Registered model (its deployed version), or <name>-v<version>.")],
    to: Annotated[str, typer.Option(help="Base model to train instead.")],
    options: RelocationOptions,
    as_json: output.Json = False,
) -> None:
    """Retrain a model on another base and compare both versions. Run it again to resume."""
    from fine_tuning.commands.jobs import follow
    from fine_tuning.workflows import relocation

    plan = relocation.Plan(
        model=model,
        base_model=to,
        provider=options.provider,
        metric=options.metric,
        margin=options.margin,
        test_file=options.test,
        n_epochs=options.epochs,
        hyperparameters={} if options.max_steps is None else {"max_steps": options.max_steps},
        max_answer_tokens=options.max_tokens,
    )
    outcome = relocation.relocate(
        plan,
        workspace=command_workspace(),
        on_message=lambda line: output.echo(line, err=True),
        follow_job=follow,
    )
    if as_json:
        output.print_json(asdict(outcome))
        return
    rows = [
        (plan.metric, *map(output.percent, outcome.scores)),
        ("mean latency", *(output.number(each, "ms") for each in outcome.latency_ms)),
        ("cost per call", *map(output.usd, outcome.cost)),
    ]
    title = f"{outcome.examples} questions answered by both models"
    output.print_table(title, ["", f"{outcome.old}#", f"{outcome.new}#"], rows)
    for name, failed in outcome.failures.items():
        output.print_text(
            f"{name} did not answer {failed.count} of {failed.of} questions; run the same command again to retry them; "
            f"first error: {failed.first}"
        )
    output.print_text(_decision(outcome, plan))


def _decision(outcome: Outcome, plan: Plan) -> str:
    """The verdict, and what to do."""
    if outcome.verdict == "unknown":
        return f"no verdict: {outcome.reason or 'no question was answered by both models'}; {outcome.new} is registered"
    interval = f"{outcome.low * 100:+.1f} to {outcome.high * 100:+.1f} points"
    seen = "; the old model was trained on these questions" if outcome.held_out else ""
    result = f"{outcome.new} scores {outcome.difference * 100:+.1f} points against {outcome.old} ({interval}{seen})"
    size = f"{plan.margin * 100:g} points"
    name, version = parse_version_name(outcome.new) or (outcome.new, "")
    deploy = f"ft-cli deploy {name} {version}"
    advice = {
        "not worse": f"not worse, within a margin of {size}: deploy it with {deploy}",
        "worse": f"worse by more than {size}: try another base, more epochs or more data",
        "undecided": f"undecided at a margin of {size}: use a larger test file (--test)",
    }[outcome.verdict]
    return f"{result}: {advice}"
