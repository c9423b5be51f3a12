"""Ollama Modelfiles whose template is the one the model was trained with."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fine_tuning._util.files import read_json
from fine_tuning.errors import UsageError
from fine_tuning.export.chat_template import chat_template, prompt_of, rendered, special_tokens

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[a-zA-Z0-9][\w.-]*(/[\w.-]+)*(:[\w.-]+)?", re.ASCII)
DEFAULT_CONTEXT = 4096
Chat = Sequence[Mapping[str, str]]


@dataclass(frozen=True)
class ChatFormat:
    """How one family of models formats a chat.

    Attributes:
        marker: a text found in its chat template.
        turn: the text before and after a message; ROLE stands for the message's role.
        assistant: the text before and after an assistant message, if it differs.
        system: what joins a system message to the text of the next message; None where it is a turn of its own.
        begin: the generation prompt.
        stops: its stop tokens.
    """

    marker: str
    turn: tuple[str, str]
    begin: str
    stops: tuple[str, ...]
    assistant: tuple[str, str] | None = None
    system: str | None = None

    @property
    def template(self) -> str:
        """The template in Ollama's language."""
        content = "{{ .Content }}" if self.system is None else "{{ $system }}{{ .Content }}"
        turn = content.join(self.turn)
        if self.assistant is not None:
            turn = '{{ if eq .Role "assistant" }}' + content.join(self.assistant) + "{{ else }}" + turn + "{{ end }}"
        turn = turn.replace(ROLE, "{{ .Role }}")
        if self.system is None:
            return "{{- range .Messages }}" + turn + "{{ end }}" + self.begin
        keep = f"{{{{ $system = printf {json.dumps('%s' + self.system)} .Content }}}}"
        turn = '{{ if eq .Role "system" }}' + keep + "{{ else }}" + turn + '{{ $system = "" }}{{ end }}'
        return '{{- $system := "" }}{{- range .Messages }}' + turn + "{{ end }}" + self.begin

    def rendered(self, messages: Chat) -> str:
        """The text that Ollama renders from messages with it."""
        text = system = ""
        for message in _collated(messages):
            if message["role"] == "system" and self.system is not None:
                system = message["content"] + self.system
                continue
            is_answer = message["role"] == "assistant" and self.assistant is not None
            before, after = self.assistant if is_answer and self.assistant else self.turn
            text += before.replace(ROLE, message["role"]) + system + message["content"] + after
            system = ""
        return text + self.begin


def _collated(messages: Chat) -> list[dict[str, str]]:
    """The messages as Ollama gives them to a template: those of one role in a row are joined.

    Source: `collate` of https://github.com/ollama/ollama/blob/main/template/template.go
    """
    found: list[dict[str, str]] = []
    for message in messages:
        if found and found[-1]["role"] == message["role"] != "tool":
            found[-1]["content"] += f"\n\n{message['content']}"
        else:
            found.append({**message})
    return found


ROLE = "\0role\0"
_FAMILIES = (
    ChatFormat("<|im_start|>", (f"<|im_start|>{ROLE}\n", "<|im_end|>\n"), "<|im_start|>assistant\n",
               ("<|im_end|>", "<|im_start|>")),
    ChatFormat("<|start_header_id|>", (f"<|start_header_id|>{ROLE}<|end_header_id|>\n\n", "<|eot_id|>"),
               "<|start_header_id|>assistant<|end_header_id|>\n\n", ("<|eot_id|>",)),
    ChatFormat("<start_of_turn>", ("<start_of_turn>user\n", "<end_of_turn>\n"), "<start_of_turn>model\n",
               ("<end_of_turn>",), assistant=("<start_of_turn>model\n", "<end_of_turn>\n")),
    ChatFormat("<|end|>", (f"<|{ROLE}|>\n", "<|end|>\n"), "<|assistant|>\n", ("<|end|>", "<|user|>")),
    ChatFormat("[INST]", ("[INST] ", "[/INST]"), "", ("[INST]", "[/INST]"), assistant=(" ", "</s>")),
)  # fmt: skip
# A template without a role for system messages joins them by itself, or as in training: see `formats.system_prompt`.
FORMATS = tuple(replace(each, system=joint) for each in _FAMILIES for joint in (None, "\n", "\n\n"))
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
            which = "a system prompt" if system_prompt else "the default system message of a chat template"
            raise UsageError(f'a Modelfile cannot contain {which} with """ in it; give a system prompt without')
        lines += ["", f'SYSTEM """{system}"""']
    return "\n".join(lines) + "\n"


def check_name(name: str) -> None:
    """Raise UsageError unless Ollama accepts the name (letters, digits, . _ - / and one :tag)."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a valid Ollama model name; use letters, digits, '.', '_', '-', and ':' before a tag"
        )


def chat_format(model_path: Path) -> ChatFormat | None:
    """The family whose template renders the same text as the folder's chat template; None if there is none."""
    template = chat_template(model_path) or ""
    families = [each for each in FORMATS if each.marker in template]
    if not families or (found := next((each for each in families if _agrees(each, model_path)), None)) is not None:
        return found if families else None
    _log.warning(
        "the chat template of %s has no Ollama equivalent here: Ollama uses the template in the file", model_path
    )
    return None


def _agrees(family: ChatFormat, model_path: Path) -> bool:
    """Whether both render the same text for every sample chat that the model's own template accepts."""
    return next(_differing(family, model_path, SAMPLE_CHATS), None) is None


def _differing(family: ChatFormat, model_path: Path, chats: Iterable[Chat]) -> Iterator[Chat]:
    """The chats of which Ollama renders another text; none that the model's own template refuses."""
    system, begin = default_system(model_path), special_tokens(model_path)["bos_token"]
    for chat in chats:
        if (expected := prompt_of(model_path, chat)) is None:
            continue
        messages = [{**each, "role": "system"} if each["role"] == "developer" else each for each in chat]
        if system and messages and messages[0]["role"] != "system":
            messages = [{"role": "system", "content": system}, *messages]
        # Ollama adds the BOS token itself; in some models that token begins a turn.
        if family.rendered(messages) not in {expected, expected.removeprefix(begin)}:
            yield chat


def differing_prompt(model_path: Path, prompts: Sequence[Chat]) -> str | None:
    """The first of these prompts that Ollama renders with another text than the model's own template, in short.

    None if there is none, or where Ollama uses the template in the file.
    """
    family = chat_format(model_path)
    differing = None if family is None else next(_differing(family, model_path, prompts), None)
    return None if differing is None else str(differing[-1]["content"])[:60]


def default_system(model_path: Path) -> str | None:
    """The system message that a ChatML template adds to a chat without one, as in training."""
    text = rendered(model_path, SAMPLE_CHATS[0])
    if text is not None:
        found = re.search(r"<\|im_start\|>system\n(?P<text>(?:(?!<\|im_end\|>).)+)", text, re.DOTALL)
    else:  # without Jinja it is looked for in the template itself, where line breaks may be escaped
        template = (chat_template(model_path) or "").replace("\\n", "\n")
        found = re.search(r"<\|im_start\|>system\n(?P<text>[^<{']+)<\|im_end\|>", template)
    return found["text"] if found else None


def context_length(model_path: Path) -> int:
    """Context length of the model in tokens, at most 4096 to limit memory."""
    config = model_path / "config.json"
    known = read_json(config).get("max_position_embeddings") if config.is_file() else None
    return min(known, DEFAULT_CONTEXT) if isinstance(known, int) else DEFAULT_CONTEXT
