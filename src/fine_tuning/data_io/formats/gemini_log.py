"""Logged requests to Gemini and their responses, also results of batch predictions on Vertex AI.

Sources: https://ai.google.dev/api/generate-content,
https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-gemini,
https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/request-response-logging
"""

from __future__ import annotations

from collections.abc import Iterator

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.formats import exchange, vendor_response
from fine_tuning.data_io.json_values import Row, is_list, parse_embedded_json

NAME = "gemini-log"
_OF_BATCHES = {"status", "processed_time", "key"}


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    found = exchange.exchange_in(row)
    if found is None:
        return False
    is_asked = is_list(parse_embedded_json(found.request.get("contents")))
    return is_asked or vendor_response.kind_of(found.response) == vendor_response.GEMINI


def calls(row: Row) -> Iterator[Call]:
    """The call of a row; a request that failed or was blocked has none.

    Raises:
        DataError: it is malformed.
    """
    found = exchange.exchange_in(row)
    if found is None or (not found.response and row.get("status")):  # why the batch did not answer it
        return
    yield from exchange.call_of({key: value for key, value in row.items() if key not in _OF_BATCHES}, found)
