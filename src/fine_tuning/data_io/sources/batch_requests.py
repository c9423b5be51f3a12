"""Rows of a batch's output file, joined with the requests of its input file by `custom_id` or `key`.

Sources: https://platform.openai.com/docs/guides/batch,
https://docs.anthropic.com/en/docs/build-with-claude/batch-processing,
https://ai.google.dev/gemini-api/docs/batch-api
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, parse_embedded_json
from fine_tuning.data_io.sources.raw_row import RawRow, to_json_bytes

REQUEST = "request"
"""The field in which a joined row has its request."""
_ID, _GEMINI_ID = "custom_id", "key"
_OF_FAILED = frozenset((_GEMINI_ID, "error", "metadata", "request", "response", "status"))
_REQUEST_KEYS = (REQUEST, "body", "params")


def is_request_row(row: Row) -> bool:
    """Whether a row is of the input of a batch."""
    if _ID in row:
        return not is_result_row(row) and request_in(row) is not None
    request = parse_embedded_json(row.get(REQUEST))
    is_alone = not any(row.get(key) for key in ("response", "error"))
    return _gemini_id(row) is not None and is_object(request) and "contents" in request and is_alone


def is_result_row(row: Row) -> bool:
    """Whether a row is of the output of a batch."""
    if _ID not in row:
        return _gemini_id(row) is not None and _is_gemini_result(row)
    response, result, error = (parse_embedded_json(row.get(key)) for key in ("response", "result", "error"))
    if is_object(response) or (is_object(result) and "type" in result):
        return True
    return is_object(error) and not response


def _gemini_id(row: Row) -> object:
    """The key of a row of Gemini's batches; those that were sent without a file have it in their metadata."""
    metadata = row.get("metadata")
    own = row.get(_GEMINI_ID) or (metadata.get(_GEMINI_ID) if is_object(metadata) else None)
    return own if isinstance(own, str | int) else None


def _is_gemini_result(row: Row) -> bool:
    """Whether a row has Gemini's response, or the status of a request that failed, and may have its request."""
    response, error = (parse_embedded_json(row.get(key)) for key in ("response", "error"))
    if is_object(response) and (is_list(response.get("candidates")) or "promptFeedback" in response):
        return True
    is_status = is_object(error) and {"code", "message"} <= error.keys()
    return is_status and not response and row.keys() <= _OF_FAILED  # other logs have keys and errors, too


def id_of(row: Row) -> str:
    """The id by which a request and its result are joined."""
    return str(row[_ID] if _ID in row else _gemini_id(row))


def request_in(row: Row) -> JsonObject | None:
    """The request of a row; None without one."""
    found = (parse_embedded_json(row.get(key)) for key in _REQUEST_KEYS)
    return next((each for each in found if is_object(each)), None)


def with_requests(rows: Iterable[RawRow]) -> Iterator[RawRow]:
    """The rows; of a batch, each result with its request, after the others.

    A request is joined if its id is among the requests once, also where both files were read in the other order. A row
    whose other half is missing comes as it is. Only rows of batches are held in memory.
    """
    requests: dict[str, list[tuple[RawRow, JsonObject]]] = {}
    results: list[tuple[RawRow, JsonObject]] = []
    for raw in rows:
        row = _row_of_batch(raw)
        if row is None:
            yield raw
        elif is_result_row(row):
            results.append((raw, row))
        else:
            requests.setdefault(id_of(row), []).append((raw, row))
    answered = set[str]()
    for raw, row in results:
        pairs = requests.get(id_of(row), [])
        answered.add(id_of(row))
        bodies = [request_in(each) for _, each in pairs]
        if bodies and all(each == bodies[0] for each in bodies):
            yield raw._replace(text=to_json_bytes({**row, REQUEST: bodies[0]}))
        else:
            yield raw
    for own_id, pairs in requests.items():
        if own_id not in answered:
            yield from (raw for raw, _ in pairs)


def _row_of_batch(raw: RawRow) -> JsonObject | None:
    """The row, if it is of a batch and has no request yet; None for another row, or a malformed one."""
    if raw.text is None or not (b'"custom_id"' in raw.text or b'"key"' in raw.text):  # as most rows
        return None
    try:
        row: object = json.loads(raw.text)
    except (ValueError, RecursionError):
        return None
    if not is_object(row):
        return None
    is_asked = is_request_row(row)
    is_joined = REQUEST in row and (_ID in row or not is_asked)  # Gemini's requests have theirs there, too
    return row if not is_joined and (is_asked or is_result_row(row)) else None
