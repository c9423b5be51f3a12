"""The one form of a recorded call, into which every format is read and from which every format is written."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypedDict

from fine_tuning.data_io.dialects import images
from fine_tuning.data_io.finish_reasons import CUT_OFF, REASON_KEYS, reason_of_row
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, text_field
from fine_tuning.data_io.messages import Message, Tool, content_text
from fine_tuning.errors import DataError

RECORD_KEYS = frozenset({"domain", "task_type", "rating", "metadata", "captured_at", "model", "model_used"})
"""Fields of a captured example that a row of any format may have."""
_SYSTEM_KEYS = ("system", "system_prompt", "instructions")
_ASKED_KEYS = frozenset(
    {
        *("question", "query", "prompt", "instruction", "input", "context", "documents", "history"),
        *("messages", "conversations", "conversation"),
    }
)
_LABEL_KEYS = ("label", "kto_tag")
_THUMBS_UP, _THUMBS_DOWN = 5, 1
_UNREADABLE_KEYS = frozenset({"functions", "function_call", *images.MEDIA_KEYS})
_TOKEN_KEYS = (
    ("prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount", "prompt_token_count", "promptTokens", "input"),
    (
        "completion_tokens",
        "output_tokens",
        "outputTokens",
        "candidatesTokenCount",
        "candidates_token_count",
        "completionTokens",
        "output",
    ),
)


class Usage(TypedDict):
    """Tokens of a call; None is unknown."""

    prompt_tokens: int | None
    completion_tokens: int | None


class Choice(NamedTuple):
    """The first answer of a completion; None is unknown."""

    messages: list[Message]
    finish_reason: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True)
class Call:
    """A request to a model and its response; None is unknown.

    The facts beside the conversation are as the row has them; they are checked when the call is stored.

    Attributes:
        messages: the conversation, oldest first; the last message is the response.
        tools: the tools that the model could call.
        rejected: the messages of a response to the same request that was rated lower.
        rating: 1 to 5.
        captured_at: ISO 8601, or seconds since 1970.
        metadata: the other fields of the row.
        finish_reason: stop, length, tool_calls, content_filter or error.
    """

    messages: list[Message]
    tools: list[Tool] | None = None
    rejected: list[Message] | None = None
    domain: object = None
    task_type: object = None
    rating: object = None
    model: object = None
    captured_at: object = None
    metadata: JsonObject = field(default_factory=dict)
    finish_reason: str | None = None
    usage: Usage | None = None

    def request_messages(self) -> list[Message]:
        """The messages before the response."""
        last = max((at for at, each in enumerate(self.messages) if each.get("role") != "assistant"), default=-1)
        return self.messages[: last + 1]

    @property
    def is_cut_off(self) -> bool:
        """Whether the answer ended at a limit, at a filter or with an error, and is not whole."""
        return self.finish_reason in CUT_OFF


def call_from_row(
    row: Row,
    conversation_keys: Collection[str],
    messages: list[Message],
    tools: list[Tool] | None = None,
    rejected: list[Message] | None = None,
) -> Call:
    """A call with the facts that its row states in the fields of a captured example.

    Args:
        conversation_keys: fields that hold the conversation; those that are neither these nor `RECORD_KEYS` become
            metadata.

    Raises:
        DataError: metadata is not an object, or a field that belongs to the conversation cannot be read.
    """
    metadata = row.get("metadata") or {}
    if not is_object(metadata):
        raise DataError(f"metadata must be an object, not {type(metadata).__name__}")
    read = {*conversation_keys, *RECORD_KEYS, *_SYSTEM_KEYS, *images.IMAGE_KEYS}
    messages = images.with_images(row, with_system(row, messages))
    others = {key: value for key, value in row.items() if key not in read and value is not None}
    others = without_repeated(others, [*messages, *(rejected or [])])
    others = {key: value for key, value in others.items() if key not in REASON_KEYS}
    rating = _rating_of_label(others) if row.get("rating") in (None, "") else row["rating"]
    return Call(
        messages,
        tools,
        rejected,
        domain=row.get("domain"),
        task_type=row.get("task_type"),
        rating=rating,
        model=row.get("model_used") or row.get("model"),
        captured_at=row.get("captured_at"),
        metadata={**others, **{key: value for key, value in metadata.items() if value is not None}},
        finish_reason=reason_of_row(row, conversation_keys),
    )


def with_system(row: Row, messages: list[Message]) -> list[Message]:
    """The conversation, after the system message that stands beside it; once, if it has it too.

    Raises:
        DataError: it is neither text nor a list of text parts.
    """
    key = next((key for key in _SYSTEM_KEYS if row.get(key)), None)
    if key is None:
        return messages
    text = content_text(row[key]) if is_list(row[key]) else text_field(row, key)
    first = messages[0] if messages else None
    if not text.strip() or (
        first is not None and str(first.get("role")) in {"system", "developer"} and first.get("content") == text
    ):
        return messages
    return [{"role": "system", "content": text}, *messages]


def _rating_of_label(others: JsonObject) -> int | None:
    """The rating of an answer whose row says whether it is a good one (as for TRL's KTO); taken out of `others`.

    Raises:
        DataError: the label may as well be a class.
    """
    key = next((key for key in _LABEL_KEYS if key in others), None)
    if key is None:
        return None
    value = others[key]
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        value = value.lower() == "true"
    if isinstance(value, bool):
        del others[key]
        return _THUMBS_UP if value else _THUMBS_DOWN
    if value in (0, 1):
        raise DataError(
            f"{key} is {value!r}: write true or false for a good or a bad answer, or name the class otherwise"
        )
    return None


def without_repeated(others: Row, messages: list[Message]) -> JsonObject:
    """The fields that no message was made of, without those that repeat the conversation.

    Raises:
        DataError: one holds something that belongs to the conversation and is not in it; the message names it.
    """
    if not others:
        return {}
    for key in others.keys() & _UNREADABLE_KEYS:
        if others[key] not in ("", [], {}, False):
            raise DataError(f"{key} cannot be read here; the row would lose it")
    for key in others.keys() & _ASKED_KEYS:
        texts = [text for text in _texts(others[key]) if text.strip()]
        said = "\n".join(_texts([message.get("content") for message in messages])) if texts else ""
        if any(text.strip() not in said for text in texts):
            raise DataError(f"{key} is not part of the conversation, and would be lost; put it into a message")
    return {key: value for key, value in others.items() if key not in _ASKED_KEYS}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif is_object(value):
        for key, each in value.items():
            if key not in {"role", "type", "from"}:
                yield from _texts(each)
    elif is_list(value):
        for each in value:
            yield from _texts(each)
    elif value is not None and not isinstance(value, bool):
        yield json.dumps(value, default=str)


def usage_of(value: object) -> Usage | None:
    """The tokens of a call in any vendor's words; None where there are none."""
    if not is_object(value):
        return None
    counts = [next((value[key] for key in keys if _is_count(value.get(key))), None) for keys in _TOKEN_KEYS]
    prompt, completion = (each if isinstance(each, int) else None for each in counts)
    if prompt is None and completion is None:
        return None
    return {"prompt_tokens": prompt, "completion_tokens": completion}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
