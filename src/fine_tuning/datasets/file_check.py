"""Check files of training data row by row: kept, rejected with its reasons, or a duplicate."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import IO, NamedTuple, TypedDict

from fine_tuning._util.files import atomic_write
from fine_tuning.data_io import formats, score_fields, sources, unread_rows
from fine_tuning.data_io.call import Call
from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.formats import chat_checks, openai_chat, plain_chat, row_text
from fine_tuning.data_io.formats.findings import CODES, Finding, Tally, has_error
from fine_tuning.data_io.formats.several_calls import MALFORMED, unforeseen
from fine_tuning.data_io.json_values import is_list, is_object, object_or_empty
from fine_tuning.data_io.sources import RawRow
from fine_tuning.data_io.sources.raw_row import PART_OF
from fine_tuning.data_io.unread_rows import NO_CALL, NO_CALL_CODES, Unread
from fine_tuning.datasets import row_rating
from fine_tuning.datasets import token_counts as tokens
from fine_tuning.datasets.removed_rows import RejectedRow, RejectionReason
from fine_tuning.datasets.row_division import divided
from fine_tuning.datasets.training_formats import row_of_call
from fine_tuning.errors import DataError
from fine_tuning.store.records.manifests import FindingCount
from fine_tuning.store.records.rows import JsonColumn, records

MIN_ROWS = 10
PROGRESS_ROWS = 1000  # between calls of on_progress
_LEARNT = ("messages", "tools", "input", "preferred_output", "non_preferred_output")


class CheckFacts(TypedDict):
    """A report as JSON."""

    read: int
    kept: int
    rejected: int
    duplicates: int
    formats: dict[str, int]
    tokens: int | None
    longest: int | None
    fit: bool
    findings: list[FindingCount]


class Examined(NamedTuple):
    """A row after all checks of it alone.

    Attributes:
        source: as its file has it; None where it cannot be read.
        learnt: the part that is trained on, as a chat or preference row.
        content: canonical JSON of that; duplicates have it in common, and what stands `apart`.
        format: None where it is unknown.
        call: what the row records; None where it has an error.
        apart: canonical JSON of columns that may be a part of the question; empty without any.
    """

    source: JsonColumn | None
    learnt: JsonColumn
    content: bytes
    format: str | None
    findings: list[Finding]
    call: Call | None = None
    apart: bytes = b""

    def identity(self) -> bytes:
        """A hash that duplicates have in common."""
        return blake2b(self.content + self.apart, digest_size=16).digest()


@dataclass
class CheckReport:
    """Counts of rows (read = kept + rejected + duplicates) and findings.

    Attributes:
        tally: the findings by code.
        tokens: of all kept rows; None where they were not counted.
        longest: tokens of the longest kept row.
    """

    read: int = 0
    kept: int = 0
    rejected: int = 0
    duplicates: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    tokens: int | None = None
    longest: int | None = None

    @property
    def is_fit(self) -> bool:
        """Whether a trainer accepts the files unchanged."""
        return self.tally.errors == 0

    def facts(self) -> CheckFacts:
        """The report as plain JSON values."""
        return {
            "read": self.read,
            "kept": self.kept,
            "rejected": self.rejected,
            "duplicates": self.duplicates,
            "formats": dict(self.formats),
            "tokens": self.tokens,
            "longest": self.longest,
            "fit": self.is_fit,
            "findings": records(FindingCount, self.tally.rows()),
        }


def examine(text: bytes | None) -> Examined:
    """Parse and check one row; what cannot be read in a way that nobody has foreseen is malformed."""
    parsed = row_text.parse(text)
    if isinstance(parsed, Finding):
        return Examined(None, {}, text or b"", None, [parsed])
    try:
        return _examined_row(parsed, text or b"")
    except MALFORMED as error:
        return Examined(None, {}, text or b"", None, [Finding("malformed", "", str(unforeseen(error, "row")))])


def _examined_row(parsed: JsonColumn, text: bytes) -> Examined:
    if (plain := plain_chat.read(parsed)) is not None:
        return _with_facts(parsed, {"messages": plain.messages}, openai_chat.NAME, [], plain)
    part = object_or_empty(parsed.pop(PART_OF, None))
    name = formats.format_of(parsed)
    with unread_keys.noted() as keys:
        found = _examined(parsed, name, text)
    if part:
        others = [each for each in found.findings if each.code != "unknown-key"]
        found = found._replace(format=str(part.get("format")), findings=others)
        keys.update(map(str, left_out) if is_list(left_out := part.get("left_out")) else ())
    found.findings.extend(Finding("unread-key", key, "it is left out") for key in sorted(keys))
    return found


def _examined(parsed: JsonColumn, name: str | None, text: bytes) -> Examined:
    try:
        # A row without the messages that it names is checked as it is: the checks say so.
        given = parsed.get("messages")
        is_broken_json = isinstance(given, str) and given.lstrip()[:1] in {"[", "{"}
        is_unread = name is None and "messages" in parsed and not is_broken_json
        call = None if is_unread else _call_of(parsed, name)
        if isinstance(call, Unread):
            left_out = Finding(NO_CALL_CODES[call.why], call.field, NO_CALL[call.why])
            return Examined(None, {}, text, name, [left_out])
    except DataError as error:
        wrong = _wrong_as_written(parsed, name)
        if has_error(wrong):
            return Examined(None, {}, text, name, wrong)
        code = "unknown-format" if name is None else "malformed"
        return Examined(None, {}, text, name, [Finding(code, "", str(error))])
    row = parsed if call is None else row_of_call(call)
    learnt = {name: row[name] for name in _LEARNT if name in row}
    return _with_facts(parsed, learnt, name, chat_checks.check_row(row), call)


def _with_facts(
    parsed: JsonColumn, learnt: JsonColumn, name: str | None, findings: list[Finding], call: Call | None
) -> Examined:
    """The row with what is to be said of the facts beside its conversation.

    Args:
        findings: of the conversation.
    """
    if name == openai_chat.NAME or "preferred_output" in parsed:
        findings += chat_checks.unknown_keys(parsed)
    findings += chat_checks.options_of_request(parsed if call is None else call.metadata)
    apart = b""
    if call is not None:
        findings += row_rating.findings(call.rating)
        if call.rating in (None, "") and call.rejected is None and name not in formats.LOGS:
            findings += [
                Finding(row_rating.UNCLEAR, key, f"{value!r}, which may be a bad one of a scale")
                for key, value in score_fields.unclear(call.metadata, call.places_of_subjects()).items()
            ]
        if call.unread:
            apart = row_text.canonical(call.unread_texts())
            findings += [
                Finding("unread-column", key, "text that may be a part of the question") for key in call.unread
            ]
    return Examined(parsed, learnt, row_text.canonical(learnt), name, findings, call, apart)


def _wrong_as_written(row: JsonColumn, name: str | None) -> list[Finding]:
    """What is wrong with which message, where the conversation alone can be why a row cannot be read."""
    if is_object(row.get("messages")):
        return []
    if "preferred_output" not in row and (name != openai_chat.NAME or not openai_chat.stands_alone(row)):
        return []
    return [each for each in chat_checks.check_row(row) if each.code != "unknown-message-key"]


def assumed_reading(raw: RawRow) -> list[Finding]:
    """What the encoding or the dialect of a row's file was taken for, where it was."""
    return [] if raw.assumed is None else [Finding("assumed-reading", "", f"the file was read as {raw.assumed}")]


def _call_of(row: JsonColumn, name: str | None) -> Call | Unread:
    """The only call of a row, or why it has none to learn from."""
    left_out: list[Unread] = []
    calls = list(formats.calls_in(row, name, left_out.append))
    if not calls:
        return left_out[0] if left_out else Unread(unread_rows.why(row))
    if len(calls) != 1:
        raise DataError(f"the row holds {len(calls)} calls; capture it (ft-cli capture import) and build from there")
    return calls[0]


def check_files(
    files: Sequence[str | Path],
    model: str | None,
    models_folder: Path,
    rejected_to: str | Path | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> CheckReport:
    """Check the rows of files one after the other.

    Args:
        files: paths, folders, globs or addresses; any format that `ft-cli capture import` reads.
        model: whose tokens are counted and whose limit holds; None to leave tokens out.
        rejected_to: a file for the rejected rows, each with its reasons; None for none.
        on_progress: called with the number of rows checked since the last call.

    Raises:
        NotFoundError, DataError: a file cannot be read; then no file of rejected rows is left.
        UsageError: the model's tokens cannot be counted.
    """
    rows = divided(sources.read_all(sources.expand(files)))
    meter = tokens.Meter(model, models_folder) if model else None
    if rejected_to is None:
        return _check(rows, meter, None, on_progress)
    with atomic_write(Path(rejected_to)) as stream:
        return _check(rows, meter, stream, on_progress)


def _check(
    rows: Iterable[RawRow], meter: tokens.Meter | None, stream: IO[str] | None, on_progress: Callable[[int], None]
) -> CheckReport:
    report, seen = CheckReport(tokens=0 if meter else None), set[bytes]()
    for raw in rows:
        report.read += 1
        found = examine(raw.text)
        found.findings.extend(assumed_reading(raw))
        measured = meter.measure(found.learnt) if meter and not has_error(found.findings) else None
        if isinstance(measured, Finding):
            found.findings.append(measured)
        report.tally.add(raw.file, raw.line, found.findings)
        if found.format:
            report.formats[found.format] += 1
        if has_error(found.findings):
            report.rejected += 1
            if stream is not None:
                stream.write(rejected_line(raw, found.findings))
        elif (key := found.identity()) in seen:
            report.duplicates += 1
        else:
            seen.add(key)
            report.kept += 1
            if isinstance(measured, int):
                report.tokens = (report.tokens or 0) + measured
                report.longest = max(report.longest or 0, measured)
        if report.read % PROGRESS_ROWS == 0:
            on_progress(PROGRESS_ROWS)
    if report.kept < MIN_ROWS:
        few = Finding("too-few-rows", "", f"{report.kept} usable rows; at least {MIN_ROWS} are needed")
        report.tally.add(raw.file if report.read else "", 0, [few])
    return report


def rejected_line(raw: RawRow, findings: Iterable[Finding]) -> str:
    """A line of `rejected.jsonl`."""
    errors = [finding for finding in findings if CODES[finding.code].is_error]
    reasons: list[RejectionReason] = [
        {
            "code": finding.code,
            "field": finding.field,
            "message": finding.message,
            "advice": CODES[finding.code].advice,
        }
        for finding in errors
    ]
    text = None if raw.text is None else raw.text.decode("utf-8", "replace")
    row: RejectedRow = {"file": raw.file, "line": raw.line, "reasons": reasons, "text": text}
    return json.dumps(row, ensure_ascii=False) + "\n"
