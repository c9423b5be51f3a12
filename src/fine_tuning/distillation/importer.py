"""Import of recorded calls from files and tables: each row is stored, or rejected with file, line and reason."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from fine_tuning._util.garbage import paused_collector
from fine_tuning.data_io import formats, score_fields, sources, unread_rows
from fine_tuning.data_io.context_columns import UNREAD
from fine_tuning.data_io.dialects import unread_keys
from fine_tuning.data_io.formats import Call, Row, row_text
from fine_tuning.data_io.formats.findings import Finding
from fine_tuning.data_io.sources import RawRow
from fine_tuning.data_io.times import parse_time
from fine_tuning.data_io.usage import Usage
from fine_tuning.distillation import row_problems
from fine_tuning.distillation.example_record import Facts, example_record
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.ratings import LOG_RATING, REJECTED_RATING, TRAINING_DATA_RATING, parse_rating
from fine_tuning.errors import DataError, ProviderError, UsageError
from fine_tuning.store import examples, imported_files, preferences
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.examples import NewExample

BLOCK_ROWS = 1000
Item = TypeVar("Item")
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
        calls: list[ReadCall] = []
        with unread_keys.noted() as keys:
            for row in rows:
                calls += self.calls(row)
                if keys:
                    self.report.unread_keys.update(keys)
                    keys.clear()
        return Block(calls, digest.hexdigest())

    def calls(self, row: RawRow) -> Iterator[ReadCall]:
        """The calls of a row as records."""
        found = 0
        if row.assumed is not None:
            self.report.encodings[row.assumed] += 1
        try:
            for name, call, facts in self._calls(row):
                found += 1
                self.report.read += 1
                better, worse = _records(call, facts)
                self.report.cut_off += call.is_cut_off
                self.report.unread_columns.update(call.unread)
                for code in {each.code for each in row_problems.untrainable(better, worse)}:
                    self.report.untrainable[code] += 1
                yield ReadCall(better, worse, name, row.file, row.line, call.usage)
        except (DataError, UsageError) as error:
            self.report.read += not found
            found += 1
            self.report.rejected.append({"file": row.file, "line": row.line, "reason": str(error)})
        if not found:
            self.report.read += 1
            self.report.skipped += 1
            value = row_text.parse(row.text)
            self.report.unread[unread_rows.why({} if isinstance(value, Finding) else value)] += 1

    def _calls(self, row: RawRow) -> Iterator[tuple[str, Call, Facts]]:
        if row.text is None:
            raise DataError(f"the line is longer than {sources.MAX_ROW_BYTES >> 20} MiB")
        value = row_text.parse(row.text)
        if isinstance(value, Finding):
            raise DataError(row_problems.reason(value))
        name, calls = formats.read(value, self.defaults.format)
        default = self.defaults.rating or (LOG_RATING if name in formats.LOGS else TRAINING_DATA_RATING)
        for number, call in enumerate(calls):
            if not number:
                self.report.formats[name] += 1
            is_unrated = call.rating in (None, "")
            if is_unrated:
                if call.rejected is None and default == TRAINING_DATA_RATING and self.defaults.rating is None:
                    score_fields.refuse_unclear(value, call.metadata)
                self.report.unrated[default] += 1
            yield name, call, self._facts(call, default if is_unrated else call.rating, value)

    def _facts(self, call: Call, rating: object, row: Row) -> Facts:
        """What is recorded of a call; without a time in its row, the time of the import."""
        provider = self.defaults.provider
        return Facts(
            domain=call.domain or self.defaults.domain,
            task_type=call.task_type or self.defaults.task_type,
            rating=parse_rating(rating),
            metadata={
                **({"provider": provider} if provider else {}),
                **call.metadata,
                **({"finish_reason": call.finish_reason} if call.is_cut_off else {}),
                **({UNREAD: list(call.unread)} if call.unread else {}),
            },
            model_used=call.model or "unknown",
            captured_at=_time_of(call, row),
            apart=call.unread_texts(),
        )


def _records(call: Call, facts: Facts) -> tuple[NewExample, NewExample | None]:
    better = example_record(call.messages, call.tools, facts)
    if call.rejected is None:
        return better, None
    worse = example_record([*call.request_messages(), *call.rejected], call.tools, facts)
    worse["rating"] = min(REJECTED_RATING, better["rating"])
    return better, worse


def _time_of(call: Call, row: Row) -> datetime | None:
    """When a call was made; None where its row does not say so.

    Raises:
        DataError: what it says is no time; the message names the field.
    """
    if call.captured_at is None:
        return None
    found = parse_time(call.captured_at)
    if found is None:
        field = next((key for key, value in row.items() if value == call.captured_at), "the time of the call")
        raise DataError(f"{field} is not an ISO 8601 time, nor a number since 1970: {call.captured_at!r}")
    return found
