"""Images that stand beside a conversation, as parts of it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import cast

from fine_tuning.data_io.json_values import is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import ContentPart, Message
from fine_tuning.errors import DataError

PLACEHOLDER = "<image>"
_HEAD = 24  # characters of base64, a multiple of 4
_SIGNATURES = {
    "image/png": re.compile(rb"\x89PNG"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "image/bmp": re.compile(rb"BM.{4}\0{4}", re.DOTALL),
    "image/tiff": re.compile(rb"II\*\0|MM\0\*"),
    "image/avif": re.compile(rb".{4}ftypavi", re.DOTALL),
}


def with_images(key: str, given: object, messages: list[Message]) -> list[Message]:
    """The conversation, with the images of its row in the places of the `<image>` marks, or before the first question.

    Args:
        key: the field that has them.
        given: an image or a list of them.

    Raises:
        DataError: an image has no address (a path says nothing elsewhere), or there are more or fewer than marks.
    """
    given = parse_embedded_json(given)
    addresses = [_address(each, key) for each in (given if is_list(given) else [given])]
    marks = sum(_text(message).count(PLACEHOLDER) for message in messages)
    if marks not in (0, len(addresses)):
        raise DataError(f"{key} holds {len(addresses)}, and the text has {marks} {PLACEHOLDER} marks")
    rest = iter(addresses)
    if marks:
        return [_filled(message, rest) for message in messages]
    asked = next((at for at, message in enumerate(messages) if message["role"] == "user"), None)
    if asked is None:
        raise DataError(f"{key} belongs to a message of the user, and there is none")
    first = messages[asked]
    parts = [*(_part(url) for url in rest), *_parts(first)]
    return [*messages[:asked], cast("Message", {**first, "content": parts}), *messages[asked + 1 :]]


def _address(image: object, key: str) -> str:
    found = image.get("url") or image.get("path") if is_object(image) else image
    content = image.get("bytes") if is_object(image) else image
    if isinstance(content, str) and (url := data_url(content)) is not None:
        return url
    if is_object(image) and isinstance(content, str) and content:
        raise DataError(f"{key}: the bytes of an image must be in base64, of PNG, JPEG, GIF, WebP, BMP, TIFF or AVIF")
    if not isinstance(found, str) or not found.startswith(("http://", "https://", "data:")):
        raise DataError(f"{key}: an image must be an address or a data: URL; a file's path says nothing elsewhere")
    return found


def data_url(content: str) -> str | None:
    """The data: URL of an image from its bytes in base64, as tables have them; None if it is no image that is known."""
    try:
        head = base64.b64decode(content[:_HEAD], validate=True)
    except ValueError:
        return None
    kind = next((kind for kind, pattern in _SIGNATURES.items() if pattern.match(head)), None)
    return None if kind is None else f"data:{kind};base64,{content}"


def _text(message: Message) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _parts(message: Message) -> list[ContentPart]:
    content = message.get("content")
    return list(content) if isinstance(content, list) else [{"type": "text", "text": content or ""}]


def _part(url: str) -> ContentPart:
    return {"type": "image_url", "image_url": {"url": url}}


def _filled(message: Message, images: Iterator[str]) -> Message:
    if PLACEHOLDER not in _text(message):
        return message
    first, *others = _text(message).split(PLACEHOLDER)
    parts: list[ContentPart] = [{"type": "text", "text": first.strip()}] if first.strip() else []
    for text in others:
        parts.append(_part(next(images)))
        if text.strip():
            parts.append({"type": "text", "text": text.strip()})
    return cast("Message", {**message, "content": parts})
