"""The Jinja chat template of a model folder, and the text that it renders; no model library is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from fine_tuning._util.files import read_json

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


def special_tokens(model_path: Path) -> dict[str, str]:
    """The texts of the tokens that templates name; empty where the model has none."""
    settings = _settings(model_path)
    return {name: _token(settings.get(name)) for name in TOKENS}


def rendered(model_path: Path, messages: Sequence[Mapping[str, str]], *, generation: bool = True) -> str | None:
    """The conversation as text; None if there is no template, it refuses the conversation, or Jinja is not installed.

    Args:
        generation: whether the text ends where the assistant begins to answer.
    """
    template = chat_template(model_path)
    if template is None:
        return None
    try:
        from jinja2 import TemplateError
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        return None  # the extra `train` is not installed

    def refuse(why: str) -> None:
        raise TemplateError(why)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.globals |= {"raise_exception": refuse, "strftime_now": datetime.now().strftime}
    try:
        return environment.from_string(template).render(
            messages=messages, add_generation_prompt=generation, **special_tokens(model_path)
        )
    except Exception:  # noqa: BLE001 - a template is a program of its author
        return None


def _settings(model_path: Path) -> dict[str, object]:
    config = model_path / "tokenizer_config.json"
    return read_json(config) if config.is_file() else {}


def _token(value: object) -> str:
    return str(value.get("content", "")) if isinstance(value, dict) else str(value or "")
