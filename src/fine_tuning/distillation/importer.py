"""Import of recorded calls from files and tables: each row is stored, or rejected with file, line and reason."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from fine_tuning._util.garbage import paused_collector
from fine_tuning.data_io import formats, score_fields, sources, unread_rows
from fine_tuning.data_io.formats import Call, chat_checks, row_text
from fine_tuning.data_io.formats.findings import CODES, Finding
from fine_tuning.data_io.messages import messages_of_example
from fine_tuning.data_io.sources import RawRow
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.data_io.usage import Usage
from fine_tuning.distillation.example_record import Facts, example_record
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.ratings import LOG_RATING, REJECTED_RATING, TRAINING_DATA_RATING, parse_rating
from fine_tuning.errors import DataError, ProviderError, UsageError
from fine_tuning.store import examples, imported_files, preferences
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.examples import NewExample

BLOCK_ROWS = 1000
Item = TypeVar("Item")
_EARLIEST = 1e8  # seconds: 1973; a number that would be later in a smaller unit is taken to be in it
_log = logging.getLogger(__name__)


class ReadCall(NamedTuple):
    """A call as records, with the place that it was read from.

    Attributes:
        worse: the worse response of a preference pair; None where there is one response.
        usage: the tokens that its log reports.
    """

    better: NewExample
    worse: NewExample | None
    format: str
    file: str
    line: int
    usage: Usage | None = None


Record = Callable[[Transaction, Sequence[ReadCall]], None]
"""Takes the new calls of a block, in the transaction that stores them."""


@dataclass(frozen=True)
class Block:
    """Successive rows: their calls, and the hash of their text and of what is assumed of them (hexadecimal)."""

    calls: list[ReadCall]
    content: str


class Reading(Protocol):
    """A pass over rows, and its counts so far."""

    report: ImportReport

    def batches(self) -> Iterator[list[Block]]:
        """The rows, read as they are needed, in lists of blocks that are stored together."""


def blocks_of(rows: Iterable[Item]) -> Iterator[list[Item]]:
    """The rows in lists of `BLOCK_ROWS`."""
    rest = iter(rows)
    while block := list(islice(rest, BLOCK_ROWS)):
        yield block


def import_rows(
    database: Database, rows: Iterable[RawRow], defaults: Defaults, record: Record | None = None
) -> ImportReport:
    """Capture rows as they are read, in transactions of a few blocks, so that others can write in between.

    A block that was imported before, behind the same blocks, is left out: an interrupted import goes on where it ended,
    and of a log that has grown the new rows are read.

    Raises:
        DataError, ProviderError: the rows cannot be read to their end; the message says how many calls are kept.
    """
    return store(database, Import(defaults, rows), record)


def store(database: Database, run: Reading, record: Record | None = None) -> ImportReport:
    """As `import_rows`, of a pass over rows."""
    report, done = run.report, ""
    imported: list[str | None] = []
    count = 0
    try:
        for blocks in run.batches():
            with paused_collector(), database.write() as tx:
                for block in blocks:
                    done = f"sha256:{hashlib.sha256(f'{done} {block.content}'.encode()).hexdigest()}"
                    imported.append(imported_files.done_at(tx, done, "rows"))
                    if imported[-1] is None:
                        _store(tx, block.calls, report, record)
                        imported_files.mark_done(tx, done, "rows", len(block.calls))
                    count += len(block.calls)
                    report.already_imported += 0 if imported[-1] is None else len(block.calls)
    except (DataError, ProviderError) as error:
        if not report.captured:
            raise
        kept = f"{report.captured} captured calls are kept; repeat the command to continue"
        raise type(error)(f"{error}; {kept}") from None
    report.known_since = imported[0] if imported and None not in imported else None
    report.duplicates = count - report.captured
    return report


def import_pages(
    database: Database, pages: Iterable[list[RawRow]], defaults: Defaults, record: Record | None = None
) -> ImportReport:
    """Capture rows in a transaction for each page, so that those before an interruption are kept.

    Raises:
        ProviderError: fetching the pages fails; the message says how many calls are kept.
    """
    report = ImportReport()
    try:
        for page in pages:
            report.add(import_rows(database, page, defaults, record))
    except ProviderError as error:
        if not report.read:
            raise
        kept = f"{report.captured} captured calls are kept; repeat the command to continue"
        raise ProviderError(f"{error}; {kept}") from None
    return report


def _store(tx: Transaction, calls: Sequence[ReadCall], report: ImportReport, record: Record | None) -> None:
    if record is not None:
        found: dict[str, ReadCall] = {}
        for call in calls:
            found.setdefault(call.better["id"], call)
        known = examples.known(tx, list(found))
        record(tx, [call for example_id, call in found.items() if example_id not in known])
    report.captured += examples.capture(tx, [call.better for call in calls])
    for call in calls:
        if call.worse is not None:
            examples.capture(tx, [call.worse])
            preferences.add(tx, worse=call.worse, better=call.better)
            report.preferences += 1


def import_legacy_file(database: Database, path: Path) -> None:
    """Import a file of the older file-based system, once; the file is left as it is."""
    with database.read() as tx:
        if imported_files.done_at(tx, str(path.absolute()), "examples"):
            return
    run = Import(Defaults(), sources.read(str(path)))
    records = [call.better for call in run.all_calls()]
    with database.write() as tx:
        if imported_files.done_at(tx, str(path.absolute()), "examples"):
            return
        # The curated file repeats the rows of the teacher file, which is not a second sighting.
        examples.capture(tx, [record for record in records if examples.get(tx, record["id"]) is None])
        imported_files.mark_done(tx, str(path.absolute()), "examples", len(records))
    for rejected in run.report.rejected:
        _log.warning("%s, line %d was not imported: %s", path, rejected["line"], rejected["reason"])


class Import:
    """One pass over rows, which counts them."""

    def __init__(self, defaults: Defaults, rows: Iterable[RawRow] = ()) -> None:
        self.defaults = defaults
        self._rows = rows
        self.report = ImportReport()

    def blocks(self) -> Iterator[Block]:
        """The rows, read as they are needed."""
        return map(self.block, blocks_of(self._rows))

    def batches(self) -> Iterator[list[Block]]:
        """As `blocks`, each by itself: reading one takes longer than a transaction does."""
        return ([block] for block in self.blocks())

    def all_calls(self) -> Iterator[ReadCall]:
        """The calls of the rows, read as they are needed."""
        return chain.from_iterable(block.calls for block in self.blocks())

    def block(self, rows: Sequence[RawRow]) -> Block:
        """The calls of successive rows."""
        digest = hashlib.sha256(repr(self.defaults).encode())
        for row in rows:
            digest.update((row.text or b"") + b"\n")
        return Block([call for row in rows for call in self.calls(row)], digest.hexdigest())

    def calls(self, row: RawRow) -> Iterator[ReadCall]:
        """The calls of a row as records."""
        found = 0
        if row.assumed is not None:
            self.report.encodings[row.assumed] += 1
        try:
            for name, call, rating in self._calls(row):
                found += 1
                self.report.read += 1
                if isinstance(call, Unread):
                    self._leave_out(call, row)
                elif (read := self._read(name, call, rating, row)) is not None:
                    yield read
        except (DataError, UsageError) as error:
            found += 1
            self.report.read += 1
            self._reject(row, str(error))
        if not found:
            self.report.read += 1
            value = row_text.parse(row.text)
            self._leave_out(Unread(unread_rows.why({} if isinstance(value, Finding) else value)), row)

    def _read(self, name: str, call: Call, rating: object, row: RawRow) -> ReadCall | None:
        """A call as records; None where a fact of it is invalid, which the report says."""
        try:
            better, worse = _records(call, rating, self.defaults)
        except (DataError, UsageError) as error:
            self._reject(row, str(error))
            return None
        self.report.cut_off += call.is_cut_off
        for code in {each.code for each in untrainable(better, worse)}:
            self.report.untrainable[code] += 1
        return ReadCall(better, worse, name, row.file, row.line, call.usage)

    def _reject(self, row: RawRow, reason: str) -> None:
        self.report.rejected.append({"file": row.file, "line": row.line, "reason": reason})

    def _leave_out(self, call: Unread, row: RawRow) -> None:
        if call.why == "malformed":
            self._reject(row, call.reason)
        else:
            self.report.skipped += 1
            self.report.unread[call.why] += 1

    def _calls(self, row: RawRow) -> Iterator[tuple[str, Call | Unread, object]]:
        if row.text is None:
            raise DataError(f"the line is longer than {sources.MAX_ROW_BYTES >> 20} MiB")
        value = row_text.parse(row.text)
        if isinstance(value, Finding):
            raise DataError(_reason(value))
        name, calls = formats.read(value, self.defaults.format)
        default = self.defaults.rating or (LOG_RATING if name in formats.LOGS else TRAINING_DATA_RATING)
        for number, call in enumerate(calls):
            if not number and isinstance(call, Call):
                self.report.formats[name] += 1
            if isinstance(call, Unread):
                yield name, call, None
                continue
            is_unrated = call.rating in (None, "")
            if is_unrated:
                if call.rejected is None and default == TRAINING_DATA_RATING and self.defaults.rating is None:
                    score_fields.refuse_unclear(value, call.metadata)
                self.report.unrated[default] += 1
            yield name, call, default if is_unrated else call.rating


def _is_plain(record: NewExample) -> bool:
    """Whether a call is a question and its answer alone, of which nothing can be wrong but that one is empty."""
    return not (record["messages"] or record["tools"]) and bool(record["prompt"].strip() and record["response"].strip())


def untrainable(*records: NewExample | None) -> list[Finding]:
    """What is wrong with calls for training; they are stored nevertheless, as nothing of them is lost."""
    found: list[Finding] = []
    for record in records:
        if record is not None and not _is_plain(record):
            row = {"messages": messages_of_example(record)} | ({"tools": record["tools"]} if record["tools"] else {})
            found += [each for each in chat_checks.check_row(row) if CODES[each.code].is_error]
    return found


def _reason(finding: Finding) -> str:
    """Why the text of a row is invalid."""
    if finding.code == "not-json":
        return f"not JSON ({finding.message})"
    if finding.code == "not-utf8":
        return f"not UTF-8 text ({finding.message}); save the file as UTF-8, or say its --encoding"
    if finding.code == "not-an-object":
        return f"a row must be a JSON object ({finding.message})"
    problem = " ".join(part for part in (finding.field, finding.message) if part)
    return f"{finding.code}: {problem}; {CODES[finding.code].advice}"


def _records(call: Call, rating: object, defaults: Defaults) -> tuple[NewExample, NewExample | None]:
    facts = Facts(
        domain=call.domain or defaults.domain,
        task_type=call.task_type or defaults.task_type,
        rating=parse_rating(rating),
        metadata={
            **({"provider": defaults.provider} if defaults.provider else {}),
            **call.metadata,
            **({"finish_reason": call.finish_reason} if call.is_cut_off else {}),
        },
        model_used=call.model or "unknown",
        captured_at=_parse_time(call.captured_at),
    )
    better = example_record(call.messages, call.tools, facts)
    if call.rejected is None:
        return better, None
    worse = example_record([*call.request_messages(), *call.rejected], call.tools, facts)
    worse["rating"] = min(REJECTED_RATING, better["rating"])
    return better, worse


def _parse_time(value: object) -> datetime:
    """A time in ISO 8601, or in seconds, milli-, micro- or nanoseconds since 1970; now if it is unknown."""
    if value is None:
        return datetime.now(UTC)
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            scale = next((unit for unit in (1e9, 1e6, 1e3) if abs(value) >= _EARLIEST * unit), 1)
            return datetime.fromtimestamp(value / scale, UTC)
        moment = datetime.fromisoformat(str(value))
        return moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        raise DataError(f"captured_at is not an ISO 8601 time: {value!r}") from None
