"""Spans of OpenTelemetry's conventions for generative AI, as OTLP JSON (the collector's file exporter) or one by one.

The conversation is read from the attributes gen_ai.input.messages and gen_ai.output.messages, from those that earlier
instrumentations wrote (gen_ai.prompt.0.content ...), or from the span's events.
Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import cast

from fine_tuning.data_io.formats.call import Call
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    is_list,
    is_object,
    list_of_objects,
    object_or_empty,
    parse_embedded_json,
    to_json_text,
)
from fine_tuning.data_io.messages import Message, ToolCall, as_messages, as_tools
from fine_tuning.errors import DataError

NAME = "opentelemetry"
_CHAT_OPERATIONS = {"chat", "text_completion", "generate_content"}
_NUMBERED = re.compile(r"gen_ai\.(?P<side>prompt|completion)\.(?P<place>\d+)\.(?P<key>role|content)")
_EVENT_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return "resourceSpans" in row or _is_gen_ai(_attributes(row))


def _is_gen_ai(attributes: Row) -> bool:
    return any(str(key).startswith("gen_ai.") for key in attributes)


def calls(row: Row) -> Iterator[Call]:
    """The calls of all spans of a row; a span that called no chat model has none.

    Raises:
        DataError: a span is malformed.
    """
    for span in _spans(row):
        attributes = _attributes(span)
        if not _is_gen_ai(attributes) or attributes.get("gen_ai.operation.name", "chat") not in _CHAT_OPERATIONS:
            continue
        yield Call(
            _conversation(span, attributes),
            as_tools(attributes.get("gen_ai.tool.definitions")),
            model=attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model"),
            captured_at=_start_time(span),
            metadata=_metadata(span, attributes),
        )


def _metadata(span: Row, attributes: Row) -> JsonObject:
    found = {name: span[name] for name in ("traceId", "spanId") if span.get(name)}
    conversation = attributes.get("gen_ai.conversation.id")
    return found | ({"conversation_id": conversation} if conversation else {})


def _spans(row: Row) -> Iterator[Row]:
    if "resourceSpans" not in row:
        yield row
        return
    for resource in list_of_objects(row["resourceSpans"], "resourceSpans"):
        for scope in list_of_objects(resource.get("scopeSpans") or [], "scopeSpans"):
            yield from list_of_objects(scope.get("spans") or [], "spans")


def _attributes(span: Row) -> JsonObject:
    """Attributes by name, from OTLP's list of typed values or from a plain object."""
    given = span.get("attributes")
    if isinstance(given, Mapping):
        return dict(given)
    found: JsonObject = {}
    for each in given if is_list(given) else []:
        key = object_or_empty(each).get("key")
        if isinstance(key, str):
            found[key] = _plain_value(object_or_empty(each).get("value"))
    return found


def _plain_value(value: object) -> object:
    """The value of an OTLP AnyValue, such as {"stringValue": "x"}; another value unchanged."""
    if not isinstance(value, Mapping):
        return value
    for kind, inner in value.items():
        if kind == "arrayValue":
            return [_plain_value(item) for item in (inner or {}).get("values", [])]
        if kind == "kvlistValue":
            return {item.get("key"): _plain_value(item.get("value")) for item in (inner or {}).get("values", [])}
        return int(inner) if kind == "intValue" else inner
    return None


def _conversation(span: Row, attributes: Row) -> list[Message]:
    request = parse_embedded_json(attributes.get("gen_ai.input.messages"))
    response = parse_embedded_json(attributes.get("gen_ai.output.messages"))
    if request and response:
        instructions = parse_embedded_json(attributes.get("gen_ai.system_instructions"))
        given = [*list_of_objects(request, "input messages"), *list_of_objects(response, "output messages")[:1]]
        if instructions:
            parts = instructions if is_list(instructions) else [instructions]
            given.insert(0, {"role": "system", "parts": parts})
        return [message for each in given for message in _messages(each)]
    found = _numbered_messages(attributes) or _event_messages(span)
    if not found:
        raise DataError("the span has no messages; enable message content capture in the instrumentation")
    return found


def _messages(message: Row) -> Iterator[Message]:
    """A message of parts in OpenAI's format, where each tool result is a separate message."""
    texts: list[str] = []
    tool_calls: list[ToolCall] = []
    for part in list_of_objects(message.get("parts") or [], "parts"):
        kind = part.get("type")
        if kind == "tool_call":
            function = {"name": part.get("name"), "arguments": to_json_text(part.get("arguments") or {})}
            tool_calls.append(cast("ToolCall", {"id": str(part.get("id")), "type": "function", "function": function}))
        elif kind == "tool_call_response":
            result = part.get("response", part.get("result"))
            yield {"role": "tool", "tool_call_id": str(part.get("id")), "content": to_json_text(result)}
        elif kind == "text" or "content" in part:
            if kind != "reasoning":
                texts.append(str(part.get("content")))
        else:
            raise DataError(f"a part of type {kind!r} cannot be trained on")
    if texts or tool_calls:
        text = "\n".join(texts) if texts else None
        made = cast("Message", {"role": message.get("role"), "content": text})
        if tool_calls:
            made["tool_calls"] = tool_calls
        yield made


def _numbered_messages(attributes: Row) -> list[Message]:
    """The messages of attributes such as gen_ai.prompt.0.role."""
    found: dict[tuple[bool, int], JsonObject] = {}
    for name, value in attributes.items():
        if match := _NUMBERED.fullmatch(name):
            is_response = match["side"] == "completion"
            place = (is_response, int(match["place"]))
            message = found.setdefault(place, {"role": "assistant" if is_response else "user"})
            message[match["key"]] = value
    return as_messages([found[place] for place in sorted(found)], "messages")


def _event_messages(span: Row) -> list[Message]:
    """The messages of a span's events."""
    found: list[JsonObject] = []
    for event in list_of_objects(span.get("events") or [], "events"):
        body, name = _attributes(event), event.get("name") or event.get("eventName")
        if name in _EVENT_ROLES:
            found.append({"role": _EVENT_ROLES[str(name)], "content": body.get("content")})
        elif name == "gen_ai.choice":
            message = parse_embedded_json(body.get("message"))
            content = message.get("content") if is_object(message) else body.get("content", message)
            found.append({"role": "assistant", "content": content})
    return as_messages(found, "messages")


def _start_time(span: Row) -> object:
    """ISO 8601; None if unknown."""
    nanoseconds = span.get("startTimeUnixNano") or span.get("start_time_unix_nano")
    if isinstance(nanoseconds, int | str) and str(nanoseconds).isdecimal():
        return datetime.fromtimestamp(int(nanoseconds) / 1e9, UTC).isoformat()
    return span.get("start_time") or span.get("startTime")
