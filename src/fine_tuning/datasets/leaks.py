"""Find rows of a test set that are in the training set, which make its scores meaningless."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypedDict

import numpy as np

from fine_tuning._util.files import temporary_folder
from fine_tuning.datasets import conversations, daft_plan, near_duplicates
from fine_tuning.datasets.recipe import Recipe
from fine_tuning.datasets.row_features import State
from fine_tuning.datasets.row_selection import Ints, similar_pairs
from fine_tuning.datasets.row_sources import RowSources
from fine_tuning.datasets.spool import Numbers, Spool
from fine_tuning.settings import Settings
from fine_tuning.store.records.rows import record

SHOWN = 20


@dataclass(frozen=True)
class Leak:
    """A row of the second dataset that the first one has too.

    Attributes:
        kind: "same row", "same question", "near-duplicate" or "same conversation".
        file, line: of the row; other_file, other_line: of the row of the first dataset.
        question: the words of its prompt.
    """

    kind: str
    file: str
    line: int
    other_file: str
    other_line: int
    question: str


@dataclass
class LeakReport:
    """Rows that two datasets have in common.

    Attributes:
        rows: of the second, usable ones; unusable: rows of both that cannot be read.
        counts: rows of the second by the kind of their leak, each counted once.
        first: some of them.
    """

    rows: int = 0
    unusable: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    first: list[Leak] = field(default_factory=list)

    @property
    def leaking(self) -> int:
        """The number of rows of the second that are in the first."""
        return sum(self.counts.values())

    def summary(self) -> LeakSummary:
        """The report as plain JSON values."""
        return record(LeakSummary, {**asdict(self), "leaking": self.leaking})


class LeakSummary(TypedDict):
    """A report as JSON: see `LeakReport`."""

    rows: int
    unusable: int
    counts: dict[str, int]
    first: list[LeakFacts]
    leaking: int


class LeakFacts(TypedDict):
    """A leak as JSON: see `Leak`."""

    kind: str
    file: str
    line: int
    other_file: str
    other_line: int
    question: str


def find(first: Sequence[str], second: Sequence[str], folder: Path, threshold: float, settings: Settings) -> LeakReport:
    """Rows of the second files that are in the first ones: identical rows, identical prompts, near-duplicates,
    and rows of one conversation by their messages (see `conversations`).

    Args:
        folder: for temporary files, which are removed at the end.
        threshold: see `near_duplicates.groups`.

    Raises:
        UsageError: the threshold is out of range.
        NotFoundError, DataError: a file is missing or breaks off.
    """
    recipe = Recipe.of({"near_duplicates": threshold})
    files = [*first, *second]
    with temporary_folder(Path(folder) / "leak") as work:
        spool = Spool(work)
        spool.fill(daft_plan.records(RowSources(files, files), recipe, settings))
        if not len(spool):
            return LeakReport()
        fit = np.flatnonzero(spool.numbers["state"] == State.FIT)
        is_second = spool.numbers["source"][fit] >= len(first)
        report = LeakReport(rows=int(is_second.sum()), unusable=len(spool) - len(fit))
        pairs, is_duplicate = similar_pairs(spool, fit, threshold)
        kinds = {
            "same row": _pairs(spool.content[fit, 0] ^ spool.content[fit, 1], is_second),
            "same question": _pairs(spool.numbers["prompt"][fit], is_second),
            "near-duplicate": _across(pairs[is_duplicate], is_second),
            "same conversation": _pairs(_conversations(spool, fit), is_second),
        }
        _report(report, kinds, spool, fit, files)
    return report


def _conversations(spool: Spool, rows: Ints) -> Ints:
    """The conversation of each row, numbered from 0."""
    places = np.full(len(spool), -1, np.int64)
    places[rows] = np.arange(len(rows))
    return near_duplicates.components(len(rows), places[conversations.links(spool, rows)])


def _pairs(keys: Numbers, is_second: Numbers) -> Ints:
    """Pairs of a row of the first and a row of the second with one key."""
    first, second = np.flatnonzero(~is_second), np.flatnonzero(is_second)
    _, places = np.unique(keys[first], return_index=True)
    known = keys[first[places]]
    at = np.minimum(np.searchsorted(known, keys[second]), len(known) - 1)
    same = known[at] == keys[second] if len(known) else np.zeros(len(second), bool)
    return np.stack([first[places[at[same]]], second[same]], axis=1) if same.any() else np.empty((0, 2), np.int64)


def _across(pairs: Ints, is_second: Numbers) -> Ints:
    """The pairs with a row on each side; the files of the first come first, so its row does too."""
    found: Ints = pairs[is_second[pairs[:, 0]] != is_second[pairs[:, 1]]]
    return found


def _report(report: LeakReport, kinds: dict[str, Ints], spool: Spool, fit: Ints, files: Sequence[str]) -> None:
    seen = np.zeros(len(fit), bool)
    for kind, pairs in kinds.items():
        pairs = pairs[~seen[pairs[:, 1]]]
        pairs = pairs[np.unique(pairs[:, 1], return_index=True)[1]]
        seen[pairs[:, 1]] = True
        if not len(pairs):
            continue
        report.counts[kind] = len(pairs)
        shown = fit[pairs[: SHOWN - len(report.first)]]
        questions = spool.pick("prompt_words", shown[:, 1])
        source, line = spool.numbers["source"], spool.numbers["line"]
        report.first += [
            Leak(kind, files[source[b]], int(line[b]), files[source[a]], int(line[a]), questions[b])
            for a, b in shown.tolist()
        ]
