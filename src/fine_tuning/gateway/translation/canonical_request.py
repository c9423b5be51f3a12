"""A request for a chat, read from the wire of its application into the canonical call, with its settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, NamedTuple

from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.dialects.conversation import texts_as_written
from fine_tuning.data_io.formats.vendor_request import read_conversation
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, list_of_objects, object_or_empty
from fine_tuning.data_io.messages import Message, Tool
from fine_tuning.data_io.request_options import tool_choice
from fine_tuning.errors import DataError
from fine_tuning.gateway.translation import request_fields
from fine_tuning.gateway.translation.chat_apis import NAMES, ChatApi
from fine_tuning.gateway.translation.contents_request import check_addresses
from fine_tuning.gateway.translation.message_shapes import check_shapes
from fine_tuning.gateway.wire_errors import GatewayError

Mode = Literal["auto", "none", "required"]
_MODES: tuple[Mode, ...] = ("auto", "none", "required")
_LEFT_OUT = (  # reasoning of another model, which no model reads, and what SDKs add to answers that are sent back
    *("part.thinking", "part.redacted_thinking", "part.reasoning", "part.thought"),
    *("item.reasoning", "message.reasoning"),
    *("message.reasoning_content", "message.reasoning_details", "message.thinking", "message.thinking_blocks"),
    *("part.parsed", "part.parsed_output", "message.parsed", "message.annotations", "part.annotations"),
    *("call.parsed_arguments", "call.function.parsed_arguments", "part.prompt_cache_breakpoint"),
)
_FUNCTIONS: Mapping[ChatApi, tuple[object, ...]] = {
    "chat": ("function",),
    "responses": ("function",),
    "messages": (None, "custom"),
    "contents": (None,),
}
_PLACES: Mapping[ChatApi, str] = {"responses": "input", "contents": "contents"}  # of the conversation


class Choice(NamedTuple):
    """Which tools the answer may or must call: `mode`, or the tool of that `name`."""

    mode: Mode = "auto"
    name: str | None = None
    is_parallel: bool = True


@dataclass(frozen=True)
class CanonicalRequest:
    """What a model is asked, and how.

    Attributes:
        tools: those that may be called.
        settings: of the sampling, under the names of `request_fields.SETTINGS`.
        form: of the answer, as OpenAI's `response_format`; None for text.
        body: as it was sent.
    """

    api: ChatApi
    messages: list[Message]
    tools: list[Tool]
    choice: Choice
    settings: Mapping[str, object]
    form: JsonObject | None
    body: Row

    @property
    def is_streamed(self) -> bool:
        """Whether the answer is wanted in pieces."""
        return self.body.get("stream") is True

    @property
    def with_usage(self) -> bool:
        """Whether a stream of chat completions ends with the usage."""
        return object_or_empty(self.body.get("stream_options")).get("include_usage") is True


def untranslatable(message: str, field: str | None = None) -> GatewayError:
    """A call that its target cannot be asked in its own words."""
    return GatewayError(HTTPStatus.BAD_REQUEST, message, "not_translatable", field)


def read_chat(api: ChatApi, body: Row, target: ChatApi) -> CanonicalRequest:
    """A request of an application.

    Args:
        target: the API that it is for.

    Raises:
        GatewayError: 400, a part of it cannot be said in the other API; the message names it.
    """
    request_fields.check(api, body, target)
    with unread_keys.noted() as unread, texts_as_written():
        try:
            _check_functions(api, body.get("tools"))
            found = read_conversation(_as_conversation(body))
            check_shapes(found.messages, found.tools or [])
            choice, tools = _choice(body, found.tools or [])
            if api == "contents":
                check_addresses(found.messages)
        except DataError as error:
            raise untranslatable(f"{error} (for {NAMES[target]})") from None
    if kept := sorted(unread.difference(_LEFT_OUT)):
        raise untranslatable(f"{kept[0]} cannot be said in {NAMES[target]}; leave it out", kept[0])
    if not found.messages or found.messages[-1].get("role") not in {"user", "tool"}:
        message = f"the conversation must end with the user or a tool: {NAMES[target]} does not go on with an answer"
        raise untranslatable(f"{message} in the same way", _PLACES.get(api, "messages"))
    form = found.options.get("response_format")
    if form is not None and (not is_object(form) or form.get("type") not in {"json_object", "json_schema"}):
        raise untranslatable(f"a response format of this kind cannot be said in {NAMES[target]}", "response_format")
    settings = request_fields.settings(api, body)
    return CanonicalRequest(api, found.messages, tools, choice, settings, form if is_object(form) else None, body)


def _as_conversation(body: Row) -> JsonObject:
    """The request with its texts as parts, where the reader would look for JSON in them: logs have some."""
    found = {**body}
    for key in ("system", "instructions"):
        if isinstance(text := body.get(key), str) and text:
            found[key] = [{"type": "text", "text": text}]
    if isinstance(text := body.get("input"), str):
        found["input"] = [{"role": "user", "content": text}]
    for key in ("messages", "input"):
        if key in found:
            list_of_objects(found[key], key)
    return found


def _check_functions(api: ChatApi, tools: object) -> None:
    """Refuse tools that the host of a model runs, and OpenAI's tools whose input is a text.

    Raises:
        DataError: one is none that the application runs with arguments in JSON.
    """
    for number, tool in enumerate(list_of_objects(tools, "tools") if tools is not None else ()):
        if tool.get("type") not in _FUNCTIONS[api]:
            raise DataError(f"tools[{number}] is of type {tool.get('type')!r}, which is no function of the application")
        if api == "contents" and (kinds := sorted(tool.keys() - {"functionDeclarations"})):
            raise DataError(f"tools[{number}] has {kinds[0]}, which is no function of the application")


def _choice(body: Row, tools: list[Tool]) -> tuple[Choice, list[Tool]]:
    """The choice, and the tools that it leaves.

    Raises:
        DataError: it is of a kind that other APIs do not have.
    """
    given, is_parallel = tool_choice(body)
    if is_object(given) and given.get("type") == "allowed_tools":
        allowed = object_or_empty(given.get("allowed_tools")) or given
        listed = allowed.get("tools")
        names = {_name(each) for each in listed} if is_list(listed) else set()
        tools = [tool for tool in tools if tool["function"]["name"] in names]
        given = allowed.get("mode")
    if is_object(given) and given.get("type") == "function" and (name := _name(given)) is not None:
        return Choice("required", name, is_parallel), tools
    mode = next((each for each in _MODES if each == (given or "auto")), None)
    if mode is None:
        raise DataError("tool_choice is of a kind that other APIs do not have")
    return Choice(mode, None, is_parallel), tools


def _name(choice: object) -> str | None:
    """The name of a function that a choice has, in the form of either of OpenAI's APIs."""
    given = object_or_empty(choice)
    found = given.get("name") or object_or_empty(given.get("function")).get("name")
    return found if isinstance(found, str) else None
