"""The body of a call of a route: read for its model and unit, sent on with another model and nothing else changed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from json.decoder import scanstring  # type: ignore[attr-defined]  # as json.JSONDecoder reads a text
from typing import NamedTuple

from fine_tuning._util.json_counts import is_bounded

_SPACE = re.compile(r"[ \t\r\n]*")
_VALUE = json.JSONDecoder()
MODEL, STREAM_OPTIONS = "model", "stream_options"
_WITH_USAGE = f'"{STREAM_OPTIONS}": {{"include_usage": true}}, '


class RoutedBody(NamedTuple):
    """An object of JSON.

    Attributes:
        places: of the values of `model` in the text; the last one counts where there are several.
        fields: of the object.
    """

    text: str
    places: list[tuple[int, int]]
    fields: Mapping[str, object]

    @property
    def model(self) -> str | None:
        """The model that is asked."""
        found = self.fields.get(MODEL)
        return found if isinstance(found, str) else None

    def with_model(self, model: str) -> bytes:
        """The body with another model."""
        named, pieces, last = json.dumps(model, ensure_ascii=False), [], 0
        for start, end in self.places:
            pieces += [self.text[last:start], named]
            last = end
        return "".join([*pieces, self.text[last:]]).encode()

    def with_usage(self) -> RoutedBody:
        """The body of a chat whose stream says its tokens, too, unless it has options of its own."""
        if self.fields.get("stream") is not True or STREAM_OPTIONS in self.fields:
            return self
        begin = self.text.index("{") + 1
        text = f"{self.text[:begin]}{_WITH_USAGE}{self.text[begin:]}"
        places = [(start + len(_WITH_USAGE), end + len(_WITH_USAGE)) for start, end in self.places]
        return RoutedBody(text, places, {**self.fields, STREAM_OPTIONS: {"include_usage": True}})

    def unit(self, tags: Mapping[str, str]) -> str | None:
        """Who asks: the header x-ft-unit, what OpenAI's and Anthropic's APIs call the user, else the conversation."""
        metadata = self.fields.get("metadata")
        named = metadata.get("user_id") if isinstance(metadata, dict) else None
        found = (
            tags.get("unit"),
            self.fields.get("safety_identifier"),
            self.fields.get("user"),
            named,
            tags.get("conversation"),
        )
        return next((each for each in found if isinstance(each, str) and each.strip()), None)


def read_body(raw: bytes) -> RoutedBody | None:
    """A body; None where it is no object of JSON, or has more values than anyone needs."""
    if not is_bounded(raw):
        return None
    try:
        text = raw.decode()
        return _read(text)
    except (ValueError, IndexError, RecursionError):
        return None


def _read(text: str) -> RoutedBody | None:
    places: list[tuple[int, int]] = []
    fields: dict[str, object] = {}
    place = _after_space(text, 0)
    if text[place] != "{":
        return None
    place = _after_space(text, place + 1)
    while text[place] != "}":
        key, place = scanstring(text, _sign(text, place, '"'))
        start = _after_space(text, _sign(text, _after_space(text, place), ":"))
        fields[key], place = _VALUE.raw_decode(text, start)
        if key == MODEL:
            places.append((start, place))
        place = _after_space(text, place)
        if text[place] != "}":
            place = _after_space(text, _sign(text, place, ","))
    return RoutedBody(text, places, fields)


def _sign(text: str, place: int, sign: str) -> int:
    if text[place] != sign:
        raise ValueError(f"{sign} expected")
    return place + 1


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return place if found is None else found.end()
