"""Requests that Portkey's gateway logs, as its logs export writes them.

Sources: https://portkey.ai/docs/product/observability/logs-export,
https://portkey.ai/docs/product/observability/feedback
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.formats.gateway_exchange import read_exchange
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.redaction import is_redacted_value
from fine_tuning.data_io.usage import usage_of
from fine_tuning.data_io.verdicts import THUMBS_DOWN, THUMBS_UP
from fine_tuning.errors import DataError

NAME = "portkey"
_AROUND = ("feedback", "feedbacks", "data", "items", "value")
_OWN_KEYS = ("ai_org", "ai_model", "is_success", "response_status_code", "req_units", "virtual_key")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    has_body = "request" in row or "response" in row
    return has_body and any(key in row for key in _OWN_KEYS)


def calls(row: Row) -> Iterator[Call]:
    """The call of a request; one that failed, or that is no chat, has none.

    Raises:
        DataError: it is malformed, or was logged without its bodies.
    """
    status = row.get("response_status_code")
    if str(row.get("is_success")).lower() in {"false", "0"} or (status and not str(status).startswith("2")):
        return
    request, response = (_body(row.get(key)) for key in ("request", "response"))
    if any(map(is_redacted_value, (request, response))):
        return
    if not object_or_empty(request) or not response:
        raise DataError("request or response is missing; request both fields in the export, and log them (debug mode)")
    found = read_exchange(object_or_empty(request), response)
    if found is None:
        return
    counts = {"prompt_tokens": row.get("req_units"), "completion_tokens": row.get("res_units")}
    yield Call(
        found.messages,
        found.tools,
        rating=_rating(row),
        model=found.model or row.get("ai_model"),
        captured_at=row.get("created_at"),
        metadata={**found.options, **_metadata(row)},
        finish_reason=found.choice.finish_reason,
        usage=found.choice.usage or usage_of(counts),
    )


def _body(given: object) -> object:
    parsed = parse_embedded_json(given)
    if is_object(parsed) and "body" in parsed:
        return parse_embedded_json(parsed["body"])
    return parsed


def _rating(row: Row) -> int | None:
    """A thumb by the sign of all feedback together, each value (-10 to 10) times its weight; None for neither."""
    total = sum(map(_weighted, _feedbacks(row.get("feedback"))))
    if not total:
        total = _number(row.get("weighted_feedback"), 0)
    return THUMBS_UP if total > 0 else THUMBS_DOWN if total < 0 else None


def _feedbacks(given: object) -> Iterator[object]:
    """Each feedback, in lists and in objects around them."""
    found = parse_embedded_json(given)
    if is_list(found):
        for each in found:
            yield from _feedbacks(each)
        return
    inner = [found[key] for key in _AROUND if key in found] if is_object(found) else []
    nested = [each for each in map(parse_embedded_json, inner) if is_list(each) or is_object(each)]
    yield from _feedbacks(nested) if nested else [found]


def _weighted(feedback: object) -> float:
    stated = feedback if is_object(feedback) else {"value": feedback}
    value = stated.get("value") if stated.get("value") is not None else stated.get("score")
    return _number(value, 0) * _number(stated.get("weight"), 1)


def _number(value: object, otherwise: float) -> float:
    """A number, also as text, as in CSV."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return otherwise
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return otherwise
    return number if isfinite(number) else otherwise


def _metadata(row: Row) -> JsonObject:
    own = object_or_empty(parse_embedded_json(row.get("metadata")))
    facts = {
        "request": row.get("id"),
        "trace": row.get("trace_id"),
        "feedback": parse_embedded_json(row.get("feedback")),
    }
    return {**own, **{key: value for key, value in facts.items() if value}}
