"""Requests that Helicone logs, from its query API or an export (JSON, JSONL or CSV).

Source: https://docs.helicone.ai/rest/request/post-v1requestquery
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.formats.gateway_exchange import read_exchange
from fine_tuning.data_io.json_values import (
    JsonObject,
    Row,
    first_value,
    is_object,
    object_or_empty,
    parse_embedded_json,
)
from fine_tuning.data_io.redaction import is_redacted_value
from fine_tuning.data_io.usage import usage_of
from fine_tuning.data_io.verdicts import THUMBS_DOWN, THUMBS_UP, is_positive
from fine_tuning.errors import DataError

NAME = "helicone"
_OWN_KEYS = {
    *("request_id", "response_id", "response_status", "request_created_at", "helicone_user", "llmSchema"),
    *("request_path", "signed_body_url", "request_user_id", "request_properties", "delay_ms"),
}
_FETCHED = ("signed_body_content", "raw_request_response_body")
_ELSEWHERE = (
    "the bodies are behind signed_body_url, whose links expire: export again with npx @helicone/export --include-body, "
    "or fetch each and put its JSON into signed_body_content"
)
_OMITTED = "a body is missing; export with bodies, and do not send Helicone-Omit-Request or Helicone-Omit-Response"
_SESSION = "Helicone-Session-Id"


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return _bodies(row) is not None and any(key in row for key in _OWN_KEYS)


def _bodies(row: Row) -> tuple[object, object] | None:
    """The bodies of request and response, also where the export has fetched them from their own storage."""
    for key in _FETCHED:
        stored = parse_embedded_json(row[key]) if key in row else None
        if is_object(stored) and "request" in stored:
            return stored["request"], stored.get("response")
    if "request_body" in row or "signed_body_url" in row:
        return row.get("request_body"), row.get("response_body")
    return None


def calls(row: Row) -> Iterator[Call]:
    """The call of a request; one that failed, or that is no chat, has none.

    Raises:
        DataError: it is malformed, or has no bodies.
    """
    status = row.get("response_status")
    if status not in (None, "") and not str(status).startswith("2"):
        return
    if "embeddings" in str(row.get("request_path") or ""):  # whose responses are left out
        return
    request, response = (parse_embedded_json(each) for each in _bodies(row) or (None, None))
    if any(map(is_redacted_value, (request, response))):
        return
    body = object_or_empty(request)
    if not (body.keys() - {"helicone_message", "model"}) or not response or _is_left_out(response):
        raise DataError(_ELSEWHERE if row.get("signed_body_url") and not _has_bodies(row) else _OMITTED)
    found = read_exchange(body, response)
    if found is None:
        return
    counts = {key: row.get(key) for key in ("prompt_tokens", "completion_tokens")}
    yield Call(
        found.messages,
        found.tools,
        rating=_rating(row),
        model=found.model or first_value(row, "response_model", "model", "request_model"),
        captured_at=row.get("request_created_at"),
        metadata={**found.options, **_metadata(row)},
        finish_reason=found.choice.finish_reason,
        usage=found.choice.usage or usage_of(counts),
    )


def _has_bodies(row: Row) -> bool:
    """Whether the row itself has the bodies, or what was put in their place."""
    return any(row.get(key) for key in _FETCHED) or bool(row.get("request_body") and row.get("response_body"))


def _is_left_out(response: object) -> bool:
    return is_object(response) and response.keys() <= {"helicone_message", "model", "usage"}


def _rating(row: Row) -> int | None:
    """5 for a thumb up, 1 for one down."""
    verdict = is_positive(row.get("feedback_rating"))
    return None if verdict is None else THUMBS_UP if verdict else THUMBS_DOWN


def _metadata(row: Row) -> JsonObject:
    properties = object_or_empty(parse_embedded_json(first_value(row, "request_properties", "properties")))
    facts = {
        "request": row.get("request_id"),
        "user": first_value(row, "request_user_id", "user_id"),
        "conversation_id": properties.get(_SESSION),
        "scores": parse_embedded_json(row.get("scores")),
    }
    return {**properties, **{key: value for key, value in facts.items() if value}}
