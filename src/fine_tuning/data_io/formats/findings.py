"""What can be wrong with a row, by code: the severity, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypedDict

Severity = Literal["error", "warning"]


class Finding(NamedTuple):
    """A problem of a row.

    Attributes:
        field: where in the row, such as `messages[2].content`; empty for the row itself.
    """

    code: str
    field: str
    message: str


class Code(NamedTuple):
    """A kind of finding. A row with an error is rejected; one with warnings only is kept."""

    severity: Severity
    advice: str

    @property
    def is_error(self) -> bool:
        """Whether rows with this finding are rejected."""
        return self.severity == "error"


class FirstFinding(TypedDict):
    """Where a code was found first."""

    file: str
    line: int
    field: str
    message: str


class FindingSummary(FirstFinding):
    """How often a code was found; `line` and `field` are of the first row that has it."""

    code: str
    severity: Severity
    rows: int
    advice: str


_ERRORS = {
    "not-utf8": "save the file as UTF-8",
    "not-json": "write one JSON object a line; json.dumps does",
    "not-an-object": "write one JSON object a line",
    "too-long-line": "shorten or split the row",
    "wrong-cells": "quote cells that hold a comma or a line break, and write a cell for each column",
    "too-deep": "flatten the row",
    "duplicate-key": "keep one of the values: readers disagree on which counts",
    "not-finite": "leave the key out where the number is unknown",
    "lone-surrogate": "the text was cut inside a character; cut between characters",
    "unknown-format": "use messages, or another format that the guide lists (docs/guide.md)",
    "malformed": "see the message",
    "redacted": "leave it out, or export the log with its texts",
    "failed-call": "leave it out: there is no answer to learn; a column of the subject needs another name",
    "excluded-row": "leave it out, or remove the column if it says something else",
    "no-messages": "put the conversation into messages",
    "not-a-message": "each message is an object with role and content",
    "unknown-role": "use system, developer, user, assistant or tool",
    "unknown-message-key": "remove it: hosts refuse rows with keys they do not know",
    "system-not-first": "put the system message first, once",
    "wrong-content": "content is text, or a list of parts such as {type: text, text: ...}",
    "empty-content": "remove the message or fill in its text",
    "wrong-name": "letters, digits, _ and -, up to 64",
    "wrong-weight": "weight is 0 or 1, on messages of the assistant",
    "nothing-to-learn": "a row needs a message of the assistant with weight 1",
    "last-not-assistant": "end the row with the answer to learn",
    "wrong-tool-call": "{id, type: function, function: {name, arguments: JSON text}}",
    "undeclared-tool": "add the function to the row's tools",
    "unanswered-call": "add a tool message for each call, before the next turn",
    "unasked-result": "a tool message answers a call by its tool_call_id, once",
    "wrong-tools": "tools is a list of {type: function, function: {name, parameters}}",
    "wrong-rating": "a rating is a number from 1 to 5; leave it out where it is unknown",
    "same-answers": "the two answers of a pair have to differ",
    "wrong-answer": "an answer of a pair is a list of messages of the assistant",
    "too-many-tokens": "shorten the conversation or choose a model with a longer context",
    "secret-rejected": "remove it from the row, and renew it where it is in use",
    "personal-data-rejected": "remove it from the row, or mask it",
    "too-few-rows": "hosts want at least 10 rows; 50 to 100 are a start",
}
_WARNINGS = {
    "secret-found": "mask or reject such rows (--secrets), and renew it where it is in use",
    "personal-data-found": "mask or reject such rows (--personal-data)",
    "secret-masked": "renew it where it is in use",
    "personal-data-masked": "the row has the kind of it in its place",
    "assumed-reading": "if it is wrong: save the file as UTF-8, or as CSV with each quote in a cell written twice",
    "refusal": "leave it out, unless a model has to learn to refuse such requests",
    "low-rating": "builds for supervised training leave it out; --min-rating 1 (min_rating=1) keeps it",
    "unlearnt-answer": "what comes after it in the chat is learnt; --keep-cut-off or --min-rating 1 learn it, too",
    "repeated-answer": "it is learnt once; --keep-near-duplicates learns it in every row that has it",
    "unclear-score": "add a column rating from 1 to 5; builds leave the row out without one; --min-rating 1 keeps it",
    "unknown-key": "it is kept in the record, and left out of files for trainers",
    "unread-key": "trainers do not take it; write what the model has to see or to say into the content",
    "unread-column": "it is kept as metadata; name it context, or write it into the question, for the model to see it",
    "request-option": "say in a message what the answer depends on; the option is kept in the record only",
    "uneven-splits": "add rows, or change the shares; rows that belong together are never divided between splits",
    "null-argument": "if a table has added it, leave the key out (keep arguments as JSON text in tables)",
    "image-size": "set detail to low, or take its tokens for an upper bound",
    "same-role-twice": "check that no turn is missing between the two",
}
CODES: dict[str, Code] = {
    **{code: Code("error", advice) for code, advice in _ERRORS.items()},
    **{code: Code("warning", advice) for code, advice in _WARNINGS.items()},
}


@dataclass
class Tally:
    """How many rows have each code, and where it was found first."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, FirstFinding] = field(default_factory=dict)

    def add(self, file: str, line: int, findings: Iterable[Finding]) -> None:
        """Count a row's findings, each code once per row."""
        for finding in {finding.code: finding for finding in reversed(list(findings))}.values():
            self.counts[finding.code] += 1
            self.first.setdefault(
                finding.code, {"file": file, "line": line, "field": finding.field, "message": finding.message}
            )

    @property
    def errors(self) -> int:
        """The number of errors; a row with two codes counts twice."""
        return sum(count for code, count in self.counts.items() if CODES[code].is_error)

    def rows(self) -> list[FindingSummary]:
        """A summary for each code: errors first, then the most frequent first."""
        ordered = sorted(self.counts, key=lambda code: (not CODES[code].is_error, -self.counts[code], code))
        return [
            {
                "code": code,
                "severity": CODES[code].severity,
                "rows": self.counts[code],
                **self.first[code],
                "advice": CODES[code].advice,
            }
            for code in ordered
        ]


def has_error(findings: Iterable[Finding]) -> bool:
    """Whether any finding rejects its row."""
    return any(CODES[finding.code].is_error for finding in findings)
