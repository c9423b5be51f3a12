"""Import of recorded calls from files and tables: each row is stored, or rejected with file, line and reason."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from fine_tuning._util.garbage import paused_collector
from fine_tuning.data_io import sources
from fine_tuning.data_io.sources import RawRow
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.ratings import REJECTED_RATING
from fine_tuning.distillation.row_reader import Block, Import, ReadCall
from fine_tuning.errors import DataError, ProviderError
from fine_tuning.store import examples, imported_files, preferences
from fine_tuning.store.database import Database, Transaction

_log = logging.getLogger(__name__)


Record = Callable[[Transaction, Sequence[ReadCall]], None]
"""Takes the new calls of a block, in the transaction that stores them."""


class Reading(Protocol):
    """A pass over rows, and its counts so far."""

    report: ImportReport

    def batches(self) -> Iterator[list[Block]]:
        """The rows, read as they are needed, in lists of blocks that are stored together."""


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
    low = {call.better["id"] for call in calls if call.better["rating"] <= REJECTED_RATING}
    for call in calls:
        if call.worse is not None:
            if call.worse["id"] not in low:  # such a one is stored with its own rating
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
