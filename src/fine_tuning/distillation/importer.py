"""Recorded calls from files and tables, each kept or rejected with its file, its line and the reason."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fine_tuning._util import checks
from fine_tuning.data_io import formats, sources
from fine_tuning.data_io.formats import Call, row_text
from fine_tuning.data_io.formats.call import as_messages
from fine_tuning.data_io.formats.findings import CODES, Finding
from fine_tuning.data_io.sources import RawRow
from fine_tuning.distillation.conversation import conversation_id, prompt_and_response
from fine_tuning.errors import DataError, UsageError
from fine_tuning.store import examples, imported_files
from fine_tuning.store.database import Database, Transaction

_log = logging.getLogger(__name__)
CHOSEN_RATING = 5  # of training data, which somebody chose
LOGGED_RATING = 3  # of what production wrote down; not curated until somebody rates it
REJECTED_RATING = 2  # of the worse answer of a pair


@dataclass(frozen=True)
class Defaults:
    """For what a row does not say.

    Attributes:
        format: of the rows; None to recognise each.
        rating: None for 5 where the format is of training data, 3 where it is of logs.

    Raises:
        UsageError: one of them is wrong.
    """

    format: str | None = None
    domain: str = "general"
    task_type: str = "chat"
    rating: int | None = None

    def __post_init__(self) -> None:
        if self.format is not None:
            formats.check_format(self.format)
        if self.rating is not None:
            check_rating(self.rating)
        checks.name("domain", self.domain)
        checks.name("task_type", self.task_type)


@dataclass
class ImportReport:
    """What became of the calls that were read: read = captured + duplicates + skipped + len(rejected).

    Attributes:
        read: calls; a row that holds none counts as one.
        skipped: rows of logs that are no answered chat.
        unrated: calls that got a default rating, by that rating.
        formats: rows by their format.
        preferences: pairs of answers among the captured calls.
        known_since: when the very same rows were imported before, in which case nothing was done; else None.
    """

    read: int = 0
    captured: int = 0
    duplicates: int = 0
    skipped: int = 0
    preferences: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    formats: Counter[str] = field(default_factory=Counter)
    unrated: Counter[int] = field(default_factory=Counter)
    known_since: str | None = None


@dataclass(frozen=True)
class _Pair:
    """A call as rows for the store: the answer, and the worse one where there is one."""

    better: dict[str, Any]
    worse: dict[str, Any] | None


def import_rows(database: Database, rows: Iterable[RawRow], defaults: Defaults) -> ImportReport:
    """Capture rows in one transaction; see `DistillationDataCollector.import_files`."""
    report, digest = ImportReport(), hashlib.sha256(repr(defaults).encode())
    pairs = list(_pairs(rows, defaults, report, digest))
    content = f"sha256:{digest.hexdigest()}"
    with database.write() as tx:
        report.known_since = imported_files.done_at(tx, content, "rows")
        if report.known_since is None:
            _store(tx, pairs, report)
            imported_files.mark_done(tx, content, "rows", report.read)
    report.duplicates = len(pairs) - report.captured
    return report


def _store(tx: Transaction, pairs: Sequence[_Pair], report: ImportReport) -> None:
    report.captured = examples.capture(tx, [pair.better for pair in pairs])
    for pair in pairs:
        if pair.worse is not None:
            examples.capture(tx, [pair.worse])
            examples.add_preference(tx, pair.worse, pair.better)
            report.preferences += 1


def import_once(database: Database, path: Path) -> None:
    """Take over a file of the older file-based system the first time it is seen; the file stays as it is."""
    with database.read() as tx:
        if imported_files.done_at(tx, str(path.absolute()), "examples"):
            return
    report = ImportReport()
    rows = [pair.better for pair in _pairs(sources.read(str(path)), Defaults(), report, hashlib.sha256())]
    with database.write() as tx:
        if imported_files.done_at(tx, str(path.absolute()), "examples"):
            return
        # The curated file repeats the teacher file's rows; that is not a second sighting.
        fresh = [row for row in rows if examples.get(tx, row["id"]) is None]
        examples.capture(tx, fresh)
        imported_files.mark_done(tx, str(path.absolute()), "examples", len(rows))
    for rejected in report.rejected:
        _log.warning("%s, line %d was not imported: %s", path, rejected["line"], rejected["reason"])


def _pairs(rows: Iterable[RawRow], defaults: Defaults, report: ImportReport, digest: Any) -> Iterator[_Pair]:
    for row in rows:
        digest.update((row.text or b"") + b"\n")
        found = 0
        try:
            for call in _calls(row, defaults, report):
                found += 1
                report.read += 1
                yield _pair(call, defaults)
        except (DataError, UsageError) as error:
            report.read += not found
            found += 1
            report.rejected.append({"file": row.file, "line": row.line, "reason": str(error)})
        if not found:
            report.read += 1
            report.skipped += 1


def _calls(row: RawRow, defaults: Defaults, report: ImportReport) -> Iterator[Call]:
    if row.text is None:
        raise DataError(f"the line is longer than {sources.LONGEST_ROW >> 20} MiB")
    value = row_text.parse(row.text)
    if isinstance(value, Finding):
        raise DataError(_unread(value))
    name = defaults.format or formats.format_of(value)
    rating = defaults.rating or (LOGGED_RATING if name in formats.LOGS else CHOSEN_RATING)
    for place, call in enumerate(formats.calls_in(value, name)):
        if not place:
            report.formats[str(name)] += 1
        if call.rating in (None, ""):
            report.unrated[rating] += 1
            yield replace(call, rating=rating)
        else:
            yield call


def _unread(finding: Finding) -> str:
    """Why a row's text is none, in words."""
    if finding.code == "not-json":
        return f"not JSON ({finding.message})"
    if finding.code == "not-utf8":
        return f"not UTF-8 text ({finding.message})"
    if finding.code == "not-an-object":
        return f"a row must be a JSON object ({finding.message})"
    said = " ".join(part for part in (finding.field, finding.message) if part)
    return f"{finding.code}: {said}; {CODES[finding.code].advice}"


def _as_rating(value: Any) -> Any:
    """A rating as tables write it, such as 5.0, as a whole number; anything else as it is."""
    try:
        number = float(value) if isinstance(value, str | float) else None
    except ValueError:
        return value
    return int(number) if number is not None and number.is_integer() else value


def _pair(call: Call, defaults: Defaults) -> _Pair:
    facts = (
        call.domain or defaults.domain,
        call.task_type or defaults.task_type,
        _as_rating(call.rating),
        call.metadata,
        call.model or "unknown",
        _moment(call.captured_at),
    )
    better = example_row(call.messages, call.tools, *facts)
    if call.rejected is None:
        return _Pair(better, None)
    worse = example_row([*call.asked(), *call.rejected], call.tools, *facts)
    return _Pair(better, {**worse, "rating": min(REJECTED_RATING, better["rating"])})


def example_row(
    messages: Sequence[Mapping[str, Any]],
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


def _moment(value: Any) -> datetime:
    """ISO 8601, or seconds since 1970; now where it is unknown."""
    if value is None:
        return datetime.now(UTC)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        moment = datetime.fromisoformat(str(value))
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        raise DataError(f"captured_at is not an ISO 8601 time: {value!r}") from None
