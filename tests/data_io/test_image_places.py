"""Images beside a conversation whose parts say where they are, as in data sets of TRL."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from fine_tuning.data_io import formats
from fine_tuning.datasets.file_check import examine
from fine_tuning.errors import DataError

PLACE, WHAT = {"type": "image"}, {"type": "text", "text": "What is it?"}
CAT, DOG = ([{"role": "assistant", "content": [{"type": "text", "text": each}]}] for each in ("A cat.", "A dog."))
URLS = ["https://pictures.example/1.png", "https://pictures.example/2.png"]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
Row = dict[str, Any]


def asked(*parts: Row) -> list[Row]:
    return [{"role": "user", "content": list(parts)}]


def image(url: str) -> Row:
    return {"type": "image_url", "image_url": {"url": url}}


def content_of(row: Row) -> object:
    (call,) = formats.calls_in(row)
    return call.messages[0].get("content")


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [*asked(PLACE, WHAT), *CAT]},
        {"prompt": asked(PLACE, WHAT), "completion": CAT},
        {"prompt": asked(PLACE, WHAT), "chosen": CAT, "rejected": DOG},
        {"messages": [*asked({"type": "image", "text": None, "index": 0}, {"index": None, **WHAT}), *CAT]},
    ],
)
@pytest.mark.parametrize("given", [URLS[:1], [{"bytes": PNG, "path": None}]])
def test_image_beside_the_conversation_comes_into_its_place(row: Row, given: list[Any]) -> None:
    url = given[0] if isinstance(given[0], str) else f"data:image/png;base64,{PNG}"
    assert content_of({**row, "images": given}) == [image(url), WHAT]


def test_images_are_taken_by_their_numbers() -> None:
    parts = ({"type": "image", "index": 1}, WHAT, {"type": "image", "index": 0})
    assert content_of({"messages": [*asked(*parts), *CAT], "images": URLS}) == [image(URLS[1]), WHAT, image(URLS[0])]


def test_images_that_the_messages_have_already_are_not_added_again() -> None:
    assert content_of({"messages": [*asked(image(URLS[0]), WHAT), *CAT], "images": URLS[:1]}) == [image(URLS[0]), WHAT]


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (["cat.png"], "^images: an image must be an address or a data: URL"),
        (URLS, "^images holds 2, and parts of type 'image' are 1"),
        ([], r"^messages\[0\].content\[0\] is the place of an image: .*images"),
    ],
)
def test_place_that_no_image_comes_into_is_refused_by_name(images: list[str], reason: str) -> None:
    row = {"messages": [*asked(PLACE, WHAT), *CAT], "images": images}
    with pytest.raises(DataError, match=reason):
        list(formats.calls_in(row))
    found = examine(json.dumps(row).encode()).findings
    assert re.search(reason.replace("^messages", "^(?:messages|the place)") if not images else reason, found[0].message)
