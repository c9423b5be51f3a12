"""Why a row of a log records no call to learn from: its text was redacted, its call failed, or it is no chat call.

Of chats, answers that are neither shown nor rated are none, either.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from fine_tuning.data_io.json_values import Row, first_value, is_list, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.messages import Message, whole_text
from fine_tuning.data_io.redaction import is_redacted

Why = Literal["redacted", "failed", "not chat calls", "other answers"]


class Unread(NamedTuple):
    """A call that its row records and that is not read.

    Attributes:
        reason: what is wrong with it and where, if it is malformed; empty for the others.
    """

    why: Why | Literal["malformed"]
    reason: str = ""


NO_CALL: dict[Why, str] = {
    "redacted": "the text of the row was redacted",
    "failed": "the call of the row failed",
    "not chat calls": "the row records no answered call of a chat model",
}
NO_CALL_CODES: dict[Why, str] = {"redacted": "redacted", "failed": "failed-call", "not chat calls": "malformed"}
"""The codes of findings of rows without a call."""
_DEPTH = 8
_NO_CALLS = frozenset("span event agent tool chain retriever evaluator embedding guardrail parser prompt".split())
_KINDS = ("run_type", "type")  # of runs and observations
_FAILED = frozenset("error errored failed failure cancelled canceled status_code_error false".split())
_FAILED_CALLS = frozenset("error errored failed failure status_code_error".split())
_STATUS = ("status", "level", "is_success", "status_code", "code")
_CODES = ("response_status_code", "response_status", "status_code")
_RESPONSES = ("response", "response_body", "responseBody", "output", "body")
_FIRST_ERROR, _LAST_ERROR = 400, 600  # of HTTP
_ERRORS = ("error", "error_message", "errorMessage", "exception")
_NO_ERRORS = frozenset("none null nil false no 0 ok success n/a na - no_error no-error nan".split()) | {"no error"}
_OF_SERVICES = re.compile(
    r"time(?:d[ -]?)?[ -]?out|rate.?limit|connect|overload|quota|unavailable|\bapi|server|gateway|unauthori|authenticat"
    r"|billing|content.?filter|context.?length|cancel|abort|\b[45]\d\d\b",
    re.IGNORECASE,
)
_OF_CODE = re.compile(r"\w(?:Error|Exception|Warning)\b|Traceback|\bline \d|\berror(?:\[|:)|\bfatal:|panic")
_OF_TEXTS = re.compile(  # what teachers and reviewers call a mistake
    r"spelling|misspel|grammar|typo\b|tense|punctuat|agreement|preposition|\barticles?\b|word[ -](?:order|choice|form)"
    r"|capitali[sz]|plural|conjugat|inflection|vocabular|syntax|style|tone\b|factual|hallucinat|misconception|arithmetic"
    r"|calculat|rounding|off[ -]by[ -]one|logic|reasoning|omission|translat|terminolog",
    re.IGNORECASE,
)
_NOTHING_FOUND = re.compile(
    r"(?:no|none|nothing|zero|without)\b(?:[\s\w]*\b(?:found|errors?|detected|issues?|mistakes?))?\W*"
)


def why(row: Row) -> Why:
    """The reason for which a row has no call."""
    entry = parse_embedded_json(row["standard_logging_object"]) if "standard_logging_object" in row else row
    entry = entry if is_object(entry) else row
    if any(str(entry.get(key)).lower() in _NO_CALLS for key in _KINDS):
        return "not chat calls"
    if _has_redacted(entry, _DEPTH):
        return "redacted"
    return "failed" if _is_failed(entry) else "not chat calls"


def says_failed(row: Row) -> bool:
    """Whether a row of training data says that its call failed: a text about an error may be part of a question."""
    if is_object(row.get("error")) and row["error"]:
        return True
    return str(row.get("status")).lower() in _FAILED_CALLS or str(row.get("is_success")).lower() == "false"


def has_error(row: Row, messages: Iterable[Message]) -> bool:
    """Whether a text beside an answer says that its call failed.

    A text that the conversation says too is what it is about, and so may an error of code be, such as a `NameError`,
    and a mistake in a text, such as a wrong tense; a number measures one.
    """
    stated = first_value(row, *_ERRORS)
    if stated is True:
        return True
    if not isinstance(stated, str) or stated.strip().lower() in {"", *_NO_ERRORS}:
        return False
    if _NOTHING_FOUND.fullmatch(stated.strip().lower()) or _is_measure(stated):
        return False
    if (_OF_CODE.search(stated) or _OF_TEXTS.search(stated)) and not _OF_SERVICES.search(stated):
        return False
    said = " ".join(" ".join(whole_text(each).split()) for each in messages).lower()
    return " ".join(stated.split()).lower() not in said


def _is_measure(text: str) -> bool:
    """Whether a text is a number that is no status of HTTP, such as the rate of errors."""
    try:
        return not _FIRST_ERROR <= float(text.strip().removesuffix("%")) < _LAST_ERROR
    except ValueError:
        return False


def _is_failed(entry: Row, depth: int = 2) -> bool:
    """Whether an entry says that its call failed, itself or in its response or the body of that."""
    inner = (parse_embedded_json(entry.get(key)) for key in _RESPONSES) if depth else ()
    return _says_failed(entry) or any(is_object(each) and _is_failed(each, depth - 1) for each in inner)


def _says_failed(entry: Row) -> bool:
    status = parse_embedded_json(entry.get("status"))
    stated = [entry.get(key) for key in _STATUS] + ([status.get("code")] if is_object(status) else [])
    feedback = object_or_empty(first_value(entry, "promptFeedback", "prompt_feedback"))
    if first_value(entry, *_ERRORS) or first_value(feedback, "blockReason", "block_reason"):
        return True
    if any(str(each).lower() in _FAILED for each in stated):
        return True
    codes = [str(entry.get(key) or "") for key in _CODES]
    return any(code.isascii() and code.isdigit() and int(code) >= _FIRST_ERROR for code in codes)


def _has_redacted(value: object, depth: int) -> bool:
    if isinstance(value, str):
        inner = parse_embedded_json(value)
        return is_redacted(value) if isinstance(inner, str) else _has_redacted(inner, depth)
    if depth and is_object(value):
        return any(_has_redacted(each, depth - 1) for each in value.values())
    return bool(depth) and is_list(value) and any(_has_redacted(each, depth - 1) for each in value)
