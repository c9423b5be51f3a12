"""Leaving a host that closes: bring home what is there, and train it again elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output

if TYPE_CHECKING:
    from fine_tuning.workflows.relocation import Outcome, Plan

SHOWN = 10


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    account = typer.Typer(help="Export the files, jobs and models of an OpenAI account.", no_args_is_help=True)
    account.command("export")(export)
    app.add_typer(account, name="openai", rich_help_panel="Migration")
    app.command("relocate", rich_help_panel="Migration")(relocate)


def export(
    base_url: Annotated[str | None, typer.Option(help="Another host that speaks OpenAI's API.")] = None,
    as_json: output.Json = False,
) -> None:
    """Fetch every job, model, checkpoint and training file of the account. Only reads; run again, it goes on."""
    from fine_tuning.store.database import open_database
    from fine_tuning.workflows import account_export

    with output.message_progress() as told:
        report = account_export.export(open_database(), None, base_url, told)
    if as_json:
        output.print_json(asdict(report))
        return
    rows = [
        ("jobs", report.jobs, report.new_jobs, report.changed_jobs),
        ("models", report.models, report.new_models, report.archived_models),
        ("files", report.files, report.new_files, None),
        ("checkpoints", report.checkpoints, None, None),
    ]
    output.print_table(f"Account at {report.host}", ["", "There#", "New here#", "Changed#"], rows)
    typer.echo(f"inventory: {report.inventory}")
    for line in report.missing[:SHOWN]:
        output.print_text(f"not to be had: {line}")
    if len(report.missing) > SHOWN:
        typer.echo(f"{len(report.missing) - SHOWN} more are in the inventory")


def relocate(
    model: Annotated[str, typer.Argument(help="A registered model (its deployed version), or <name>-v<version>.")],
    to: Annotated[str, typer.Option(help="Base model to train instead.")],
    provider: Annotated[str, typer.Option(help="local, or the address of a host that speaks OpenAI's API.")] = "local",
    metric: Annotated[str, typer.Option(help="exact_match, token_f1 or another of single answers.")] = "exact_match",
    margin: Annotated[float, typer.Option(help="How much lower a score still counts as not worse.")] = 0.05,
    test: Annotated[Path | None, typer.Option(help="Questions and answers; the job's validation file.")] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the data.")] = 3,
    max_steps: Annotated[int | None, typer.Option(help="Stop a local training after so many steps.")] = None,
    max_tokens: Annotated[int, typer.Option(help="Longest answer.")] = 256,
    as_json: output.Json = False,
) -> None:
    """Train a model's data on another base, ask both, and decide. Interrupted, the same command goes on."""
    from fine_tuning.commands.jobs import follow
    from fine_tuning.workflows import relocation

    plan = relocation.Plan(
        model, to, provider, metric, margin, test, epochs, {} if max_steps is None else {"max_steps": max_steps},
        max_tokens,
    )  # fmt: skip
    outcome = relocation.relocate(plan, lambda line: typer.echo(line, err=True), follow)
    if as_json:
        output.print_json(asdict(outcome))
        return
    rows = [
        (metric, *map(output.percent, outcome.scores)),
        ("latency", *(output.number(each, "ms") for each in outcome.latency_ms)),
        ("cost a call", *map(output.usd, outcome.cost)),
    ]
    output.print_table(f"{outcome.examples} questions of both", ["", f"{outcome.old}#", f"{outcome.new}#"], rows)
    for name, failed in outcome.failures.items():
        output.print_text(f"{name} did not answer {failed.count} of {failed.of} questions, which the same command asks "
                          f"again; the first: {failed.first}")  # fmt: skip
    output.print_text(_decision(outcome, plan))


def _decision(outcome: Outcome, plan: Plan) -> str:
    """The verdict in a sentence or two, and what to do."""
    if outcome.verdict == "unknown":
        return f"no verdict: {outcome.reason or 'no question was answered by both'}; {outcome.new} is registered"
    ends = f"{outcome.low * 100:+.1f} to {outcome.high * 100:+.1f} points"
    seen = "; the old model has seen these questions in its training" if outcome.held_out else ""
    said = f"{outcome.new} is {outcome.difference * 100:+.1f} points better than {outcome.old} ({ends}{seen})"
    size = f"{plan.margin * 100:g} points"
    deploy = f"ft-cli deploy {' '.join(outcome.new.rsplit('-v', 1))}"
    advice = {
        "not worse": f"not worse than {size} allow: deploy it with {deploy}",
        "worse": f"worse than {size} allow: try another base, more epochs or more data",
        "undecided": f"undecided within {size}: name a larger test file with --test",
    }[outcome.verdict]
    return f"{said}: {advice}"
