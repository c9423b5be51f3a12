"""Events of OpenTelemetry's conventions for generative AI: of a span, in log records, or as an attribute.

Sources: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/ and its version 1.36, of an event a message;
https://logfire.pydantic.dev/docs/ for the events in the attribute `events`.
"""

from __future__ import annotations

from typing import NamedTuple

from fine_tuning.data_io.call import Choice
from fine_tuning.data_io.choices import first_of, one_of
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
from fine_tuning.data_io.finish_reasons import reason_in
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    is_list,
    is_object,
    list_of_objects,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.spans.gen_ai_parts import readable
from fine_tuning.data_io.spans.otlp import attributes_of, event_name, plain_value

_DETAILS = "gen_ai.client.inference.operation.details"
_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}


class Event(NamedTuple):
    """An event by its name; the attributes of an event that has no other body."""

    name: str
    body: JsonObject


def events_of(span: Row, attributes: Row) -> list[Event]:
    """The events of a span, in order.

    Raises:
        DataError: they are not a list of objects.
    """
    given = parse_embedded_json(span.get("events") or span.get("otel_events")) or []
    found = [_event(each) for each in list_of_objects(given, "events")]
    stated = parse_embedded_json(attributes.get("events"))
    for each in stated if is_list(stated) else []:
        facts = object_or_empty(each)
        if isinstance(name := facts.get("event.name"), str):
            found.append(Event(name, _body(facts)))
    return [each for each in found if each is not None]


def _event(given: Row) -> Event | None:
    attributes = attributes_of(given)
    name = event_name(given)
    body = plain_value(given.get("body"))
    found = body if is_object(body) and body else attributes
    return Event(name, _body(found)) if isinstance(name, str) else None


def details(events: list[Event]) -> JsonObject:
    """The attributes of the event that holds the whole conversation; none without one."""
    return next((event.body for event in events if event.name == _DETAILS), {})


def conversation(events: list[Event]) -> tuple[list[Message], Choice] | None:
    """The request and the first choice of events of a message each, or of a prompt and its completion.

    Raises:
        DataError: they are malformed.
    """
    return _of_contents(events) or _of_messages(events)


def _of_contents(events: list[Event]) -> tuple[list[Message], Choice] | None:
    """Of the events gen_ai.content.prompt and gen_ai.content.completion."""
    found = {event.name: event.body for event in events}
    request = parse_embedded_json(object_or_empty(found.get("gen_ai.content.prompt")).get("gen_ai.prompt"))
    response = parse_embedded_json(object_or_empty(found.get("gen_ai.content.completion")).get("gen_ai.completion"))
    if not request or not response:
        return None
    one = one_of(response) if is_list(response) else response
    return read_messages(readable(request), "gen_ai.prompt"), choice_of(one, "gen_ai.completion")


def _of_messages(events: list[Event]) -> tuple[list[Message], Choice] | None:
    request: list[object] = []
    choices: list[object] = []
    for name, body in events:
        if name in _ROLES:
            message = {**body, "role": body.get("role") or _ROLES[name]}
            if name == "gen_ai.tool.message" and "id" in message:
                message = {"tool_call_id": message["id"], **message}
            request.append(message)
        elif name == "gen_ai.choice":
            choices.append(body)
    return (read_messages(readable(request), "events"), _choice(first_of(choices))) if request and choices else None


def _choice(body: Row) -> Choice:
    message = parse_embedded_json(body.get("message"))
    given = message if is_object(message) else {"content": message or body.get("content")}
    calls = body.get("tool_calls")
    given = {**given, "tool_calls": calls} if calls else given
    found = readable([{"role": "assistant", **given}])
    return Choice(read_answer(found, "gen_ai.choice"), reason_in(body))


def choice_of(given: object, label: str) -> Choice:
    """A message with its finish reason, or a choice that has a message.

    Raises:
        DataError: it is malformed.
    """
    facts = object_or_empty(given)
    inner = facts.get("message")
    message = {key: value for key, value in facts.items() if key != "finish_reason"} if facts else given
    one = inner if is_object(inner) else message
    found = readable([one]) if is_object(one) else one
    return Choice(read_answer(found, label), reason_in(facts))


_WHOLE = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.prompt", "gen_ai.completion")


def _body(found: Row) -> JsonObject:
    """What an event says, without the facts of its span; values may be JSON text."""
    stated = parse_embedded_json(found.get("gen_ai.event.content"))
    if is_object(stated):  # as Azure's clients write it
        return stated
    if any(key in found for key in _WHOLE):
        return dict(found)
    kept = {key.removeprefix("gen_ai.event."): value for key, value in found.items()}
    kept = {key: value for key, value in kept.items() if "." not in key}
    calls = parse_embedded_json(kept.get("tool_calls"))
    return {**kept, **({"tool_calls": calls} if calls else {})}
