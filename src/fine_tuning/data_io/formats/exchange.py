"""A logged request and its response, of any vendor's API, as a call."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import NamedTuple

from fine_tuning.data_io.call import Call, call_from_row, is_record
from fine_tuning.data_io.dialects.conversation import read_answer
from fine_tuning.data_io.dialects.message_keys import OF_BEGUN_ANSWERS
from fine_tuning.data_io.finish_reasons import strictest
from fine_tuning.data_io.formats import ollama
from fine_tuning.data_io.formats.begun_answers import continued
from fine_tuning.data_io.formats.stored_completion import is_completed_text
from fine_tuning.data_io.formats.vendor_request import is_request, is_responses_request, read_request
from fine_tuning.data_io.formats.vendor_response import (
    ANTHROPIC,
    CONVERSE,
    MESSAGE,
    body_of,
    is_failed,
    kind_of,
    read_response,
)
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    as_whole_number,
    first_value,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.key_meanings import meaning_of
from fine_tuning.data_io.messages import whole_text

_INPUT_ALONE = ("input", "response")
_NAMES = (
    ("request", "response"),
    ("request_body", "response_body"),
    ("requestBody", "responseBody"),
    ("full_request", "full_response"),  # of Vertex AI's logs in BigQuery, whatever the vendor's API
    ("input", "output"),
    ("kwargs", "response"),
    _INPUT_ALONE,
)
# Beside the fields of a request.
_ANSWERS = ("response", "completion", "output", "answer", "response_body", "responseBody")
_TIMES = ("created_at", "created", "createTime", "create_time", "timestamp", "logging_time")
_AGAIN = {"otel_log", "request_payload", "response_payload"}  # the same exchange, in other words
_GO_ON = {ANTHROPIC, CONVERSE}  # APIs whose models go on with an answer that the request began
_FACTS = {"domain", "task_type", "rating"}


class Exchange(NamedTuple):
    """A row's request and response, and the names under which the row has them."""

    request: JsonObject
    response: JsonObject
    keys: Collection[str]


def exchange_in(row: Row) -> Exchange | None:
    """The request and the response that a row has side by side; None if it has none."""
    for names in _NAMES:
        if names[0] not in row or names[1] not in row:
            continue
        if names == _INPUT_ALONE and not _is_whole(body_of(row[names[1]])):  # as of a question and its answer
            continue
        request = parse_embedded_json(row[names[0]])
        if is_list(request) and names[0] == "input" and _is_whole(body_of(row[names[1]])):
            request = {"messages": request}
        if not is_object(request):
            continue
        body = parse_embedded_json(request.get("body"))
        request, response = body if is_object(body) else request, body_of(row[names[1]])
        is_chat = response.get("object") == ollama.CHAT  # the answer to a prompt is one of Ollama's only
        return Exchange(ollama.as_chat(request) if is_chat else request, response, names)
    return _spread(row)


def _is_whole(response: Row) -> bool:
    """Whether an object is the response of an API, and not the message in it alone."""
    return kind_of(response) not in (None, MESSAGE)


def _spread(row: Row) -> Exchange | None:
    """The exchange of a row that has the fields of its request beside its response."""
    answers = [key for key in _ANSWERS if row.get(key)]  # most rows have none, and are asked for each vendor's format
    if not answers or is_record(row):
        return None
    is_asked = is_request(row) or is_responses_request(row)
    if not is_asked and not ("prompt" in row and any(is_object(row[key]) for key in answers)):
        return None
    for key in answers:
        given = row[key]
        if not is_asked and not (is_object(given) and is_completed_text(body_of(given))):
            continue
        if isinstance(given, str) and given.lstrip()[:1] not in {"{", "[", "d", "e"}:  # as of no JSON and no stream
            continue
        response = body_of(given)
        if not _is_whole(response):
            continue
        request = _unanswered({name: row[name] for name in row if name != key and name not in _FACTS}, response)
        read = {name for name in row if meaning_of(name) is not None}
        return None if request is None else Exchange(request, response, {key, *read})
    return None


def _unanswered(request: JsonObject, response: JsonObject) -> JsonObject | None:
    """The request without the answer, where its messages repeat that; None where they end with another one."""
    messages = parse_embedded_json(request.get("messages"))
    last = object_or_empty(messages[-1]) if is_list(messages) and messages else {}
    is_begun = any(last.get(mark) is True for mark in OF_BEGUN_ANSWERS)
    if not is_list(messages) or last.get("role") != "assistant":
        return request
    answer = read_answer([dict(last)], "messages")
    if [whole_text(each) for each in answer] == [whole_text(each) for each in read_response(response).messages]:
        return {**request, "messages": messages[:-1]}
    return request if is_begun else None


def call_of(row: Row, exchange: Exchange) -> Iterator[Call]:
    """The call of a logged exchange; a request that failed, or one for a completed text, has none.

    Args:
        row: the facts beside the two; those that are not a call's own become metadata.

    Raises:
        DataError: the request or the response is malformed.
    """
    request, response = exchange.request, exchange.response
    if is_failed(response) or is_completed_text(response):
        return
    prompt, answer = read_request(request, response), read_response(response)
    again = _AGAIN if "full_request" in exchange.keys else ()
    beside = {key: value for key, value in row.items() if key not in {*exchange.keys, *_TIMES, *again}}
    stated = object_or_empty(request.get("metadata"))
    facts = {key: as_whole_number(stated[key]) for key in _FACTS if key in stated}
    messages = continued(prompt.messages, answer.messages, goes_on=kind_of(response) in _GO_ON)
    call = call_from_row({**facts, **beside}, (), messages, prompt.tools)
    own_id = first_value(response, "id", "responseId", "response_id")
    yield replace(
        call,
        model=first_value(response, "model", "modelVersion", "model_version") or request.get("model") or call.model,
        captured_at=call.captured_at or _time(row) or _time(response),
        metadata={**stated, **prompt.options, **call.metadata, **({"response": own_id} if own_id else {})},
        finish_reason=strictest([answer.finish_reason, call.finish_reason]),
        usage=answer.usage,
    )


def _time(row: Row) -> object:
    return next((row[key] for key in _TIMES if row.get(key)), None)
