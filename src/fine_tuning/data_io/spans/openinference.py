"""OpenInference's conventions, as Phoenix stores them.

Source: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from fine_tuning.data_io.beside import read_beside
from fine_tuning.data_io.broken_json import ANY_JSON, refuse_broken_json
from fine_tuning.data_io.choices import one_of
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
from fine_tuning.data_io.dialects.found_by_host import refuse_found_in_response
from fine_tuning.data_io.finish_reasons import finish_reason, reason_in, strictest
from fine_tuning.data_io.formats import vendor_request, vendor_response
from fine_tuning.data_io.formats.generations import first_generation, requests_of
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.redaction import is_redacted_value
from fine_tuning.data_io.request_options import request_options, with_extra_body
from fine_tuning.data_io.spans.otlp import nested
from fine_tuning.data_io.spans.recorded import RecordedSpan
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

_KIND = "openinference.span.kind"
_KINDS = frozenset("LLM CHAIN TOOL RETRIEVER EMBEDDING AGENT RERANKER GUARDRAIL EVALUATOR PROMPT UNKNOWN".split())
_FUNCTION, _ARGUMENTS = "function_call_name", "function_call_arguments_json"
_NUMBERED = re.compile(r"llm\.input_messages")
_CONVERTED = {"contents", "tool_calls", _FUNCTION, _ARGUMENTS}
_SIDES = {"input", "output", "llm"}
_OF_ONE = {"input_messages", "output_messages", "token_count"}


def recognises(attributes: Row) -> bool:
    """Whether a span's attributes are of this convention."""
    return nested(attributes, _KIND) is not None or any(map(_NUMBERED.match, attributes))


def kind_in_column(span: Row) -> JsonObject:
    """The kind of a span that stands beside its attributes, as in tables of Phoenix; none without one.

    Such a span may have no attributes, as that of a tool or of a step of a chain.
    """
    kind = span.get("span_kind")
    has_id = "context.span_id" in span or "span_id" in object_or_empty(span.get("context"))
    return {_KIND: kind} if has_id and isinstance(kind, str) and kind in _KINDS else {}


def requests_in(attributes: Row) -> Iterator[Row]:
    """The attributes of each request of a span that ran several together; of another span as they are.

    The numbered messages are those of one of them, and the counts those of all.

    Raises:
        DataError: there are not as many answers.
    """
    sent, came = (parse_embedded_json(nested(attributes, f"{side}.value")) for side in ("input", "output"))
    messages = sent.get("messages") if is_object(sent) else sent
    are_several = is_list(messages) and len(messages) > 1 and all(map(is_list, messages))
    is_of_model = nested(attributes, _KIND) in (None, "LLM")
    if not is_of_model or (nested(attributes, "llm.input_messages") and not are_several):
        yield attributes
        return
    found = list(requests_of(sent, came))
    if found == [(sent, came)]:
        yield attributes
        return
    others = {key: value for key, value in attributes.items() if key.partition(".")[0] not in _SIDES}
    shared = object_or_empty(nested(attributes, "llm"))
    others |= {f"llm.{key}": value for key, value in shared.items() if key not in _OF_ONE}
    for prompt, response in found:
        yield {**others, "input.value": json.dumps(prompt), "output.value": json.dumps(response)}


def is_chat(attributes: Row) -> bool:
    """Whether a span is of a call of a chat model."""
    return nested(attributes, _KIND) in (None, "LLM")


def read(span: Row, attributes: Row) -> RecordedSpan | Unread | None:  # noqa: ARG001 - every convention has the span
    """The call of a span; None for one that called no model.

    Raises:
        DataError: it has no messages, or they are malformed.
    """
    if not is_chat(attributes):
        return None
    for key in ("llm.input_messages", "llm.output_messages"):
        refuse_broken_json(nested(attributes, key), key, ANY_JSON)
    prompt, answered = (_messages(nested(attributes, f"llm.{side}_messages")) for side in ("input", "output"))
    sent, came = (_value(attributes, side) for side in ("input", "output"))
    if any(map(is_redacted_value, (prompt or sent, answered or came))):
        return Unread("redacted")
    if not (prompt or sent) or not (answered or came):
        raise DataError("the span has no messages; OPENINFERENCE_HIDE_INPUTS or _OUTPUTS may be set")
    parameters = object_or_empty(parse_embedded_json(nested(attributes, "llm.invocation_parameters")))
    request = _request(prompt, sent, {**object_or_empty(came), **parameters})
    request = _with_extra(request, with_extra_body({}, parameters))
    body = vendor_response.body_of(came)
    refuse_found_in_response(body)
    is_items = vendor_response.kind_of(body) == vendor_response.RESPONSES  # each one a message
    answered = [] if is_items else answered
    answer = read_answer(one_of(answered), "llm.output_messages") if answered else _answer(came)
    tools = nested(attributes, "llm.tools")
    beside = next((parameters[key] for key in ("tools", "functions") if parameters.get(key)), None)
    counts = object_or_empty(nested(attributes, "llm.token_count"))
    return RecordedSpan(
        [*request.messages, *answer],
        [_tool(each) for each in tools] if is_list(tools) else request.tools or beside,
        nested(attributes, "llm.model_name") or first_value(object_or_empty(came), "model", "modelVersion"),
        strictest([finish_reason(nested(attributes, "llm.finish_reason")), *map(reason_in, (*answered[:1], came))]),
        usage_of({"input": counts.get("prompt"), "output": counts.get("completion")}),
        {**request_options(parameters), **request.options},
    )


def _request(prompt: list[object], sent: object, response: Row) -> vendor_request.Request:
    """What the model was sent: numbered messages, a request of a vendor's API, messages, or a text.

    The request, where its JSON is recorded too, says what the messages alone do not.
    """
    is_whole = vendor_request.is_request(sent) or vendor_request.is_responses_request(sent)
    given = vendor_request.read_request(sent, response) if is_whole and is_object(sent) else None
    if prompt or given is None:
        messages = read_messages(prompt or _messages(sent), "llm.input_messages")
        if given is None:
            return vendor_request.Request(messages)
        beside = [each for each in given.messages[:1] if each["role"] == "system" and messages[0]["role"] != "system"]
        return replace(given, messages=[*beside, *messages])
    return given


def _with_extra(request: vendor_request.Request, extra: Row) -> vendor_request.Request:
    """The request with the fields that the SDK has written into its body."""
    if not extra:
        return request
    added = read_beside(extra, request.messages, request.tools, None, ())
    return replace(request, messages=added.messages, tools=added.tools)


def _value(attributes: Row, side: str) -> object:
    """input.value or output.value, which hold text, messages, or the JSON of a request or response."""
    given = nested(attributes, f"{side}.value")
    if "json" in str(nested(attributes, f"{side}.mime_type")).lower():
        refuse_broken_json(given, f"{side}.value", ANY_JSON)
    found = parse_embedded_json(given)
    messages = object_or_empty(found).get("messages")
    if is_object(found) and is_list(messages) and len(messages) == 1 and is_list(messages[0]):
        return {**found, "messages": messages[0]}  # LangChain runs a batch of one
    return found


def _answer(came: object) -> list[Message]:
    body = vendor_response.body_of(came)
    if vendor_response.kind_of(body) is not None:
        return vendor_response.read_response(body).messages
    if "generations" in object_or_empty(came):
        return first_generation(object_or_empty(came)["generations"], "output.value").messages
    messages = object_or_empty(came).get("messages")
    return read_answer(messages[0] if is_list(messages) and messages else came, "llm.output_messages")


def _messages(given: object) -> list[object]:
    found = parse_embedded_json(given)
    if isinstance(found, str):
        refuse_broken_json(found, "input.value")
        return [{"role": "user", "content": found}]
    return [_message(each) for each in found] if is_list(found) else []


def _message(given: object) -> object:
    inner = object_or_empty(given).get("message")
    if not is_object(inner):
        return given
    message: JsonObject = {key: value for key, value in inner.items() if key not in _CONVERTED}
    parts, calls = inner.get("contents"), inner.get("tool_calls")
    if is_list(parts) and parts:
        read = [_part(object_or_empty(each).get("message_content")) for each in parts]
        is_text = len(read) == 1 and read[0].get("type") == "text"
        message["content"] = read[0].get("text") if is_text else read
    if is_list(calls) and calls:
        message["tool_calls"] = [object_or_empty(each).get("tool_call") or each for each in calls]
    if name := inner.get(_FUNCTION):  # of OpenAI's API before tools
        message["function_call"] = {"name": name, "arguments": inner.get(_ARGUMENTS) or "{}"}
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
