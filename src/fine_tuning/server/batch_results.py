"""The lines of a batch's output and error files."""

from __future__ import annotations

import json
import uuid

from fine_tuning.data_io.usage import usage_of
from fine_tuning.server.batch_lines import BatchRequest
from fine_tuning.server.internal_request import Answer
from fine_tuning.store.records.batches import BatchResult, TokenCounts

OK = 200


def answered(request: BatchRequest, answer: Answer) -> BatchResult:
    """The result of a request that was answered or refused."""
    body = json.loads(answer.body)
    response = {"status_code": answer.status, "request_id": answer.request_id, "body": body}
    tokens = _tokens(body.get("usage")) if answer.status == OK else TokenCounts()
    return BatchResult(request.line, is_error=answer.status != OK, text=_text(request, response, None), tokens=tokens)


def expired(request: BatchRequest) -> BatchResult:
    """The result of a request that was not answered in time."""
    message = "This request could not be executed before the completion window expired."
    text = _text(request, None, {"code": "batch_expired", "message": message})
    return BatchResult(request.line, is_error=True, text=text)


def _text(request: BatchRequest, response: object, error: object) -> str:
    """ASCII: it holds any text that JSON can escape, also what databases cannot store."""
    name = f"batch_req_{uuid.uuid4().hex}"
    return json.dumps({"id": name, "custom_id": request.custom_id, "response": response, "error": error})


def _tokens(reported: object) -> TokenCounts:
    found = usage_of(reported)
    if found is None:
        return TokenCounts()
    return TokenCounts(
        found["prompt_tokens"] or 0,
        found.get("cached_tokens", 0),
        found["completion_tokens"] or 0,
        found.get("reasoning_tokens", 0),
    )
