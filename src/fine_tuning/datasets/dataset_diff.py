"""Differences of two datasets: in the recipe, in the counts, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TypedDict

from fine_tuning.data_io import sources
from fine_tuning.datasets import manifest
from fine_tuning.datasets.manifest import Manifest


class DatasetDiff(TypedDict):
    """Differences of two datasets.

    `same` is whether rows and splits are equal. `recipe` and `counts` have both values of what differs. Rows are
    `added`, `removed`, `moved` (to another split) or `kept`.
    """

    same: bool
    recipe: dict[str, list[object]]
    counts: dict[str, list[object]]
    added: int
    removed: int
    moved: int
    kept: int


def compare(first_folder: Path, second_folder: Path) -> DatasetDiff:
    """The differences from the dataset in the first folder to that in the second.

    Raises:
        NotFoundError, DataError: a file of theirs is missing or damaged.
    """
    first, second = manifest.read(first_folder), manifest.read(second_folder)
    before, after = _rows(first, first_folder), _rows(second, second_folder)
    common = before.keys() & after.keys()
    moved = sum(before[row] != after[row] for row in common)
    return {
        "same": first.hash == second.hash,
        "recipe": _changed(first.recipe, second.recipe),
        "counts": _changed(first.counts, second.counts),
        "added": len(after) - len(common),
        "removed": len(before) - len(common),
        "moved": moved,
        "kept": len(common) - moved,
    }


def _rows(found: Manifest, folder: Path) -> dict[bytes, str]:
    """The split of each row, by a hash of its text."""
    return {
        blake2b(row.text or b"", digest_size=12).digest(): name
        for name, split in found.parts.items()
        for row in sources.read(str(folder / split["file"]))
    }


def _changed(first: Mapping[str, object], second: Mapping[str, object]) -> dict[str, list[object]]:
    names = [*first, *(name for name in second if name not in first)]
    return {name: [first.get(name), second.get(name)] for name in names if first.get(name) != second.get(name)}
