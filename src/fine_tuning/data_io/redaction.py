"""What tools leave in place of a text that was not to be logged."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fine_tuning.data_io.json_values import is_list, is_object, parse_embedded_json
from fine_tuning.data_io.messages import Message, content_text

_MARKERS = frozenset(
    {
        "redacted-by-litellm",
        "<fully masked due to failed mask function>",  # Langfuse, where the application's function fails
        "<truncated due to size exceeding limit>",  # Langfuse, of a text that is too long
        "content redacted",
    }
)
_SUBJECTS = "data|content|text|input|output|prompt|response|message|value|pii|information"
_SUBJECT = rf"(?:(?:the|all|user|sensitive|personal)\W+)?(?:{_SUBJECTS})\W+"
_ALWAYS = "redacted|masked|scrubbed|anonymi[sz]ed|censored|sanitized"
_IN_BRACKETS = rf"{_ALWAYS}|filtered|hidden|omitted|removed|concealed"  # which by themselves may be an answer
_MARKS = (
    re.compile(rf"(?i)[\[<({{*_#]+\s*(?:{_SUBJECT})?(?:{_ALWAYS})(?:\W[^\]>)}}*]*)?[\]>)}}*_#]+"),
    re.compile(rf"(?i)[\[<]+\s*(?:{_SUBJECT})?(?:{_IN_BRACKETS})(?:\W[^\]>]*)?[\]>]+"),
    re.compile("REDACTED|MASKED|SCRUBBED|FILTERED|ANONYMI[SZ]ED|CENSORED"),
    re.compile("[*\u2022\u2588\u25a0]{3,}"),
)
_WHOLE_MARKS = _MARKS[:2]  # in brackets: the others may be an answer of a class, such as FILTERED
_ABOUT = re.compile(r"(?i)redact|mask|scrub|anonymi[sz]|pseudonymi[sz]|censor|saniti[sz]|\bpii\b|personal data")
_LAST = frozenset("]>)}*_#\u2022\u2588\u25a0DMmd")  # characters that a mark may end with
_LONGEST = 100  # characters of a mark
_LONGEST_SIDE = 1000  # of JSON that holds such marks


def is_redacted(text: str) -> bool:
    """Whether a text is nothing but the mark of a text that was redacted; a mark among others is a text's own."""
    if len(text) > 2 * _LONGEST:
        return False
    text = text.strip()
    if not text or len(text) > _LONGEST or text[-1] not in _LAST:
        return False
    return text.lower() in _MARKERS or any(mark.fullmatch(text) for mark in _MARKS)


def is_redacted_value(value: object) -> bool:
    """Whether a side of a logged call has nothing but such marks: alone, or as the content of messages."""
    if isinstance(value, str) and len(value) > _LONGEST_SIDE:
        return False
    value = parse_embedded_json(value)
    if is_object(value):
        inner = value.get("content") if len(value) > 1 else next(iter(value.values()), None)
        return is_redacted_value(inner)
    if is_list(value):
        return bool(value) and all(map(is_redacted_value, value))
    return isinstance(value, str) and is_redacted(value)


def has_redacted(messages: Iterable[Message]) -> bool:
    """Whether the text of a message, or the arguments of a call in it, was redacted."""
    return any(_is_redacted_message(message) for message in messages)


def has_marks_alone(messages: Iterable[Message]) -> bool:
    """As `has_redacted`, of training data: only a mark in brackets is no text that somebody may have written.

    An answer may be one, too, where the conversation is about redaction.
    """
    said = [(message.get("role"), _text(message)) for message in messages]
    marked = {role for role, text in said if is_redacted(text) and _is_in_brackets(text)}
    if marked != {"assistant"}:
        return bool(marked)
    return not any(_ABOUT.search(text) for _, text in said if not is_redacted(text))


def _is_in_brackets(text: str) -> bool:
    plain = text.strip()
    return plain.lower() in _MARKERS or any(mark.fullmatch(plain) for mark in _WHOLE_MARKS)


def _text(message: Message) -> str:
    content: object = message.get("content")
    return content_text(content) if isinstance(content, str | list) else ""


def _is_redacted_message(message: Message) -> bool:
    if is_redacted(_text(message)):
        return True
    calls: object = message.get("tool_calls")
    for call in calls if is_list(calls) else []:
        function = call.get("function") if is_object(call) else None
        arguments = function.get("arguments") if is_object(function) else None
        if isinstance(arguments, str) and is_redacted(arguments):
            return True
    return False
