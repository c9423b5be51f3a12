"""Why a row of a log records no call to learn from: its text was redacted, its call failed, or it is no chat call.

Of chats, answers that are neither shown nor rated are none, either.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from fine_tuning.data_io import failed_calls
from fine_tuning.data_io.json_values import Row, first_value, is_list, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.redaction import is_redacted
from fine_tuning.data_io.row_facts import facts_of

Why = Literal["redacted", "failed", "excluded", "not chat calls", "other answers"]


class Unread(NamedTuple):
    """A call that its row records and that is not read.

    Attributes:
        reason: what is wrong with it and where, if it is malformed; empty for the others.
        field: that says why, if a field does.
    """

    why: Why | Literal["malformed"]
    reason: str = ""
    field: str = ""


NO_CALL: dict[str, str] = {
    "redacted": "the text of the row was redacted",
    "failed": "the call of the row failed",
    "excluded": "the row says that it is not to be learnt",
    "not chat calls": "the row records no answered call of a chat model",
}
NO_CALL_CODES: dict[str, str] = {
    "redacted": "redacted",
    "failed": "failed-call",
    "excluded": "excluded-row",
    "not chat calls": "malformed",
}
"""The codes of findings of rows without a call."""
_DEPTH = 8
_NO_CALLS = frozenset("span event agent tool chain retriever evaluator embedding guardrail parser prompt".split())
_KINDS = ("run_type", "type")  # of runs and observations
_RESPONSES = ("response", "response_body", "responseBody", "output", "body")


def why(row: Row) -> Why:
    """The reason for which a row has no call."""
    entry = parse_embedded_json(row["standard_logging_object"]) if "standard_logging_object" in row else row
    entry = entry if is_object(entry) else row
    if any(str(entry.get(key)).lower() in _NO_CALLS for key in _KINDS):
        return "not chat calls"
    if _has_redacted(entry, _DEPTH):
        return "redacted"
    return "failed" if _is_failed(entry) else "not chat calls"


def _is_failed(entry: Row, depth: int = 2) -> bool:
    """Whether an entry says that its call failed, itself or in its response or the body of that."""
    inner = (parse_embedded_json(entry.get(key)) for key in _RESPONSES) if depth else ()
    return _says_failed(entry) or any(is_object(each) and _is_failed(each, depth - 1) for each in inner)


def _says_failed(entry: Row) -> bool:
    feedback = object_or_empty(first_value(entry, "promptFeedback", "prompt_feedback"))
    if first_value(entry, "error", "error_message", "errorMessage", "exception"):
        return True
    status = object_or_empty(parse_embedded_json(entry.get("status")))
    stated = (each for given in (entry, status) for each in facts_of(given, failed_calls.may_state_failure))
    return bool(first_value(feedback, "blockReason", "block_reason") or failed_calls.signs(stated))


def _has_redacted(value: object, depth: int) -> bool:
    if isinstance(value, str):
        inner = parse_embedded_json(value)
        return is_redacted(value) if isinstance(inner, str) else _has_redacted(inner, depth)
    if depth and is_object(value):
        return any(_has_redacted(each, depth - 1) for each in value.values())
    return bool(depth) and is_list(value) and any(_has_redacted(each, depth - 1) for each in value)
