"""A model as files for other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output

if TYPE_CHECKING:
    from fine_tuning.workflows.model_export import Exported


class To(StrEnum):
    """For whom the files are."""

    gguf = "gguf"
    adapter = "adapter"
    ollama = "ollama"
    safetensors = "safetensors"
    vllm = "vllm"


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("export", rich_help_panel="Registry")(export)


def export(
    name: Annotated[str, typer.Argument(help="Model: a registered name, <name>-v<version>, or the model of a job.")],
    to: Annotated[
        To,
        typer.Option(help="llama.cpp (gguf, or the LoRA adapter alone), Ollama, transformers (safetensors), vLLM."),
    ],
    folder: Annotated[
        Path | None, typer.Option("--output", help="A new folder; named after the model if not given.")
    ] = None,
    quantize: Annotated[
        str | None, typer.Option(help="Of GGUF: f16 (if not given), bf16, q8_0, q6_k, q5_k, q4_k, q4_0.")
    ] = None,
    prompts: Annotated[int, typer.Option(help="Training prompts that are compared.")] = 8,
    create: Annotated[
        bool, typer.Option("--create", help="Create the model in the running Ollama (OLLAMA_HOST).")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write it although it is not like its trainer's.")] = False,
    as_json: output.Json = False,
) -> None:
    """Write a local model for another program, once it is known to say what its trainer's model says."""
    from fine_tuning.workflows import model_export

    with output.message_progress() as on_step:
        done = model_export.export(
            name, to.value, folder, quantize=quantize, prompts=prompts, force=force, create=create, on_step=on_step
        )
    if as_json:
        output.print_json({
            "folder": str(done.folder), "weights": str(done.weights), "command": done.command,
            "parity": {what: each.as_dict() for what, each in done.parity.items()},
        })  # fmt: skip
        return
    _print(done)


def _print(done: Exported) -> None:
    columns = ["Compared", "Stored as", "Prompts alike", "Tokens alike", "Divergence (nats)", ""]
    rows = [
        [what, each.quantization, f"{each.prompts_alike} of {each.prompts}",
         f"{output.percent(each.agreement)} of {each.places}", f"{each.divergence:.2g}",
         "" if each.passed else "not alike"]
        for what, each in done.parity.items()
    ]  # fmt: skip
    if rows:
        output.print_table("With the trainer's model", columns, rows)
    output.print_text(f"written to {done.folder}")
    output.print_text(done.command)
