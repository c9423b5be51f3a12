"""Errors in the replies of llama.cpp."""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path

from fine_tuning.errors import ContextLengthError, ProviderError, RefusedError
from fine_tuning.store.records.rows import JsonColumn

# Messages of errors that the request caused; llama.cpp reports some of them as server errors.
_REQUEST_ERRORS = re.compile(
    r"pars|schema|grammar|template|tool|assistant message|unsupported|invalid|must be|expected", re.IGNORECASE
)


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
