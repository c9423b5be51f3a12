"""Base models and their shutdown dates."""

from __future__ import annotations

from typing import Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace, models_folder


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    models = typer.Typer(help="List and download base models.", no_args_is_help=True)
    models.command("list")(list_base_models)
    models.command("pull")(pull)
    models.command("refresh")(refresh)
    models.command("expiring")(expiring)
    app.add_typer(models, name="models", rich_help_panel="Training")


def list_base_models(as_json: output.Json = False) -> None:
    """List the built-in base models; any folder or Hugging Face id works too."""
    from fine_tuning.base_models import catalogue

    found = catalogue.list_base_models(models_folder())
    if as_json:
        output.print_json([vars(model) for model in found])
        return
    rows = [
        (
            model.name,
            f"{model.parameters / 1e6:.1f} M",
            model.license,
            f"{model.size_bytes / 1e6:.0f} MB" if model.size_bytes else "not pulled",
        )
        for model in found
    ]
    output.print_table("Base models", ["Name", "Parameters#", "Licence", "On disk#"], rows)


def pull(name: Annotated[str, typer.Argument(help="Catalogue name, folder or Hugging Face id.")]) -> None:
    """Download a base model."""
    from rich.progress import Progress

    from fine_tuning.base_models import catalogue

    with Progress(console=output.console(), transient=True) as progress:
        lines: dict[str, object] = {}

        def show(step: str, share: float) -> None:
            if step not in lines:
                lines[step] = progress.add_task(step, total=1.0)
            progress.update(lines[step], completed=share)  # type: ignore[arg-type]

        model = catalogue.pull(name, models_folder(), show)
    output.echo(f"{model.name} is ready in {model.path}")


def refresh(
    hosts: Annotated[
        list[str] | None,
        typer.Argument(help="Host addresses; the hosts in use by default."),
    ] = None,
    as_json: output.Json = False,
) -> None:
    """Fetch the shutdown dates of models from their hosts."""
    from fine_tuning.model_registry import ModelRegistry

    outcome = ModelRegistry(workspace=command_workspace()).refresh_shutdown_dates(hosts)
    if as_json:
        output.print_json(outcome)
        return
    for host, found in outcome.items():
        output.print_text(f"{host}: {found} models with a date" if isinstance(found, int) else f"failed: {found}")
    if all(isinstance(found, str) for found in outcome.values()):
        raise typer.Exit(1)


def expiring(
    days: Annotated[int | None, typer.Option(help="Days to look ahead; FINE_TUNING_EXPIRY_DAYS by default.")] = None,
    all_versions: Annotated[bool, typer.Option("--all", help="Include versions that are not deployed.")] = False,
    as_json: output.Json = False,
) -> None:
    """List models whose base is about to be shut down; exit with code 1 if one of them is deployed."""
    from fine_tuning.model_registry import ModelRegistry

    found = ModelRegistry(workspace=command_workspace()).list_expiring(days, deployed_only=not all_versions)
    if as_json:
        output.print_json(found)
    elif found:
        columns = ["Model", "v#", "Status", "Base model", "Shutdown", "Days left#"]
        rows = [
            (
                each["model_name"],
                each["version"],
                each["status"],
                each["base_model"],
                each["shutdown_date"],
                output.days_left(each["days_left"]),
            )
            for each in found
        ]
        output.print_table("Models about to be shut down", columns, rows)
        output.echo("train the same data on another base: ft-cli relocate MODEL --to BASE")
    else:
        output.echo("no model is about to be shut down")
    if any(each["status"] == "DEPLOYED" for each in found):
        raise typer.Exit(1)
