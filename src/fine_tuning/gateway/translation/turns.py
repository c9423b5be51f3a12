"""The messages of the canonical call as the turns of APIs that have a system prompt apart and results in turns."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from itertools import groupby, takewhile
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from fine_tuning.data_io.json_values import JsonObject, is_list, is_object, object_or_empty
from fine_tuning.data_io.messages import Message, ToolCall, content_text, parsed_arguments, said_content
from fine_tuning.gateway.translation.canonical_request import untranslatable

_SYSTEM = ("system", "developer")


class Image(NamedTuple):
    """An image: its type and its content in base64, or its address."""

    media_type: str | None
    data: str | None
    address: str


class Turn(NamedTuple):
    """What one side says, until the other one does; results of tools are the user's.

    Attributes:
        messages: with their places in the conversation.
    """

    is_model: bool
    messages: list[tuple[int, Message]]


def divided(messages: Sequence[Message]) -> tuple[list[str], list[Turn]]:
    """The texts of the system prompt, and the turns after it.

    Raises:
        GatewayError: 400, a message of the system comes later, or one has the name of its speaker.
    """
    system = list(takewhile(lambda each: each["role"] in _SYSTEM, messages))
    rest = [*enumerate(messages)][len(system) :]
    for place, message in enumerate(messages):
        if place >= len(system) and message["role"] in _SYSTEM:
            where = f"messages[{place}]"
            raise untranslatable(f"{where}: a message of the {message['role']} can only be the first here", where)
        if message.get("name") and message["role"] != "tool":
            where = f"messages[{place}].name"
            raise untranslatable(f"{where}: speakers have no names here; write them into the text", where)
    texts = [text for each in system if (text := content_text(each.get("content")))]
    sides = groupby(rest, key=lambda each: each[1]["role"] == "assistant")
    return texts, [Turn(is_model, list(found)) for is_model, found in sides]


def parts(message: Message) -> Iterator[str | Image]:
    """The texts and images of a message, without empty texts.

    Raises:
        GatewayError: 400, an image has neither an address nor a content, or a part is of another kind.
    """
    content = said_content(message)
    given = content if is_list(content) else [{"type": "text", "text": content}]
    for part in map(object_or_empty, given):
        kind = part.get("type")
        if kind == "image_url":
            yield _image(part.get("image_url"))
        elif kind != "text":
            raise untranslatable(f"a part of type {kind!r} cannot be said here; leave it out", "messages")
        elif text := part.get("text"):
            yield str(text)
    if (refusal := message.get("refusal")) and refusal != content:  # which OpenAI keeps beside the content
        yield str(refusal)


def _image(given: object) -> Image:
    url = given.get("url") if is_object(given) else given  # a text alone: many hosts take it
    if not isinstance(url, str):
        raise untranslatable("an image has neither an address nor a content", "messages")
    scheme, _, rest = url.partition(":")
    head, mark, data = rest.partition(",")
    if scheme.lower() != "data" or not mark:
        return Image(None, None, url)
    media_type, *options = head.lower().split(";")
    written = data if "base64" in options else b64encode(unquote_to_bytes(data)).decode()
    return Image(media_type or "text/plain", written, url)


def arguments(call: ToolCall, place: int) -> JsonObject:
    """The arguments of a call.

    Raises:
        GatewayError: 400, they are no object of JSON.
    """
    found = parsed_arguments(call) if call["function"]["arguments"].strip() else {}
    if not is_object(found):
        where = f"messages[{place}].tool_calls"
        raise untranslatable(f"{where}: the arguments of {call['function']['name']} are no object of JSON", where)
    return found
