"""Ollama Modelfiles whose template is the one the model was trained with."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from fine_tuning.errors import UsageError
from fine_tuning.files import read_json

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[a-zA-Z0-9][\w.-]*(/[\w.-]+)*(:[\w.-]+)?")
DEFAULT_CONTEXT = 4096


@dataclass(frozen=True)
class ChatFormat:
    """How one family of models marks turns: a text found in its chat template, Ollama's template, its stop tokens."""

    marker: str
    template: str
    stops: tuple[str, ...]


FORMATS = (
    ChatFormat(
        "<|im_start|>",
        "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n",
        ("<|im_end|>", "<|im_start|>"),
    ),
    ChatFormat(
        "<|start_header_id|>",
        "{{- range .Messages }}<|start_header_id|>{{ .Role }}<|end_header_id|>\n\n{{ .Content }}<|eot_id|>{{ end }}"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ("<|eot_id|>",),
    ),
    ChatFormat(
        "<start_of_turn>",
        '{{- range .Messages }}<start_of_turn>{{ if eq .Role "assistant" }}model{{ else }}user{{ end }}\n'
        "{{ .Content }}<end_of_turn>\n{{ end }}<start_of_turn>model\n",
        ("<end_of_turn>",),
    ),
    ChatFormat(
        "<|end|>",
        "{{- range .Messages }}<|{{ .Role }}|>\n{{ .Content }}<|end|>\n{{ end }}<|assistant|>\n",
        ("<|end|>", "<|user|>"),
    ),
    ChatFormat(
        "[INST]",
        '{{- range .Messages }}{{ if eq .Role "assistant" }} {{ .Content }}</s>{{ else }}[INST] {{ .Content }}[/INST]'
        "{{ end }}{{ end }}",
        ("[INST]", "[/INST]"),
    ),
)


def modelfile(model_path: Path, model_name: str, system_prompt: str | None, weights: str | None = None) -> str:
    """The text of a Modelfile for merged weights (a folder of safetensors or a GGUF file).

    A folder's own chat template decides TEMPLATE and the stop tokens; for a GGUF file, or a template of an unknown
    family, Ollama uses the one inside the file. Adapters are never named: Ollama refuses them for most families.

    Args:
        weights: what FROM names, such as a GGUF file made of the folder; the folder itself by default.

    Raises:
        UsageError: the name is not one that Ollama accepts, or the system prompt cannot be written.
    """
    check_name(model_name)
    if not model_path.exists():
        _log.warning("%s is not there: its chat template and stop tokens are left to Ollama", model_path)
    lines = [f"FROM {weights or model_path}"]
    if (family := chat_format(model_path)) is not None:
        lines += ["", f'TEMPLATE """{family.template}"""', *(f'PARAMETER stop "{stop}"' for stop in family.stops)]
    lines.append(f"PARAMETER num_ctx {context_length(model_path)}")
    system = system_prompt or default_system(model_path)
    if system:
        if '"""' in system:
            raise UsageError('a Modelfile cannot hold a system prompt with """ in it; use other quotes')
        lines += ["", f'SYSTEM """{system}"""']
    return "\n".join(lines) + "\n"


def check_name(name: str) -> None:
    """Raise UsageError unless Ollama accepts the name (letters, digits, . _ - / and one :tag)."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no Ollama model name; use letters, digits, '.', '_', '-', and ':' before a tag")


def chat_template(model_path: Path) -> str | None:
    """The Jinja chat template of a model folder; None for a GGUF file or a folder without one."""
    jinja = model_path / "chat_template.jinja"
    if jinja.is_file():
        return jinja.read_text(encoding="utf-8")
    config = model_path / "tokenizer_config.json"
    template = read_json(config).get("chat_template") if config.is_file() else None
    return template if isinstance(template, str) else None


def chat_format(model_path: Path) -> ChatFormat | None:
    """The family whose marker the folder's chat template holds; None where unknown."""
    template = chat_template(model_path) or ""
    return next((family for family in FORMATS if family.marker in template), None)


def default_system(model_path: Path) -> str | None:
    """The system message that a ChatML template adds when a chat has none: it was there in training too."""
    found = re.search(r"<\|im_start\|>system\\n(?P<text>[^<{']+)<\|im_end\|>", chat_template(model_path) or "")
    return found["text"] if found else None


def context_length(model_path: Path) -> int:
    """Tokens the model can attend to, at most 4096, so that memory stays modest unless asked for."""
    config = model_path / "config.json"
    known = read_json(config).get("max_position_embeddings") if config.is_file() else None
    return min(known, DEFAULT_CONTEXT) if isinstance(known, int) else DEFAULT_CONTEXT
