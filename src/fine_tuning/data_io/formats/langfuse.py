"""Observations that Langfuse exports: JSON, JSONL or CSV, of its interface, its API or to blob storage.

Source: https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fine_tuning.data_io.formats.call import Call, Message, Row, list_of_objects, parsed, tools_of
from fine_tuning.data_io.formats.stored_completion import answer_of
from fine_tuning.errors import DataError

NAME = "langfuse"
_RATINGS = {"rating", "user_rating", "user-rating", "quality"}
_THUMBS = {"feedback", "user_feedback", "user-feedback", "thumbs"}


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    observed = any(key in row for key in ("traceId", "trace_id", "observations"))
    named = "type" in row or "name" in row or "observations" in row
    return observed and named and ("input" in row or "observations" in row)


def calls(row: Row) -> Iterator[Call]:
    """The calls of an observation, or of all generations of a trace; steps that called no model are none.

    Raises:
        DataError: an observation is malformed.
    """
    if isinstance(row.get("observations"), list):
        for observation in list_of_objects(row["observations"], "observations"):
            yield from calls({"scores": row.get("scores"), "traceId": row.get("id"), **observation})
        return
    if str(row.get("type") or "GENERATION").upper() != "GENERATION":
        return
    scores = parsed(row.get("scores"))
    yield Call(
        [*_asked(parsed(row.get("input"))), _answer(parsed(row.get("output")))],
        _tools(parsed(row.get("input"))),
        rating=_rating(scores),
        model=_first(row, "model", "providedModelName", "provided_model_name"),
        captured_at=_first(row, "startTime", "start_time", "timestamp"),
        metadata=_metadata(row, scores),
    )


def _asked(given: Any) -> list[Message]:
    if isinstance(given, Mapping) and isinstance(given.get("messages"), list):
        given = given["messages"]
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    if isinstance(given, list):
        return list_of_objects(given, "input")
    raise DataError("input has no messages")


def _tools(given: Any) -> list[dict[str, Any]] | None:
    return tools_of(given.get("tools")) if isinstance(given, Mapping) else None


def _answer(given: Any) -> Message:
    if isinstance(given, str):
        return {"role": "assistant", "content": given}
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if isinstance(given, Mapping):
        if "choices" in given:
            return answer_of(given)
        if "content" in given or "tool_calls" in given:
            return {"role": "assistant", **{key: value for key, value in given.items() if value is not None}}
    raise DataError("output has no message")


def _rating(scores: Any) -> int | None:
    for score in scores if isinstance(scores, list) else []:
        name, value = (str(score.get("name")).lower(), score.get("value")) if isinstance(score, dict) else ("", None)
        if name in _RATINGS and value in {1, 2, 3, 4, 5}:
            return int(value)
        if name in _THUMBS and value in {0, 1}:
            return 5 if value else 1
    return None


def _metadata(row: Row, scores: Any) -> dict[str, Any]:
    given = parsed(row.get("metadata"))
    facts = {
        "observation": row.get("id"),
        "trace": _first(row, "traceId", "trace_id"),
        "user": _first(row, "userId", "user_id"),
        "session_id": _first(row, "sessionId", "session_id"),
        "scores": scores,
    }
    return {key: value for key, value in facts.items() if value} | (given if isinstance(given, dict) else {})


def _first(row: Row, *keys: str) -> Any:
    return next((row[key] for key in keys if row.get(key)), None)
