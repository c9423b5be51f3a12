"""Rows of no format that are half of a call: a response, an event of its stream, or a request alone."""

from __future__ import annotations

from fine_tuning.data_io.dialects.conversation import ROLES
from fine_tuning.data_io.formats import event_stream, ollama, vendor_request, vendor_response
from fine_tuning.data_io.json_values import Row, is_object, parse_embedded_json

_ANSWERS = ("response", "response_body", "responseBody", "output")
_REQUESTS = ("request", "request_body", "requestBody", "modelInput")
_OF_STREAMS = ("content_block_", "message_start", "message_delta", "message_stop", "response.")
_QUESTIONS = ("question", "query", "instruction", "prompt", "input")
_TOGETHER = "write its request and its response into one row, as request and response"
_STREAM = "a stream is the list of its events, as response"


def reason(row: Row) -> str | None:
    """What a row is half of, and what to do; None for another row."""
    if ollama.is_native(row):
        return f"the row is a response of Ollama's, or a line of one, without its request; {_TOGETHER} ({_STREAM})"
    is_message = str(row.get("role")).lower() in ROLES and "content" in row
    if (kind := vendor_response.kind_of(row)) == vendor_response.MESSAGE or (kind is None and is_message):
        return "the row is one message; write a whole conversation into a row, as messages"
    if kind is not None:
        return f"the row is a response without its request; {_TOGETHER}"
    if str(row.get("type")).startswith(_OF_STREAMS) or event_stream.joined([dict(row)]) != [row]:
        return f"the row is an event of a stream; {_TOGETHER} ({_STREAM})"
    for key in (*_REQUESTS, *_ANSWERS):
        half = parse_embedded_json(row.get(key))
        is_asked = vendor_request.is_request(half) or vendor_request.is_responses_request(half)
        if is_asked and not any(row.get(each) for each in _ANSWERS):
            return f"the row is a request without its response ({key}); {_TOGETHER}"
        if is_object(half) and vendor_response.kind_of(half) is not None:
            if question := next((each for each in _QUESTIONS if isinstance(row.get(each), str)), None):
                return (
                    f"{key} is a whole response beside {question}; write what was sent as request, or the answer's text"
                )
            return f"the row is a response without its request ({key}); {_TOGETHER}"
    return None
