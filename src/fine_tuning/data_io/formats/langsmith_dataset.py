"""Examples of LangSmith's datasets: inputs and the outputs that are expected for them.

Source: https://docs.langchain.com/langsmith/manage-datasets and
https://docs.langchain.com/langsmith/example-data-format
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.conversation import read_answer, read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.finish_reasons import reason_in, strictest
from fine_tuning.data_io.json_values import JsonObject, Row, is_list, is_object, object_or_empty, parse_embedded_json
from fine_tuning.data_io.messages import Message
from fine_tuning.errors import DataError

NAME = "langsmith-dataset"
_MESSAGE_KEYS = ("messages", "input", "output", "message")
_TOOL_KEYS = ("tools", "functions")


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return all(is_object(parse_embedded_json(row.get(key))) for key in ("inputs", "outputs"))


def calls(row: Row) -> Iterator[Call]:
    """The call that an example describes.

    Raises:
        DataError: its inputs or outputs are neither messages nor one text.
    """
    inputs, outputs = (object_or_empty(parse_embedded_json(row.get(key))) for key in ("inputs", "outputs"))
    request, response = _side(inputs, "inputs"), _side(outputs, "outputs")
    facts: JsonObject = {"example": row.get("id"), "dataset": row.get("dataset_id")}
    stated: JsonObject = {"metadata": row.get("metadata") or {}, "captured_at": row.get("created_at")}
    tools = read_tools(next((inputs[key] for key in _TOOL_KEYS if inputs.get(key)), None))
    call = call_from_row(stated, (), [*request, *response], tools)
    yield replace(
        call,
        metadata={**call.metadata, **{key: value for key, value in facts.items() if value}},
        finish_reason=strictest(
            [call.finish_reason, *map(reason_in, (outputs, object_or_empty(outputs).get("messages")))]
        ),
    )


def _side(given: Row, label: str) -> list[Message]:
    """The messages of the inputs, or of the outputs: under a name for messages, else the only text."""
    is_answer = label == "outputs"
    key = next((key for key in _MESSAGE_KEYS if is_list(given.get(key)) or is_object(given.get(key))), None)
    if key is not None:
        value = given[key]
        if is_answer and is_list(value) and key == "messages":
            value = value[-1:]  # an agent's state repeats the request
        others = given.keys() - {key, *_TOOL_KEYS}
        found = read_answer(value, label) if is_answer else read_messages(value, label)
    elif {"role", "content"} <= given.keys():
        return read_answer(dict(given), label)
    else:
        texts = [key for key in given if key not in _TOOL_KEYS]
        text = given[texts[0]] if texts else None
        others = set(texts[1:])
        if not isinstance(text, str):
            raise DataError(f"{label} has neither messages nor a text")
        found = [{"role": "assistant" if is_answer else "user", "content": text}]
    if others:
        raise DataError(f"{label} has {', '.join(sorted(others))} beside the conversation, which would be lost")
    return found
