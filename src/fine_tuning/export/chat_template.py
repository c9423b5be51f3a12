"""The Jinja chat template of a model folder, and the text that it renders; no model library is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fine_tuning._util.files import read_json
from fine_tuning.data_io.formats import system_prompt

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

TOKENS = ("bos_token", "eos_token")


def chat_template(model_path: Path) -> str | None:
    """The template of a model folder, "default" of several; None for a GGUF file or a folder without one."""
    jinja = model_path / "chat_template.jinja"
    if jinja.is_file():
        return jinja.read_text(encoding="utf-8")
    template = _settings(model_path).get("chat_template")
    if isinstance(template, list):
        return next((str(each["template"]) for each in template if each.get("name") == "default"), None)
    return template if isinstance(template, str) else None


def has_one_template(model_path: Path) -> bool:
    """Whether a folder has one template for all conversations; of several, transformers takes one by their tools."""
    return (model_path / "chat_template.jinja").is_file() or isinstance(_settings(model_path).get("chat_template"), str)


def special_tokens(model_path: Path) -> dict[str, str]:
    """The texts of the tokens that templates name; empty where the model has none."""
    settings = _settings(model_path)
    return {name: _token(settings.get(name)) for name in TOKENS}


def rendered(model_path: Path, messages: Sequence[Mapping[str, str]], *, generation: bool = True) -> str | None:
    """The conversation as text; None if there is no template, it refuses the conversation, or Jinja is not installed.

    Args:
        generation: whether the text ends where the assistant begins to answer.
    """
    template, environment = chat_template(model_path), _environment()
    if template is None or environment is None:
        return None

    try:
        return environment.from_string(template).render(
            messages=messages, add_generation_prompt=generation, **special_tokens(model_path)
        )
    except Exception:  # noqa: BLE001 - a template is a program of its author
        return None


def prompt_of(model_path: Path, messages: Sequence[Mapping[str, str]]) -> str | None:
    """The conversation as the text of a prompt, as in training: see `formats.system_prompt`; None as of `rendered`."""
    if _environment() is None:
        return None
    return rendered(model_path, system_prompt.for_template(messages, FolderTemplate(model_path)))


class FolderTemplate:
    """The chat template of a folder, as a tokenizer has it.

    Raises:
        ImportError: Jinja is not installed.
        TemplateError: the folder's template is not Jinja.
    """

    def __init__(self, model_path: Path) -> None:
        self.chat_template = chat_template(model_path)
        self._tokens = special_tokens(model_path)
        from fine_tuning.base_models.template_environment import template_environment

        self._template = template_environment().from_string(self.chat_template or "")

    def apply_chat_template(
        self, messages: Any, /, *, tools: Any = None, add_generation_prompt: bool = False, **_: Any
    ) -> str:
        """The conversation as text.

        Raises:
            Exception: the template refuses it; whatever a program of its author raises.
        """
        given = {"messages": messages, "tools": tools, "add_generation_prompt": add_generation_prompt}
        return self._template.render(**given, **self._tokens)


def _environment() -> ImmutableSandboxedEnvironment | None:
    """Jinja; None where the extra `train` is not installed."""
    try:
        from fine_tuning.base_models.template_environment import template_environment
    except ImportError:
        return None
    return template_environment()


def _settings(model_path: Path) -> dict[str, object]:
    config = model_path / "tokenizer_config.json"
    return read_json(config) if config.is_file() else {}


def _token(value: object) -> str:
    return str(value.get("content", "")) if isinstance(value, dict) else str(value or "")
