"""Chats of plain texts that need no reading: a question, an answer and so on, and a captured example's facts beside.

Most rows of training data are so. All formats and checks would say the same of them, in many more steps.
"""

from __future__ import annotations

from typing import cast

from fine_tuning.data_io.blank_text import is_blank
from fine_tuning.data_io.call import Call
from fine_tuning.data_io.context_columns import UNREAD
from fine_tuning.data_io.dialects.marked_calls import has_mark
from fine_tuning.data_io.json_values import Row, is_list, is_object
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.redaction import is_redacted
from fine_tuning.data_io.telling_names import may_tell
from fine_tuning.data_io.truncation import is_truncated
from fine_tuning.data_io.verdicts import is_sign

_TEXTS = frozenset({"domain", "task_type", "model"})
_KEYS = _TEXTS | {"messages", "rating", "metadata"}
_MESSAGE = {"role", "content"}
_FIRST = ("system", "developer")
_TURNS = ("user", "assistant")
_OTHER_METADATA = {UNREAD, "role", "from"}  # which says more, or is a list of messages


def read(row: Row) -> Call | None:
    """The call of a row without anything to convert or to complain about; None for any other row."""
    messages = row.get("messages")
    if not is_list(messages) or not row.keys() <= _KEYS or not _is_chat(messages):
        return None
    rating, metadata = row.get("rating"), row.get("metadata", {})
    if ("rating" in row and type(rating) not in (int, float)) or not is_object(metadata):
        return None
    if any(key in _OTHER_METADATA or may_tell(key) or is_sign(value) for key, value in metadata.items()):
        return None
    if None in metadata.values():
        return None
    if not all(_is_name(row[key]) for key in _TEXTS if key in row):
        return None
    return Call(
        cast("list[Message]", messages),
        domain=row.get("domain"),
        task_type=row.get("task_type"),
        rating=rating,
        model=row.get("model"),
        metadata=metadata,
    )


def _is_chat(messages: list[object]) -> bool:
    """Whether questions and answers take turns, each with a text alone; the last one is an answer, and whole."""
    first, answer = messages[0] if messages else None, ""
    offset = 1 if is_object(first) and first.get("role") in _FIRST else 0
    if len(messages) - offset < len(_TURNS) or (len(messages) - offset) % len(_TURNS):
        return False
    for at, message in enumerate(messages):
        if not is_object(message) or message.keys() != _MESSAGE:
            return False
        if at >= offset and message["role"] != _TURNS[(at - offset) % len(_TURNS)]:
            return False
        text = message["content"]
        if not isinstance(text, str) or is_blank(text) or has_mark(text) or is_redacted(text):
            return False
        answer = text
    return not is_truncated(answer)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value[:1].isalnum()
