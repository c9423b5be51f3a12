"""OpenAI's stored completions: a `chat.completion` with its request's messages; also logged request/response pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fine_tuning.data_io.formats.call import Call, Row, list_of_objects, parsed, tools_of
from fine_tuning.errors import DataError

NAME = "stored-completion"
_SAID = ("role", "content", "name", "tool_calls", "refusal", "weight")  # hosts add notes of their own
_ASKED = ("messages", "input_messages", "input")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    if isinstance(row.get("request"), dict) and "response" in row:
        return isinstance(row["request"].get("messages"), list)
    return isinstance(row.get("choices"), list) and row.get("object", "chat.completion") == "chat.completion"


def calls(row: Row) -> Iterator[Call]:
    """The call of a row, with its first choice.

    Raises:
        DataError: it is malformed, or nothing was answered.
    """
    is_pair = isinstance(row.get("request"), dict) and "response" in row
    request, response = (row["request"], parsed(row["response"])) if is_pair else (row, row)
    if isinstance(response, Mapping) and isinstance(response.get("body"), Mapping):
        response = response["body"]  # as batch results have it
    asked = next((request[key] for key in _ASKED if isinstance(request.get(key), list)), None)
    if asked is None:
        raise DataError("the request's messages are missing; export them with the completion")
    metadata = row.get("metadata") or request.get("metadata") or {}
    yield Call(
        [*list_of_objects(asked, "messages"), answer_of(response)],
        tools_of(request.get("tools")),
        domain=metadata.get("domain"),
        task_type=metadata.get("task_type"),
        rating=_whole(metadata.get("rating")),
        model=response.get("model") or request.get("model"),
        captured_at=response.get("created"),
        metadata={**metadata, **({"completion": response["id"]} if response.get("id") else {})},
    )


def answer_of(response: Any) -> dict[str, Any]:
    """The first choice's message of a chat completion, without what is empty in it.

    Raises:
        DataError: there is none.
    """
    if isinstance(response, Mapping):
        choices = parsed(response.get("choices"))
        if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
            message = choices[0].get("message")
            if isinstance(message, Mapping):
                kept = {key: value for key, value in message.items() if key in _SAID and value not in (None, [], {})}
                return {"role": "assistant", "content": None, **kept}
    raise DataError("the response has no choices with a message")


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value
