"""What tools write at the end of a text that they have cut off, inside JSON that is whole: `...[truncated]`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from fine_tuning.data_io.json_values import is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message

_DOTS = r"(?:\.{2,}|\u2026)"
_UNITS = r"(?:chars?|characters?|bytes?|[km]i?b|tokens?|words?|lines?)"
_CUT = r"(?:truncated|trimmed|clipped|shortened|cut off|omitted|elided|skipped|removed|left out)"
_NUMBER = r"\+?\s?\d[\d,._\u202f\xa0 ]*\s?"
_COUNT = rf"{_NUMBER}(?:(?:more|other|additional|further|remaining)\s)?{_UNITS}(?:\smore)?"
_MORE = rf"{_NUMBER}(?:(?:more|additional|further|remaining)\s{_UNITS}|{_UNITS}\smore)"
_SUBJECT = r"(?:(?:the|this)\s)?(?:text|content|output|input|prompt|response|message|value|data|string|attribute)"
_MARKS = (
    # [truncated], <TRUNCATED 500 bytes>, __truncated__; in round brackets it may be a remark, unless dots stand before.
    rf"[\[<_{{]+\s*{_DOTS}?\s*(?:{_SUBJECT}\s(?:was |has been )?)?truncated(?:\W[^\]>}}]{{0,80}})?[\]>_}}]+",
    rf"{_DOTS}\s*[\[(<{{*_]*\s*{_DOTS}?\s*(?:{_SUBJECT}\s(?:was |has been )?)?{_CUT}"
    r"(?:\W[^\])>}]{0,80})?[\])>}*_]+",
    rf"{_DOTS}\s*(?:text |output )?truncated\.?",
    # [+1234 chars], (1,234 more characters), <500 bytes omitted>
    rf"{_DOTS}?\s*[\[(<{{]\s*{_DOTS}?\s*(?=\+){_COUNT}(?:\s{_CUT})?\s*{_DOTS}?[\])>}}]",
    rf"{_DOTS}\s*[\[(<{{]?\s*(?:and\s)?(?:{_MORE}|{_COUNT}\s(?:were\s)?{_CUT})\s*{_DOTS}?[\])>}}]?",
    rf"[\[<]\s*{_DOTS}?\s*{_COUNT}\s(?:were\s)?{_CUT}\s*{_DOTS}?[\]>]",
)
_MARK = re.compile(rf"(?:{'|'.join(_MARKS)})\s*\Z", re.IGNORECASE)
_LONGEST = 160  # characters of a mark
_CLOSING = frozenset("])>}_*")  # that a mark ends with, unless it begins with dots
_DEPTH = 8
_SIDES = ("system", "developer", "user", "assistant")  # a tool cuts off its results itself, and the model reads them so


def is_truncated(text: str) -> bool:
    """Whether a text ends with such a mark: it is not what the model was sent, or said."""
    tail = text[-_LONGEST:].rstrip()
    may_be = tail[-1:] in _CLOSING or ".." in tail or "\u2026" in tail  # sooner told than all marks are tried
    return may_be and _MARK.search(tail) is not None


def truncated_place(messages: Iterable[Message]) -> str | None:
    """Where a text was cut off: `messages[2]` and its role; None where all are whole."""
    for at, message in enumerate(messages):
        if message.get("role") in _SIDES and _has_truncated(message):
            return f"messages[{at}] ({message['role']})"
    return None


def _has_truncated(message: Message) -> bool:
    content: object = message.get("content")
    if isinstance(content, str) and is_truncated(content):
        return True
    is_text_alone = not isinstance(content, list) and "tool_calls" not in message
    return not is_text_alone and any(map(is_truncated, _texts(message)))


def _texts(message: Message) -> Iterator[str]:
    """The texts in the parts and in the calls of a message."""
    content: object = message.get("content")
    for part in content if is_list(content) else []:
        text = part.get("text") if is_object(part) else part
        if isinstance(text, str):
            yield text
    calls: object = message.get("tool_calls")
    for call in calls if is_list(calls) else []:
        function = call.get("function") if is_object(call) else None
        if is_object(function):
            yield from _strings(parse_embedded_json(function.get("arguments")), _DEPTH)


def _strings(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth and (is_object(value) or is_list(value)):
        for each in value.values() if is_object(value) else value:
            yield from _strings(each, depth - 1)
