"""Base models."""

from __future__ import annotations

from typing import Annotated

import typer

from fine_tuning.commands import output


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    models = typer.Typer(help="Base models to fine-tune.", no_args_is_help=True)
    models.command("list")(list_base_models)
    models.command("pull")(pull)
    app.add_typer(models, name="models", rich_help_panel="Training")


def list_base_models(as_json: output.Json = False) -> None:
    """The base models that come along; any folder or Hugging Face id works too."""
    from fine_tuning.base_models import catalogue
    from fine_tuning.settings import get_settings

    found = catalogue.list_base_models(get_settings().folder("models"))
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
    """Make a base model ready on this disk."""
    from rich.progress import Progress

    from fine_tuning.base_models import catalogue
    from fine_tuning.settings import get_settings

    with Progress(console=output.console(), transient=True) as progress:
        lines: dict[str, object] = {}

        def show(step: str, share: float) -> None:
            if step not in lines:
                lines[step] = progress.add_task(step, total=1.0)
            progress.update(lines[step], completed=share)  # type: ignore[arg-type]

        model = catalogue.pull(name, get_settings().folder("models"), show)
    typer.echo(f"{model.name} is ready in {model.path}")
