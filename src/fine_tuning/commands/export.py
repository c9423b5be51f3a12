"""Export models for other programs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fine_tuning.commands import output
from fine_tuning.commands.command_workspace import command_workspace
from fine_tuning.commands.options import with_options

if TYPE_CHECKING:
    from fine_tuning.workflows.model_export import Exported


class To(StrEnum):
    """Format of an export."""

    gguf = "gguf"
    adapter = "adapter"
    ollama = "ollama"
    safetensors = "safetensors"
    vllm = "vllm"
    peft = "peft"


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("export", rich_help_panel="Registry")(with_options(export))


@dataclass(frozen=True)
class ExportOptions:
    """Where the files are written and how; see `workflows.model_export.ExportPlan`."""

    output: Annotated[Path | None, typer.Option(help="Folder to create; named after the model by default.")] = None
    quantize: Annotated[
        str | None, typer.Option(help="GGUF quantization: f16 (default), bf16, q8_0, q6_k, q5_k, q4_k, q4_0.")
    ] = None
    prompts: Annotated[int, typer.Option(help="Number of training prompts for the parity check.")] = 8
    create: Annotated[bool, typer.Option("--create", help="Create the model in the running Ollama (OLLAMA_HOST).")] = (
        False
    )
    force: Annotated[bool, typer.Option("--force", help="Write the files even if the parity check fails.")] = False


def export(
    name: Annotated[str, typer.Argument(help="Registered model, <name>-v<version>, or the model of a job.")],
    to: Annotated[
        To,
        typer.Option(
            help="For llama.cpp, Ollama, transformers or vLLM; the LoRA alone as adapter (llama.cpp) or peft."
        ),
    ],
    options: ExportOptions,
    as_json: output.Json = False,
) -> None:
    """Export a local model for another program, after a parity check against the trained model."""
    from fine_tuning.workflows.model_export import ExportPlan, export_model

    plan = ExportPlan(name, to.value, **asdict(options))
    with output.message_progress() as on_message:
        done = export_model(plan, workspace=command_workspace(), on_message=on_message)
    if as_json:
        output.print_json(
            {
                "folder": str(done.folder),
                "weights": str(done.weights),
                "command": done.command,
                "parity": {model: each.as_dict() for model, each in done.parity.items()},
            }
        )
        return
    _print(done)


def _print(done: Exported) -> None:
    columns = ["Model", "Quantization", "Identical prompts", "Token agreement", "Divergence (nats)", "Parity"]
    rows = [
        [
            model,
            each.quantization,
            f"{each.prompts_alike} of {each.prompts}",
            f"{output.percent(each.agreement)} of {each.places}",
            f"{each.divergence:.2g}",
            "passed" if each.passed else "failed",
        ]
        for model, each in done.parity.items()
    ]
    if rows:
        output.print_table("Parity with the trained model", columns, rows)
    output.print_text(f"written to {done.folder}")
    output.print_text(done.command)
