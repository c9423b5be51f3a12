"""OpenAI's stored completions: a `chat.completion` with its request's messages; also logged request/response pairs."""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning._util.json_kinds import json_kind
from fine_tuning.data_io.beside import read_beside
from fine_tuning.data_io.call import Call, Choice
from fine_tuning.data_io.choices import first_of
from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.dialects.found_by_host import refuse_found
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.finish_reasons import reason_in
from fine_tuning.data_io.formats import answer_message
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    as_whole_number,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.rating_lists import stated_rating
from fine_tuning.data_io.request_options import request_options, with_extra_body
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

NAME = "stored-completion"
_REQUEST_KEYS = ("messages", "input_messages", "input")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    if _is_pair(row):
        return is_list(parse_embedded_json(object_or_empty(parse_embedded_json(row["request"])).get("messages")))
    choices = row.get("choices")
    are_choices = is_list(choices) and all(map(is_object, choices))  # others are of a question
    return are_choices and row.get("object", "chat.completion") in ("chat.completion", "text_completion")


def _is_pair(row: Row) -> bool:
    return is_object(parse_embedded_json(row.get("request"))) and "response" in row


def calls(row: Row) -> Iterator[Call]:
    """The call of a row, with its first choice; a completed text is no chat.

    Raises:
        DataError: it is malformed, or has no response.
    """
    is_pair = _is_pair(row)
    request = object_or_empty(parse_embedded_json(row.get("request"))) if is_pair else row
    response = object_or_empty(parse_embedded_json(row.get("response"))) if is_pair else row
    body = parse_embedded_json(response.get("body"))
    if is_object(body):
        response = body  # in batch results
    if is_completed_text(response):
        return
    request = with_extra_body(request)
    key = next((key for key in _REQUEST_KEYS if is_list(parse_embedded_json(request.get(key)))), None)
    if key is None:
        raise DataError("the request's messages are missing; export them with the completion")
    metadata = row.get("metadata") or request.get("metadata") or {}
    if not is_object(metadata):
        raise DataError(f"metadata must be an object, not {json_kind(metadata)}")
    choice = first_choice(response)
    tools_key = "tools" if request.get("tools") else "functions"
    tools = read_tools(request.get(tools_key))
    prompt = read_beside(request, read_messages(request[key], "messages"), tools, None, (key, tools_key, "choices"))
    own_id: JsonObject = {"completion": response["id"]} if response.get("id") else {}
    yield Call(
        [*prompt.messages, *choice.messages],
        prompt.tools,
        domain=metadata.get("domain"),
        task_type=metadata.get("task_type"),
        rating=as_whole_number(stated_rating("metadata.rating", metadata.get("rating"))),
        model=response.get("model") or request.get("model"),
        captured_at=response.get("created"),
        metadata={**request_options(request), **metadata, **own_id},
        finish_reason=choice.finish_reason,
        usage=choice.usage,
    )


def is_completed_text(body: Row) -> bool:
    """Whether a response is of an older API of OpenAI's or Anthropic's, which goes on with a text and is no chat."""
    choices = body.get("choices")
    first = object_or_empty(choices[0] if is_list(choices) and choices else None)
    is_named = body.get("object") in ("text_completion", "text.completion") or body.get("type") == "completion"
    return is_named or ("text" in first and "message" not in first)


def first_choice(completion: object) -> Choice:
    """The first choice of a chat completion, its message without its empty fields.

    Raises:
        DataError: it has no choice with a message, or rests on what its host has found.
    """
    given = object_or_empty(completion)
    if is_completed_text(given):
        raise DataError("the response is a completed text of an older API, and no chat; write that text as the answer")
    refuse_found(given, "the response")
    first = first_of(parse_embedded_json(given.get("choices")))
    message = parse_embedded_json(first.get("message"))
    if not is_object(message):
        raise DataError("the response has no choices with a message")
    refuse_found(first, "the choice")
    usage = usage_of(given.get("usage"), given.get("service_tier"))
    return Choice(answer_message.read(message), reason_in(first), usage)
