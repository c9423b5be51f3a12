"""The one form of a recorded call, into which every format is read and from which every format is written."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from fine_tuning._util.json_kinds import json_kind
from fine_tuning.data_io.beside import read_beside
from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.finish_reasons import CUT_OFF, is_reason, reason_of_row
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    flag_or_value,
    is_list,
    is_object,
    parse_embedded_json,
    parsed_cell,
)
from fine_tuning.data_io.key_meanings import folded
from fine_tuning.data_io.messages import Message, Tool, length_of_request
from fine_tuning.data_io.rating_beside import rating_beside
from fine_tuning.data_io.rating_lists import stated_rating
from fine_tuning.data_io.subject_fields import of_subject
from fine_tuning.data_io.usage import Usage
from fine_tuning.errors import DataError

RECORD_KEYS = frozenset({"domain", "task_type", "rating", "metadata", "captured_at", "model", "model_used"})
"""Fields of a captured example that a row of any format may have."""


_OF_CAPTURED = {"captured_at", "curated"}
_OF_ANSWERS = {"assistant", "gpt", "model", "ai", "bot", "chatbot"}


def is_record(row: Row) -> bool:
    """Whether a row is a captured example of this project, whose texts are as they were said."""
    return not _OF_CAPTURED.isdisjoint(row)


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
        unread: fields of the metadata that may be a part of the question; see `context_columns.unread`.
        subjects: fields of the row that its conversation is about, and that rate nothing.
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
    unread: Collection[str] = ()
    subjects: Collection[str] = field(default=(), compare=False)

    def request_messages(self) -> list[Message]:
        """The messages before the response."""
        return self.messages[: length_of_request(self.messages)]

    def unread_texts(self) -> JsonObject:
        """Those fields, by which calls with one conversation differ."""
        return {key: self.metadata[key] for key in self.unread}

    def places_of_subjects(self) -> set[str]:
        """Where the metadata has fields that the conversation is, or may be, about."""
        return {*self.unread, *(place.removeprefix("metadata.") for place in self.subjects)}

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
    if isinstance(row.get("metadata"), str):
        row = {**row, "metadata": parsed_cell(row["metadata"])}
    reason = reason_of_row(row, conversation_keys)
    facts, row = _facts_of(row, conversation_keys)
    metadata = facts.get("metadata") or {}
    if not is_object(metadata):
        raise DataError(f"metadata must be an object, not {json_kind(metadata)}")
    found = read_beside(row, messages, tools, rejected, conversation_keys)
    if "weight" in found.metadata:
        found = found._replace(
            messages=_weighted(found.messages, found.metadata["weight"], is_pair=rejected is not None)
        )
    others = {key: value for key, value in found.metadata.items() if not is_reason(key, value)}
    given = facts.get("rating")
    if rejected is not None and is_list(parse_embedded_json(given)):  # one for each answer
        others["rating"], given = given, None
    rating = stated_rating("rating", given)
    answer = {} if rejected is not None else _answer_as_given(row, conversation_keys)
    about = [{"metadata": each} for each in (metadata, answer) if each]
    subjects = of_subject([others, *about], found.messages)
    if rating in (None, ""):
        rating = rating_beside(others, [metadata, answer], subjects, is_pair=rejected is not None)
    return Call(
        found.messages,
        found.tools,
        rejected,
        domain=facts.get("domain"),
        task_type=facts.get("task_type"),
        rating=rating,
        model=facts.get("model_used") or facts.get("model"),
        captured_at=facts.get("captured_at"),
        metadata={**others, **{key: value for key, value in metadata.items() if value is not None}},
        finish_reason=reason,
        subjects=subjects,
    )


def _answer_as_given(row: Row, conversation_keys: Collection[str]) -> Row:
    """The last message of a conversation with all that its row has in it; empty where that is no answer."""
    for key in conversation_keys:
        given = row.get(key)
        last = given[-1] if is_list(given) and given else None
        if is_object(last) and str(last.get("role") or last.get("from")) in _OF_ANSWERS:
            return last
    return {}


def _weighted(messages: list[Message], weight: object, *, is_pair: bool) -> list[Message]:
    """The messages of a row whose weight says whether its answers are learnt; another weight is noted."""
    flag = flag_or_value(weight)
    if is_pair or flag not in (0, 1) or not isinstance(flag, int):
        unread_keys.note({"weight": weight}, (), "row")
        return messages
    return (
        messages if flag else [{"weight": 0, **each} if each.get("role") == "assistant" else each for each in messages]
    )


def _facts_of(row: Row, conversation_keys: Collection[str]) -> tuple[JsonObject, JsonObject]:
    """The fields of a captured example, also written as `Rating` or ` task type`, and the others."""
    facts: JsonObject = {}
    others: JsonObject = {}
    for key, value in row.items():
        name = key if key in RECORD_KEYS else folded(key)
        if name in RECORD_KEYS and key not in conversation_keys and (name == key or name not in row):
            facts[name] = value
        else:
            others[key] = value
    return facts, others
