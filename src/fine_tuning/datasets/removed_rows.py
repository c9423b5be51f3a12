"""Rows that a dataset was built without, with the reasons, as its folder keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NotRequired, TypedDict, cast

from fine_tuning._util.files import is_file, translated_os_errors

REJECTED, LEFT_OUT = "rejected.jsonl", "left-out.jsonl"
NEAR_DUPLICATE = "near-duplicate"
CONTINUED = "continued"  # in a longer row of the same conversation
SHOWN_OF_CLUSTER = 5


class RejectionReason(TypedDict):
    """A finding that rejects a row, and how to mend it."""

    code: str
    field: str
    message: str
    advice: str


class RejectedRow(TypedDict):
    """A line of `rejected.jsonl`: where the row is, why it was rejected, its text."""

    file: str
    line: int
    reasons: list[RejectionReason]
    text: str | None


class LeftOutRow(TypedDict):
    """A line of `left-out.jsonl`: where a valid row is, why it was removed, and which row was kept in its place."""

    file: str
    line: int
    why: str
    kept_file: NotRequired[str]
    kept_line: NotRequired[int]


class DuplicateCluster(TypedDict):
    """A kept row, the number of its near-duplicates that were removed, and file and line of the first ones."""

    file: str
    line: int
    removed: int
    first: list[tuple[str, int]]


class RemovedRows(TypedDict):
    """The rows that a dataset was built without."""

    rejected: list[RejectedRow]
    left_out: list[LeftOutRow]
    clusters: list[DuplicateCluster]


def removed(folder: Path, limit: int) -> RemovedRows:
    """The first rejected rows, the first rows left out, and the largest clusters; at most `limit` of each."""
    return {
        "rejected": [cast("RejectedRow", row) for row in islice(_lines(folder / REJECTED), limit)],
        "left_out": list(islice(_left_out(folder), limit)),
        "clusters": _clusters(folder, limit),
    }


def _clusters(folder: Path, limit: int) -> list[DuplicateCluster]:
    """The largest clusters. The file is read once; of each cluster only its size and five rows are held."""
    found: dict[tuple[str, int], DuplicateCluster] = {}
    for row in _left_out(folder):
        if row["why"] == NEAR_DUPLICATE and "kept_file" in row:
            kept = (row["kept_file"], row["kept_line"])
            new: DuplicateCluster = {"file": kept[0], "line": kept[1], "removed": 0, "first": []}
            cluster = found.setdefault(kept, new)
            cluster["removed"] += 1
            if len(cluster["first"]) < SHOWN_OF_CLUSTER:
                cluster["first"].append((row["file"], row["line"]))
    return sorted(found.values(), key=lambda cluster: -cluster["removed"])[:limit]


def _left_out(folder: Path) -> Iterator[LeftOutRow]:
    for row in _lines(folder / LEFT_OUT):
        yield cast("LeftOutRow", row)


def _lines(file: Path) -> Iterator[object]:
    if not is_file(file):
        return
    with translated_os_errors(file, "read"), file.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            yield json.loads(line)
