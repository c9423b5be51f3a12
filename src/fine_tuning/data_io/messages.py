"""Types of a chat in OpenAI's format (messages, tool calls, tools), and functions that make and read them.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict, cast

from fine_tuning._util.json_kinds import json_kind
from fine_tuning.data_io.json_values import JsonObject, list_of_objects, strict_json, text_field
from fine_tuning.errors import DataError

Role = Literal["system", "developer", "user", "assistant", "tool"]


class ImageUrl(TypedDict):
    """Where an image is: an address, or the image itself as a data: URL."""

    url: str
    detail: NotRequired[str]


class ContentPart(TypedDict):
    """A part of a message's content; `type` names the field that holds it."""

    type: str
    text: NotRequired[str]
    image_url: NotRequired[ImageUrl]


class FunctionCall(TypedDict):
    """The function that a model calls.

    `arguments` is JSON text, as the model wrote it.
    """

    name: str
    arguments: str


class ToolCall(TypedDict):
    """A call that an assistant's message makes; the tool message with the result repeats its `id`."""

    id: str
    type: Literal["function"]
    function: FunctionCall


class Message(TypedDict):
    """A message of a chat. Which of the optional fields it has depends on its role."""

    role: str
    content: NotRequired[str | list[ContentPart] | None]
    name: NotRequired[str]
    tool_calls: NotRequired[list[ToolCall]]
    tool_call_id: NotRequired[str]
    refusal: NotRequired[str | None]
    weight: NotRequired[int]


class FunctionDefinition(TypedDict):
    """A function that a model may call; `parameters` is a JSON schema."""

    name: str
    description: NotRequired[str]
    parameters: NotRequired[JsonObject]
    strict: NotRequired[bool | None]


class Tool(TypedDict):
    """A tool that a model may use."""

    type: Literal["function"]
    function: FunctionDefinition


class ChatRow(TypedDict):
    """A training row: the conversation, and the tools where there are any."""

    messages: list[Message]
    tools: NotRequired[list[Tool]]


def prompt_messages(prompt: str, system_prompt: str | None = None) -> list[Message]:
    """A prompt as the messages of a request."""
    system: list[Message] = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [*system, {"role": "user", "content": prompt}]


def prompt_and_response_messages(prompt: str, response: str, system_prompt: str | None = None) -> list[Message]:
    """A prompt and its response as a conversation."""
    return [*prompt_messages(prompt, system_prompt), {"role": "assistant", "content": response}]


def messages_of_example(example: Mapping[str, object]) -> list[Message]:
    """The conversation of a captured example: its `messages` if it has any, else its prompt and response.

    Raises:
        DataError: prompt or response is missing or not text.
    """
    if example.get("messages"):
        return list(cast("Sequence[Message]", example["messages"]))
    return prompt_and_response_messages(text_field(example, "prompt"), text_field(example, "response"))


def as_messages(value: object, label: str) -> list[Message]:
    """A parsed value as messages. Only that each is an object is checked; `chat_checks` checks the rest.

    Raises:
        DataError: it is not a list of objects; the message begins with `label`.
    """
    return cast("list[Message]", list_of_objects(value, label))


def length_of_request(messages: Sequence[Mapping[str, object]]) -> int:
    """How many messages come before the answer, which the last messages of the assistant are."""
    return max((at + 1 for at, each in enumerate(messages) if each.get("role") != "assistant"), default=0)


def content_text(content: object) -> str:
    """The text of a content: itself, or its text parts joined.

    Raises:
        DataError: it is neither text nor a list of parts.
    """
    if isinstance(content, list):
        return "".join(
            part if isinstance(part, str) else str(part.get("text", ""))
            for part in content
            if isinstance(part, str | Mapping)
        )
    if content is not None and not isinstance(content, str):
        raise DataError(f"content must be text or a list of parts, not {json_kind(content)}")
    return content or ""


def said_content(message: Mapping[str, object]) -> object:
    """The content of a message; of one that only refuses, which OpenAI keeps apart, the text of the refusal."""
    content = message.get("content")
    return message.get("refusal") if content in (None, "") and message.get("refusal") else content


def text_of(message: Mapping[str, object]) -> str:
    """The text of a message: its content, its text parts joined, or if it has none, its tool calls as JSON.

    Raises:
        DataError: the content is neither text nor a list of parts.
    """
    text = content_text(said_content(message))
    return text or _calls_text(cast("Sequence[ToolCall]", message.get("tool_calls") or ()))


def compared_text(answer: Mapping[str, object]) -> str:
    """What an answer is compared by: its tool calls as JSON where it makes any, whatever it says beside, else its text.

    Args:
        answer: an assistant's message, or any other object with `content` and `tool_calls`.

    Raises:
        DataError: the content is neither text nor a list of parts.
    """
    calls = cast("Sequence[ToolCall]", answer.get("tool_calls") or ())
    return _calls_text(calls) if calls else text_of(answer)


def whole_text(message: Mapping[str, object]) -> str:
    """All that a message says: its text, and its tool calls as JSON on a line of their own.

    Raises:
        DataError: the content is neither text nor a list of parts.
    """
    calls = _calls_text(cast("Sequence[ToolCall]", message.get("tool_calls") or ()))
    return "\n".join(filter(None, (content_text(said_content(message)), calls)))


def _calls_text(calls: Sequence[ToolCall]) -> str:
    """Names and arguments as JSON, without ids: equal calls have an equal text, also with 1 and 1.0.

    Raises:
        DataError: they are no list of calls.
    """
    if not isinstance(calls, list | tuple):
        raise DataError(f"tool_calls must be a list of calls, not {json_kind(calls)}")
    if not calls:
        return ""
    found = [{"name": _name_of(call, at), "arguments": _compared_arguments(call)} for at, call in enumerate(calls)]
    return json.dumps(found, ensure_ascii=False, sort_keys=True)


def _name_of(call: object, at: int) -> object:
    """The name of the called function, whatever it is.

    Raises:
        DataError: a call that nobody has checked has none.
    """
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or "name" not in function:
        raise DataError(f"tool_calls[{at}] has no function with a name, so that nothing can be learnt from it")
    name: object = function["name"]
    return name


def _compared_arguments(call: ToolCall) -> object:
    """As `parsed_arguments`, with integers in place of whole floats; with NaN, which is not JSON, their text."""
    arguments = call["function"].get("arguments")
    try:
        return strict_json(arguments or "")
    except (TypeError, ValueError, RecursionError):
        return arguments


def parsed_arguments(call: ToolCall) -> object:
    """The arguments of a call as a JSON value; their text where it is not JSON."""
    arguments = call["function"].get("arguments")
    try:
        parsed: object = json.loads(arguments or "")
    except (TypeError, ValueError, RecursionError):
        return arguments
    return parsed
