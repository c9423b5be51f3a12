"""OpenInference's conventions, as Phoenix stores them.

Source: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
"""

from __future__ import annotations

from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
from fine_tuning.data_io.finish_reasons import finish_reason, reason_in, strictest
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.spans.otlp import nested
from fine_tuning.data_io.spans.recorded import RecordedSpan
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

_KIND = "openinference.span.kind"


def recognises(attributes: Row) -> bool:
    """Whether a span's attributes are of this convention."""
    return nested(attributes, _KIND) is not None or any(name.startswith("llm.input_messages") for name in attributes)


def read(span: Row, attributes: Row) -> RecordedSpan | None:  # noqa: ARG001 - every convention has the span
    """The call of a span; None for one that called no model.

    Raises:
        DataError: it has no messages, or they are malformed.
    """
    if nested(attributes, _KIND) not in (None, "LLM"):
        return None
    request, response = (_messages(nested(attributes, f"llm.{side}_messages")) for side in ("input", "output"))
    if not request:
        request = _messages(_value(attributes, "input"))
    if not response:
        response = [_first_choice(_value(attributes, "output"))]
    if not request or response in ([], [None]):
        raise DataError("the span has no messages; OPENINFERENCE_HIDE_INPUTS or _OUTPUTS may be set")
    outputs = (response[0], _parsed(attributes, "output"))
    messages = [*read_messages(request, "llm.input_messages"), *read_answer(response[0], "llm.output_messages")]
    tools = nested(attributes, "llm.tools")
    counts = object_or_empty(nested(attributes, "llm.token_count"))
    return RecordedSpan(
        messages,
        [_tool(each) for each in tools] if is_list(tools) else None,
        nested(attributes, "llm.model_name"),
        strictest([finish_reason(nested(attributes, "llm.finish_reason")), *map(reason_in, outputs)]),
        usage_of({"input": counts.get("prompt"), "output": counts.get("completion")}),
    )


def _value(attributes: Row, side: str) -> object:
    """input.value or output.value, which hold text, or the JSON of a request."""
    found = _parsed(attributes, side)
    messages = object_or_empty(found).get("messages")
    if is_list(messages) and len(messages) == 1 and is_list(messages[0]):  # LangChain runs a batch of one
        return messages[0]
    return messages if is_list(messages) else found


def _parsed(attributes: Row, side: str) -> object:
    return parse_embedded_json(nested(attributes, f"{side}.value"))


def _first_choice(given: object) -> object:
    choices = object_or_empty(given).get("choices")
    first = object_or_empty(choices[0]) if is_list(choices) and choices else {}
    return first.get("message") or given


def _messages(given: object) -> list[object]:
    found = parse_embedded_json(given)
    if isinstance(found, str):
        return [{"role": "user", "content": found}]
    return [_message(each) for each in found] if is_list(found) else []


def _message(given: object) -> object:
    inner = object_or_empty(given).get("message")
    if not is_object(inner):
        return given
    message: JsonObject = {key: value for key, value in inner.items() if key not in {"contents", "tool_calls"}}
    parts, calls = inner.get("contents"), inner.get("tool_calls")
    if is_list(parts) and parts:
        read = [_part(object_or_empty(each).get("message_content")) for each in parts]
        is_text = len(read) == 1 and read[0].get("type") == "text"
        message["content"] = read[0].get("text") if is_text else read
    if is_list(calls) and calls:
        message["tool_calls"] = [object_or_empty(each).get("tool_call") or each for each in calls]
    return message


def _part(given: object) -> JsonObject:
    part = object_or_empty(given)
    if part.get("type") == "image":
        image = object_or_empty(object_or_empty(part.get("image")).get("image"))
        return {"type": "image_url", "image_url": {"url": image.get("url")}}
    return dict(part)


def _tool(given: object) -> object:
    inner = object_or_empty(given).get("tool")
    return parse_embedded_json(first_value(object_or_empty(inner), "json_schema") or given)
