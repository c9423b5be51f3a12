"""Spans of OpenTelemetry's conventions for generative AI, as OTLP JSON (the collector's file exporter) or one by one.

The conversation is read from the attributes gen_ai.input.messages and gen_ai.output.messages, from those that earlier
instrumentations wrote (gen_ai.prompt.0.content ...), or from the span's events.
Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from fine_tuning.data_io.formats.call import Call, Message, Row, list_of_objects, parsed, tools_of
from fine_tuning.errors import DataError

NAME = "opentelemetry"
_CHAT = {"chat", "text_completion", "generate_content"}
_NUMBERED = re.compile(r"gen_ai\.(?P<side>prompt|completion)\.(?P<place>\d+)\.(?P<key>role|content)")
_EVENTS = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return "resourceSpans" in row or any(str(key).startswith("gen_ai.") for key in _attributes(row))


def calls(row: Row) -> Iterator[Call]:
    """The calls of all spans of a row; spans that called no chat model are none.

    Raises:
        DataError: a span is malformed.
    """
    for span in _spans(row):
        attributes = _attributes(span)
        if attributes.get("gen_ai.operation.name", "chat") not in _CHAT or not any(
            key.startswith("gen_ai.") for key in attributes
        ):
            continue
        yield Call(
            _conversation(span, attributes),
            tools_of(attributes.get("gen_ai.tool.definitions")),
            model=attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model"),
            captured_at=_moment(span),
            metadata=_metadata(span, attributes),
        )


def _metadata(span: Row, attributes: Mapping[str, Any]) -> dict[str, Any]:
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


def _attributes(span: Row) -> dict[str, Any]:
    """Attributes by name, from OTLP's list of typed values or from a plain object."""
    given = span.get("attributes")
    if isinstance(given, Mapping):
        return dict(given)
    found = {}
    for each in given if isinstance(given, list) else []:
        if isinstance(each, Mapping) and isinstance(each.get("key"), str):
            found[each["key"]] = _plain(each.get("value"))
    return found


def _plain(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    for kind, inner in value.items():
        if kind == "arrayValue":
            return [_plain(item) for item in (inner or {}).get("values", [])]
        if kind == "kvlistValue":
            return {item.get("key"): _plain(item.get("value")) for item in (inner or {}).get("values", [])}
        if kind == "intValue":
            return int(inner)
        return inner
    return None


def _conversation(span: Row, attributes: Mapping[str, Any]) -> list[Message]:
    asked = parsed(attributes.get("gen_ai.input.messages"))
    answered = parsed(attributes.get("gen_ai.output.messages"))
    if asked and answered:
        told = parsed(attributes.get("gen_ai.system_instructions"))
        system = [{"role": "system", "parts": told if isinstance(told, list) else [told]}] if told else []
        given = [*system, *list_of_objects(asked, "input messages"), *list_of_objects(answered, "output messages")[:1]]
        return [message for each in given for message in _messages(each)]
    found = _numbered(attributes) or _told_by_events(span)
    if not found:
        raise DataError("the span holds no messages; let the instrumentation capture message content")
    return found


def _messages(message: Mapping[str, Any]) -> Iterator[Message]:
    """A message made of parts, in OpenAI's words; each tool's answer is a message of its own there."""
    texts, asked = [], []
    for part in list_of_objects(message.get("parts") or [], "parts"):
        kind = part.get("type")
        if kind == "tool_call":
            function = {"name": part.get("name"), "arguments": _as_text(part.get("arguments") or {})}
            asked.append({"id": str(part.get("id")), "type": "function", "function": function})
        elif kind == "tool_call_response":
            result = part.get("response", part.get("result"))
            yield {"role": "tool", "tool_call_id": str(part.get("id")), "content": _as_text(result)}
        elif kind == "text" or "content" in part:
            if kind != "reasoning":
                texts.append(str(part.get("content")))
        else:
            raise DataError(f"a part of type {kind!r} cannot be trained on")
    if texts or asked:
        text = "\n".join(texts) if texts else None
        yield {"role": message.get("role"), "content": text, **({"tool_calls": asked} if asked else {})}


def _numbered(attributes: Mapping[str, Any]) -> list[Message]:
    found: dict[tuple[bool, int], Message] = {}
    for name, value in attributes.items():
        if match := _NUMBERED.fullmatch(name):
            answered = match["side"] == "completion"
            message = found.setdefault((answered, int(match["place"])), {"role": "assistant" if answered else "user"})
            message[match["key"]] = value
    return [found[place] for place in sorted(found)]


def _told_by_events(span: Row) -> list[Message]:
    found: list[Message] = []
    for event in span.get("events") or []:
        body, name = _attributes(event), event.get("name") or event.get("eventName")
        if name in _EVENTS:
            found.append({"role": _EVENTS[name], "content": body.get("content")})
        elif name == "gen_ai.choice":
            message = parsed(body.get("message"))
            content = message.get("content") if isinstance(message, Mapping) else body.get("content", message)
            found.append({"role": "assistant", "content": content})
    return found


def _moment(span: Row) -> str | None:
    started = span.get("startTimeUnixNano") or span.get("start_time_unix_nano")
    if isinstance(started, int | str) and str(started).isdecimal():
        return datetime.fromtimestamp(int(started) / 1e9, UTC).isoformat()
    return span.get("start_time") or span.get("startTime")


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
