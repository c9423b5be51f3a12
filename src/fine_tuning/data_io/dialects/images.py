"""Images that stand beside a conversation, as parts of it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from typing import cast

from fine_tuning.data_io.json_values import Row, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import ContentPart, Message
from fine_tuning.errors import DataError

PLACEHOLDER = "<image>"
EMPTY_PLACE = "the place of an image: put its address or data: URL there, or all of them into images beside messages"
_BOXES = ("<ref-object>", "<bbox>")  # of ms-swift
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
    """The conversation, with the images of its row in their places, else before the first question.

    A place is an `<image>` mark in the text, or a part of type `image` that holds nothing, as in data sets of TRL.

    Args:
        key: the field that has them.
        given: an image or a list of them.

    Raises:
        DataError: an image has no address (a path says nothing elsewhere), or there are more or fewer than marks.
    """
    given = parse_embedded_json(given)
    addresses = [_address(each, key) for each in (given if is_list(given) else [given])]
    if addresses == [url for message in messages for url in _urls(message)]:
        return messages  # which have them already
    rest = iter(_in_places(addresses, messages, key))
    if any(PLACEHOLDER in _text(each) or any(map(is_image_place, _listed(each))) for each in messages):
        return [_filled(message, rest) for message in messages]
    question = next((at for at, message in enumerate(messages) if message["role"] == "user"), None)
    if question is None:
        raise DataError(f"{key} belongs to a message of the user, and there is none")
    first = messages[question]
    parts = [*(_part(url) for url in rest), *_parts(first)]
    return [*messages[:question], cast("Message", {**first, "content": parts}), *messages[question + 1 :]]


def is_image_place(part: object) -> bool:
    """Whether a part only says where an image is that stands beside the messages, as in data sets of TRL."""
    if not is_object(part) or part.get("type") != "image":
        return False
    return all(value is None or key in {"type", "index"} for key, value in part.items())


def refuse_empty_places(messages: Iterable[Message]) -> None:
    """Refuse the place of an image that no image has come into.

    Raises:
        DataError: there is one.
    """
    for at, message in enumerate(messages):
        content = message.get("content")
        for number, part in enumerate(content if isinstance(content, list) else ()):
            if is_image_place(part):
                raise DataError(f"messages[{at}].content[{number}] is {EMPTY_PLACE}")


def refuse_boxes(objects: object, messages: Iterable[Message]) -> None:
    """Refuse the marks of boxes and names that stand in a field `objects`, whose form each model has its own.

    Source: https://swift.readthedocs.io/en/latest/Customization/Custom-dataset.html#grounding

    Raises:
        DataError: there are such marks, and the field holds what belongs there.
    """
    if not (is_object(objects) or is_list(objects)) or not objects:
        return
    for at, message in enumerate(messages):
        texts = [_text(message), *(str(part.get("text", "")) for part in _listed(message) if is_object(part))]
        mark = next((mark for mark in _BOXES if any(mark in text for text in texts)), None)
        if mark is not None:
            raise DataError(
                f"objects holds what the mark {mark} in messages[{at}] stands for; write the names and the coordinates "
                "into the text, in the form of the model to be trained"
            )


def _in_places(addresses: list[str], messages: list[Message], key: str) -> list[str]:
    """The images in the order of their places, which may have their numbers.

    Raises:
        DataError: there are more or fewer than places.
    """
    places = [part for message in messages for part in _listed(message) if is_image_place(part)]
    stated = [cast("Row", part).get("index") for part in places]
    order = [index for index in stated if isinstance(index, int)]
    if len(order) == len(places) and set(order) == set(range(len(addresses))):
        return [addresses[index] for index in order]
    marks = sum(_text(message).count(PLACEHOLDER) for message in messages)
    if marks + len(places) not in (0, len(addresses)):
        has = f"parts of type 'image' are {len(places)}" if places else f"the text has {marks} {PLACEHOLDER} marks"
        raise DataError(f"{key} holds {len(addresses)}, and {has}; write one for each image")
    return addresses


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


def _listed(message: Message) -> list[ContentPart]:
    content = message.get("content")
    return content if isinstance(content, list) else []


def _urls(message: Message) -> list[str]:
    return [part["image_url"]["url"] for part in _listed(message) if is_object(part.get("image_url"))]


def _parts(message: Message) -> list[ContentPart]:
    content = message.get("content")
    return list(content) if isinstance(content, list) else [{"type": "text", "text": content or ""}]


def _part(url: str) -> ContentPart:
    return {"type": "image_url", "image_url": {"url": url}}


def _filled(message: Message, images: Iterator[str]) -> Message:
    if PLACEHOLDER not in _text(message):
        parts = _listed(message)
        if not any(map(is_image_place, parts)):
            return message
        filled = [_part(next(images)) if is_image_place(part) else part for part in parts]
        return cast("Message", {**message, "content": filled})
    first, *others = _text(message).split(PLACEHOLDER)
    found: list[ContentPart] = [{"type": "text", "text": first.strip()}] if first.strip() else []
    for text in others:
        found.append(_part(next(images)))
        if text.strip():
            found.append({"type": "text", "text": text.strip()})
    return cast("Message", {**message, "content": found})
