"""Ollama Modelfiles whose template is the one the model was trained with."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fine_tuning._util.files import read_json
from fine_tuning.errors import UsageError

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[a-zA-Z0-9][\w.-]*(/[\w.-]+)*(:[\w.-]+)?", re.ASCII)
DEFAULT_CONTEXT = 4096


@dataclass(frozen=True)
class ChatFormat:
    """How one family of models formats a chat.

    Attributes:
        marker: a text found in its chat template.
        turn: the text before and after a message; ROLE stands for the message's role.
        assistant: the text before and after an assistant message, if it differs.
        begin: the generation prompt.
        stops: its stop tokens.
    """

    marker: str
    turn: tuple[str, str]
    begin: str
    stops: tuple[str, ...]
    assistant: tuple[str, str] | None = None

    @property
    def template(self) -> str:
        """The template in Ollama's language."""
        turn = _around(*self.turn)
        if self.assistant is not None:
            turn = '{{ if eq .Role "assistant" }}' + _around(*self.assistant) + "{{ else }}" + turn + "{{ end }}"
        return "{{- range .Messages }}" + turn.replace(ROLE, "{{ .Role }}") + "{{ end }}" + self.begin

    def rendered(self, messages: Sequence[Mapping[str, str]]) -> str:
        """The text that Ollama renders from messages with it."""
        text = ""
        for message in messages:
            is_answer = message["role"] == "assistant" and self.assistant is not None
            before, after = self.assistant if is_answer and self.assistant else self.turn
            text += f"{before}{message['content']}{after}".replace(ROLE, message["role"])
        return text + self.begin


def _around(before: str, after: str) -> str:
    return before + "{{ .Content }}" + after


ROLE = "\0role\0"
FORMATS = (
    ChatFormat("<|im_start|>", (f"<|im_start|>{ROLE}\n", "<|im_end|>\n"), "<|im_start|>assistant\n",
               ("<|im_end|>", "<|im_start|>")),
    ChatFormat("<|start_header_id|>", (f"<|start_header_id|>{ROLE}<|end_header_id|>\n\n", "<|eot_id|>"),
               "<|start_header_id|>assistant<|end_header_id|>\n\n", ("<|eot_id|>",)),
    ChatFormat("<start_of_turn>", ("<start_of_turn>user\n", "<end_of_turn>\n"), "<start_of_turn>model\n",
               ("<end_of_turn>",), assistant=("<start_of_turn>model\n", "<end_of_turn>\n")),
    ChatFormat("<|end|>", (f"<|{ROLE}|>\n", "<|end|>\n"), "<|assistant|>\n", ("<|end|>", "<|user|>")),
    ChatFormat("[INST]", ("[INST] ", "[/INST]"), "", ("[INST]", "[/INST]"), assistant=(" ", "</s>")),
)  # fmt: skip
# Chats to compare templates with: a family's template is used only if it renders identical text.
SAMPLE_CHATS: tuple[tuple[dict[str, str], ...], ...] = (
    ({"role": "user", "content": "How?"},),
    ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "How?"}),
    (
        {"role": "user", "content": "How?"},
        {"role": "assistant", "content": "So."},
        {"role": "user", "content": "And why?"},
    ),
)


def modelfile(model_path: Path, model_name: str, system_prompt: str | None, weights: str | None = None) -> str:
    """The text of a Modelfile for merged weights (a folder of safetensors or a GGUF file).

    TEMPLATE and the stop tokens come from the folder's chat template; for a GGUF file, or a template of an unknown
    family, Ollama uses the one inside the file. There is no ADAPTER line: Ollama refuses adapters for most families.

    Args:
        weights: the path in FROM, such as a GGUF file exported from the folder; the folder itself by default.

    Raises:
        UsageError: the name is not one that Ollama accepts, or the system prompt cannot be written.
    """
    check_name(model_name)
    if not model_path.exists():
        _log.warning("%s does not exist: its chat template and stop tokens are left to Ollama", model_path)
    lines = [f"FROM {weights or model_path}"]
    if (family := chat_format(model_path)) is not None:
        lines += ["", f'TEMPLATE """{family.template}"""', *(f'PARAMETER stop "{stop}"' for stop in family.stops)]
    lines.append(f"PARAMETER num_ctx {context_length(model_path)}")
    system = system_prompt or default_system(model_path)
    if system:
        if '"""' in system:
            raise UsageError('a Modelfile cannot contain a system prompt with """ in it; use other quotes')
        lines += ["", f'SYSTEM """{system}"""']
    return "\n".join(lines) + "\n"


def check_name(name: str) -> None:
    """Raise UsageError unless Ollama accepts the name (letters, digits, . _ - / and one :tag)."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid Ollama model name; use letters, digits, '.', '_', '-', and ':' before a tag"
        )


def chat_template(model_path: Path) -> str | None:
    """The Jinja chat template of a model folder; None for a GGUF file or a folder without one."""
    jinja = model_path / "chat_template.jinja"
    if jinja.is_file():
        return jinja.read_text(encoding="utf-8")
    config = model_path / "tokenizer_config.json"
    template = read_json(config).get("chat_template") if config.is_file() else None
    return template if isinstance(template, str) else None


def chat_format(model_path: Path) -> ChatFormat | None:
    """The family whose template renders the same text as the folder's chat template; None if there is none."""
    template = chat_template(model_path) or ""
    family = next((each for each in FORMATS if each.marker in template), None)
    if family is None or _agrees(family, template, model_path):
        return family
    _log.warning(
        "the chat template of %s has no Ollama equivalent here: Ollama uses the template in the file", model_path
    )
    return None


def _agrees(family: ChatFormat, template: str, model_path: Path) -> bool:
    """Whether both render the same text for every sample chat that the model's own template accepts."""
    system = default_system(model_path)
    config = model_path / "tokenizer_config.json"
    known = read_json(config) if config.is_file() else {}
    tokens = {name: _token(known.get(name)) for name in ("bos_token", "eos_token")}
    for chat in SAMPLE_CHATS:
        messages = list(chat)
        expected = _rendered(template, messages, tokens)
        if expected is None:
            continue
        if system and messages[0]["role"] != "system":
            messages.insert(0, {"role": "system", "content": system})
        # Ollama adds the BOS token itself; in some models that token begins a turn.
        if family.rendered(messages) not in {expected, expected.removeprefix(tokens["bos_token"])}:
            return False
    return True


def _rendered(template: str, messages: Sequence[Mapping[str, str]], tokens: Mapping[str, str]) -> str | None:
    """The text that Jinja renders; None if the template refuses the chat."""
    try:
        from jinja2 import TemplateError
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        return None  # the extra `train` is not installed: nothing can be compared

    def refuse(why: str) -> None:
        raise TemplateError(why)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.globals |= {"raise_exception": refuse, "strftime_now": datetime.now().strftime}
    try:
        return environment.from_string(template).render(messages=messages, add_generation_prompt=True, **tokens)
    except TemplateError:
        return None


def _token(value: object) -> str:
    return str(value.get("content", "")) if isinstance(value, dict) else str(value or "")


def default_system(model_path: Path) -> str | None:
    """The system message that a ChatML template adds to a chat without one, as in training."""
    found = re.search(r"<\|im_start\|>system\\n(?P<text>[^<{']+)<\|im_end\|>", chat_template(model_path) or "")
    return found["text"] if found else None


def context_length(model_path: Path) -> int:
    """Context length of the model in tokens, at most 4096 to limit memory."""
    config = model_path / "config.json"
    known = read_json(config).get("max_position_embeddings") if config.is_file() else None
    return min(known, DEFAULT_CONTEXT) if isinstance(known, int) else DEFAULT_CONTEXT
