"""Files of OpenAI's Batch API, of hosts with the same files, of Anthropic's Message Batches, and of Gemini's batches.

The output has no requests: `sources.with_requests` joins its rows with those of the input file.

Sources: https://platform.openai.com/docs/guides/batch,
https://docs.anthropic.com/en/docs/build-with-claude/batch-processing, https://ai.google.dev/gemini-api/docs/batch-api
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.formats import exchange, vendor_response
from fine_tuning.data_io.formats.stored_completion import is_completed_text
from fine_tuning.data_io.json_values import JsonObject, Row, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.sources.batch_requests import is_request_row, is_result_row, request_in
from fine_tuning.errors import DataError

NAME = "batch"
_KEYS = {"id", "response", "result", "error", "request", "body", "params", "method", "url", "key"}
_BAD_REQUEST = 400


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return is_request_row(row) or is_result_row(row)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row of the output; a request that failed, or asked no chat model, has none.

    Raises:
        DataError: it is malformed, or lacks the request or the answer.
    """
    if not is_result_row(row):
        raise DataError("a batch's request has no answer here; import its output file together with this one")
    body = _body(row)
    if not body or body.get("object") == "list" or is_completed_text(body):
        return
    request = request_in(row)
    if request is None:
        raise DataError(
            "a batch's answer has no request here; import its input file, with each custom_id or key once, too"
        )
    beside = {key: value for key, value in row.items() if key not in _KEYS}
    for call in exchange.call_of(beside, exchange.Exchange(request, body, ())):
        # What the body says of its tier is that of the models, not that of the bill.
        yield call if call.usage is None else replace(call, usage={**call.usage, "service_tier": "batch"})


def _body(row: Row) -> JsonObject:
    """What the model responded; empty if it did not."""
    result = parse_embedded_json(row.get("result"))
    if is_object(result):
        return vendor_response.body_of(result.get("message")) if result.get("type") == "succeeded" else {}
    response = object_or_empty(parse_embedded_json(row.get("response")))
    status = response.get("status_code")
    if row.get("error") or (isinstance(status, int) and status >= _BAD_REQUEST):
        return {}
    return vendor_response.body_of(response)
