"""Spans of Vercel's AI SDK: the calls of models below its functions.

Source: https://ai-sdk.dev/docs/ai-sdk-core/telemetry
"""

from __future__ import annotations

from fine_tuning.data_io.broken_json import ANY_JSON, refuse_broken_json
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages, with_plain_texts
from fine_tuning.data_io.dialects.found_by_host import refuse_found
from fine_tuning.data_io.finish_reasons import reason_in
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.request_options import request_options
from fine_tuning.data_io.spans.recorded import RecordedSpan
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

_PROVIDER_METADATA = ("ai.response.providerMetadata", "ai.result.providerMetadata")


def recognises(attributes: Row) -> bool:
    """Whether a span's attributes are of this convention."""
    return any(name.startswith("ai.") for name in attributes)


_JSON = ("ai.prompt.messages", "ai.prompt.tools", "ai.response.toolCalls", "ai.result.toolCalls")


def is_chat(attributes: Row) -> bool:
    """Whether a span is of one call of a chat model, and not of several around it, or of a tool."""
    operation = str(attributes.get("ai.operationId") or attributes.get("operation.name") or "").split(" ")[0]
    return operation.endswith((".doGenerate", ".doStream"))


def read(span: Row, attributes: Row) -> RecordedSpan | None:  # noqa: ARG001 - every convention has the span
    """The call of a span; None for the span around several calls, and for those of tools and embeddings.

    Raises:
        DataError: it has no messages, or they are malformed.
    """
    if not is_chat(attributes):
        return None
    for name in _JSON:
        refuse_broken_json(attributes.get(name), name, ANY_JSON)
    request = parse_embedded_json(attributes.get("ai.prompt.messages"))
    answer: JsonObject = {"role": "assistant"}
    text = first_value(attributes, "ai.response.text", "ai.response.object", "ai.result.text", "ai.result.object")
    if text is not None:
        answer["content"] = text
    calls = parse_embedded_json(first_value(attributes, "ai.response.toolCalls", "ai.result.toolCalls"))
    if is_list(calls):
        answer["tool_calls"] = calls
    if not request or len(answer) == 1:
        raise DataError("the span has no messages; recordInputs or recordOutputs may be false")
    stated = object_or_empty(parse_embedded_json(first_value(attributes, *_PROVIDER_METADATA)))
    for each in stated.values():  # by provider
        refuse_found(object_or_empty(each), "the response")
    return RecordedSpan(
        [*with_plain_texts(read_messages(request, "ai.prompt.messages")), *read_answer(answer, "ai.response")],
        _tools(attributes.get("ai.prompt.tools")),
        first_value(attributes, "ai.response.model", "ai.model.id"),
        reason_in(attributes, depth=0),
        usage_of(
            {key.removeprefix("ai.usage."): value for key, value in attributes.items() if key.startswith("ai.usage.")}
        ),
        request_options({"tool_choice": attributes.get("ai.prompt.toolChoice")}),
    )


def _tools(given: object) -> object:
    found = parse_embedded_json(given)
    return [parse_embedded_json(each) for each in found] if is_list(found) else None
