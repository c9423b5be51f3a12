"""Function-calling rows of xLAM and APIGen: a query, the tools, and the calls that answer it, as JSON text.

Source: https://huggingface.co/datasets/Salesforce/xlam-function-calling-60k
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TypedDict

from fine_tuning.data_io.broken_json import ANY_JSON, refuse_broken_json
from fine_tuning.data_io.call import Call, call_from_row
from fine_tuning.data_io.dialects.plain_functions import plain_tools, with_plain_names
from fine_tuning.data_io.dialects.tool_calls import calls_of, tool_calls
from fine_tuning.data_io.json_values import Row, is_list, is_object, parse_embedded_json, text_field
from fine_tuning.data_io.messages import Message, Tool, parsed_arguments, prompt_messages
from fine_tuning.errors import DataError

NAME = "xlam"
_KEYS = ("query", "tools", "answers", "id")


class XlamRow(TypedDict):
    """A row of this format; `tools` and `answers` are JSON text."""

    query: str
    tools: str
    answers: str


def recognises(row: Row) -> bool:
    """Whether a row is of this format."""
    return isinstance(row.get("query"), str) and "tools" in row and "answers" in row


def calls(row: Row) -> Iterator[Call]:
    """The call of a row.

    Raises:
        DataError: it is malformed, or has no call.
    """
    tools = plain_tools(row["tools"], "tools")
    given = parse_embedded_json(row["answers"])
    refuse_broken_json(given, "answers", ANY_JSON)
    called = with_plain_names(given if is_list(given) else [given])
    request = prompt_messages(text_field(row, "query"))
    if not called:
        raise DataError("answers has no call; write what the model should say as response, beside prompt and tools")
    found = tool_calls(called, len(request))
    if found is None or not all(map(is_object, called)):
        raise DataError("answers must be a list of calls, each with name and arguments")
    answer: Message = {"role": "assistant", "content": None, "tool_calls": found}
    yield call_from_row(row, _KEYS, [*request, answer], tools)


def row_of(messages: Sequence[Message], tools: Sequence[Tool] | None = None) -> XlamRow:
    """A question that is answered by calls as a row of this format.

    Raises:
        DataError: it is anything else, which this format cannot say.
    """
    question = messages[0].get("content") if len(messages) == 2 and messages[0]["role"] == "user" else None
    called = calls_of(messages[-1]) if messages else []
    if not isinstance(question, str) or not called or messages[-1].get("content"):
        raise DataError("xlam rows hold one question and the calls that answer it; use the format openai or sharegpt")
    answers = [{"name": each["function"]["name"], "arguments": parsed_arguments(each)} for each in called]
    listed = [each["function"] for each in tools or ()]
    return {"query": question, "tools": _text(listed), "answers": _text(answers)}


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
