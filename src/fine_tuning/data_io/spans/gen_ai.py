"""OpenTelemetry's conventions for generative AI: in attributes, in events, and as earlier versions had them.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ and the numbered attributes of OpenLLMetry.
"""

from __future__ import annotations

from fine_tuning.data_io.call import Choice, finish_reason, usage_of
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
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
from fine_tuning.data_io.spans.otlp import attributes_of, nested, plain_value
from fine_tuning.data_io.spans.recorded import RecordedSpan
from fine_tuning.errors import DataError

_CHAT_OPERATIONS = {"chat", "text_completion", "generate_content"}
_DETAILS = "gen_ai.client.inference.operation.details"
_EVENT_ROLES = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}


def recognises(attributes: Row) -> bool:
    """Whether a span's attributes are of this convention."""
    return any(name.startswith("gen_ai.") for name in attributes)


def read(span: Row, attributes: Row) -> RecordedSpan | None:
    """The call of a span; None for one that called no chat model.

    Raises:
        DataError: it has no messages, or they are malformed.
    """
    if attributes.get("gen_ai.operation.name", "chat") not in _CHAT_OPERATIONS:
        return None
    events = list_of_objects(span.get("events") or [], "events")
    details = [attributes_of(each) for each in events if _name(each) == _DETAILS]
    facts = {**attributes, **(details[0] if details else {})}
    found = _stated(facts) or _numbered(facts) or _content_events(events) or _message_events(events)
    if found is None:
        raise DataError("the span has no messages; enable message content capture in the instrumentation")
    request, choice = found
    reasons = parse_embedded_json(facts.get("gen_ai.response.finish_reasons"))
    usage = {key: facts.get(f"gen_ai.usage.{key}") for key in ("input_tokens", "output_tokens", "prompt_tokens",
                                                                "completion_tokens")}  # fmt: skip
    return RecordedSpan(
        [*request, *choice.messages],
        facts.get("gen_ai.tool.definitions") or nested(facts, "llm.request.functions"),
        facts.get("gen_ai.response.model") or facts.get("gen_ai.request.model"),
        choice.finish_reason or finish_reason(reasons),
        usage_of({key: value for key, value in usage.items() if value is not None}),
    )


_Found = tuple[list[Message], Choice]


def _stated(facts: Row) -> _Found | None:
    """The messages of gen_ai.input.messages and gen_ai.output.messages, of which the first is the answer."""
    request = parse_embedded_json(facts.get("gen_ai.input.messages"))
    response = parse_embedded_json(facts.get("gen_ai.output.messages"))
    if not request or not is_list(response) or not response:
        return None
    instructions = parse_embedded_json(facts.get("gen_ai.system_instructions"))
    messages = read_messages(request, "input messages")
    if instructions:
        parts = instructions if is_list(instructions) else [instructions]
        messages = [*read_messages([{"role": "system", "parts": parts}], "system instructions"), *messages]
    return messages, _choice(response[0], "output messages")


def _numbered(facts: Row) -> _Found | None:
    """The messages of attributes such as gen_ai.prompt.0.role and gen_ai.completion.0.tool_calls.0.name."""
    request, response = nested(facts, "gen_ai.prompt"), nested(facts, "gen_ai.completion")
    if not is_list(request) or not is_list(response) or not request or not response:
        return None
    given = [{"role": "user", **each} if is_object(each) else each for each in request]
    return read_messages(given, "gen_ai.prompt"), _choice(response[0], "gen_ai.completion")


def _content_events(events: list[JsonObject]) -> _Found | None:
    """The messages of the events gen_ai.content.prompt and gen_ai.content.completion."""
    found = {name: attributes_of(each) for each in events if (name := _name(each)) is not None}
    request = parse_embedded_json(object_or_empty(found.get("gen_ai.content.prompt")).get("gen_ai.prompt"))
    response = parse_embedded_json(object_or_empty(found.get("gen_ai.content.completion")).get("gen_ai.completion"))
    if not request or not response:
        return None
    one = response[0] if is_list(response) else response
    return read_messages(request, "gen_ai.prompt"), _choice(one, "gen_ai.completion")


def _message_events(events: list[JsonObject]) -> _Found | None:
    """The messages of an event each: gen_ai.user.message, gen_ai.choice, ..."""
    request: list[object] = []
    answer: Choice | None = None
    for event in events:
        body, name = _body(event), _name(event)
        if name in _EVENT_ROLES:
            request.append({**body, "role": body.get("role") or _EVENT_ROLES[name]})
        elif name == "gen_ai.choice" and answer is None:
            message = parse_embedded_json(body.get("message"))
            given = message if is_object(message) else {"content": message or body.get("content")}
            calls = body.get("tool_calls")
            given = {**given, "tool_calls": calls} if calls else given
            answer = Choice(read_answer({"role": "assistant", **given}, name), finish_reason(body.get("finish_reason")))
    return (read_messages(request, "events"), answer) if request and answer is not None else None


_OF_SPANS = {"gen_ai.system", "event.name", "gen_ai.provider.name", "index", "finish_reason"}


def _body(event: Row) -> JsonObject:
    """What an event says: its body, else its attributes, where values may be JSON text."""
    given = event.get("body")
    body = plain_value(given) if given is not None else None
    found = body if is_object(body) else attributes_of(event)
    kept = {key.removeprefix("gen_ai.event."): value for key, value in found.items() if key not in _OF_SPANS}
    calls = parse_embedded_json(kept.get("tool_calls"))
    reason = found.get("finish_reason")
    return {**kept, **({"tool_calls": calls} if calls else {}), **({"finish_reason": reason} if reason else {})}


def _name(event: Row) -> str | None:
    found = event.get("name") or event.get("eventName") or attributes_of(event).get("event.name")
    return found if isinstance(found, str) else None


def _choice(given: object, label: str) -> Choice:
    facts = object_or_empty(given)
    inner = facts.get("message")
    message = {key: value for key, value in facts.items() if key != "finish_reason"} if facts else given
    return Choice(read_answer(inner if is_object(inner) else message, label), finish_reason(facts.get("finish_reason")))
