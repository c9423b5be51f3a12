"""Calls that LiteLLM logs: its standard logging payload, and the rows of its proxy's spend logs.

Source: https://docs.litellm.ai/docs/proxy/logging_spec
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call, Choice, usage_of, with_system
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.formats.stored_completion import first_choice
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, object_or_empty, parse_embedded_json
from fine_tuning.errors import DataError

NAME = "litellm"
_CHAT_TYPES = {"completion", "acompletion", "anthropic_messages", "responses", "aresponses"}
_REDACTED = "redacted-by-litellm"


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    entry = _entry(row)
    return "call_type" in entry and "messages" in entry and "response" in entry


def _entry(row: Row) -> Row:
    payload = parse_embedded_json(row.get("standard_logging_object"))
    return payload if is_object(payload) else row


def calls(row: Row) -> Iterator[Call]:
    """The call of a log entry; one that failed, whose text is redacted, or that is not a chat has none.

    Raises:
        DataError: it is malformed.
    """
    entry = _entry(row)
    if entry.get("call_type") not in _CHAT_TYPES or entry.get("status", "success") != "success":
        return
    request, response = _request(entry), parse_embedded_json(entry.get("response"))
    if _is_redacted(request.get("messages")) or _is_redacted(response):
        return
    messages = request.get("messages") or request.get("input")
    if not messages or not response:
        raise DataError("messages or response is empty; enable store_prompts_in_spend_logs in LiteLLM")
    choice = _choice(response)
    yield Call(
        [*with_system(request, read_messages(messages, "messages")), *choice.messages],
        read_tools(request.get("tools") or request.get("functions")),
        model=entry.get("model") or None,
        captured_at=entry.get("startTime"),
        metadata=_metadata(entry),
        finish_reason=choice.finish_reason,
        usage=choice.usage or usage_of(entry),
    )


def _request(entry: Row) -> JsonObject:
    """The request, where the entry has it: in `messages` and `model_parameters`, or as the proxy received it."""
    given = parse_embedded_json(entry.get("messages"))
    parameters = object_or_empty(parse_embedded_json(entry.get("model_parameters")))
    received = object_or_empty(parse_embedded_json(entry.get("proxy_server_request")))
    body = parse_embedded_json(received.get("body"))
    if is_object(body):
        received = body
    stated = given if is_object(given) else {"messages": given} if given else {}
    return {**received, **parameters, **{key: value for key, value in stated.items() if value}}


def _is_redacted(value: object) -> bool:
    """Whether a text was replaced before it was logged (turn_off_message_logging)."""
    if is_object(value):
        return any(_is_redacted(each) for each in value.values())
    return any(map(_is_redacted, value)) if is_list(value) else value == _REDACTED


def _choice(response: object) -> Choice:
    if isinstance(response, str):
        return Choice([{"role": "assistant", "content": response}])
    if is_object(response) and "choices" in response:
        return first_choice(response)
    found = object_or_empty(response)
    return Choice(read_answer(found.get("content") or found.get("output") or response, "response"))


def _metadata(entry: Row) -> JsonObject:
    facts = {
        "call": entry.get("id") or entry.get("request_id"),
        "trace": entry.get("trace_id"),
        "user": entry.get("end_user"),
        "tags": parse_embedded_json(entry.get("request_tags")),
        "cost": entry.get("response_cost") if entry.get("response_cost") is not None else entry.get("spend"),
    }
    return {key: value for key, value in facts.items() if value not in (None, "", [])}
