"""Requests that Portkey's gateway logs, as its logs export writes them.

Source: https://portkey.ai/docs/product/observability/logs-export
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.formats.gateway_exchange import read_exchange
from fine_tuning.data_io.json_values import JsonObject, Row, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.redaction import is_redacted_value
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

NAME = "portkey"
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
        model=found.model or row.get("ai_model"),
        captured_at=row.get("created_at"),
        metadata=_metadata(row),
        finish_reason=found.choice.finish_reason,
        usage=found.choice.usage or usage_of(counts),
    )


def _body(given: object) -> object:
    parsed = parse_embedded_json(given)
    if is_object(parsed) and "body" in parsed:
        return parse_embedded_json(parsed["body"])
    return parsed


def _metadata(row: Row) -> JsonObject:
    own = object_or_empty(parse_embedded_json(row.get("metadata")))
    facts = {
        "request": row.get("id"),
        "trace": row.get("trace_id"),
        "feedback": parse_embedded_json(row.get("feedback")),
    }
    return {**own, **{key: value for key, value in facts.items() if value}}
