"""From chat rows to token ids with labels on the assistant's turns only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from fine_tuning._util.library_errors import reason_of
from fine_tuning.base_models.template_check import FileRendering
from fine_tuning.data_io.formats import system_prompt, tool_prompt
from fine_tuning.data_io.formats.system_prompt import ChatTokenizer
from fine_tuning.data_io.messages import Message, Tool, said_content
from fine_tuning.data_io.rows import read_rows
from fine_tuning.errors import DataError
from fine_tuning.store.records.rows import JsonColumn
from fine_tuning.training.loop.bad_rows import BadRows
from fine_tuning.training.loop.library_types import Tokenizer

_ADVICE = "`ft-cli dataset build` reads other formats"
IGNORED = -100  # the label of a token that is not trained on, as PyTorch's cross-entropy has it


@dataclass
class Tokenised:
    """Rows ready for training; `truncated` and `dropped` hold line numbers of rows that were too long.

    Each of `rows` has `input_ids` and `labels`, lists of the same length; `lines` are their line numbers.
    """

    rows: list[dict[str, list[int]]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    truncated: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)


def tokenise_file(path: Path | str, tokenizer: Tokenizer, max_length: int) -> Tokenised:
    """Every row of a JSONL file of chats.

    A row longer than `max_length` tokens is truncated at its end; one without trained tokens left is dropped.

    Raises:
        NotFoundError, DataError: the file or rows cannot be used; the message names the file and the lines.
    """
    result, bad = Tokenised(), BadRows(Path(path).name)
    rendering = FileRendering(str(tokenizer.chat_template or ""))
    for line, row in read_rows(path):
        ids: list[int] = []
        labels: list[int] = []
        with bad.line(line) as where:
            ids, labels = tokenise(checked_messages(row, where), tools_of(row), tokenizer, where, rendering)
        if len(ids) > max_length:
            ids, labels = ids[:max_length], labels[:max_length]
            (result.truncated if any(label != IGNORED for label in labels) else result.dropped).append(line)
        if any(label != IGNORED for label in labels):
            result.rows.append({"input_ids": ids, "labels": labels})
            result.lines.append(line)
    bad.check()
    if not result.rows:
        raise DataError(f"{Path(path).name} has no row that fits into {max_length} tokens; raise max_length")
    return result


def tools_of(request: Mapping[str, object]) -> Sequence[Tool] | None:
    """The tools of a checked row, or of the input of a pair; None where it has none."""
    return cast("Sequence[Tool] | None", request.get("tools") or None)


def tokenise(
    messages: Sequence[Message],
    tools: Sequence[Tool] | None,
    tokenizer: Tokenizer,
    where: str,
    rendering: FileRendering | None = None,
) -> tuple[list[int], list[int]]:
    """Ids of the rendered chat, and the same with every token outside trained assistant turns replaced by -100.

    Raises:
        DataError: as for `rendered_turns`.
    """
    text, spans = rendered_turns(messages, tools, tokenizer, where, rendering)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    labels = [
        token if end > start and any(low <= start and end <= high for low, high in spans) else IGNORED
        for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    ]
    return list(encoded["input_ids"]), labels


def rendered_turns(
    messages: Sequence[Message],
    tools: Sequence[Tool] | None,
    tokenizer: ChatTokenizer,
    where: str,
    rendering: FileRendering | None = None,
) -> tuple[str, list[tuple[int, int]]]:
    """The chat as text, and where in it each trained turn of the assistant begins and ends.

    A turn is its content and the token that ends it. It is found by rendering the chat up to it with and without it,
    so that any chat template works whose rendering of a turn does not depend on what follows.

    Args:
        rendering: of the file that the chat is a row of.

    Raises:
        DataError: the template cannot render the chat, takes too long, or renders a turn differently later on.
    """
    if not tool_prompt.template_supports_tools(str(tokenizer.chat_template or "")):
        messages, tools = tool_prompt.with_tools_as_text(messages, tools), None
    messages = system_prompt.for_template(messages, tokenizer)
    if rendering and (problem := rendering.problem(_parts(messages), tools)):
        raise DataError(f"{where}: in the base model's chat template, this chat {problem}; shorten it")
    text = _render(messages, tools, tokenizer, where, generation=False)
    return text, list(_assistant_spans(messages, tools, tokenizer, where, text))


def _assistant_spans(
    messages: Sequence[Message], tools: Sequence[Tool] | None, tokenizer: ChatTokenizer, where: str, text: str
) -> Iterator[tuple[int, int]]:
    for index, message in enumerate(messages):
        if message["role"] != "assistant" or message.get("weight", 1) == 0:
            continue
        before = _render(messages[:index], tools, tokenizer, where, generation=True)
        upto = _render(messages[: index + 1], tools, tokenizer, where, generation=False)
        if not (upto.startswith(before) and text.startswith(upto)):
            raise DataError(f"{where}: the chat template renders message {index + 1} differently in a longer chat")
        yield len(before), len(upto.rstrip())


def _parts(messages: Sequence[Message]) -> list[list[dict[str, object]]]:
    """What is rendered of a chat: it and what is before and up to each answer."""
    ends = {end for at, each in enumerate(messages) if each["role"] == "assistant" for end in (at, at + 1)}
    parts = [list(messages[:end]) for end in sorted(ends | {len(messages)})]
    return [tool_prompt.with_argument_objects(part) for part in parts]


def _render(
    messages: Sequence[Message],
    tools: Sequence[Tool] | None,
    tokenizer: ChatTokenizer,
    where: str,
    *,
    generation: bool,
) -> str:
    try:
        rendered: str = tokenizer.apply_chat_template(
            tool_prompt.with_argument_objects(messages), tools=tools, tokenize=False, add_generation_prompt=generation
        )
    except Exception as error:  # noqa: BLE001 - a template is a program of its author
        raise DataError(
            f"{where}: the base model's chat template cannot render this chat: {reason_of(error)}"
        ) from None
    return rendered


def checked_messages(row: JsonColumn, where: str) -> list[Message]:
    """The conversation of a training row, its contents as text.

    Raises:
        DataError: it is not a conversation, or has nothing to train on; the message starts with `where`.
    """
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise DataError(f'{where}: messages is missing or not a list; each row needs {{"messages": [...]}}; {_ADVICE}')
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise DataError(f"{where}: messages[{index}] must be an object with role and content")
        if message.get("weight") not in (None, 0, 1):
            raise DataError(f"{where}: messages[{index}].weight must be 0 or 1, not {message['weight']!r}")
    if not any(message["role"] == "assistant" and message.get("weight") != 0 for message in messages):
        raise DataError(f"{where}: messages: there is no assistant message to train on")
    return [
        cast("Message", {**_without_nulls(message), "content": _text(said_content(message), where, index)})
        for index, message in enumerate(messages)
    ]


def _without_nulls(message: JsonColumn) -> JsonColumn:
    """A message without the fields that a table has for others."""
    return {name: value for name, value in message.items() if value is not None}


def _text(content: object, where: str, index: int) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        return "".join(str(part.get("text", "")) for part in content)
    raise DataError(f"{where}: messages[{index}].content must be text or a list of text parts")
