"""Rows of captured calls from files, each kept or rejected with its line number and the reason."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fine_tuning import checks
from fine_tuning.distillation.conversation import Message, as_messages, conversation_id, prompt_and_response, text_of
from fine_tuning.errors import DataError, UsageError
from fine_tuning.files import open_to_read, parse_json
from fine_tuning.store import examples, imports
from fine_tuning.store.database import Database

_log = logging.getLogger(__name__)


@dataclass
class ImportReport:
    """What became of a file's rows: read = captured + duplicates + len(rejected)."""

    read: int = 0
    captured: int = 0
    duplicates: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)


def import_file(database: Database, path: Path, domain: str = "general", task_type: str = "chat") -> ImportReport:
    """Capture a JSONL file's rows in one transaction; see `DistillationDataCollector.capture_file`."""
    report = ImportReport()
    rows = list(_rows(path, domain, task_type, report))
    with database.write() as tx:
        report.captured = examples.capture(tx, rows)
    report.duplicates = len(rows) - report.captured
    return report


def import_once(database: Database, path: Path) -> None:
    """Take over a file of the older file-based system the first time it is seen; the file stays as it is."""
    with database.read() as tx:
        if imports.is_done(tx, str(path.absolute()), "examples"):
            return
    report = ImportReport()
    rows = list(_rows(path, "general", "chat", report))
    with database.write() as tx:
        if imports.is_done(tx, str(path.absolute()), "examples"):
            return
        # The curated file repeats the teacher file's rows; that is not a second sighting.
        fresh = [row for row in rows if examples.get(tx, row["id"]) is None]
        examples.capture(tx, fresh)
        imports.mark_done(tx, str(path.absolute()), "examples", len(rows))
    for rejected in report.rejected:
        _log.warning("%s, line %d was not imported: %s", path, rejected["line"], rejected["reason"])


def _rows(path: Path, domain: str, task_type: str, report: ImportReport) -> Iterator[dict[str, Any]]:
    with open_to_read(path) as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            report.read += 1
            try:
                yield parse_row(line, domain, task_type)
            except (DataError, UsageError) as error:
                report.rejected.append({"line": number, "reason": str(error)})


def parse_row(line: bytes, domain: str, task_type: str) -> dict[str, Any]:
    """One line of JSONL as a row for the store.

    Raises:
        DataError, UsageError: the line cannot be used; the message says why.
    """
    row = parse_json(line)
    if not isinstance(row, dict):
        raise DataError(f"a row must be a JSON object, not {type(row).__name__}")
    messages = row.get("messages")
    if messages is None:
        system = _string(row, "system_prompt") if row.get("system_prompt") else None
        messages = as_messages(_string(row, "prompt"), _string(row, "response"), system)
    elif not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise DataError("messages must be a list of objects with role and content")
    return example_row(
        messages,
        row.get("tools"),
        row.get("domain") or domain,
        row.get("task_type") or task_type,
        row.get("rating", 5),
        row.get("metadata") or {},
        row.get("model_used") or row.get("model") or "unknown",
        _moment(row.get("captured_at")),
    )


def example_row(
    messages: Sequence[Message],
    tools: Sequence[Mapping[str, Any]] | None,
    domain: str,
    task_type: str,
    rating: int,
    metadata: Mapping[str, Any],
    model_used: str,
    captured_at: datetime,
) -> dict[str, Any]:
    """Check one call and give it its id.

    Raises:
        UsageError: rating, domain, task type or text is wrong.
        DataError: the conversation has no answer.
    """
    check_rating(rating)
    if not messages:
        raise UsageError("prompt and response must not be empty")
    if tools is not None and not (isinstance(tools, list | tuple) and all(isinstance(t, Mapping) for t in tools)):
        raise UsageError("tools must be a list of objects")
    prompt, response = prompt_and_response(messages)
    if not prompt.strip() or not response.strip():
        raise UsageError("prompt and response must not be empty")
    plain = list(messages) == as_messages(prompt, response)
    return {
        "id": conversation_id(messages, tools),
        "prompt": prompt,
        "response": response,
        "messages": None if plain else list(messages),
        "tools": list(tools) if tools else None,
        "domain": checks.name("domain", domain),
        "task_type": checks.name("task_type", task_type),
        "rating": rating,
        "metadata": checks.mapping("metadata", metadata),
        "model_used": checks.name("model_used", model_used),
        "captured_at": captured_at,
    }


def check_rating(rating: Any) -> None:
    """Raise UsageError unless `rating` is a whole number from 1 to 5."""
    if isinstance(rating, bool) or not isinstance(rating, int) or not 1 <= rating <= 5:
        raise UsageError(f"rating must be a whole number from 1 to 5, not {rating!r}")


def _string(row: Mapping[str, Any], key: str) -> str:
    if key not in row:
        raise DataError(f"{key} is missing")
    if not isinstance(row[key], str):
        raise DataError(f"{key} must be text, not {type(row[key]).__name__}")
    return text_of({"content": row[key]})


def _moment(value: Any) -> datetime:
    if value is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(str(value))
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise DataError(f"captured_at is not an ISO 8601 time: {value!r}") from None
