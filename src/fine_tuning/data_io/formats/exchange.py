"""A request to the API of any vendor and its response, as gateways and tracers log them beside each other.

Sources: the references of the APIs: https://platform.openai.com/docs/api-reference (chat completions and responses),
https://docs.anthropic.com/en/api/messages, https://ai.google.dev/api/generate-content and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from __future__ import annotations

from typing import NamedTuple

from fine_tuning.data_io.call import Choice, finish_reason, usage_of, with_system
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.formats.stored_completion import first_choice
from fine_tuning.data_io.json_values import (
    Row,
    first_value,
    is_list,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.errors import DataError

_REQUEST_KEYS = ("messages", "input", "contents", "prompt")
_SYSTEM_KEYS = ("system", "instructions", "systemInstruction", "system_instruction")


class Exchange(NamedTuple):
    """What a request and its response hold; None is unknown."""

    messages: list[Message]
    tools: list[Tool] | None
    choice: Choice
    model: object


def read_exchange(request: Row, response: object) -> Exchange | None:
    """A chat in the words of OpenAI, Anthropic, Gemini, Bedrock or Ollama; None for a call that is none, or failed.

    Args:
        request: the body that was sent.
        response: the body that came back, or the text that a streamed one adds up to.

    Raises:
        DataError: it is a chat, and the request or the response is missing or cannot be read.
    """
    if _is_no_chat(request, response):
        return None
    messages = read_request(request)
    tools = read_tools(request.get("tools") or request.get("functions") or _bedrock_tools(request))
    choice = read_response(response)
    return Exchange([*messages, *choice.messages], tools, choice, _model(response) or request.get("model"))


def read_request(request: Row) -> list[Message]:
    """The messages of a request, after its system prompt, of any of the vendors.

    Raises:
        DataError: it has none, or only those that are new in a stored conversation.
    """
    given = next((found for key in _REQUEST_KEYS if (found := parse_embedded_json(request.get(key)))), None)
    if given is None:
        raise DataError("the request has no messages")
    if "messages" not in request and (request.get("previous_response_id") or request.get("conversation")):
        raise DataError("the request goes on with a stored conversation (previous_response_id), which it does not hold")
    return _with_system(request, read_messages(given, "messages"))


def _with_system(request: Row, messages: list[Message]) -> list[Message]:
    key = next((key for key in _SYSTEM_KEYS if request.get(key)), None)
    if key is None:
        return messages
    given = request[key]
    parts = given.get("parts") if is_object(given) else given  # Gemini's is a content
    return with_system({"system": parts}, messages)


def _bedrock_tools(request: Row) -> object:
    return object_or_empty(request.get("toolConfig")).get("tools")


def _model(response: object) -> object:
    return first_value(object_or_empty(response), "model", "modelVersion")


def _is_no_chat(request: Row, response: object) -> bool:
    """Whether a call failed, or was one for a completed text, embeddings, an image, a moderation or a ranking."""
    found = object_or_empty(response)
    if found.get("error") and not any(key in found for key in ("choices", "content", "output", "candidates")):
        return True
    if found.get("type") == "error" or found.get("status") in {"failed", "cancelled"}:
        return True
    if is_list(found.get("data")) or any(key in found for key in ("embedding", "embeddings", "embedding_usage")):
        return True
    if is_list(found.get("results")) and "choices" not in found:
        return True
    choices = found.get("choices")
    first = object_or_empty(choices[0]) if is_list(choices) and choices else {}
    if found.get("object") == "text_completion" or ("text" in first and "message" not in first):
        return True
    prompt = request.get("prompt")
    return isinstance(prompt, str) and "messages" not in request and "input" not in request and "choices" in found


def read_response(response: object) -> Choice:
    """The answer of a response, of any of the vendors.

    Raises:
        DataError: it has none.
    """
    if isinstance(response, str) and response.strip():
        return Choice(read_answer({"content": response}, "response"))
    found = object_or_empty(response)
    if "choices" in found:
        return first_choice(found)
    usage = usage_of(first_value(found, "usage", "usage_metadata", "usageMetadata"))
    if is_list(candidates := found.get("candidates")) and candidates:
        first = object_or_empty(candidates[0])
        content = object_or_empty(first.get("content"))
        reason = first_value(first, "finishReason", "finish_reason")
        return Choice(read_answer({**content, "role": "model"}, "candidates"), finish_reason(reason), usage)
    output = found.get("output")
    if is_object(output) and is_object(message := output.get("message")):  # Bedrock's
        return Choice(read_answer(message, "output"), finish_reason(found.get("stopReason")), usage)
    if is_list(output) and output:  # of OpenAI's Responses
        reason = object_or_empty(found.get("incomplete_details")).get("reason") or found.get("status")
        return Choice(read_answer(output, "output"), finish_reason(reason), usage)
    message = parse_embedded_json(found.get("message"))
    answer = message if is_object(message) else response
    if is_object(answer) and (answer.get("content") or answer.get("tool_calls")):
        reason = first_value(found, "stop_reason", "finish_reason", "done_reason")
        kept = {key: value for key, value in answer.items() if key in {"content", "tool_calls", "refusal", "name"}}
        answer = {"role": "assistant", **kept, "content": _joined(kept.get("content"))}
        return Choice(read_answer(answer, "response"), finish_reason(reason), usage)
    raise DataError("the response has no message")


def _joined(content: object) -> object:
    """The text of an answer that Anthropic's API gives in blocks; another content as it is."""
    blocks = [object_or_empty(each) for each in content] if is_list(content) else []
    texts = [each.get("text") for each in blocks if each.get("type") == "text"]
    if not texts or len(texts) < len(blocks):
        return content
    return "".join(str(text) for text in texts)
