"""OpenTelemetry's conventions for generative AI: in attributes, in events, and as earlier versions had them.

Sources: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/, the numbered attributes of OpenLLMetry, and
https://ai.pydantic.dev/logfire/ for the spans of Pydantic AI.
"""

from __future__ import annotations

from fine_tuning.data_io.broken_json import ANY_JSON, refuse_broken_json
from fine_tuning.data_io.call import Choice
from fine_tuning.data_io.choices import one_of
from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.finish_reasons import reason_in, strictest
from fine_tuning.data_io.json_values import Row, is_list, is_object, is_one_of, parse_embedded_json
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.redaction import is_redacted_value
from fine_tuning.data_io.spans.gen_ai_events import choice_of, conversation, details, events_of
from fine_tuning.data_io.spans.gen_ai_parts import readable
from fine_tuning.data_io.spans.otlp import nested
from fine_tuning.data_io.spans.recorded import RecordedSpan
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

_CHAT_OPERATIONS = {"chat", "text_completion", "generate_content"}
_AROUND_CALLS = ("pydantic_ai.all_messages", "all_messages_events", "traceloop.span.kind")
_SIDES = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.prompt", "gen_ai.completion")
_JSON = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions")
_OTHER_REQUESTS = {"embedding", "rerank"}
_TOKENS = ("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens")


def recognises(attributes: Row) -> bool:
    """Whether a span's attributes are of this convention."""
    return any(name.startswith("gen_ai.") for name in attributes)


def is_chat(attributes: Row) -> bool:
    """Whether a span is of one call of a chat model, and not of an agent around several, or of embeddings."""
    if not is_one_of(attributes.get("gen_ai.operation.name", "chat"), _CHAT_OPERATIONS):
        return False
    is_around = any(name in attributes for name in _AROUND_CALLS)
    return not is_around and not is_one_of(attributes.get("llm.request.type"), _OTHER_REQUESTS)


def read(span: Row, attributes: Row) -> RecordedSpan | Unread | None:
    """The call of a span; None for one that called no chat model, such as that of an agent around several calls.

    Raises:
        DataError: it has no messages, or they are malformed.
    """
    if not is_chat(attributes):
        return None
    events = events_of(span, attributes)
    facts = {**attributes, **details(events)}
    facts |= {name: parse_embedded_json(facts[name]) for name in _JSON if name in facts}
    if any(is_redacted_value(facts[name]) for name in _SIDES if name in facts):
        return Unread("redacted")
    found = _stated(facts) or _numbered(facts) or conversation(events)
    if found is None:
        if not {"gen_ai.operation.name", "gen_ai.request.model"} & attributes.keys():
            return None
        raise DataError(
            "the span has no messages; enable message content capture in the instrumentation "
            "(OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT, TRACELOOP_TRACE_CONTENT)"
        )
    request, choice = found
    usage = {key: facts.get(f"gen_ai.usage.{key}") for key in _TOKENS}
    return RecordedSpan(
        [*request, *choice.messages],
        facts.get("gen_ai.tool.definitions") or nested(facts, "llm.request.functions"),
        facts.get("gen_ai.response.model") or facts.get("gen_ai.request.model"),
        strictest([choice.finish_reason, reason_in(facts, depth=0)]),
        usage_of({key: value for key, value in usage.items() if value is not None}),
    )


_Found = tuple[list[Message], Choice]


def _stated(facts: Row) -> _Found | None:
    """The messages of gen_ai.input.messages and gen_ai.output.messages, of which the first is the answer."""
    for name in _JSON:
        refuse_broken_json(facts.get(name), name, ANY_JSON)
    request, response = facts.get("gen_ai.input.messages"), facts.get("gen_ai.output.messages")
    if not request or not is_list(response) or not response:
        return None
    instructions = facts.get("gen_ai.system_instructions")
    messages = read_messages(readable(request), "input messages")
    if instructions:
        parts = instructions if is_list(instructions) else [instructions]
        messages = [*read_messages([{"role": "system", "parts": parts}], "system instructions"), *messages]
    return messages, choice_of(one_of(response), "output messages")


def _numbered(facts: Row) -> _Found | None:
    """The messages of attributes such as gen_ai.prompt.0.role and gen_ai.completion.0.tool_calls.0.name."""
    request, response = nested(facts, "gen_ai.prompt"), nested(facts, "gen_ai.completion")
    if not is_list(request) or not is_list(response) or not request or not response:
        return None
    given = [{"role": "user", **each} if is_object(each) else each for each in request]
    return read_messages(readable(given), "gen_ai.prompt"), choice_of(one_of(response), "gen_ai.completion")
