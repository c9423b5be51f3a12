"""Whether an answer is JSON as its request demands, whatever the wire."""

from __future__ import annotations

from collections.abc import Mapping

from fine_tuning.data_io.json_values import JsonObject, first_value, object_or_empty
from fine_tuning.data_io.messages import Message, text_of
from fine_tuning.errors import FineTuningError
from fine_tuning.gateway.translation.contents_request import contents_fields
from fine_tuning.serving.answer_form import AnswerForm


def is_in_form(request: JsonObject, answer: Message) -> bool | None:
    """Whether an answer has the form; None where none is demanded, where it calls tools, or the schema is none."""
    schema = _schema(request)
    if schema is None or answer.get("tool_calls"):
        return None
    try:
        return AnswerForm(schema).problem(text_of(answer), "stop") is None
    except FineTuningError:
        return None


def _schema(request: JsonObject) -> Mapping[str, object] | None:
    """The JSON schema of a chat's `response_format`, of a response's `text`, of a message's `output_config` (or, in its
    beta, `output_format`), or of Gemini's `generationConfig`.
    """
    if "contents" in request:
        return _of_contents(request)
    stated = [request.get(name) for name in ("response_format", "output_format")]
    stated += [object_or_empty(request.get(name)).get("format") for name in ("text", "output_config")]
    form = next((dict(found) for each in stated if (found := object_or_empty(each))), {})
    if form.get("type") == "json_object":
        return {"type": "object"}
    if form.get("type") != "json_schema":
        return None
    return dict(object_or_empty(form.get("schema") or object_or_empty(form.get("json_schema")).get("schema")))


def _of_contents(request: JsonObject) -> Mapping[str, object] | None:
    config = object_or_empty(contents_fields(request, is_streamed=False).get("generationConfig"))
    if config.get("responseMimeType") != "application/json":
        return None
    return dict(object_or_empty(first_value(config, "responseJsonSchema", "responseSchema")))  # any JSON without one
