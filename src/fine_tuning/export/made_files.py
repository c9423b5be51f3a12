"""Records of what a kept file was made from, beside it, so that it is made again once that changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, cast

from fine_tuning._util.files import file_signature, read_json, write_json
from fine_tuning.errors import DataError


class MadeFile(TypedDict):
    """What a kept file was made from.

    sources, made: signatures of the source files by path, and of the file. Unlike hashes, they hold only for the files
        as they lie on this disk: a record that comes with a folder from elsewhere does not count.
    problem: why the file cannot be used; None if it can.
    """

    sources: dict[str, list[int]]
    made: list[int]
    problem: str | None


def signatures(sources: Sequence[Path]) -> dict[str, list[int]]:
    """The signatures of those files that there are; taken before they are read."""
    return {str(file.absolute()): list(file_signature(file)) for file in sources if file.is_file()}


def valid_record(path: Path, sources: Sequence[Path]) -> MadeFile | None:
    """The record beside a file, if it is of this file and of the sources as they are."""
    if not path.is_file() or not _record_path(path).is_file():
        return None
    try:
        found = read_json(_record_path(path))
    except DataError:
        return None
    now = {"sources": signatures(sources), "made": list(file_signature(path))}
    is_valid = isinstance(found, dict) and found == {**now, "problem": found.get("problem")}
    return cast("MadeFile", found) if is_valid else None


def record(path: Path, sources: dict[str, list[int]], problem: str | None = None) -> MadeFile:
    """Write the record of a file that was made from files with these signatures.

    Raises:
        StorageError: the disk is full or read-only.
    """
    found = MadeFile(sources=sources, made=list(file_signature(path)), problem=problem)
    write_json(_record_path(path), found)
    return found


def _record_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")
