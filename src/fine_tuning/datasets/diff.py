"""What changed from one data set to another: in the recipe, in the counts, row by row."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from fine_tuning.data_io import sources
from fine_tuning.datasets.manifest import Manifest


def compare(first: Manifest, first_folder: Path, second: Manifest, second_folder: Path) -> dict[str, Any]:
    """The differences of two data sets.

    Returns:
        same (whether rows and parts are equal), recipe and counts (by name: the two values, where they differ), added,
        removed, moved (rows by whether they are in the other one, or there in another part) and kept.

    Raises:
        NotFoundError, DataError: a file of theirs is missing or damaged.
    """
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


def _rows(manifest: Manifest, folder: Path) -> dict[bytes, str]:
    """The part of each row, by a hash of its text."""
    return {
        blake2b(row.text or b"", digest_size=12).digest(): name
        for name, part in manifest.parts.items()
        for row in sources.read(str(folder / part["file"]))
    }


def _changed(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = [*first, *(name for name in second if name not in first)]
    return {name: [first.get(name), second.get(name)] for name in names if first.get(name) != second.get(name)}
