"""Fetches the files of an account, and records them with the datasets whose content they have."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fine_tuning._util.bounded_http import TooSlowError, in_time
from fine_tuning._util.files import atomic_write, make_folder, sha256_file
from fine_tuning.data_io.content_hash import content_hash
from fine_tuning.data_io.rows import read_rows
from fine_tuning.errors import DataError, NotFoundError, ProviderError
from fine_tuning.store import datasets, files
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.datasets import NewDataset
from fine_tuning.store.records.files import NewFile
from fine_tuning.training.jobs.hosted_objects import HostedFile, checked
from fine_tuning.workflows.account_export.export_session import ExportSession

MAX_TRANSFERS = 5  # attempts to download a file completely
MAX_FILE_BYTES = 8 << 30  # of a file whose size the host does not say; OpenAI's own limit is 8 GB for an upload


def fetch_file(session: ExportSession, file_id: str, listed: HostedFile | None) -> bool:
    """Store a file here, unless it was fetched before. Returns whether it is available.

    Args:
        listed: the file as the account lists it; None where the list lacks it.
    """
    if _is_stored(session, file_id):
        return True
    path = make_folder(session.workspace.folder("files")) / f"{_safe(file_id)}.jsonl"
    try:
        listed = listed or _describe(session, file_id)
        size, digest = _download(session, file_id, path, listed.bytes)
    except (NotFoundError, ProviderError) as error:
        session.report.missing.append(f"file {file_id}: {error}")
        return False
    session.report.bytes += size
    _record(
        session,
        {
            "id": file_id,
            "provider": session.url,
            "provider_file_id": file_id,
            "purpose": listed.purpose,
            "filename": Path(listed.filename).name or file_id,
            "path": str(path),
            "bytes": size,
            "sha256": digest,
            "dataset_id": None,
        },
    )
    return True


def _is_stored(session: ExportSession, file_id: str) -> bool:
    with session.workspace.database.read() as tx:
        row = files.get(tx, file_id)
    return row is not None and Path(row["path"]).is_file() and sha256_file(Path(row["path"])) == row["sha256"]


def _record(session: ExportSession, fetched: NewFile) -> None:
    with session.write() as tx:
        row = files.get(tx, fetched["id"])
        if row is None:
            files.add(tx, {**fetched, "dataset_id": _freeze(tx, fetched)})
            session.report.new_files += 1
        else:  # its bytes were lost here, or another export fetched it meanwhile
            files.replace_bytes(tx, row["id"], fetched)


def _freeze(tx: Transaction, file: NewFile) -> int | None:
    """The id of the dataset with the content of a training file; None for other files."""
    if file["purpose"] != "fine-tune":
        return None
    try:
        rows = [row for _, row in read_rows(file["path"])]
    except DataError:
        return None
    digest = content_hash(rows)
    if (known := datasets.find_by_hash(tx, digest)) is not None:
        return int(known["id"])
    dataset: NewDataset = {
        "name": Path(file["filename"]).stem[:200] or file["id"],
        "content_hash": digest,
        "format": "openai",
        "path": file["path"],
        "rows": len(rows),
        "recipe": {"exported_from": file["provider"], "file": file["id"]},
    }
    return datasets.freeze(tx, dataset, ())


def _describe(session: ExportSession, file_id: str) -> HostedFile:
    with session.host.translated_errors(f"file {file_id}"):
        return checked(HostedFile, session.client.files.retrieve(file_id), f"{session.url}, file {file_id}")


class _RefusedFileError(ProviderError):
    """A file that another attempt would not complete either."""


def _download(session: ExportSession, file_id: str, path: Path, expected: int | None) -> tuple[int, str]:
    """Download a file completely, with retries. Returns its size in bytes and its checksum."""
    for left in range(MAX_TRANSFERS - 1, -1, -1):
        try:
            return _download_once(session, file_id, path, expected)
        except ProviderError as error:
            if not left or isinstance(error, _RefusedFileError | TooSlowError):
                raise
    raise AssertionError


def _download_once(session: ExportSession, file_id: str, path: Path, expected: int | None) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    most = MAX_FILE_BYTES if expected is None else expected
    answer = session.client.files.with_streaming_response.content(file_id)
    with session.host.translated_errors(f"file {file_id}"), atomic_write(path, "wb") as out, answer as stream:
        for piece in in_time(stream.iter_bytes(1 << 16), session.url):
            digest.update(piece)
            size += len(piece)
            if size > most:
                raise _RefusedFileError(f"{session.url} sends more than the {most} bytes of the file")
            out.write(piece)
        if expected is not None and size != expected:
            raise ProviderError(f"received {size} of {expected} bytes; run the export again")
    return size, digest.hexdigest()


def _safe(file_id: str) -> str:
    """A host's id as a file name; one that is not a plain word is hashed."""
    plain = file_id.replace("-", "").replace("_", "")
    if plain.isascii() and plain.isalnum() and len(file_id) < 100:
        return file_id
    return hashlib.sha256(file_id.encode()).hexdigest()[:32]
