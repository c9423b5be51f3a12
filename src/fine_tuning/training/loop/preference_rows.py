"""Rows for direct preference optimization, in OpenAI's format: one input, a preferred and a non-preferred answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fine_tuning.base_models.template_check import FileRendering
from fine_tuning.data_io.formats.system_prompt import ChatTokenizer
from fine_tuning.data_io.json_values import object_or_empty
from fine_tuning.data_io.messages import Message
from fine_tuning.data_io.rows import read_rows
from fine_tuning.errors import DataError
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.training.loop.bad_rows import BadRows
from fine_tuning.training.loop.chat_tokens import (
    IGNORED,
    Tokenised,
    checked_messages,
    rendered_turns,
    tokenise,
    tools_of,
)
from fine_tuning.training.loop.library_types import Tokenizer

OUTPUTS = ("preferred_output", "non_preferred_output")
Pair = tuple[list[Message], list[Message]]


def check_row(row: JsonColumn, where: str) -> None:
    """Check a training row of either format.

    Raises:
        DataError: it cannot be trained on; the message starts with `where` and names the field.
    """
    _chats(row, where)


def check_rendering(row: JsonColumn, where: str, tokenizer: ChatTokenizer, rendering: FileRendering) -> None:
    """Check that a chat template renders a training row of either format.

    Args:
        rendering: of the file of the row.

    Raises:
        DataError: as for `check_row`, or the template refuses a conversation of the row.
    """
    tools = tools_of(object_or_empty(row.get("input", row)))
    for chat in _chats(row, where):
        rendered_turns(chat, tools, tokenizer, where, rendering)


def _chats(row: JsonColumn, where: str) -> Sequence[list[Message]]:
    return checked_pair(row, where) if "preferred_output" in row else [checked_messages(row, where)]


def checked_pair(row: JsonColumn, where: str) -> Pair:
    """Both conversations of a row, in which only the answers are trained on.

    Raises:
        DataError: as for `check_row`.
    """
    prompt = row.get("input")
    if not isinstance(prompt, dict) or not isinstance(prompt.get("messages"), list) or not prompt["messages"]:
        raise DataError(
            f'{where}: input is missing; each row needs {{"input": {{"messages": [...]}}, "preferred_output": [...], '
            '"non_preferred_output": [...]}'
        )
    both = []
    for name in OUTPUTS:
        output = row.get(name)
        if not isinstance(output, list) or not output:
            raise DataError(f"{where}: {name} is missing or not a list of messages")
        if not all(isinstance(message, dict) and message.get("role") == "assistant" for message in output):
            raise DataError(f"{where}: {name} may contain assistant messages only")
        read = [{**message, "weight": 0} if isinstance(message, dict) else message for message in prompt["messages"]]
        both.append(checked_messages({"messages": [*read, *output]}, f"{where}: {name}"))
    if both[0] == both[1]:
        raise DataError(f"{where}: preferred_output and non_preferred_output are the same")
    return both[0], both[1]


def tokenise_preferences(path: Path | str, tokenizer: Tokenizer, max_length: int) -> Tokenised:
    """Every pair of a JSONL file: `input_ids` and `labels` of the preferred one, `rejected_ids`, `rejected_labels`.

    A pair longer than `max_length` is dropped: a truncated answer does not show which one is better.

    Raises:
        NotFoundError, DataError: the file or rows cannot be used; the message names the file and the lines.
    """
    result, bad = Tokenised(), BadRows(Path(path).name)
    rendering = FileRendering(str(tokenizer.chat_template or ""))
    for line, row in read_rows(path):
        found: list[tuple[list[int], list[int]]] = []
        with bad.line(line) as where:
            tools = tools_of(object_or_empty(row.get("input")))
            found = [tokenise(each, tools, tokenizer, where, rendering) for each in checked_pair(row, where)]
        if not found:
            continue
        (ids, labels), (rejected_ids, rejected_labels) = found
        if max(len(ids), len(rejected_ids)) > max_length:
            result.dropped.append(line)
        elif any(label != IGNORED for label in labels) and any(label != IGNORED for label in rejected_labels):
            rejected = {"rejected_ids": rejected_ids, "rejected_labels": rejected_labels}
            result.rows.append({"input_ids": ids, "labels": labels, **rejected})
            result.lines.append(line)
    bad.check()
    if not result.rows:
        raise DataError(f"{Path(path).name} has no pair that fits into {max_length} tokens; raise max_length")
    return result
