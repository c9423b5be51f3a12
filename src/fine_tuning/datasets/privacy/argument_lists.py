"""Secrets in lists of the arguments of a command, such as `["mysql", "-u", "root", "-p", "..."]`.

The items are read as the command line that they make; only what lies inside one of them is a find.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from fine_tuning.datasets.privacy.secret_names import kind_of
from fine_tuning.datasets.privacy.secret_values import is_quoted_secret

Place = tuple[int, int, str]
_STRING = r"(?:\"(?:[^\"\\\n]|\\.){1,500}\"|'(?:[^'\\\n]|\\.){1,500}')"
_PLAIN = r"[\w@%+=:./!#$^*~?-]{1,500}"  # of YAML, without quotes
_LIST = re.compile(
    rf"[\[(]\s*(?:{_STRING}(?:\s*,\s*{_STRING}){{1,100}}|--?[\w-]+\s*,\s*{_PLAIN}(?:\s*,\s*{_PLAIN}){{0,100}})\s*,?\s*[\])]"
)
_ITEM = re.compile(
    rf"(?P<quote>[\"'])(?P<value>(?:(?!(?P=quote))[^\\\n]|\\.)*)(?P=quote)|(?P<plain>{_PLAIN})(?=\s*[,\])])"
)
_YAML_LIST = re.compile(r"(?:^[ \t]*- +[^\s:][^\n]*(?:\n|\Z)){2,100}", re.MULTILINE)
_YAML_ITEM = re.compile(r"^[ \t]*- +(?P<quote>[\"']?)(?P<value>[^\n]*?)(?P=quote)[ \t]*$", re.MULTILINE)
_FLAG = re.compile(r"--?[A-Za-z][\w-]*")


class InItem(NamedTuple):
    """A secret in an item of a list: the number of the item, and where in its text."""

    item: int
    start: int
    end: int
    kind: str


def is_command(items: Sequence[str]) -> bool:
    """Whether strings may be the arguments of a command."""
    return len(items) > 1 and any(item.startswith("-") for item in items)


def names_second(items: Sequence[str]) -> bool:
    """Whether strings are a field and its value, as in `["password", "..."]`; not the names of two fields."""
    return (
        len(items) == 2
        and kind_of(items[0]) is not None
        and bool(re.search(r"\d", items[1]))
        and not re.fullmatch(r"[a-z]+(?:[_-][a-z]+)*[_-]?\d{0,2}", items[1])
    )


def command_line(items: Sequence[str]) -> str:
    """The items with a space between, as they stand in a command line."""
    return " ".join(items)


def in_items(items: Sequence[str], places: Iterable[Place]) -> Iterator[InItem]:
    """The secrets of a list: values after a flag that names one, and those of its command line that are in one item.

    Args:
        places: what was found in the command line.
    """
    for number, (flag, value) in enumerate(pairwise(items)):
        kind = kind_of(flag.lstrip("-")) if _FLAG.fullmatch(flag) else None
        if kind and not value.startswith("-") and is_quoted_secret(value, kind):
            yield InItem(number + 1, 0, len(value), kind)
    starts = [0]
    for item in items:
        starts.append(starts[-1] + len(item) + 1)
    for start, end, kind in places:
        number = next(at for at in range(len(items)) if start < starts[at + 1])
        if end <= starts[number] + len(items[number]):
            yield InItem(number, start - starts[number], end - starts[number], kind)


def find(text: str, find_in_line: Callable[[str], Iterable[Place]]) -> Iterator[Place]:
    """Start, end and kind of each secret in lists of code and YAML.

    Args:
        find_in_line: finds secrets in a command line.
    """
    if "-" not in text or not ("[" in text or "(" in text or "- " in text):
        return
    for of_list, of_item in ((_LIST, _ITEM), (_YAML_LIST, _YAML_ITEM)):
        for match in of_list.finditer(text):
            spans = [_span(each) for each in of_item.finditer(text, *match.span())]
            items = [text[start:end] for start, end in spans]
            if is_command(items):
                for secret in in_items(items, find_in_line(command_line(items))):
                    start = spans[secret.item][0]
                    yield start + secret.start, start + secret.end, secret.kind


def _span(item: re.Match[str]) -> tuple[int, int]:
    return item.span("value" if item["value"] is not None else "plain")
