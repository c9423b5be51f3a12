"""Import of recorded calls from files and tables: each row is stored, or rejected with file, line and reason."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from fine_tuning.data_io import formats, sources
from fine_tuning.data_io.formats import Call, row_text
from fine_tuning.data_io.formats.findings import CODES, Finding
from fine_tuning.data_io.sources import RawRow
from fine_tuning.distillation.example_record import Facts, example_record
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.ratings import LOG_RATING, REJECTED_RATING, TRAINING_DATA_RATING, parse_rating
from fine_tuning.errors import DataError, ProviderError, UsageError
from fine_tuning.store import examples, imported_files, preferences
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.examples import NewExample

_EARLIEST = 1e8  # seconds: 1973; a number that would be later in a smaller unit is taken to be in it
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Pair:
    """A call as records: the response, and the worse response of a preference pair if there is one."""

    better: NewExample
    worse: NewExample | None


def import_rows(database: Database, rows: Iterable[RawRow], defaults: Defaults) -> ImportReport:
    """Capture rows in one transaction; see `DistillationDataCollector.import_files`."""
    run = _Import(defaults)
    pairs = list(run.pairs(rows))
    report, content = run.report, run.content_hash()
    with database.write() as tx:
        report.known_since = imported_files.done_at(tx, content, "rows")
        if report.known_since is None:
            _store(tx, pairs, report)
            imported_files.mark_done(tx, content, "rows", report.read)
    report.duplicates = len(pairs) - report.captured
    return report


def import_pages(database: Database, pages: Iterable[list[RawRow]], defaults: Defaults) -> ImportReport:
    """Capture rows in a transaction for each page, so that those before an interruption are kept.

    Raises:
        ProviderError: fetching the pages fails; the message says how many calls are kept.
    """
    report = ImportReport()
    try:
        for page in pages:
            report.add(import_rows(database, page, defaults))
    except ProviderError as error:
        if not report.read:
            raise
        kept = f"{report.captured} captured calls are kept; repeat the command to continue"
        raise ProviderError(f"{error}; {kept}") from None
    return report


def _store(tx: Transaction, pairs: Sequence[_Pair], report: ImportReport) -> None:
    report.captured = examples.capture(tx, [pair.better for pair in pairs])
    for pair in pairs:
        if pair.worse is not None:
            examples.capture(tx, [pair.worse])
            preferences.add(tx, worse=pair.worse, better=pair.better)
            report.preferences += 1


def import_legacy_file(database: Database, path: Path) -> None:
    """Import a file of the older file-based system, once; the file is left as it is."""
    with database.read() as tx:
        if imported_files.done_at(tx, str(path.absolute()), "examples"):
            return
    run = _Import(Defaults())
    records = [pair.better for pair in run.pairs(sources.read(str(path)))]
    with database.write() as tx:
        if imported_files.done_at(tx, str(path.absolute()), "examples"):
            return
        # The curated file repeats the rows of the teacher file, which is not a second sighting.
        examples.capture(tx, [record for record in records if examples.get(tx, record["id"]) is None])
        imported_files.mark_done(tx, str(path.absolute()), "examples", len(records))
    for rejected in run.report.rejected:
        _log.warning("%s, line %d was not imported: %s", path, rejected["line"], rejected["reason"])


class _Import:
    """One pass over rows, which counts them and hashes their text."""

    def __init__(self, defaults: Defaults) -> None:
        self._defaults = defaults
        self._digest = hashlib.sha256(repr(defaults).encode())
        self.report = ImportReport()

    def content_hash(self) -> str:
        """Of the defaults and of the rows read so far: an import of equal rows has an equal hash."""
        return f"sha256:{self._digest.hexdigest()}"

    def pairs(self, rows: Iterable[RawRow]) -> Iterator[_Pair]:
        """The calls of the rows as records."""
        for row in rows:
            self._digest.update((row.text or b"") + b"\n")
            found = 0
            try:
                for call in self._calls(row):
                    found += 1
                    self.report.read += 1
                    yield _pair(call, self._defaults)
            except (DataError, UsageError) as error:
                self.report.read += not found
                found += 1
                self.report.rejected.append({"file": row.file, "line": row.line, "reason": str(error)})
            if not found:
                self.report.read += 1
                self.report.skipped += 1

    def _calls(self, row: RawRow) -> Iterator[Call]:
        if row.text is None:
            raise DataError(f"the line is longer than {sources.MAX_ROW_BYTES >> 20} MiB")
        value = row_text.parse(row.text)
        if isinstance(value, Finding):
            raise DataError(_reason(value))
        name = self._defaults.format or formats.format_of(value)
        default = self._defaults.rating or (LOG_RATING if name in formats.LOGS else TRAINING_DATA_RATING)
        for number, call in enumerate(formats.calls_in(value, name)):
            if not number:
                self.report.formats[str(name)] += 1
            if call.rating in (None, ""):
                self.report.unrated[default] += 1
                yield replace(call, rating=default)
            else:
                yield call


def _reason(finding: Finding) -> str:
    """Why the text of a row is invalid."""
    if finding.code == "not-json":
        return f"not JSON ({finding.message})"
    if finding.code == "not-utf8":
        return f"not UTF-8 text ({finding.message})"
    if finding.code == "not-an-object":
        return f"a row must be a JSON object ({finding.message})"
    problem = " ".join(part for part in (finding.field, finding.message) if part)
    return f"{finding.code}: {problem}; {CODES[finding.code].advice}"


def _pair(call: Call, defaults: Defaults) -> _Pair:
    facts = Facts(
        domain=call.domain or defaults.domain,
        task_type=call.task_type or defaults.task_type,
        rating=parse_rating(call.rating),
        metadata=call.metadata,
        model_used=call.model or "unknown",
        captured_at=_parse_time(call.captured_at),
    )
    better = example_record(call.messages, call.tools, facts)
    if call.rejected is None:
        return _Pair(better, None)
    worse = example_record([*call.request_messages(), *call.rejected], call.tools, facts)
    worse["rating"] = min(REJECTED_RATING, better["rating"])
    return _Pair(better, worse)


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
