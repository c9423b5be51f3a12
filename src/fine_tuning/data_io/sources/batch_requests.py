"""Rows of a batch's output file, joined with the requests of its input file by `custom_id`.

Sources: https://platform.openai.com/docs/guides/batch,
https://docs.anthropic.com/en/docs/build-with-claude/batch-processing
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from fine_tuning.data_io.json_values import JsonObject, Row, is_object, parse_embedded_json
from fine_tuning.data_io.sources.raw_row import RawRow, to_json_bytes

REQUEST = "request"
"""The field in which a joined row has its request."""
_ID = "custom_id"
_REQUEST_KEYS = (REQUEST, "body", "params")
_MARK = b'"custom_id"'


def is_request_row(row: Row) -> bool:
    """Whether a row is of the input of a batch."""
    return _ID in row and not is_result_row(row) and request_in(row) is not None


def is_result_row(row: Row) -> bool:
    """Whether a row is of the output of a batch."""
    if _ID not in row:
        return False
    response, result, error = (parse_embedded_json(row.get(key)) for key in ("response", "result", "error"))
    if is_object(response) or (is_object(result) and "type" in result):
        return True
    return is_object(error) and not response


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
            requests.setdefault(str(row[_ID]), []).append((raw, row))
    answered = set[str]()
    for raw, row in results:
        asked = requests.get(str(row[_ID]), [])
        answered.add(str(row[_ID]))
        bodies = [request_in(each) for _, each in asked]
        if bodies and all(each == bodies[0] for each in bodies):
            yield raw._replace(text=to_json_bytes({**row, REQUEST: bodies[0]}))
        else:
            yield raw
    for own_id, asked in requests.items():
        if own_id not in answered:
            yield from (raw for raw, _ in asked)


def _row_of_batch(raw: RawRow) -> JsonObject | None:
    """The row, if it is of a batch and has no request yet; None for another row, or a malformed one."""
    if raw.text is None or _MARK not in raw.text:
        return None
    try:
        row: object = json.loads(raw.text)
    except (ValueError, RecursionError):
        return None
    if not is_object(row) or REQUEST in row or not (is_request_row(row) or is_result_row(row)):
        return None
    return row
