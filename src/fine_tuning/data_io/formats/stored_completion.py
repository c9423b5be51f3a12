"""OpenAI's stored completions: a `chat.completion` with its request's messages; also logged request/response pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from fine_tuning.data_io.formats.call import Call
from fine_tuning.data_io.json_values import Row, is_list, object_or_empty, parse_embedded_json
from fine_tuning.data_io.messages import Message, as_messages, as_tools
from fine_tuning.errors import DataError

NAME = "stored-completion"
_RESPONSE_KEYS = ("role", "content", "name", "tool_calls", "refusal", "weight")  # hosts add fields of their own
_REQUEST_KEYS = ("messages", "input_messages", "input")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    if _is_pair(row):
        return is_list(object_or_empty(row.get("request")).get("messages"))
    return is_list(row.get("choices")) and row.get("object", "chat.completion") == "chat.completion"


def _is_pair(row: Row) -> bool:
    return isinstance(row.get("request"), dict) and "response" in row


def calls(row: Row) -> Iterator[Call]:
    """The call of a row, with its first choice.

    Raises:
        DataError: it is malformed, or has no response.
    """
    is_pair = _is_pair(row)
    request = object_or_empty(row.get("request")) if is_pair else row
    response = object_or_empty(parse_embedded_json(row.get("response"))) if is_pair else row
    body = response.get("body")
    if isinstance(body, Mapping):
        response = body  # in batch results
    messages = next((request[key] for key in _REQUEST_KEYS if is_list(request.get(key))), None)
    if messages is None:
        raise DataError("the request's messages are missing; export them with the completion")
    given = row.get("metadata") or request.get("metadata") or {}
    if not isinstance(given, Mapping):
        raise DataError(f"metadata must be an object, not {type(given).__name__}")
    metadata: Row = given
    yield Call(
        [*as_messages(messages, "messages"), first_choice(response)],
        as_tools(request.get("tools")),
        domain=metadata.get("domain"),
        task_type=metadata.get("task_type"),
        rating=_as_whole_number(metadata.get("rating")),
        model=response.get("model") or request.get("model"),
        captured_at=response.get("created"),
        metadata={**metadata, **({"completion": response["id"]} if response.get("id") else {})},
    )


def first_choice(completion: object) -> Message:
    """The first choice's message of a chat completion, without its empty fields.

    Raises:
        DataError: it has no choice with a message.
    """
    choices = parse_embedded_json(object_or_empty(completion).get("choices"))
    if is_list(choices) and choices:
        message = object_or_empty(choices[0]).get("message")
        if isinstance(message, Mapping):
            kept = {key: value for key, value in message.items() if key in _RESPONSE_KEYS}
            kept = {key: value for key, value in kept.items() if value not in (None, [], {})}
            return cast("Message", {"role": "assistant", "content": None, **kept})
    raise DataError("the response has no choices with a message")


def _as_whole_number(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value
