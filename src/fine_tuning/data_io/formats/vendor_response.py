"""Responses of models as vendors' APIs give them: OpenAI's two, Anthropic's Messages, Bedrock's Converse, Gemini's.

Sources: those of `vendor_request`.
"""

from __future__ import annotations

from collections.abc import Callable

from fine_tuning.data_io.call import Choice
from fine_tuning.data_io.choices import first_of
from fine_tuning.data_io.dialects import found_by_host, hosted_items
from fine_tuning.data_io.dialects.conversation import read_answer, with_plain_texts
from fine_tuning.data_io.finish_reasons import finish_reason, reason_in
from fine_tuning.data_io.formats import answer_message, event_stream, ollama
from fine_tuning.data_io.formats.stored_completion import first_choice
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

CHAT, RESPONSES, ANTHROPIC, CONVERSE, GEMINI = "chat", "responses", "anthropic", "converse", "gemini"
MESSAGE = "message"  # of a response of OpenAI's chat API, without the response around it
_UNANSWERED = {"failed", "cancelled", "queued", "in_progress"}
_LAST_KNOWN = 5  # of the numbers of Gemini's reasons, which its SDKs may write
_TRUNCATED_AS = {"max_output_tokens": "length", "content_filter": "content_filter"}


def body_of(response: object) -> JsonObject:
    """The response of a model itself, also inside the status of HTTP, as JSON text, or as events of a stream.

    An empty object if there is none.
    """
    found = event_stream.joined(parse_embedded_json(response))
    if is_object(found) and ("body" in found or "status_code" in found):
        return body_of(found.get("body"))
    return ollama.as_completion(found) if is_object(found) else {}


def kind_of(body: Row) -> str | None:
    """Whose response it is; None if it is of none of them."""
    if is_list(body.get("choices")):
        return CHAT
    if is_object(output := body.get("output")) and is_object(output.get("message")):
        return CONVERSE
    if is_list(body.get("output")) and body.get("object", "response") == "response":
        return RESPONSES
    if is_list(body.get("candidates")) or "promptFeedback" in body or "prompt_feedback" in body:
        return GEMINI
    if body.get("role") == "assistant" and answer_message.CONTENTS & body.keys():
        return ANTHROPIC if answer_message.is_anthropics(body) else MESSAGE
    return None


def is_failed(body: Row) -> bool:
    """Whether a response says that there is no answer: an error, or a response that has not come."""
    if body.get("type") == "error" or str(body.get("status")) in _UNANSWERED:
        return True
    return is_blocked(body) or (bool(body.get("error")) and kind_of(body) is None)


def is_blocked(body: Row) -> bool:
    """Whether a filter of Gemini's has kept a prompt from its model."""
    feedback = object_or_empty(first_value(body, "promptFeedback", "prompt_feedback"))
    return bool(first_value(feedback, "blockReason", "block_reason")) and not body.get("candidates")


def read_response(body: Row) -> Choice:
    """The answer in a response; the first of several.

    Raises:
        DataError: it has none, it is of none of the vendors, or it rests on what its host has found.
    """
    choice = read_choice(body)
    if not any(each.get("content") or each.get("tool_calls") or each.get("refusal") for each in choice.messages):
        raise DataError(f"the response has no answer (it ended with {choice.finish_reason or 'no reason'})")
    return choice


def read_choice(body: Row) -> Choice:
    """As `read_response`; an answer that says nothing is one, too.

    Raises:
        DataError: it is of none of the vendors, or rests on what its host has found.
    """
    kind = kind_of(body)
    if kind is None:
        raise DataError(f"the response is of no known API (it has {', '.join(sorted(body)[:6]) or 'nothing'})")
    found_by_host.refuse_found(body, "the response")
    choice = _READERS[kind](body)
    return choice._replace(messages=with_plain_texts(choice.messages))


def _responses(body: Row) -> Choice:
    items = body.get("output")
    for number, item in enumerate(items if is_list(items) else []):
        kind = str(object_or_empty(item).get("type", "message"))
        if kind not in hosted_items.READ_ITEMS:
            raise DataError(hosted_items.refusal(kind, f"output[{number}]"))
    messages = read_answer(items, "output")
    reason: object = object_or_empty(body.get("incomplete_details")).get("reason")
    ended = _TRUNCATED_AS.get(str(reason), reason) or ("length" if body.get("status") == "incomplete" else None)
    if ended is None and messages:
        ended = "tool_calls" if messages[-1].get("tool_calls") else "stop"
    return Choice(messages, finish_reason(ended), usage_of(body.get("usage"), body.get("service_tier")))


def _message(body: Row) -> Choice:
    reason = finish_reason(body.get("stop_reason")) or reason_in(body, depth=0)
    return Choice(answer_message.read(body), reason, usage_of(body.get("usage")))


def _converse(body: Row) -> Choice:
    messages = read_answer(object_or_empty(body.get("output")).get("message"), "output")
    return Choice(messages, finish_reason(body.get("stopReason")), usage_of(body.get("usage")))


def _gemini(body: Row) -> Choice:
    first = first_of(body.get("candidates"))
    stated = first.get("finishReason") or first.get("finish_reason")
    ended = finish_reason(stated)
    if isinstance(stated, int) and stated > _LAST_KNOWN:  # a filter, or a call that is malformed
        ended = "error"
    found_by_host.refuse_found(first, "the response")
    content = first.get("content")
    has_parts = is_object(content) and bool(content.get("parts"))
    messages = read_answer({**object_or_empty(content), "role": "model"}, "content") if has_parts else []
    if ended is None and is_blocked(body):
        ended = "content_filter"
    if ended == "stop" and messages and messages[-1].get("tool_calls"):
        ended = "tool_calls"
    return Choice(messages, ended, usage_of(first_value(body, "usageMetadata", "usage_metadata")))


_READERS: dict[str, Callable[[Row], Choice]] = {
    CHAT: first_choice,
    RESPONSES: _responses,
    ANTHROPIC: _message,
    MESSAGE: _message,
    CONVERSE: _converse,
    GEMINI: _gemini,
}
