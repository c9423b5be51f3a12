"""Observations that Langfuse exports (JSON, JSONL or CSV) from its interface, its API or to blob storage.

Source: https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from fine_tuning.data_io.formats.call import Call
from fine_tuning.data_io.formats.stored_completion import first_choice
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_list,
    is_object,
    list_of_objects,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.messages import Message, as_messages, as_tools
from fine_tuning.errors import DataError

NAME = "langfuse"
_RATING_SCORES = {"rating", "user_rating", "user-rating", "quality"}
_THUMB_SCORES = {"feedback", "user_feedback", "user-feedback", "thumbs"}


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    in_trace = any(key in row for key in ("traceId", "trace_id", "observations"))
    named = "type" in row or "name" in row or "observations" in row
    return in_trace and named and ("input" in row or "observations" in row)


def calls(row: Row) -> Iterator[Call]:
    """The call of an observation, or of each generation of a trace; other steps of a trace have none.

    Raises:
        DataError: an observation is malformed.
    """
    if is_list(row.get("observations")):
        for observation in list_of_objects(row.get("observations"), "observations"):
            yield from calls({"scores": row.get("scores"), "traceId": row.get("id"), **observation})
        return
    if str(row.get("type") or "GENERATION").upper() != "GENERATION":
        return
    scores = parse_embedded_json(row.get("scores"))
    given = parse_embedded_json(row.get("input"))
    yield Call(
        [*_request(given), _response(parse_embedded_json(row.get("output")))],
        as_tools(object_or_empty(given).get("tools")),
        rating=_rating(scores),
        model=first_value(row, "model", "providedModelName", "provided_model_name"),
        captured_at=first_value(row, "startTime", "start_time", "timestamp"),
        metadata=_metadata(row, scores),
    )


def _request(given: object) -> list[Message]:
    if isinstance(given, Mapping) and is_list(given.get("messages")):
        given = given["messages"]
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if is_list(given):
        return as_messages(given, "input")
    raise DataError("input has no messages")


def _response(given: object) -> Message:
    if isinstance(given, str):
        return {"role": "assistant", "content": given}
    if is_list(given) and len(given) == 1:
        given = given[0]
    if isinstance(given, Mapping):
        if "choices" in given:
            return first_choice(given)
        if "content" in given or "tool_calls" in given:
            kept = {key: value for key, value in given.items() if value is not None}
            return cast("Message", {"role": "assistant", **kept})
    raise DataError("output has no message")


def _rating(scores: object) -> int | None:
    for score in scores if is_list(scores) else []:
        name, value = str(object_or_empty(score).get("name")).lower(), object_or_empty(score).get("value")
        if name in _RATING_SCORES | _THUMB_SCORES and isinstance(value, list | dict):
            raise DataError(f"score {name} must be a number, not {value!r}")
        if not isinstance(value, int | float):
            continue
        if name in _RATING_SCORES and value in {1, 2, 3, 4, 5}:
            return int(value)
        if name in _THUMB_SCORES and value in {0, 1}:
            return 5 if value else 1
    return None


def _metadata(row: Row, scores: object) -> JsonObject:
    given = parse_embedded_json(row.get("metadata"))
    facts = {
        "observation": row.get("id"),
        "trace": first_value(row, "traceId", "trace_id"),
        "user": first_value(row, "userId", "user_id"),
        "session_id": first_value(row, "sessionId", "session_id"),
        "scores": scores,
    }
    return {key: value for key, value in facts.items() if value} | (given if is_object(given) else {})
