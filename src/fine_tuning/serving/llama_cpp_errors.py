"""Errors in the replies of llama.cpp, and of prompts that it never gets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from fine_tuning.errors import ContextLengthError, ProviderError, RefusedError
from fine_tuning.store.records.rows import JsonColumn

# Messages of errors that the request caused; llama.cpp reports some of them as server errors.
_REQUEST_ERRORS = re.compile(
    r"pars|schema|grammar|template|tool|assistant message|unsupported|invalid|must be|expected", re.IGNORECASE
)

MAX_TOKEN_CHARACTERS = 128  # on average: the tokens of no text are longer, and few vocabularies have one such


def check_prompt_length(body: Mapping[str, object], context_length: int, model: str) -> None:
    """Refuse what cannot be a prompt of so many tokens before it is split into them, which can take minutes.

    Raises:
        ContextLengthError: it is much too long.
    """
    count = _characters([body.get(name) for name in ("messages", "tools", "prompt")])
    if count > MAX_TOKEN_CHARACTERS * context_length:
        what = f"its {count:,} characters are more than the {context_length} tokens of the context"
        raise ContextLengthError(f"the prompt is too long for {Path(model).name}: {what}")


def _characters(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return sum(map(_characters, parts))


def checked(reply: JsonColumn, model: str) -> JsonColumn:
    """The reply, unless it reports an error.

    Raises:
        ContextLengthError: the prompt is too long.
        RefusedError: the request caused the error.
        ProviderError: llama.cpp failed.
    """
    if error := reply.get("error"):
        message = str(error.get("message", error))  # llama.cpp has few types of errors: most are told by their text
        if error.get("type") == "exceed_context_size_error" or "context size" in message:
            raise ContextLengthError(f"the prompt is too long for {Path(model).name}: {message}")
        is_model_error = message.startswith("The model produced")
        is_request_error = error.get("code") == HTTPStatus.BAD_REQUEST or _REQUEST_ERRORS.search(message)
        kind = RefusedError if is_request_error and not is_model_error else ProviderError
        raise kind(f"llama.cpp with {Path(model).name}: {message}")
    return reply


def checked_chat(reply: JsonColumn, model: str) -> JsonColumn:
    """As `checked`, of a chat, of which the template has made a prompt: llama.cpp writes nothing for what it refuses.

    Raises:
        RefusedError: the prompt is empty.
    """
    usage = checked(reply, model).get("usage") or {}
    if usage.get("prompt_tokens") == 0:
        name = Path(model).name
        raise RefusedError(f"the chat template of {name} refuses the messages: it makes no prompt of them; change them")
    return reply
