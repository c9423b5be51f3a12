"""Calls that LiteLLM logs: its standard logging payload, and the rows of its proxy's spend logs.

Source: https://docs.litellm.ai/docs/proxy/logging_spec
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fine_tuning.data_io.formats.call import Call, Row, list_of_objects, parsed, tools_of
from fine_tuning.data_io.formats.stored_completion import answer_of
from fine_tuning.errors import DataError

NAME = "litellm"
_CHAT = {"completion", "acompletion"}


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    row = row["standard_logging_object"] if isinstance(row.get("standard_logging_object"), dict) else row
    return "call_type" in row and "messages" in row and "response" in row


def calls(row: Row) -> Iterator[Call]:
    """The call of a log entry; calls that failed or were no chats are none.

    Raises:
        DataError: it is malformed.
    """
    row = row["standard_logging_object"] if isinstance(row.get("standard_logging_object"), dict) else row
    if row["call_type"] not in _CHAT or row.get("status", "success") != "success":
        return
    asked, response = parsed(row["messages"]), parsed(row["response"])
    if isinstance(asked, Mapping):
        asked = asked.get("messages")
    if not asked or not response:
        raise DataError("messages or response is empty; let LiteLLM store prompts (store_prompts_in_spend_logs)")
    if isinstance(response, str):
        answer: dict[str, Any] = {"role": "assistant", "content": response}
    else:
        answer = answer_of(response)
    parameters = parsed(row.get("model_parameters"))
    yield Call(
        [*list_of_objects(asked, "messages"), answer],
        tools_of(parameters.get("tools")) if isinstance(parameters, Mapping) else None,
        model=row.get("model") or None,
        captured_at=row.get("startTime"),
        metadata=_metadata(row),
    )


def _metadata(row: Row) -> dict[str, Any]:
    facts = {
        "call": row.get("id") or row.get("request_id"),
        "trace": row.get("trace_id"),
        "user": row.get("end_user"),
        "tags": parsed(row.get("request_tags")),
        "cost": row.get("response_cost") if row.get("response_cost") is not None else row.get("spend"),
    }
    return {key: value for key, value in facts.items() if value not in (None, "", [])}
