"""The shell command that runs an exported model."""

from __future__ import annotations

import shlex
from pathlib import Path

from fine_tuning.workflows.model_export.export_plan import Target
from fine_tuning.workflows.model_export.exported_weights import base_and_adapter, base_gguf, shared_base
from fine_tuning.workflows.model_export.source_model import SourceModel


def run_command(source: SourceModel, target: Target, folder: Path, weights: Path) -> str:
    """The shell command that runs the model."""
    name = source.file_name
    if target == "adapter":
        base = str(base_gguf(base_and_adapter(source)[0]))
        return shlex.join(["llama-server", "-m", base, "--lora", str(weights), "--jinja", "--alias", name])
    if target == "gguf":
        return shlex.join(["llama-server", "-m", str(weights), "--jinja", "--alias", name])
    if target == "ollama":
        return shlex.join(["ollama", "create", name, "-f", str(folder / "Modelfile")])
    if target == "peft":
        adapter = f"{name}={folder}"
        return shlex.join(["vllm", "serve", shared_base(source), "--enable-lora", "--lora-modules", adapter])
    if target == "vllm":
        # vLLM's own sampling defaults are OpenAI's; the model's file may have others.
        return shlex.join(["vllm", "serve", str(folder), "--served-model-name", name, "--generation-config", "vllm"])
    return shlex.join(["ft-cli", "import-model", name, str(folder)])
