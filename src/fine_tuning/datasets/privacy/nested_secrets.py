"""Secrets in a list, an object or a block whose name says that it holds some, in JSON, code and YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fine_tuning.datasets.privacy.secret_names import kind_of
from fine_tuning.datasets.privacy.secret_values import is_secret_text, is_secret_word

Place = tuple[int, int, str]
_CONTAINER = re.compile(
    r"(?:\\?[\"'`])?\]?\s*(?::|=>|:?=)\s*(?:new \w+\s*)?"
    r"[\[{(](?P<body>(?:[^\[\]{}()]|[\[{][^\[\]{}()]{0,500}[\]}]){4,5000})[\]})]"
)
_ITEM = re.compile(
    r"(?:[\"'`]?(?P<key>[\w.-]{1,80})[\"'`]?\s*(?::|=>?)\s*)?[\"'`](?P<value>[^\"'`\\\n]{4,500})[\"'`]\s*(?=[,}\]]|$)"
)
_BLOCK = re.compile(
    r"[\"']?:[ \t]*(?P<scalar>[|>][+-]?\d?[+-]?)?[ \t]*\n(?P<body>(?:(?P<indent>[ \t]+|(?=- ))\S[^\n]*(?:\n|\Z))"
    r"(?:(?P=indent)[ \t]*\S[^\n]*(?:\n|\Z)){0,30})"
)
_LINE = re.compile(
    r"^[ \t]*(?:- +)?(?:[\"']?(?P<key>[\w.-]{1,80})[\"']?:[ \t]+)?[\"']?(?P<value>[^\s\"']{4,5000})[\"']?,?[ \t]*$",
    re.MULTILINE,
)
_START_OF_LINE = re.compile(r"[ \t]*(?:- +)?[\"']?")
# Fields that say something about a secret and are none.
_DESCRIBES = re.compile(
    r"(?:name|type|id|label|desc(?:ription)?|title|hint|host|server|user|e?mail|ur[li]|link|version|[_-]at|At|date|time|"
    r"expir\w*|expires?\w*|created|updated|format|pattern|alg(?:orithm)?|length|policy|path|file|ref|kind|status|role|scope|"
    r"notes?|comment|owner|app|service|region|zone|hash|fingerprint|issuer|thumbprint|prefix|provider|engine|mount|key)$",
    re.IGNORECASE,
)
_OTHER = re.compile(r"\d{4}-\d\d-\d\d.*|[^@]+@[^@]+\.[a-z]{2,}|[\w-]+(?:\.[\w-]+)*\.(?:ya?ml|json|txt|pem|env|py|js)")


def is_inside(around: str, name: str, value: str) -> bool:
    """Whether a value is a secret since a field around its own holds some.

    Args:
        around: the name of that field; empty if there is none.
        name: of the value's own field.
    """
    kind = kind_of(around) if around else None
    if kind is None or kind_of(name):
        return False
    return _is_secret(name if name != around else "", value, kind)


def find(text: str, start: int, end: int, kind: str) -> Iterator[Place]:
    """The secrets of a list, an object or a block after a name.

    Args:
        start, end: of the name.
        kind: what the name says that it holds.
    """
    if container := _CONTAINER.match(text, end):
        yield from _values(_ITEM, text, container.span("body"), kind)
    elif _START_OF_LINE.fullmatch(text, text.rfind("\n", 0, start) + 1, start) and (block := _BLOCK.match(text, end)):
        yield from _values(_LINE, text, block.span("body"), kind)


def _values(pattern: re.Pattern[str], text: str, body: tuple[int, int], kind: str) -> Iterator[Place]:
    for match in pattern.finditer(text, *body):
        key = match["key"] or ""
        if not kind_of(key) and _is_secret(key, match["value"], kind):
            yield *match.span("value"), kind


def _is_secret(name: str, value: str, kind: str) -> bool:
    is_other = _DESCRIBES.search(name) or _OTHER.fullmatch(value)
    return not is_other and is_secret_word(value, kind) and is_secret_text(value, kind)
