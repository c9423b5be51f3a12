"""Fine-tuning for Ollama, by a script."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("create-ollama-script", rich_help_panel="Training")(create_ollama_script)


def create_ollama_script(
    base: Annotated[str, typer.Argument(help="Base model: an Ollama name, Hugging Face id, folder or catalogue name.")],
    dataset: Annotated[Path, typer.Argument(help="Dataset; also searched for in the workspace's datasets.")],
    name: Annotated[str, typer.Argument(help="Name of the new model in Ollama.")],
    epochs: Annotated[int, typer.Option(help="Training epochs.")] = 3,
    learning_rate: Annotated[float, typer.Option(help="Learning rate.")] = 0.0005,
    batch_size: Annotated[int, typer.Option(help="Examples per step.")] = 4,
    destination: Annotated[Path | None, typer.Option("--output", help="Path of the script.")] = None,
) -> None:
    """Write a Python script that fine-tunes a model and prepares it for Ollama."""
    from fine_tuning.data_io.rows import prompt_and_reference, read_rows
    from fine_tuning.ollama_fine_tuner import OllamaFineTuner
    from fine_tuning.training.jobs.training_files import find_training_file

    workspace = command_workspace()
    found = find_training_file(workspace, dataset)
    for line, row in read_rows(found):
        prompt_and_reference(row, f"{found}, row {line}")
    path = OllamaFineTuner(workspace=workspace).generate_unsloth_script(
        base, found, name, epochs, learning_rate, batch_size, output_path=destination
    )
    output.echo(f"{path}\nrun it with: python {path}")
