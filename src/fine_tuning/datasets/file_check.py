"""Look at files as a trainer would, before it does: every row kept, rejected with its reasons, or a duplicate."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from fine_tuning._util.files import atomic_write
from fine_tuning.data_io import formats
from fine_tuning.data_io.formats import chat_checks, row_text
from fine_tuning.data_io.formats.findings import CODES, Finding, Tally, has_error
from fine_tuning.data_io.json_values import parse_embedded_json
from fine_tuning.data_io.sources import RawRow
from fine_tuning.datasets import token_counts as tokens
from fine_tuning.datasets.training_formats import row_of_call
from fine_tuning.errors import DataError

LEAST_ROWS = 10
TOLD_ROWS = 1000
_LEARNT = ("messages", "tools", "input", "preferred_output", "non_preferred_output")


class Examined(NamedTuple):
    """A row after all checks of it alone.

    Attributes:
        source: as its file has it; None where it cannot be read.
        learnt: what is learnt from it, as chat or as a pair.
        content: canonical JSON of that; rows that teach the same have the same.
        format: None where it is unknown.
    """

    source: dict[str, Any] | None
    learnt: dict[str, Any]
    content: bytes
    format: str | None
    findings: list[Finding]


@dataclass
class CheckReport:
    """What was found: read = kept + rejected + duplicates.

    Attributes:
        tally: the findings by code.
        tokens: of the kept rows, in all; None where they were not counted.
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
        """Whether a trainer would take the file as it is."""
        return self.tally.errors == 0

    def facts(self) -> dict[str, Any]:
        """The report for a program."""
        counted = {"read": self.read, "kept": self.kept, "rejected": self.rejected, "duplicates": self.duplicates}
        known = {"formats": dict(self.formats), "tokens": self.tokens, "longest": self.longest}
        return {**counted, **known, "fit": self.is_fit, "findings": self.tally.rows()}


def examine(text: bytes | None) -> Examined:
    """Parse and check one row."""
    parsed = row_text.parse(text)
    if isinstance(parsed, Finding):
        return Examined(None, {}, text or b"", None, [parsed])
    name = formats.format_of(parsed)
    try:
        row = _in_own_words(parsed, name)
    except DataError as error:
        code = "unknown-format" if name is None else "malformed"
        return Examined(None, {}, text or b"", name, [Finding(code, "", str(error))])
    learnt = {name: row[name] for name in _LEARNT if name in row}
    return Examined(parsed, learnt, row_text.canonical(learnt), name, chat_checks.check_row(row))


def _in_own_words(row: dict[str, Any], name: str | None) -> dict[str, Any]:
    """The row as OpenAI's chat or preference row; one that is none keeps what it says beside its conversation."""
    tools = parse_embedded_json(row.get("tools"))  # JSON text in tables
    if isinstance(row.get("tools"), str) and isinstance(tools, list):
        row = {**row, "tools": tools}
    if name == "openai" or (name == "preference" and "input" in row) or (name is None and "messages" in row):
        return row
    calls = list(formats.calls_in(row, name))
    if not calls:
        raise DataError("the row records no answered call of a chat model")
    if len(calls) != 1:
        raise DataError(f"the row holds {len(calls)} calls; capture it (ft-cli capture import) and build from there")
    return row_of_call(calls[0])


def check(
    rows: Iterable[RawRow],
    model: str | None,
    rejected_to: Path | None,
    progress: Callable[[int], None] = lambda _: None,
) -> CheckReport:
    """Check rows one after the other.

    Args:
        model: whose tokens are counted and whose limit holds; None to leave tokens out.
        rejected_to: a file for the rejected rows, each with its reasons; None for none.
        progress: told how many further rows were looked at.

    Raises:
        NotFoundError, DataError: a file cannot be read; then no file of rejected rows is left.
    """
    if rejected_to is None:
        return _check(rows, model, None, progress)
    with atomic_write(rejected_to) as stream:
        return _check(rows, model, stream, progress)


def _check(
    rows: Iterable[RawRow], model: str | None, stream: IO[str] | None, progress: Callable[[int], None]
) -> CheckReport:
    meter = tokens.Meter(model) if model else None
    report, seen = CheckReport(tokens=0 if meter else None), set[bytes]()
    for raw in rows:
        report.read += 1
        found = examine(raw.text)
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
        elif (key := hashlib.sha256(found.content).digest()) in seen:
            report.duplicates += 1
        else:
            seen.add(key)
            report.kept += 1
            if isinstance(measured, int):
                report.tokens = (report.tokens or 0) + measured
                report.longest = max(report.longest or 0, measured)
        if report.read % TOLD_ROWS == 0:
            progress(TOLD_ROWS)
    if report.kept < LEAST_ROWS:
        few = Finding("too-few-rows", "", f"{report.kept} usable rows; at least {LEAST_ROWS} are needed")
        report.tally.add(raw.file if report.read else "", 0, [few])
    return report


def rejected_line(raw: RawRow, findings: Iterable[Finding]) -> str:
    """A line of a file of rejected rows: where the row stood, its reasons, its text."""
    errors = [finding for finding in findings if CODES[finding.code].is_error]
    reasons = [{**finding._asdict(), "advice": CODES[finding.code].advice} for finding in errors]
    text = None if raw.text is None else raw.text.decode("utf-8", "replace")
    return json.dumps({"file": raw.file, "line": raw.line, "reasons": reasons, "text": text}, ensure_ascii=False) + "\n"
