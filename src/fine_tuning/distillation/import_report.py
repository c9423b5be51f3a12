"""What an import is given for rows that lack a fact, and what it reports."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TypedDict

from fine_tuning._util import checks
from fine_tuning.data_io import formats, sources
from fine_tuning.distillation.ratings import check_rating
from fine_tuning.store.projects import DEFAULT_PROJECT


@dataclass(frozen=True)
class Defaults:
    """Facts of rows that do not state them.

    Attributes:
        format: of the rows; None to recognise each row's.
        rating: None for 5 in formats of training data and 3 in formats of logs.
        encoding: of text files; None to recognise each file's.
        provider: address of the host that answered all of them; None where it is unknown.
        project: whose calls they are.

    Raises:
        UsageError: one of them is invalid.
    """

    format: str | None = None
    domain: str = "general"
    task_type: str = "chat"
    rating: int | None = None
    encoding: str | None = field(default=None, repr=False)  # which block a row is in does not depend on it
    provider: str | None = None
    project: str = field(default=DEFAULT_PROJECT, repr=False)  # likewise

    def __post_init__(self) -> None:
        if self.format is not None:
            formats.check_format(self.format)
        if self.rating is not None:
            check_rating(self.rating)
        if self.encoding is not None:
            sources.check_encoding(self.encoding)
        checks.name("domain", self.domain)
        checks.name("task_type", self.task_type)


class RejectedRow(TypedDict):
    """A row that was not imported, and why; `line` is counted from 1."""

    file: str
    line: int
    reason: str


@dataclass
class ImportReport:
    """Counts of an import: read = captured + duplicates + skipped + len(rejected).

    Attributes:
        read: calls; a row without a call counts as one.
        captured: new calls.
        duplicates: calls that were captured before.
        skipped: rows of logs that are not answered chats, whose call failed, or whose text was redacted.
        unread: the skipped rows by the reason: redacted, failed, excluded (as `deleted: true` says), not chat calls,
            or other answers (of a chat, neither shown nor rated).
        left_out_by: the skipped rows by the field that says why, such as `http_status` of a failed call.
        cut_off: captured calls whose answer ended at a token limit or content filter, or was broken off; their
            metadata says so, and datasets are built without them.
        preferences: preference pairs among the captured calls.
        formats: number of rows by format.
        unrated: number of calls that got a default rating, by that rating.
        already_imported: calls, among the duplicates, of rows that were imported before: by an import that was
            interrupted, or before the file has grown. They are not counted as sightings again.
        known_since: when all the rows were imported before (ISO 8601), in which case nothing was stored; else None.
        untrainable: number of calls that are stored, and refused when a dataset is built from them, by what is wrong
            (the code of `ft-cli dataset check`).
        unread_columns: number of calls by column of text that was kept as metadata, and may belong to the question.
        unread_keys: number of rows by key of a message, call or part that is not read, such as `message.reasoning`.
        assumed: number of rows by the encoding or the dialect of CSV that their file was taken to have; not those of
            UTF-8, UTF-16 and RFC 4180.
    """

    read: int = 0
    captured: int = 0
    duplicates: int = 0
    skipped: int = 0
    cut_off: int = 0
    preferences: int = 0
    rejected: list[RejectedRow] = field(default_factory=list)
    formats: Counter[str] = field(default_factory=Counter)
    unrated: Counter[int] = field(default_factory=Counter)
    already_imported: int = 0
    known_since: str | None = None
    untrainable: Counter[str] = field(default_factory=Counter)
    assumed: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    left_out_by: Counter[str] = field(default_factory=Counter)
    unread_columns: Counter[str] = field(default_factory=Counter)
    unread_keys: Counter[str] = field(default_factory=Counter)

    def add(self, other: ImportReport) -> None:
        """Add the counts of an import of more rows; `known_since` stays None, as the parts may differ."""
        for each in fields(self):
            if each.name != "known_since":
                setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
