"""Model invocation logs of Amazon Bedrock, and results of its batch inference.

Sources: https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html,
https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-results.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fine_tuning.data_io.call import Call
from fine_tuning.data_io.dialects import chat_templates
from fine_tuning.data_io.dialects.chat_templates import Conversation
from fine_tuning.data_io.dialects.transcripts import transcript
from fine_tuning.data_io.formats import exchange, vendor_response
from fine_tuning.data_io.formats.vendor_request import is_request
from fine_tuning.data_io.json_values import JsonObject, Row, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.usage import usage_of
from fine_tuning.errors import DataError

NAME = "bedrock-log"
_ONLY_TEXT = ("generation", "completion")  # of Llama, and of models that answer a prompt
_NO_CHAT = ("embedding", "embeddings", "images", "artifacts")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    if row.get("schemaType") == "ModelInvocationLog":
        return True
    return is_object(parse_embedded_json(row.get("modelInput"))) and ("modelOutput" in row or "error" in row)


def calls(row: Row) -> Iterator[Call]:
    """The call of a row; one that failed, or of a model that is no chat model, has none.

    Raises:
        DataError: it is malformed, or its text is in another file.
    """
    given, output = _side(row, "input"), _side(row, "output")
    if row.get("errorCode") or row.get("error"):
        return
    sent = _body(given, "input") if given else row.get("modelInput")
    request = object_or_empty(parse_embedded_json(sent))
    response = _body(output, "output") if output else row.get("modelOutput")
    body = vendor_response.body_of(response)
    if any(key in body for key in _NO_CHAT):
        return
    if not is_request(request):
        request, body = _as_chat(request, body)
    found = exchange.Exchange(dict(request), body, ())
    facts = {"model": row.get("modelId"), **object_or_empty(row.get("requestMetadata"))}
    ids = {key: row[key] for key in ("requestId", "recordId") if row.get(key)}
    for call in exchange.call_of({"timestamp": row.get("timestamp"), **facts, **ids}, found):
        counts = {"input": given.get("inputTokenCount"), "output": output.get("outputTokenCount")}
        yield replace(call, model=row.get("modelId") or call.model, usage=call.usage or usage_of(counts))


def _side(row: Row, key: str) -> JsonObject:
    found = parse_embedded_json(row.get(key))
    return found if is_object(found) else {}


def _body(side: Row, key: str) -> object:
    """The body on one side of an invocation; a long one is an object of its own in S3."""
    if elsewhere := side.get(f"{key}BodyS3Path"):
        raise DataError(f"the {key} is in another file ({elsewhere}); put it into {key}.{key}BodyJson")
    return side.get(f"{key}BodyJson")


def _as_chat(request: Row, body: Row) -> tuple[JsonObject, JsonObject]:
    """A prompt with a chat template's marks, or a transcript as of Claude 2, and its answer, as messages."""
    prompt = request.get("prompt")
    key = next((key for key in _ONLY_TEXT if isinstance(body.get(key), str)), None)
    turns = _conversation(prompt) if isinstance(prompt, str) else None
    if key is None or turns is None:
        raise DataError("the input is neither messages nor a prompt with the marks of a chat template")
    answer = {"role": "assistant", "content": str(body[key]).strip()}
    ended = body.get("stop_reason")
    facts = {name: value for name, value in body.items() if name != "type"}  # of a completed text, which is a turn now
    return {"messages": turns.messages, "tools": turns.tools}, {**facts, **answer, "stop_reason": ended}


def _conversation(prompt: str) -> Conversation | None:
    found = chat_templates.conversation_in(prompt)
    turns = transcript(prompt, is_open=True) if found is None else None
    return found if turns is None else Conversation(turns, None)
