"""What can be wrong with a row, by code: whether it keeps the row out, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Finding(NamedTuple):
    """Something wrong in a row.

    Attributes:
        field: where in the row, such as `messages[2].content`; empty for the row itself.
    """

    code: str
    field: str
    message: str


class Code(NamedTuple):
    """A kind of finding; a row with an error is left out, one with a warning only is kept."""

    is_error: bool
    advice: str


CODES: dict[str, Code] = {
    "not-utf8": Code(True, "save the file as UTF-8"),
    "not-json": Code(True, "write one JSON object a line; json.dumps does"),
    "not-an-object": Code(True, "write one JSON object a line"),
    "too-long-line": Code(True, "shorten or split the row"),
    "too-deep": Code(True, "flatten the row"),
    "duplicate-key": Code(True, "keep one of the values: readers disagree on which counts"),
    "not-finite": Code(True, "leave the key out where the number is unknown"),
    "lone-surrogate": Code(True, "the text was cut inside a character; cut between characters"),
    "unknown-format": Code(True, "use messages, or another format that `ft-cli capture import --help` names"),
    "malformed": Code(True, "see the message"),
    "no-messages": Code(True, "put the conversation into messages"),
    "not-a-message": Code(True, "each message is an object with role and content"),
    "unknown-role": Code(True, "use system, developer, user, assistant or tool"),
    "unknown-message-key": Code(True, "remove it: hosts refuse rows with keys they do not know"),
    "system-not-first": Code(True, "put the system message first, once"),
    "wrong-content": Code(True, "content is text, or a list of parts such as {type: text, text: ...}"),
    "empty-content": Code(True, "remove the message or fill in its text"),
    "wrong-name": Code(True, "letters, digits, _ and -, up to 64"),
    "wrong-weight": Code(True, "weight is 0 or 1, on messages of the assistant"),
    "nothing-to-learn": Code(True, "a row needs a message of the assistant with weight 1"),
    "last-not-assistant": Code(True, "end the row with the answer to learn"),
    "wrong-tool-call": Code(True, "{id, type: function, function: {name, arguments: JSON text}}"),
    "undeclared-tool": Code(True, "add the function to the row's tools"),
    "unanswered-call": Code(True, "add a tool message for each call, before the next turn"),
    "unasked-result": Code(True, "a tool message answers a call by its tool_call_id, once"),
    "wrong-tools": Code(True, "tools is a list of {type: function, function: {name, parameters}}"),
    "wrong-rating": Code(True, "a rating is a number from 1 to 5; leave it out where it is unknown"),
    "same-answers": Code(True, "the two answers of a pair have to differ"),
    "wrong-answer": Code(True, "an answer of a pair is a list of messages of the assistant"),
    "too-many-tokens": Code(True, "shorten the conversation or choose a model with a longer context"),
    "secret-rejected": Code(True, "remove it from the row, and renew it where it is in use"),
    "personal-data-rejected": Code(True, "remove it from the row, or mask it"),
    "secret-found": Code(False, "mask or reject such rows (--secrets), and renew it where it is in use"),
    "personal-data-found": Code(False, "mask or reject such rows (--personal-data)"),
    "secret-masked": Code(False, "renew it where it is in use"),
    "personal-data-masked": Code(False, "the row has the kind of it in its place"),
    "unknown-key": Code(False, "it is kept in the record, and left out of files for trainers"),
    "same-role-twice": Code(False, "check that no turn is missing between the two"),
    "too-few-rows": Code(True, "hosts want at least 10 rows; 50 to 100 are a start"),
}


@dataclass
class Tally:
    """How often each code was found, and where first."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, file: str, line: int, findings: Iterable[Finding]) -> None:
        """Count a row's findings, each code once a row."""
        for finding in {finding.code: finding for finding in reversed(list(findings))}.values():
            self.counts[finding.code] += 1
            self.first.setdefault(
                finding.code, {"file": file, "line": line, "field": finding.field, "message": finding.message}
            )

    @property
    def errors(self) -> int:
        """How many rows times codes keep rows out."""
        return sum(count for code, count in self.counts.items() if CODES[code].is_error)

    def rows(self) -> list[dict[str, Any]]:
        """A record a code, errors first, the most frequent first."""
        ordered = sorted(self.counts, key=lambda code: (not CODES[code].is_error, -self.counts[code], code))
        return [
            {
                "code": code,
                "severity": "error" if CODES[code].is_error else "warning",
                "rows": self.counts[code],
                **self.first[code],
                "advice": CODES[code].advice,
            }
            for code in ordered
        ]


def has_error(findings: Iterable[Finding]) -> bool:
    """Whether any of them keeps the row out."""
    return any(CODES[finding.code].is_error for finding in findings)
