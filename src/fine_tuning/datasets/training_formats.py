"""Examples as rows of the formats that trainers read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from fine_tuning.data_io.dialects.conversation import read_messages
from fine_tuning.data_io.dialects.tool_definitions import read_tools
from fine_tuning.data_io.formats import Call, alpaca, preference, sharegpt
from fine_tuning.data_io.messages import Message, Tool, messages_of_example
from fine_tuning.datasets.recipe import DatasetFormat
from fine_tuning.errors import DataError, UsageError
from fine_tuning.store.records.rows import JsonColumn

Example = Mapping[str, object]


def openai_row(example: Example) -> JsonColumn:
    """A chat row: the captured conversation where there is one, else prompt and response; tools are kept."""
    tools = _tools_of(example)
    return {"messages": _messages_of(example)} | ({"tools": tools} if tools else {})


def alpaca_row(example: Example) -> JsonColumn:
    """An instruction row with an empty input."""
    return dict(alpaca.row_of(_messages_of(example), _tools_of(example)))


def sharegpt_row(example: Example) -> JsonColumn:
    """A row of turns; tools are kept."""
    return dict(sharegpt.row_of(_messages_of(example), _tools_of(example)))


def _messages_of(example: Example) -> list[Message]:
    """The conversation as imports read it: one that was captured by an earlier version may be in other words."""
    messages = messages_of_example(example)
    return read_messages(messages, "messages") if example.get("messages") else messages


def _tools_of(example: Example) -> list[Tool] | None:
    return read_tools(example.get("tools"))


def jsonl_row(example: Example) -> JsonColumn:
    """The example itself."""
    return dict(example)


ROWS: dict[str, tuple[Callable[[Example], JsonColumn], str]] = {
    "openai": (openai_row, ".jsonl"),
    "alpaca": (alpaca_row, ".json"),
    "sharegpt": (sharegpt_row, ".jsonl"),
    "jsonl": (jsonl_row, ".jsonl"),
}


def row_of_call(call: Call) -> JsonColumn:
    """A recorded call as OpenAI's preference row where there are two answers, else as its chat row."""
    if call.rejected is not None:
        prompt = call.request_messages()
        return dict(preference.row_of(prompt, call.messages[len(prompt) :], call.rejected, call.tools))
    return _conversation(call)


def _conversation(call: Call) -> JsonColumn:
    return {"messages": call.messages} | ({"tools": call.tools} if call.tools else {})


def _chat_of(call: Call) -> JsonColumn:
    """A call as a chat row; of a pair the better answer."""
    row = _conversation(call)
    if "parallel_tool_calls" in call.metadata:
        row["parallel_tool_calls"] = call.metadata["parallel_tool_calls"]
    return row


def _turns_of(call: Call) -> JsonColumn:
    """A call as a row of turns; keys that the format does not have are kept beside them."""
    row: JsonColumn = dict(sharegpt.row_of(call.messages, call.tools))
    if "parallel_tool_calls" in call.metadata:
        row["parallel_tool_calls"] = call.metadata["parallel_tool_calls"]
    return row


def _pair_of(call: Call) -> JsonColumn:
    if call.rejected is None:
        raise DataError("there is one answer only; preference rows need a better and a worse one")
    return row_of_call(call)


def _text_of(call: Call) -> JsonColumn:
    """A call as a chat row whose messages are plain text."""
    if any(not isinstance(message.get("content"), str | None) for message in call.messages):
        raise DataError("parquet holds messages of plain text; for content in parts use the format openai")
    return _chat_of(call)


BUILT: dict[DatasetFormat, Callable[[Call, JsonColumn], JsonColumn]] = {
    "openai": lambda call, _: _chat_of(call),
    "preference": lambda call, _: _pair_of(call),
    "alpaca": lambda call, _: dict(alpaca.row_of(call.messages, call.tools)),
    "sharegpt": lambda call, _: _turns_of(call),
    "parquet": lambda call, _: _text_of(call),
    "jsonl": lambda _, row: row,
}
"""How each format of `ft-cli dataset build` writes a call, or the row that records it."""


def check_format(format: str) -> str:
    """Return the format, or raise a UsageError that lists the known ones."""
    if format not in ROWS:
        raise UsageError(f"unknown data set format {format!r}; use one of {', '.join(ROWS)}")
    return format


def rows_in(examples: Sequence[Example], format: str) -> list[JsonColumn]:
    """Every example as a row of `format`.

    Raises:
        UsageError: the format is unknown.
        DataError: an example lacks prompt or response; the message names its position.
    """
    to_row, _ = ROWS[check_format(format)]
    rows = []
    for position, example in enumerate(examples, 1):
        try:
            rows.append(to_row(example))
        except DataError as error:
            raise DataError(f"example {position}: {error}; run validate_examples first") from None
    return rows


def jsonl_text(examples: Sequence[Example]) -> str:
    """The examples as text, one JSON object per line."""
    return "\n".join(json_line(row) for row in rows_in(examples, "jsonl"))


def json_line(row: Mapping[str, object]) -> str:
    """One row as a line of JSON; non-ASCII text stays readable."""
    return json.dumps(row, ensure_ascii=False, default=str)
