"""Whether an answer is JSON as its request demands, whatever the wire."""

from __future__ import annotations

from collections.abc import Mapping

from fine_tuning.data_io.json_values import JsonObject, object_or_empty
from fine_tuning.data_io.messages import Message, text_of
from fine_tuning.errors import FineTuningError
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
    """The JSON schema of a chat's `response_format`, of a response's `text` or of a message's `output_config`."""
    chat = object_or_empty(request.get("response_format"))
    others = (object_or_empty(request.get(name)) for name in ("text", "output_config"))
    form = dict(chat) or next((dict(found) for each in others if (found := object_or_empty(each.get("format")))), {})
    if form.get("type") == "json_object":
        return {"type": "object"}
    if form.get("type") != "json_schema":
        return None
    return dict(object_or_empty(form.get("schema") or object_or_empty(form.get("json_schema")).get("schema")))
