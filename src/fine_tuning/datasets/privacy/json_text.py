"""Finds in JSON text: in its strings, numbers and keys, each with the field that it belongs to.

Places are those of the text, so that masks change nothing else of it, neither its spaces nor the order of its keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fine_tuning.datasets.privacy import argument_lists, json_tables, owners, seed_phrases
from fine_tuning.datasets.privacy.asked_secrets import Turns
from fine_tuning.datasets.privacy.escapes import Layer, find_through_escapes
from fine_tuning.datasets.privacy.found import Detector, Found, found_at, masked, without_overlaps
from fine_tuning.datasets.privacy.nested_secrets import is_inside
from fine_tuning.datasets.privacy.secret_names import kind_of

_PART = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|[{}\[\]:,]')
_AFTER_KEY = re.compile(r'":\s*$')
_ENDS_VALUE = re.compile(r"\s*[,}\]]")
NAMING_KEYS = frozenset({"name", "key", "header", "variable", "field"})
"""Fields that name the field `value` of their object, as in `{"name": "DB_PASSWORD", "value": ...}`."""


@dataclass
class _Level:
    """An object or array that is being read."""

    is_object: bool
    name: str  # the field of what comes next
    expects_key: bool
    named: str = ""  # by another field of the object
    around: str = ""  # the nearest field around it that holds secrets, as in `{"passwords": {"db": ...}}`
    keys: set[str] = field(default_factory=set)
    items: list[tuple[re.Match[str], Layer]] = field(default_factory=list)  # of an array: its strings
    length: int = 0  # of an array: its items before the next one
    columns: list[str] = field(default_factory=list)  # names of the items of the arrays in it, as rows of a table
    of_row: list[str] = field(default_factory=list)  # of its own items
    waiting: list[tuple[re.Match[str], str]] = field(default_factory=list)  # values that a later field may tell, named

    def meaning(self, name: str) -> str | None:
        """What the other fields that were read say that a field holds; None where they say nothing."""
        if not self.is_object:
            return None
        if beside := owners.named_beside(name, self.keys):
            return beside
        if name.lower() == "value" and self.named:
            return self.named
        return "password" if is_by_user(name) and any(map(owners.is_user, self.keys)) else None

    def wait(self, match: re.Match[str]) -> None:
        """Keep a value whose meaning may come from a field behind it."""
        name = self.name
        if self.is_object and (name.lower() == "value" or owners.may_be_named_beside(name) or is_by_user(name)):
            self.waiting.append((match, name))

    def next_item(self) -> None:
        """Be before the next item or key."""
        self.length += 1
        self.expects_key = self.is_object
        if self.of_row:
            self.name = self.of_row[self.length] if self.length < len(self.of_row) else ""

    def opened(self, part: str) -> _Level:
        """The object or array that begins in this one."""
        around = self.name if kind_of(self.name) else self.around
        level = _Level(part == "{", self.name, expects_key=part == "{", around=around)
        if part == "[":
            level.columns = self.columns if self.is_object else []
            level.of_row = [] if self.is_object else self.columns
            level.name = level.of_row[0] if level.of_row else level.name
        return level

    def close(self, inner: _Level) -> None:
        """Take the headings of an array that was read, as the first row or in a field of this object."""
        is_first = not self.is_object and self.length == 0
        if (is_first or (self.is_object and json_tables.is_of_headings(self.name))) and not inner.is_object:
            texts = [layer.text for _, layer in inner.items]
            self.columns = self.columns or json_tables.headings(texts)


def find_in(text: str, detector: Detector, name: str = "") -> list[Found]:
    """What a detector finds in a text: in each value if it is JSON, else in each layer of its escapes.

    Args:
        name: the field whose value the text is.
    """
    if text.lstrip()[:1] in {"{", "["} and is_json(text):
        return list(_in_json(text, detector, name))
    return find_through_escapes(text, _once_named(detector, name))


def is_by_user(name: str) -> bool:
    """Whether a field of this name holds a password beside a user, and else the outcome of a test or a code."""
    return name.lower() == "pass" or kind_of(name) == "access code"


def is_json(text: str) -> bool:
    """Whether the text is JSON that this module reads."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _once_named(detector: Detector, name: str) -> Callable[[str], list[Found]]:
    def find(text: str) -> list[Found]:
        if not detector.suspects(text, name):
            return []
        return [_as_value(text, each) for each in detector.find(text, name)]

    return find


def _as_value(text: str, found: Found) -> Found:
    """The find with quotes around its mask where it is a number of JSON, which may stand in other text."""
    before = text[max(0, found.start - 20) : found.start]
    is_value = found.value.isdigit() and _AFTER_KEY.search(before) and _ENDS_VALUE.match(text, found.end)
    return found._replace(mask=f'"{found.mask}"') if is_value else found


def _in_json(text: str, detector: Detector, name: str) -> Iterator[Found]:
    levels: list[_Level] = []
    turns = Turns()
    for match in _PART.finditer(text):
        part = match[0]
        level = levels[-1] if levels else None
        if part in "{[":
            levels.append((level or _Level(True, name, expects_key=False)).opened(part))
        elif part in "}]":
            closed = levels.pop()
            yield from _in_arguments(closed, detector)
            yield from _told_later(closed, detector)
            if levels:
                levels[-1].close(closed)
        elif part == ",":
            if level:
                level.next_item()
        elif part != ":" and level:
            if level.expects_key:
                yield from _in_key(match, detector, level)
            elif part[0] == '"':
                yield from _in_string(match, detector, level, turns)
            else:
                yield from _in_number(match, detector, level)


def _in_key(match: re.Match[str], detector: Detector, level: _Level) -> Iterator[Found]:
    level.expects_key = False
    inner = Layer(match[0][1:-1])
    level.name = inner.text
    found = without_overlaps(find_in(inner.text, detector))
    key = masked(inner.text, found)
    if found and key in level.keys:  # two keys of one object differ, also when they are masked
        found[-1] = found[-1]._replace(mask=f"{found[-1].mask[:-1]}_{len(level.keys) + 1}>")
        key = masked(inner.text, found)
    level.keys.add(key)
    yield from _outward(match, inner, found)


def _in_string(match: re.Match[str], detector: Detector, level: _Level, turns: Turns) -> Iterator[Found]:
    inner = Layer(match[0][1:-1])
    name = level.name
    if not level.is_object:
        level.items.append((match, inner))
    elif meaning := level.meaning(name):
        name = meaning
    elif name.lower() in NAMING_KEYS:
        level.named = inner.text
    if is_inside(level.around, name, inner.text):
        name = level.around
    found = find_in(inner.text, detector, name)
    if (secret := turns.answer(level.name, inner.text)) and not found:
        found = [
            each._replace(start=each.start + secret.start, end=each.end + secret.start)
            for each in detector.find(inner.text[secret.start : secret.end], secret.field)
        ]
    if not found:
        level.wait(match)
    yield from _outward(match, inner, found)


def _in_arguments(level: _Level, detector: Detector) -> Iterator[Found]:
    texts = [inner.text for _, inner in level.items]
    if argument_lists.names_second(texts):
        match, inner = level.items[1]
        yield from _outward(match, inner, find_in(inner.text, detector, texts[0]))
    if seed_phrases.is_phrase(texts):
        for match, inner in level.items:
            yield from _outward(match, inner, [found_at(inner.text, 0, len(inner.text), "passphrase")])
    if not argument_lists.is_command(texts) or not detector.suspects(line := argument_lists.command_line(texts)):
        return
    places = [(each.start, each.end, each.kind) for each in detector.find(line)]
    for secret in argument_lists.in_items(texts, places):
        match, inner = level.items[secret.item]
        yield from _outward(match, inner, [found_at(inner.text, secret.start, secret.end, secret.kind)])


def _in_number(match: re.Match[str], detector: Detector, level: _Level) -> Iterator[Found]:
    found = list(_number(match, detector, level.meaning(level.name) or level.name))
    if not found:
        level.wait(match)
    yield from found


def _told_later(level: _Level, detector: Detector) -> Iterator[Found]:
    for match, name in level.waiting:
        if (meaning := level.meaning(name)) is None:
            continue
        if match[0][0] == '"':
            inner = Layer(match[0][1:-1])
            yield from _outward(match, inner, find_in(inner.text, detector, meaning))
        else:
            yield from _number(match, detector, meaning)


def _number(match: re.Match[str], detector: Detector, name: str) -> Iterator[Found]:
    for each in detector.find(match[0], name)[:1]:
        yield each._replace(start=match.start(), end=match.end(), value=match[0], mask=f'"{each.mask}"')


def _outward(match: re.Match[str], inner: Layer, found: list[Found]) -> Iterator[Found]:
    start = match.start() + 1
    for each in found:
        placed = inner.outward(each, escape=True)
        yield placed._replace(start=placed.start + start, end=placed.end + start)
