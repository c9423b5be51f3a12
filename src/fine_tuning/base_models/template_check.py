"""Check the chat template of a model folder, a program of its author: it must be Jinja, end soon and write little."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from fine_tuning.base_models.template_renderer import rendering_problem
from fine_tuning.errors import DataError

SECONDS = 5.0  # for all trials of a template, and for the conversation of a request
FURTHER_SECONDS = 0.02  # for each further conversation of a batch
MAX_CHARACTERS = 1 << 20  # of a short conversation as text
MAX_GROWTH = 8  # characters of the text for each of a longer one
_USER, _ANSWER = {"role": "user", "content": "A question."}, {"role": "assistant", "content": "An answer."}
_PARAMETERS = {"type": "object", "properties": {"a": {"type": "string"}}}
_TOOL = {"name": "find", "description": "Finds.", "parameters": _PARAMETERS}
_TOOLS = [{"type": "function", "function": _TOOL}]
_CALL = {"id": "call_0001", "type": "function", "function": {"name": "find", "arguments": {"a": "b"}}}
_CHATS: list[list[dict[str, Any]]] = [
    [_USER],
    [{"role": "system", "content": "A rule."}, _USER, _ANSWER, _USER],
    [_USER, {"role": "assistant", "content": "", "tool_calls": [_CALL]}, {"role": "tool", "content": "c"}],
]


@lru_cache(maxsize=256)
def template_problem(template: str) -> str | None:
    """Why a chat template cannot be used; None if it can, or Jinja is not installed, so that llama.cpp has to tell.

    One that is sure to end is only read; any other renders a few conversations in another process, with limits of time
    and memory.
    """
    try:
        if is_sure_to_end(template):
            return None
    except ImportError:
        return None
    except ValueError as error:
        return f"Jinja cannot read it: {error}"
    problem = rendering_problem(template, _trials(_CHATS, (None, _TOOLS)), SECONDS, MAX_CHARACTERS)
    return problem and f"a short conversation {problem}"


@lru_cache(maxsize=256)
def is_sure_to_end(template: str) -> bool:
    """Whether a chat template need only be read; see `plain_templates`.

    Raises:
        ValueError: it is not Jinja; the message says why.
        ImportError: Jinja is not installed.
    """
    from jinja2 import TemplateSyntaxError

    from fine_tuning.base_models.plain_templates import is_plain
    from fine_tuning.base_models.template_environment import template_environment

    try:
        return is_plain(template_environment().parse(template))
    except TemplateSyntaxError as error:
        raise ValueError(str(error.message).splitlines()[0]) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def conversation_problem(template: str, chats: Sequence[Sequence[Mapping[str, Any]]], tools: Any = None) -> str | None:
    """Why the conversations of one request must not be rendered; None if they may be.

    All of them have one limit of time, and are rendered in another process first where the template may not end.
    """
    if is_sure_to_end(template):
        return None
    return _conversation_problem(template, json.dumps([chats, tools], default=str))


@lru_cache(maxsize=64)  # further answers to the same conversation
def _conversation_problem(template: str, given: str) -> str | None:
    return FileRendering(template).problem(*json.loads(given))


class FileRendering:
    """The time that all rows of a file, or conversations of a request, have together in a chat template."""

    def __init__(self, template: str) -> None:
        self._template = template
        try:
            self._is_bounded = is_sure_to_end(template)
        except (ImportError, ValueError):  # what renders it has to tell
            self._is_bounded = True
        self._left = SECONDS - FURTHER_SECONDS

    def problem(self, chats: Sequence[Sequence[Mapping[str, Any]]], tools: Any = None) -> str | None:
        """Why these further conversations must not be rendered; None if they may be."""
        if self._is_bounded:
            return None
        self._left += FURTHER_SECONDS * len(chats)
        if self._left <= 0:
            return "comes after others that took too long"
        limit = MAX_CHARACTERS + MAX_GROWTH * len(json.dumps([chats, tools], default=str))
        started = time.monotonic()
        found = rendering_problem(self._template, _trials(chats, (tools,)), self._left, limit)
        left = self._left - (time.monotonic() - started)
        self._left = left if left > 0 else -math.inf
        return found


def check_template(template: str, file: Path) -> None:
    """Check a chat template that stands in `file`.

    Raises:
        DataError: it cannot be used; the message says why.
    """
    if problem := template_problem(template):
        raise DataError(f"{file} has no usable chat template ({problem}); fetch or save the tokenizer again")


def _trials(chats: Sequence[Any], tools: Sequence[Any]) -> list[dict[str, Any]]:
    """The variables of a template for each conversation, with each list of tools."""
    return [
        {"messages": chat, "tools": known, "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>"}
        for chat in chats
        for known in tools
    ]
