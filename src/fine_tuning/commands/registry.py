"""The model registry."""

from __future__ import annotations

from typing import Annotated

import typer

from fine_tuning.commands import output

Name = Annotated[str, typer.Argument(help="Model name.")]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    panel = "Registry"
    app.command("register-model", rich_help_panel=panel)(register_model)
    app.command("list-models", rich_help_panel=panel)(list_models)
    app.command("deploy", rich_help_panel=panel)(deploy)
    app.command("rollback-model", rich_help_panel=panel)(rollback_model)
    app.command("history", rich_help_panel=panel)(history)


def register_model(
    name: Name,
    base: Annotated[str, typer.Argument(help="Base model.")],
    job: Annotated[str, typer.Argument(help="Job that made it.")],
    size: Annotated[int, typer.Argument(help="Training examples.")],
    accuracy: Annotated[float | None, typer.Option(help="0 to 1.")] = None,
    cost: Annotated[float | None, typer.Option(help="Training cost, US dollars; unknown if not given.")] = None,
    provider: Annotated[str | None, typer.Option(help="Address of the host that answers for it, or local.")] = None,
    provider_model: Annotated[str | None, typer.Option(help="Its name there, or its folder.")] = None,
    as_json: output.Json = False,
) -> None:
    """Add the next version of a model."""
    from fine_tuning.model_registry import ModelRegistry

    record = ModelRegistry().register_model(
        name, base, job, size, accuracy, cost, provider=provider, provider_model=provider_model
    )
    if as_json:
        output.print_json(record)
    else:
        typer.echo(f"registered {name} v{record['version']} ({record['status']})")


def list_models(as_json: output.Json = False) -> None:
    """Every version of every model."""
    from fine_tuning.model_registry import ModelRegistry

    records = ModelRegistry().list_models()
    if as_json:
        output.print_json(records)
        return
    if not records:
        typer.echo("no model is registered yet; ft-cli register-model adds one")
        return
    columns = ["Model", "v#", "Status", "Base model", "Accuracy#", "Cost#", "Examples#"]
    rows = [
        (
            record["model_name"],
            record["version"],
            record["status"],
            record["base_model"],
            output.percent(record["accuracy"]),
            output.usd(record["cost"]),
            record["dataset_size"],
        )
        for record in records
    ]
    output.print_table("Models", columns, rows)


def deploy(
    name: Name, version: Annotated[int | None, typer.Argument(help="Version; the latest if not given.")] = None
) -> None:
    """Put a version into production; the one before is archived."""
    from fine_tuning.model_registry import ModelRegistry

    typer.echo(f"deployed {name} v{ModelRegistry().deploy_model(name, version)}")


def rollback_model(name: Name, version: Annotated[int, typer.Argument(help="Version to go back to.")]) -> None:
    """Put an earlier version back into production."""
    from fine_tuning.model_registry import ModelRegistry

    ModelRegistry().rollback_model(name, version)
    typer.echo(f"rolled back {name} to v{version}")


def history(name: Name, as_json: output.Json = False) -> None:
    """Every change of status of a model's versions."""
    from fine_tuning.model_registry import ModelRegistry

    changes = ModelRegistry().history(name)
    if as_json:
        output.print_json(changes)
        return
    columns = ["Time", "Version#", "From", "To", "Who", "Why"]
    rows = [
        (output.day(c["created_at"]), c["version"], c["from_status"], c["to_status"], c["actor"], c["reason"])
        for c in changes
    ]
    output.print_table(f"History of {name}", columns, rows)
