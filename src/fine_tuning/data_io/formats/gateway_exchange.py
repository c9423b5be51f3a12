"""A request to the API of any vendor and its response, as gateways and tracers log them; some log a text as response.

Sources: those of `vendor_request`, and https://docs.ollama.com/api/chat
"""

from __future__ import annotations

from typing import NamedTuple

from fine_tuning.data_io.call import Choice
from fine_tuning.data_io.dialects.conversation import read_answer, with_plain_texts
from fine_tuning.data_io.finish_reasons import reason_in
from fine_tuning.data_io.formats import answer_message, event_stream, ollama, vendor_request, vendor_response
from fine_tuning.data_io.formats.begun_answers import continued
from fine_tuning.data_io.formats.stored_completion import is_completed_text
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError


class LoggedExchange(NamedTuple):
    """What a request and its response hold; None is unknown.

    Attributes:
        options: of the request, on which the answer depends.
    """

    messages: list[Message]
    tools: list[Tool] | None
    choice: Choice
    model: object
    options: JsonObject


def read_exchange(request: Row, response: object) -> LoggedExchange | None:
    """A chat in the words of OpenAI, Anthropic, Gemini, Bedrock or Ollama; None for a call that is none, or failed.

    Args:
        request: the body that was sent.
        response: the body that came back, or the text that a streamed one adds up to.

    Raises:
        DataError: it is a chat, and the request or the response is missing or cannot be read.
    """
    response = event_stream.joined(response)
    if is_object(response) and ollama.is_native(response):
        request, response = ollama.as_chat(request), ollama.as_completion(response)
    if _is_no_chat(request, response):
        return None
    prompt, choice = vendor_request.read_request(request, object_or_empty(response)), read_response(response)
    model = first_value(object_or_empty(response), "model", "modelVersion") or request.get("model")
    messages = continued(prompt.messages, choice.messages)
    return LoggedExchange(messages, prompt.tools, choice, model, prompt.options)


def _is_no_chat(request: Row, response: object) -> bool:
    """Whether a call failed, or was one for a completed text, embeddings, an image, a moderation or a ranking."""
    found = object_or_empty(response)
    if vendor_response.is_failed(found):
        return True
    if is_list(found.get("data")) or any(key in found for key in ("embedding", "embeddings", "embedding_usage")):
        return True
    if is_list(found.get("results")) and "choices" not in found:
        return True
    if is_completed_text(found):
        return True
    prompt = request.get("prompt")
    return isinstance(prompt, str) and "messages" not in request and "input" not in request and "choices" in found


def read_response(response: object) -> Choice:
    """The answer of a response, of any of the vendors, or the text that it was logged as.

    Raises:
        DataError: it has none.
    """
    if isinstance(response, str) and response.strip():
        return Choice(read_answer(response, "response"))
    found = object_or_empty(response)
    if vendor_response.kind_of(found) is not None:
        return vendor_response.read_response(found)
    message = parse_embedded_json(found.get("message"))
    answer = message if is_object(message) else found
    if not any(answer.get(key) for key in answer_message.CONTENTS):
        raise DataError("the response has no message")
    usage = usage_of(first_value(found, "usage", "usage_metadata"), found.get("service_tier"))
    return Choice(with_plain_texts(answer_message.read(answer)), reason_in(found), usage)
