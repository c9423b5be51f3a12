"""The rows that a data set was built without, as its folder keeps them: with their reasons, and in whose favour."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from fine_tuning._util.files import explained, is_file
from fine_tuning.datasets.build import LEFT_OUT, REJECTED

NEAR = "near-duplicate"


def rejected(folder: Path, limit: int) -> list[dict[str, Any]]:
    """The first rejected rows: file, line, reasons (each with code, field, message, advice) and text."""
    return list(islice(_lines(folder / REJECTED), limit))


def left_out(folder: Path, limit: int) -> list[dict[str, Any]]:
    """The first rows that were fit and did not stay: file, line, why; kept_file, kept_line where another one did."""
    return list(islice(_lines(folder / LEFT_OUT), limit))


def clusters(folder: Path, limit: int) -> list[dict[str, Any]]:
    """The largest groups of rows that ask nearly the same: the kept row's file and line, how many went, the first ones.

    The whole file is read once; of each group only its size and five rows are held.
    """
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for row in _lines(folder / LEFT_OUT):
        if row["why"] == NEAR and "kept_file" in row:
            key = (row["kept_file"], row["kept_line"])
            group = found.setdefault(key, {"file": key[0], "line": key[1], "removed": 0, "first": []})
            group["removed"] += 1
            if len(group["first"]) < 5:
                group["first"].append((row["file"], row["line"]))
    return sorted(found.values(), key=lambda group: -int(group["removed"]))[:limit]


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    if not is_file(file):
        return
    with explained(file, "read"), file.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            yield json.loads(line)
