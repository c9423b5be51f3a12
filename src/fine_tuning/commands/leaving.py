"""Leaving a host that closes: bring home what is there, and train it again elsewhere."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fine_tuning.commands import output

SHOWN = 10


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    account = typer.Typer(help="What an OpenAI account holds.", no_args_is_help=True)
    account.command("export")(export)
    app.add_typer(account, name="openai", rich_help_panel="Leaving a host")


def export(
    base_url: Annotated[str | None, typer.Option(help="Another host that speaks OpenAI's API.")] = None,
    as_json: output.Json = False,
) -> None:
    """Fetch every job, model, checkpoint and training file of the account. Only reads; run again, it goes on."""
    from fine_tuning import account_export
    from fine_tuning.store.database import open_database

    with output.steps_told() as told:
        report = account_export.export(open_database(), None, base_url, told)
    if as_json:
        output.print_json(asdict(report))
        return
    rows = [
        ("jobs", report.jobs, report.new_jobs),
        ("models", report.models, report.new_models),
        ("files", report.files, report.new_files),
        ("checkpoints", report.checkpoints, "-"),
    ]
    output.print_table(f"Account at {report.host}", ["", "There#", "New here#"], rows)
    typer.echo(f"inventory: {report.inventory}")
    for line in report.missing[:SHOWN]:
        output.print_text(f"not to be had: {line}")
    if len(report.missing) > SHOWN:
        typer.echo(f"{len(report.missing) - SHOWN} more are in the inventory")
