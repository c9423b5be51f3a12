"""Whether two answers say the same: equal JSON, the same tool calls, or equal texts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from unicodedata import normalize

from fine_tuning.data_io.answers import compared
from fine_tuning.data_io.json_values import strict_json

_FENCE = re.compile(r"^```(?:json)?\s*(.*?)\s*```$", re.DOTALL | re.IGNORECASE)
_BYTE_ORDER_MARK = "\ufeff"  # a parser may ignore it: RFC 8259, section 8.1
NOT_JSON = object()


def normal_form(text: str) -> str:
    """A text in NFC."""
    return text if text.isascii() else normalize("NFC", text)


def are_equal_texts(one: str, other: str) -> bool:
    """Whether texts are equal after stripping, in NFC: an accented letter is the same however it was typed."""
    return normal_form(one.strip()) == normal_form(other.strip())


def are_equal(answer: Mapping[str, object], reference: Mapping[str, object]) -> bool:
    """Whether two messages are equal JSON, the same tool calls, or equal texts after stripping.

    Raises:
        DataError: the content of a message is neither text nor a list of parts.
    """
    texts = [*map(str, compared(answer, reference))]
    values = [parse(text) for text in texts]
    if NOT_JSON in values:
        return are_equal_texts(*texts)
    return canonical(values[0]) == canonical(values[1])


def parse(text: str) -> object:
    """The JSON value of a text, also in a code fence; `NOT_JSON` if there is none."""
    stripped = text.strip().removeprefix(_BYTE_ORDER_MARK).lstrip()
    fenced = _FENCE.match(stripped)
    try:
        return strict_json(fenced[1] if fenced else stripped)
    except (ValueError, RecursionError):
        return NOT_JSON


def canonical(value: object) -> str:
    """The text that all JSON of an equal value has: 1 and 1.0, any order of keys, accents in NFC or NFD."""
    text = normal_form(json.dumps(value, ensure_ascii=False))
    return text if text.isascii() and "{" not in text else json.dumps(json.loads(text), sort_keys=True)
