"""The bytes of uploaded files: written in pieces, named by us, hashed on the way."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from fine_tuning._util.files import atomic_write, make_folder
from fine_tuning.errors import ConflictError
from fine_tuning.server.api_errors import ApiError
from fine_tuning.server.server_config import MAX_FILE_BYTES, MIB
from fine_tuning.settings import get_settings
from fine_tuning.store import files, jobs
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database
from fine_tuning.store.records import NewFile, StoredFile

PIECE = MIB
_LONGEST_NAME = 255


def folder() -> Path:
    """Where files are kept."""
    return make_folder(get_settings().folder("files"))


def save(
    database: Database, project: str, pieces: Iterable[bytes], filename: str, purpose: str, keep_seconds: int | None
) -> StoredFile:
    """Write a file under a name of ours and record it. Returns its row.

    The client's name is shown again and never used as a path.

    Raises:
        ApiError: the file is too large.
        StorageError: the disk is full.
    """
    file_id = f"file-{uuid.uuid4().hex[:24]}"
    path = folder() / f"{file_id}.jsonl"
    digest, size = hashlib.sha256(), 0
    with atomic_write(path, "wb") as stream:
        for piece in pieces:
            size += len(piece)
            if size > MAX_FILE_BYTES:
                raise ApiError(413, f"a file may have {MAX_FILE_BYTES // MIB} MiB", param="file", code="file_too_large")
            digest.update(piece)
            stream.write(piece)
    row: NewFile = {
        "id": file_id,
        "provider": "local",
        "project": project,
        "purpose": purpose,
        "filename": Path(filename).name[:_LONGEST_NAME] or "file",
        "path": str(path),
        "bytes": size,
        "sha256": digest.hexdigest(),
        "dataset_id": None,
        "status": "processed",
        "expires_at": None if keep_seconds is None else now() + timedelta(seconds=keep_seconds),
    }
    try:
        with database.write() as tx:
            files.add(tx, row)
            found = files.get(tx, file_id)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    assert found is not None  # noqa: S101 - added in this transaction
    return found


def remove(database: Database, row: StoredFile) -> None:
    """Delete a file's bytes; its record stays for the lineage of its jobs.

    Raises:
        ConflictError: a job that has not ended needs it.
    """
    with database.write() as tx:
        if (job_id := jobs.using_file(tx, row["id"])) is not None:
            raise ConflictError(f"File {row['id']} is in use by {job_id}; cancel that job, or wait for its end")
        files.mark_deleted(tx, row["id"])
    Path(row["path"]).unlink(missing_ok=True)
