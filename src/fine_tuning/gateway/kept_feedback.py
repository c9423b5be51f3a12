"""Feedback that came while the database was away: a file of the spool each, until it can be stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import cast

from fine_tuning._util.files import atomic_write, make_folder, parse_json
from fine_tuning.errors import StorageError
from fine_tuning.gateway.recorder import MAX_SPOOL_BYTES, size_of
from fine_tuning.store.column_types import to_json
from fine_tuning.store.records.gateway_calls import CallFeedback


def keep(folder: Path, feedback: CallFeedback) -> None:
    """Write feedback to the spool.

    Raises:
        StorageError: the spool is full, or the disk.
    """
    if size_of(folder) > MAX_SPOOL_BYTES:
        raise StorageError("the spool is full")
    line = to_json({**feedback, "created_at": feedback["created_at"].isoformat()})
    with atomic_write(make_folder(folder) / f"{feedback['id']}.json", "wb") as file:
        file.write(line.encode())


def kept(folder: Path) -> list[Path]:
    """The files, in no order."""
    return [*folder.glob("feedback_*.json")] if folder.is_dir() else []


@contextmanager
def taken(path: Path) -> Iterator[CallFeedback]:
    """The feedback of a file, which is deleted when the block ends well."""
    found = cast("dict[str, str]", parse_json(path.read_bytes()))
    yield cast("CallFeedback", {**found, "created_at": datetime.fromisoformat(found["created_at"])})
    path.unlink()
