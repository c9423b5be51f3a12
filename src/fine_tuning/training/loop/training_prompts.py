"""The prompts of a training file, for comparing the answers of models."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from fine_tuning.data_io.json_values import object_or_empty
from fine_tuning.data_io.messages import as_messages, text_of
from fine_tuning.data_io.rows import read_rows

ROWS_PER_PROMPT = 10  # that are searched: many may repeat a prompt, or need a tool


def of(file: Path | None, count: int) -> list[list[dict[str, str]]]:
    """The first different prompts of a file (chat or preference rows), up to `count`; none if it does not exist."""
    return list(islice(_different(file, count), count)) if file is not None and file.is_file() else []


def _different(file: Path, count: int) -> Iterator[list[dict[str, str]]]:
    seen: set[str] = set()
    for _, row in islice(read_rows(file), ROWS_PER_PROMPT * count):
        request = object_or_empty(row.get("input", row))
        messages = as_messages(request["messages"], f"{file}: messages")
        if "messages" in row:
            answers = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
            messages = messages[: answers[-1]] if answers else []
        plain = messages and all(isinstance(m.get("content"), str) and m["role"] != "tool" for m in messages)
        if plain and not request.get("tools") and str(messages) not in seen:
            seen.add(str(messages))
            yield [{"role": message["role"], "content": text_of(message)} for message in messages]
