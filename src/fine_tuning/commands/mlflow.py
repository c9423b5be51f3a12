"""Commands that exchange model versions with an MLflow registry."""

from __future__ import annotations

from typing import Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace

Uri = Annotated[str, typer.Argument(help="Address of the MLflow registry: sqlite:///mlflow.db, http://host:5000, ...")]


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    exchange = typer.Typer(help="Exchange model versions with an MLflow registry.", no_args_is_help=True)
    exchange.command("export")(to_mlflow)
    exchange.command("import")(from_mlflow)
    app.add_typer(exchange, name="mlflow", rich_help_panel="Registry")


def to_mlflow(uri: Uri) -> None:
    """Export the versions that an MLflow registry lacks."""
    from fine_tuning.model_registry import ModelRegistry

    output.echo(f"{ModelRegistry(workspace=command_workspace()).export_to_mlflow(uri)} versions exported")


def from_mlflow(uri: Uri) -> None:
    """Import the versions of an MLflow registry that are not registered yet."""
    from fine_tuning.model_registry import ModelRegistry

    output.echo(f"{ModelRegistry(workspace=command_workspace()).import_from_mlflow(uri)} versions imported")
