"""The plan of an export, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from fine_tuning._util import checks
from fine_tuning.errors import UsageError
from fine_tuning.export import quantization
from fine_tuning.export.token_parity import Parity

Target = Literal["gguf", "adapter", "ollama", "safetensors", "vllm", "peft"]
TARGETS: tuple[Target, ...] = ("gguf", "adapter", "ollama", "safetensors", "vllm", "peft")
QUANTIZED: tuple[Target, ...] = ("gguf", "ollama")  # whose weights may be quantized
DEFAULT_PROMPTS = 8


@dataclass(frozen=True)
class ExportPlan:
    """What to export, and how.

    Attributes:
        name: a registered model (its deployed version, else the latest), `<name>-v<version>`, or the model of a job.
        target: "gguf" for llama.cpp; "adapter", the LoRA adapter alone as GGUF, for llama.cpp with the base's GGUF;
            "ollama", GGUF with a Modelfile; "safetensors", a Hugging Face model folder; "vllm", that folder and the
            command that serves it; "peft", the LoRA adapter alone as PEFT writes it, for transformers and vLLM with
            the base model.
        output: a new folder; named after the model in the current one by default.
        quantize: of GGUF files: f16 (default), bf16, q8_0, q6_k, q5_k, q4_k, q4_0.
        prompts: number of training prompts that the parity check compares.
        force: write the files although the parity check fails; the result is recorded and logged.
        create: with "ollama", also create the model in the running Ollama (the setting OLLAMA_HOST).
    """

    name: str
    target: Target
    output: str | Path | None = None
    quantize: str | None = None
    prompts: int = DEFAULT_PROMPTS
    force: bool = False
    create: bool = False

    def __post_init__(self) -> None:
        checks.one_of("to", self.target, TARGETS)
        checks.count("prompts", self.prompts, 1)
        _ = self.gguf_type
        if self.create and self.target != "ollama":
            raise UsageError(f"create applies to ollama, not to {self.target}")

    @property
    def gguf_type(self) -> str | None:
        """How the weights of a GGUF file are stored; None for other files."""
        if self.target in QUANTIZED:
            return quantization.find(self.quantize or "f16").name
        if self.quantize is not None:
            raise UsageError(f"quantize applies to gguf and ollama; {self.target} keeps the weights as they are")
        return "f16" if self.target == "adapter" else None


class Exported(NamedTuple):
    """An export.

    folder: of all files; weights: the file to load; parity: by what was compared ("merged", "exported"), how alike it
    is to the trainer's model; command: a shell command that runs the model.
    """

    folder: Path
    weights: Path
    parity: dict[str, Parity]
    command: str
