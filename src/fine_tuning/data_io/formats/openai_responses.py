"""OpenAI's Responses: logged pairs of request and response, and stored responses with their input.

Source: https://platform.openai.com/docs/api-reference/responses/object, whose input items are a list of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.dialects.hosted_items import is_item
from fine_tuning.data_io.formats import exchange, vendor_request, vendor_response
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, parse_embedded_json
from fine_tuning.errors import DataError

NAME = "openai-responses"
_INPUT_KEYS = ("input", "input_items")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    if _is_response(row):
        return True
    found = exchange.exchange_in(row)
    if found is None:
        return False
    if vendor_response.kind_of(found.response) == vendor_response.RESPONSES:
        return not vendor_request.is_request(found.request) or "input" in found.request
    return vendor_request.is_responses_request(found.request) and vendor_response.is_failed(found.response)


def _is_response(row: Row) -> bool:
    """Whether a row has the fields of a response, or the items of one beside those of its input alone."""
    if row.get("object") != "response" and ("object" in row or not any(key in row for key in _INPUT_KEYS)):
        return False
    items = parse_embedded_json(row.get("output"))
    return is_list(items) and (row.get("object") == "response" or (bool(items) and all(map(is_item, items))))


def calls(row: Row) -> Iterator[Call]:
    """The call of a row; a response that failed has none.

    Raises:
        DataError: it is malformed, its input is missing or starts in another response, or it has items of the host.
    """
    if not _is_response(row):
        found = exchange.exchange_in(row)
        if found is not None:
            yield from exchange.call_of(row, found)
        return
    response = {key: parse_embedded_json(value) for key, value in row.items()}
    request: JsonObject = {key: value for key, value in response.items() if key not in _INPUT_KEYS}
    request["input"] = _input(response)
    if not request["input"]:
        earlier = response.get("previous_response_id")
        cause = f" and it follows the response {earlier!r} (previous_response_id)" if earlier else ""
        raise DataError(f"the response has no input{cause}; add its input items to the row as input")
    facts = {key: value for key, value in row.items() if key in {"rating", "domain", "task_type", "captured_at"}}
    yield from exchange.call_of(facts, exchange.Exchange(request, response, ()))


def _input(response: Row) -> object:
    """The input: a text, or items, oldest first.

    Raises:
        DataError: it is a page of the API's list of items, whose order is open.
    """
    for key in _INPUT_KEYS:
        given = response.get(key)
        if is_object(given) and is_list(items := given.get("data")):
            if len(items) > 1:
                raise DataError(f"{key} is a page of the API, which may be newest first; write its items oldest first")
            given = items
        if given:
            return given
    return None
