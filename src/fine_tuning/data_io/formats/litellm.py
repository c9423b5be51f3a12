"""Calls that LiteLLM logs: its standard logging payload, and the rows of its proxy's spend logs.

Source: https://docs.litellm.ai/docs/proxy/logging_spec
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning._util.json_kinds import json_kind
from fine_tuning.data_io.call import Call
from fine_tuning.data_io.formats.gateway_exchange import read_exchange
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    is_list,
    is_object,
    is_one_of,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.redaction import is_redacted_value
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

NAME = "litellm"
_CHATS = ("completion", "anthropic_messages", "responses", "generate_content", "generate_content_stream")
_PASSED_THROUGH = {"pass_through_endpoint", "llm_passthrough_route", "allm_passthrough_route"}
_CHAT_TYPES = {*_CHATS, *(f"a{name}" for name in _CHATS), *_PASSED_THROUGH}
_TRUNCATED = "(litellm_truncated"


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    entry = _entry(row)
    has_request = "messages" in entry or "proxy_server_request" in entry
    return "call_type" in entry and has_request and "response" in entry


def _entry(row: Row) -> Row:
    payload = parse_embedded_json(row["standard_logging_object"]) if "standard_logging_object" in row else None
    return payload if is_object(payload) else row


def calls(row: Row) -> Iterator[Call]:
    """The call of a log entry; one that failed, whose text is redacted, or that is not a chat has none.

    Raises:
        DataError: it is malformed, empty, or truncated.
    """
    entry = _entry(row)
    kind = entry.get("call_type")
    if kind is not None and not isinstance(kind, str):
        raise DataError(f"call_type must be text, not {json_kind(kind)}")
    if not is_one_of(kind, _CHAT_TYPES) or (entry.get("status") or "success") != "success":
        return
    request, response = _request(entry), _response(entry)
    if is_redacted_value(response) or is_redacted_value(request.get("messages")):
        return
    if any(_has_text(each, _TRUNCATED) for each in (request, response)):
        raise DataError("LiteLLM has cut off a text; raise MAX_STRING_LENGTH_PROMPT_IN_DB")
    has_messages = any(request.get(key) for key in ("messages", "input", "contents", "prompt"))
    if is_one_of(kind, _PASSED_THROUGH) and (not has_messages or not is_object(response)):
        return  # of another API than a chat's
    if not has_messages or not response:
        raise DataError("messages or response is empty; enable store_prompts_in_spend_logs in LiteLLM")
    found = read_exchange(request, response)
    if found is None:
        return
    yield Call(
        found.messages,
        found.tools,
        model=entry.get("model") or None,
        captured_at=entry.get("startTime"),
        metadata={**found.options, **_metadata(entry)},
        finish_reason=found.choice.finish_reason,
        usage=found.choice.usage or usage_of(entry),
    )


def _request(entry: Row) -> JsonObject:
    """The request, where the entry has it: in `messages` and `model_parameters`, or as the proxy received it."""
    given = parse_embedded_json(entry.get("messages"))
    parameters = object_or_empty(parse_embedded_json(entry.get("model_parameters")))
    received = object_or_empty(parse_embedded_json(entry.get("proxy_server_request")))
    body = parse_embedded_json(received.get("body"))
    if is_object(body):
        received = body
    passed = object_or_empty(parse_embedded_json(entry.get("passthrough_logging_payload"))).get("request_body")
    stated = given if is_object(given) else {"messages": given} if given else {}
    merged = {**object_or_empty(passed), **received, **parameters}
    return {**merged, **{key: value for key, value in stated.items() if value}}


def _response(entry: Row) -> object:
    """The response; of an endpoint that is passed through, the JSON that came back."""
    found = parse_embedded_json(entry.get("response"))
    if is_object(found) and found.keys() == {"response"}:
        found = parse_embedded_json(found["response"])
    passed = object_or_empty(parse_embedded_json(entry.get("passthrough_logging_payload")))
    return found or passed.get("response_body")


def _has_text(value: object, text: str) -> bool:
    """Whether a text is part of any text of a request or response."""
    if isinstance(value, str):
        return text in value
    parts = value.values() if is_object(value) else value if is_list(value) else ()
    for each in parts:  # noqa: SIM110 - a generator at every level takes longer
        if _has_text(each, text):
            return True
    return False


def _metadata(entry: Row) -> JsonObject:
    facts = {
        "call": entry.get("id") or entry.get("request_id"),
        "trace": entry.get("trace_id"),
        "conversation_id": entry.get("session_id"),
        "user": entry.get("end_user"),
        "tags": parse_embedded_json(entry.get("request_tags")),
        "cost": entry.get("response_cost") if entry.get("response_cost") is not None else entry.get("spend"),
    }
    return {key: value for key, value in facts.items() if value not in (None, "", [])}
