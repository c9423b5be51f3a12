"""The calls of rows, read in one pass that counts them: each row gives calls, or is rejected with its reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import NamedTuple, TypeVar

from fine_tuning.data_io import formats, score_fields, unread_rows
from fine_tuning.data_io.context_columns import UNREAD
from fine_tuning.data_io.formats import Call, Row
from fine_tuning.data_io.formats.several_calls import MALFORMED, unforeseen
from fine_tuning.data_io.sources import RawRow
from fine_tuning.data_io.times import parse_time
from fine_tuning.data_io.unread_rows import Unread
from fine_tuning.data_io.usage import Usage
from fine_tuning.distillation import empty_fields, row_problems
from fine_tuning.distillation.example_record import Facts, example_record
from fine_tuning.distillation.import_report import Defaults, ImportReport
from fine_tuning.distillation.ratings import LOG_RATING, REJECTED_RATING, TRAINING_DATA_RATING, parse_rating
from fine_tuning.distillation.row_steps import STEP_ROWS, RowRead, read_rows
from fine_tuning.errors import DataError, UsageError
from fine_tuning.store.records.examples import NewExample

BLOCK_ROWS = 1000
Item = TypeVar("Item")


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


@dataclass(frozen=True)
class Block:
    """Successive rows: their calls, and the hash of their text and of what is assumed of them (hexadecimal)."""

    calls: list[ReadCall]
    content: str


def blocks_of(rows: Iterable[Item]) -> Iterator[list[Item]]:
    """The rows in lists of `BLOCK_ROWS`."""
    rest = iter(rows)
    while block := list(islice(rest, BLOCK_ROWS)):
        yield block


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
        return Block(self.calls(rows), digest.hexdigest())

    def calls(self, rows: Sequence[RawRow]) -> list[ReadCall]:
        """The calls of successive rows as records."""
        calls: list[ReadCall] = []
        for start in range(0, len(rows), STEP_ROWS):
            for row in read_rows(rows[start : start + STEP_ROWS], self.defaults.format):
                calls += self._calls_of(row)
        return calls

    def _calls_of(self, row: RowRead) -> Iterator[ReadCall]:
        """The calls of a row, which is counted.

        What went wrong in a way that nobody has foreseen rejects the row, too: the others shall be read.
        """
        if row.raw.assumed is not None:
            self.report.assumed[row.raw.assumed] += 1
        if row.unread_keys:
            self.report.unread_keys.update(row.unread_keys)
        if row.calls and isinstance(row.calls[0], Call):
            self.report.formats[row.format] += 1
        self.report.read += len(row.calls)
        for call in row.calls:
            if isinstance(call, Unread):
                self._leave_out(call, row.raw)
            elif (read := self._read(row.format, call, row.value, row.raw)) is not None:
                yield read
        if row.error is not None:
            self.report.read += 1
            self._reject(row.raw, _reason(row.error))
        elif not row.calls:
            self.report.read += 1
            self._leave_out(Unread(unread_rows.why(row.value)), row.raw)

    def _read(self, name: str, call: Call, value: Row, row: RawRow) -> ReadCall | None:
        """A call as records; None where a fact of it is invalid, which the report says."""
        try:
            better, worse = _records(call, self._facts(call, self._rating(name, call), value))
        except (UsageError, *MALFORMED) as error:
            self._reject(row, empty_fields.reason(call, value) or _reason(error))
            return None
        self.report.cut_off += call.is_cut_off
        if call.unread:
            self.report.unread_columns.update(call.unread)
        if problems := row_problems.untrainable(better, worse):
            self.report.untrainable.update({each.code for each in problems})
        return ReadCall(better, worse, name, row.file, row.line, call.usage)

    def _reject(self, row: RawRow, reason: str) -> None:
        self.report.rejected.append({"file": row.file, "line": row.line, "reason": reason})

    def _leave_out(self, call: Unread, row: RawRow) -> None:
        if call.why == "malformed":
            self._reject(row, call.reason)
        else:
            self.report.skipped += 1
            self.report.unread[call.why] += 1
            if call.field:
                self.report.left_out_by[call.field] += 1

    def _rating(self, name: str, call: Call) -> object:
        """A call's own rating, or what one without has: the command's, else what its format stands for."""
        if call.rating not in (None, ""):
            return call.rating
        default = self.defaults.rating or (LOG_RATING if name in formats.LOGS else TRAINING_DATA_RATING)
        if call.rejected is None and default == TRAINING_DATA_RATING and self.defaults.rating is None:
            score_fields.refuse_unclear(call.metadata, call.places_of_subjects())
        self.report.unrated[default] += 1
        return default

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
            project=self.defaults.project,
        )


def _reason(error: Exception) -> str:
    return str(error if isinstance(error, UsageError) else unforeseen(error, "row"))


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
