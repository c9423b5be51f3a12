"""Where a row states facts about its call: in its own fields, and in the objects that hold such facts, as `metadata`.

Names count in any spelling (`finishReason`, `finish-reason`), in an object or as a path to it (`metadata.rating`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from fine_tuning.data_io.json_values import Row, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.key_meanings import plain

# Not `details`, `attributes` or `reviews`, which as often are of what the conversation is about.
_HOLDERS = frozenset(
    """metadata meta extra extras extrainfo info custom customdata annotation annotations moderation openaimoderation
    detoxifymoderation moderationresult moderationresults evaluation evaluations eval evals grading assessment review
    responsemetadata responseinfo generationinfo generationmetadata completionmetadata completioninfo additionalkwargs
    kwargs llmoutput diagnostics callinfo callmetadata requestmetadata flags quality labels""".split()
)
_DEPTH = 2
_PATH = re.compile(r"(.*?)(?:\[?\.?[0-9]+\]?)?(?:\.|/|__)([^./]+)")
_NAMED, _VALUES = ("name", "key", "metric", "aspect", "criterion"), ("value", "score", "rating", "label")


class Fact(NamedTuple):
    """A field that may state a fact of the call.

    Attributes:
        name: the field's name in letters and digits, without the place that it is in.
        place: the field as a path, for whoever reads a report.
    """

    name: str
    place: str
    value: object


@lru_cache(maxsize=8192)
def name_of(key: str) -> str:
    """The name of a field in letters and digits; of a path to a holder's field, that of the field."""
    path = _PATH.fullmatch(key)
    return plain(path[2]) if path and plain(re.split(r"\.|/|__", path[1])[-1]) in _HOLDERS else plain(key)


@lru_cache(maxsize=8192)
def is_holder(key: str) -> bool:
    """Whether a field of this name holds facts about the call, where it is an object or a list of objects."""
    return name_of(key) in _HOLDERS


def facts_of(row: Row, may_state: Callable[[str], bool]) -> Iterator[Fact]:
    """Fields of a row and of its holders.

    Args:
        may_state: whether a field may be one that is looked for, by its key; it is asked of every key of every row.
    """
    for key, value in row.items():
        if may_state(key):
            yield Fact(name_of(key), key, value)
        if is_holder(key):
            yield from _held(key, value, _DEPTH, may_state)


def held_facts(row: Row, may_state: Callable[[str], bool]) -> Iterator[Fact]:
    """As `facts_of`, of the holders alone."""
    for key, value in row.items():
        if is_holder(key):
            yield from _held(key, value, _DEPTH, may_state)


def _held(place: str, value: object, depth: int, may_state: Callable[[str], bool]) -> Iterator[Fact]:
    value = parse_embedded_json(value)
    if is_object(value):
        yield from _in_object(place, value, depth, may_state)
        return
    for at, each in enumerate(value if is_list(value) else []):
        if not is_object(each):
            continue
        if (named := _named(place, each)) is None:
            yield from _in_object(f"{place}[{at}]", each, depth, may_state)
        elif may_state(named.name):
            yield named


def _in_object(place: str, given: Row, depth: int, may_state: Callable[[str], bool]) -> Iterator[Fact]:
    if (named := _named(place, given)) is not None and may_state(named.name):
        yield named
    for key, value in given.items():
        if may_state(key):
            yield Fact(name_of(key), f"{place}.{key}", value)
        if depth > 1 and is_holder(key):
            yield from _held(f"{place}.{key}", value, depth - 1, may_state)


def _named(place: str, given: Row) -> Fact | None:
    """A fact that states its name beside its value, as the scores of tools do; None for another object."""
    name = next((given[key] for key in _NAMED if isinstance(given.get(key), str)), None)
    value = next((given[key] for key in _VALUES if given.get(key) is not None), None)
    return Fact(plain(name), f"{place}.{name}", value) if isinstance(name, str) and value is not None else None
