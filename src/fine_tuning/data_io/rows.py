"""Rows of data set files, whatever of our formats they are in, and the hash that names their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fine_tuning._util.files import open_to_read, parse_json, read_json
from fine_tuning.errors import DataError

_CONVERSATION_KEYS = ("conversation_id", "session_id", "thread_id", "session")  # what applications call it


def read_rows(path: Path | str) -> list[tuple[int, dict[str, Any]]]:
    """Rows of a .json array or of a JSONL file, each with its line (or position), counted from 1.

    Raises:
        NotFoundError: there is no such file.
        DataError: it is empty, or a row is not a JSON object; the message names file and line.
    """
    rows = list(_array(path) if str(path).endswith(".json") else _lines(path))
    if not rows:
        raise DataError(f"{path} is empty; it needs at least one row")
    return rows


def _array(path: Path | str) -> Iterator[tuple[int, dict[str, Any]]]:
    value = read_json(path)
    if not isinstance(value, list):
        raise DataError(f"{path} must hold a JSON array of rows, not {type(value).__name__}")
    for position, row in enumerate(value, 1):
        yield position, _checked(row, f"{path}, row {position}")


def _lines(path: Path | str) -> Iterator[tuple[int, dict[str, Any]]]:
    with open_to_read(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                row = parse_json(line)
            except DataError as error:
                raise DataError(f"{path}, line {number}: {error}") from None
            yield number, _checked(row, f"{path}, line {number}")


def _checked(row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise DataError(f"{where}: a row must be a JSON object, not {type(row).__name__}")
    return row


def conversation_of(row: Mapping[str, Any]) -> str | None:
    """The id of the conversation that a row says it belongs to, with the name of its field; None without one."""
    return next((f"{key}={row[key]}" for key in _CONVERSATION_KEYS if row.get(key) not in (None, "")), None)


def conversation(row: Mapping[str, Any], where: str) -> tuple[list[dict[str, Any]], str]:
    """The messages to send to a model and the answer expected of it, from a chat, alpaca or prompt/response row.

    Args:
        where: file and line, for the message of an error.

    Raises:
        DataError: the row is none of these.
    """
    if isinstance(messages := row.get("messages"), list) and messages:
        *asked, answer = messages
        if not all(isinstance(message, dict) and isinstance(message.get("role"), str) for message in messages):
            raise DataError(f"{where}: each message must be an object with role and content")
        if not asked or answer["role"] != "assistant":
            raise DataError(f"{where}: the last message must be the assistant's expected answer")
        return asked, str(answer.get("content") or "")
    for prompt, response in (("prompt", "response"), ("instruction", "output"), ("prompt", "reference")):
        if isinstance(row.get(prompt), str) and isinstance(row.get(response), str):
            if not isinstance(more := row.get("input") or "", str):
                raise DataError(f"{where}: input must be text, not {type(more).__name__}")
            content = "\n\n".join(part for part in (row[prompt], more) if part)
            return [{"role": "user", "content": content}], row[response]
    raise DataError(f"{where}: needs messages, prompt and response, or instruction and output")


class ContentHash:
    """The hash over rows' canonical JSON, in order: the same rows, the same hash, on any machine."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, row: Mapping[str, Any]) -> None:
        """Add the next row."""
        canonical = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
        self._digest.update(canonical.encode("utf-8", "surrogatepass") + b"\n")

    def add_lines(self, lines: bytes) -> None:
        """Add rows that are canonical JSON already, each with a line break at its end."""
        self._digest.update(lines)

    def text(self) -> str:
        """`sha256:` and the hash so far."""
        return f"sha256:{self._digest.hexdigest()}"


def content_hash(rows: Iterable[Mapping[str, Any]]) -> str:
    """The `ContentHash` of all rows."""
    digest = ContentHash()
    for row in rows:
        digest.add(row)
    return digest.text()
