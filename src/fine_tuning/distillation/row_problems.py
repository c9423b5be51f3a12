"""Why a row is not imported, and what is wrong with a call that is."""

from __future__ import annotations

from fine_tuning.data_io.formats import chat_checks
from fine_tuning.data_io.formats.findings import CODES, Finding
from fine_tuning.data_io.messages import messages_of_example
from fine_tuning.store.records.examples import NewExample


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


def reason(finding: Finding) -> str:
    """Why the text of a row is invalid."""
    if finding.code == "not-json":
        return f"not JSON ({finding.message})"
    if finding.code == "not-utf8":
        return f"not UTF-8 text ({finding.message}); save the file as UTF-8, or say its --encoding"
    if finding.code == "not-an-object":
        return f"a row must be a JSON object ({finding.message})"
    problem = " ".join(part for part in (finding.field, finding.message) if part)
    return f"{finding.code}: {problem}; {CODES[finding.code].advice}"
