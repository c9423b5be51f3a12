"""Calls that LiteLLM logs: its standard logging payload, and the rows of its proxy's spend logs.

Source: https://docs.litellm.ai/docs/proxy/logging_spec
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fine_tuning.data_io.formats.call import Call
from fine_tuning.data_io.formats.stored_completion import first_choice
from fine_tuning.data_io.json_values import JsonObject, Row, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.messages import Message, as_messages, as_tools
from fine_tuning.errors import DataError

NAME = "litellm"
_CHAT_TYPES = {"completion", "acompletion"}


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    entry = _entry(row)
    return "call_type" in entry and "messages" in entry and "response" in entry


def _entry(row: Row) -> Row:
    payload = row.get("standard_logging_object")
    return payload if is_object(payload) else row


def calls(row: Row) -> Iterator[Call]:
    """The call of a log entry; an entry of a failed call, or of one that is not a chat, has none.

    Raises:
        DataError: it is malformed.
    """
    entry = _entry(row)
    if entry.get("call_type") not in _CHAT_TYPES or entry.get("status", "success") != "success":
        return
    request, response = parse_embedded_json(entry.get("messages")), parse_embedded_json(entry.get("response"))
    if isinstance(request, Mapping):
        request = request.get("messages")
    if not request or not response:
        raise DataError("messages or response is empty; enable store_prompts_in_spend_logs in LiteLLM")
    answer: Message = (
        {"role": "assistant", "content": response} if isinstance(response, str) else first_choice(response)
    )
    parameters = object_or_empty(parse_embedded_json(entry.get("model_parameters")))
    yield Call(
        [*as_messages(request, "messages"), answer],
        as_tools(parameters.get("tools")),
        model=entry.get("model") or None,
        captured_at=entry.get("startTime"),
        metadata=_metadata(entry),
    )


def _metadata(entry: Row) -> JsonObject:
    facts = {
        "call": entry.get("id") or entry.get("request_id"),
        "trace": entry.get("trace_id"),
        "user": entry.get("end_user"),
        "tags": parse_embedded_json(entry.get("request_tags")),
        "cost": entry.get("response_cost") if entry.get("response_cost") is not None else entry.get("spend"),
    }
    return {key: value for key, value in facts.items() if value not in (None, "", [])}
