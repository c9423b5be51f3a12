"""The bytes of uploaded files: written in pieces under generated names, and hashed."""

from __future__ import annotations

import codecs
import hashlib
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from fine_tuning._util.files import atomic_write, make_folder
from fine_tuning.errors import ConflictError
from fine_tuning.server.api_errors import ApiError, invalid
from fine_tuning.server.server_config import MAX_FILE_BYTES, MIB
from fine_tuning.store import batches, files, jobs
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.files import NewFile, StoredFile
from fine_tuning.store.workspace import Workspace

PIECE = MIB
_MAX_NAME_LENGTH = 255


@dataclass(frozen=True)
class NewUpload:
    """A file to be stored; `name` is the client's and never used as a path, `keep_seconds` is None for ever."""

    project: str
    name: str
    purpose: str
    keep_seconds: int | None


def folder(workspace: Workspace) -> Path:
    """The folder of uploaded files."""
    return make_folder(workspace.folder("files"))


def is_inside(workspace: Workspace, path: str) -> bool:
    """Whether a file is in the workspace: no other one is ever read or deleted for a client, whatever its row says."""
    return os.path.realpath(path).startswith(os.path.realpath(workspace.settings.home) + os.sep)


def delete(workspace: Workspace, path: str) -> None:
    """Delete a file that is in the workspace."""
    if is_inside(workspace, path):
        Path(path).unlink(missing_ok=True)


def write(workspace: Workspace, pieces: Iterable[bytes], upload: NewUpload) -> NewFile:
    """Write a file under a generated name. Returns the record to add.

    Raises:
        StorageError: the disk is full.
    """
    file_id = f"file-{uuid.uuid4().hex[:24]}"
    path = folder(workspace) / f"{file_id}.jsonl"
    digest, size = hashlib.sha256(), 0
    with atomic_write(path, "wb") as stream:
        for piece in pieces:
            size += len(piece)
            digest.update(piece)
            stream.write(piece)
    return {
        "id": file_id,
        "provider": "local",
        "project": upload.project,
        "purpose": upload.purpose,
        "filename": Path(upload.name).name[:_MAX_NAME_LENGTH] or "file",
        "path": str(path),
        "bytes": size,
        "sha256": digest.hexdigest(),
        "dataset_id": None,
        "status": "processed",
        "expires_at": None if upload.keep_seconds is None else now() + timedelta(seconds=upload.keep_seconds),
    }


def save(
    workspace: Workspace,
    pieces: Iterable[bytes],
    upload: NewUpload,
    and_record: Callable[[Transaction, str], None] = lambda _, __: None,
) -> StoredFile:
    """Write a file and record it. Returns its record.

    Args:
        and_record: records what belongs together with the file of an id, in the same transaction.

    Raises:
        ApiError: the file is empty or too large.
        StorageError: the disk is full.
    """
    row = write(workspace, _checked(pieces, upload.purpose), upload)
    try:
        with workspace.database.write() as tx:
            files.add(tx, row)
            and_record(tx, row["id"])
            found = files.get(tx, row["id"])
    except BaseException:
        Path(row["path"]).unlink(missing_ok=True)
        raise
    assert found is not None  # noqa: S101 - added in this transaction
    return found


def _checked(pieces: Iterable[bytes], purpose: str) -> Iterator[bytes]:
    size, is_blank = 0, True
    for piece in pieces:
        size += len(piece)
        is_blank = is_blank and not piece.removeprefix(codecs.BOM_UTF8).strip()
        if size > MAX_FILE_BYTES:
            raise ApiError(413, f"a file may have {MAX_FILE_BYTES // MIB} MiB", param="file", code="file_too_large")
        yield piece
    if size == 0:
        raise invalid("The file is empty.", "file", "empty_file")
    if is_blank and purpose == "fine-tune":  # of a batch, its object says so
        raise invalid("The file has no training rows: one JSON object a line.", "file", "empty_file")


def remove(workspace: Workspace, row: StoredFile) -> None:
    """Delete a file's bytes; its record stays for the lineage of its jobs.

    Raises:
        ConflictError: a job or batch that has not ended needs it.
    """
    with workspace.database.write() as tx:
        if (job_id := jobs.using_file(tx, row["id"])) is not None:
            raise ConflictError(f"File {row['id']} is in use by {job_id}; cancel that job, or wait for its end")
        if (batch_id := batches.using_file(tx, row["id"])) is not None:
            raise ConflictError(f"File {row['id']} is in use by {batch_id}; cancel that batch, or wait for its end")
        files.mark_deleted(tx, row["id"])
    delete(workspace, row["path"])
