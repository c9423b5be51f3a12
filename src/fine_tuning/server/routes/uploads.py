"""Uploads: a file that arrives in parts."""

from __future__ import annotations

import filecmp
import hashlib
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from openai.types import Upload
from openai.types.uploads import UploadPart
from pydantic import Field
from starlette.datastructures import UploadFile

from fine_tuning._util.files import atomic_write, open_to_read
from fine_tuning.errors import ConflictError, NotFoundError
from fine_tuning.server import api_objects, file_storage
from fine_tuning.server.api_errors import ApiError, invalid, not_found
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.context import Context, Project, Server, context_of
from fine_tuning.server.file_storage import NewUpload
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.request_model import Listed, RequestModel
from fine_tuning.server.routes.files import checked_lifetime, pieces
from fine_tuning.server.server_config import MAX_FILE_BYTES, MIB
from fine_tuning.store import files, uploads
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.files import StoredFile
from fine_tuning.store.records.files import Upload as UploadRecord
from fine_tuning.store.records.files import UploadPart as UploadPartRecord
from fine_tuning.store.records.rows import record

router = APIRouter(route_class=JsonRoute, tags=["Uploads"])
LIFETIME = timedelta(hours=1)
MAX_PART_BYTES = 64 * MIB


class ExpiresAfter(RequestModel):
    """When the finished file is deleted."""

    anchor: Literal["created_at"]
    seconds: int


class CreateUpload(RequestModel):
    """The file that will be uploaded."""

    filename: str = Field(min_length=1, max_length=255)
    purpose: Literal["assistants", "batch", "fine-tune", "vision", "user_data"]
    bytes: int = Field(ge=1)
    mime_type: str = Field(min_length=1, max_length=200)
    expires_after: ExpiresAfter | None = None


class CompleteUpload(RequestModel):
    """The parts in their order, and the checksum of the whole."""

    part_ids: Listed[str] = Field(min_length=1)
    md5: str | None = None


@router.post("/uploads", response_model=Upload, response_model_exclude_unset=True)
def create(server: Server, project: Project, body: CreateUpload) -> ApiObject:
    """Create an upload, whose parts have to arrive within an hour."""
    if body.bytes > MAX_FILE_BYTES:
        raise invalid(f"bytes must be at most {MAX_FILE_BYTES}", "bytes")
    moment = now()
    row: UploadRecord = {
        "id": f"upload_{uuid.uuid4().hex[:24]}",
        "project": project,
        "filename": body.filename,
        "purpose": body.purpose,
        "mime_type": body.mime_type,
        "bytes": body.bytes,
        "status": "pending",
        "file_id": None,
        "file_expires_after": checked_lifetime(body.expires_after.seconds) if body.expires_after else None,
        "created_at": moment,
        "expires_at": moment + LIFETIME,
    }
    with server.database.write() as tx:
        uploads.add(tx, row)
    return api_objects.upload(row)


@router.post("/uploads/{upload_id}/parts", response_model=UploadPart)
async def add_part(request: Request, project: Project, upload_id: str) -> ApiObject:
    """Add a part of up to 64 MiB; parts may arrive concurrently and in any order."""
    server = context_of(request)
    upload = await run_in_threadpool(_pending, server, project, upload_id)
    async with request.form(max_files=1, max_fields=1) as form:
        data = form.get("data")
        if not isinstance(data, UploadFile):
            raise invalid("'data' is a required property and must be a file", "data")
        return await run_in_threadpool(_store_part, server, upload, data)


def _store_part(server: Context, upload: UploadRecord, data: UploadFile) -> ApiObject:
    part_id = f"part_{uuid.uuid4().hex[:24]}"
    path = file_storage.folder(server.workspace) / f"{part_id}.part"
    size = 0
    with atomic_write(path, "wb") as stream:
        for piece in pieces(data.file):
            size += len(piece)
            if size > upload["bytes"]:
                raise invalid(f"the part has more than the {upload['bytes']} bytes of the whole upload", "data")
            if size > MAX_PART_BYTES:
                raise ApiError(413, f"a part may have {MAX_PART_BYTES // MIB} MiB", param="data")
            stream.write(piece)
    row: UploadPartRecord = {
        "id": part_id,
        "upload_id": upload["id"],
        "bytes": size,
        "path": str(path),
        "created_at": now(),
    }
    try:
        added = _add_part(server, upload, row)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if added["id"] != part_id:
        path.unlink(missing_ok=True)
    return api_objects.part(added)


def _add_part(server: Context, upload: UploadRecord, part: UploadPartRecord) -> UploadPartRecord:
    """Record a part; one that an upload has no place for is taken for the repetition of an equal one."""
    with server.database.write() as tx:
        current = uploads.get(tx, upload["project"], upload["id"], lock=True)
        if current is None or current["status"] != "pending":
            raise invalid(f"Upload {upload['id']} was ended meanwhile", "upload_id")
        known = uploads.parts(tx, upload["id"]).values()
        if sum(each["bytes"] for each in known) + part["bytes"] > upload["bytes"]:
            same = [each for each in known if each["bytes"] == part["bytes"] and _is_equal(each, part)]
            if not same:
                raise invalid(f"the parts have more than the {upload['bytes']} bytes of the whole upload", "data")
            return same[0]
        uploads.add_part(tx, part)
    return part


def _is_equal(one: UploadPartRecord, other: UploadPartRecord) -> bool:
    with suppress(FileNotFoundError):
        return filecmp.cmp(one["path"], other["path"], shallow=False)
    return False


@router.post("/uploads/{upload_id}/complete", response_model=Upload, response_model_exclude_unset=True)
def complete(server: Server, project: Project, upload_id: str, body: CompleteUpload) -> ApiObject:
    """Join the parts into a file."""
    row = _pending(server, project, upload_id)
    with server.database.read() as tx:
        known = uploads.parts(tx, upload_id)
    if unknown := [part for part in body.part_ids if part not in known]:
        raise invalid(f"Upload {upload_id} has no part {unknown[0]}", "part_ids")
    if len(set(body.part_ids)) < len(body.part_ids):
        raise invalid("part_ids names a part twice", "part_ids")
    chosen = [known[part] for part in body.part_ids]
    if (size := sum(part["bytes"] for part in chosen)) != row["bytes"]:
        raise invalid(f"the parts have {size} bytes, the upload was created for {row['bytes']}", "part_ids")
    digest = hashlib.md5(usedforsecurity=False)
    ended: list[UploadPartRecord] = []

    def end(tx: Transaction, file_id: str) -> None:
        if body.md5 is not None and digest.hexdigest() != body.md5.lower():
            raise invalid(f"the parts have the MD5 checksum {digest.hexdigest()}, not {body.md5}", "md5")
        if (found := _ended(tx, upload_id, "completed", file_id)) is None:
            raise invalid(f"Upload {upload_id} was ended meanwhile", "upload_id")
        ended.extend(found)

    new = NewUpload(project, row["filename"], row["purpose"], row["file_expires_after"])
    file = file_storage.save(server.workspace, _joined(server, chosen, digest), new, end)
    _delete_files(server, ended)
    return api_objects.upload({**row, "status": "completed"}, file)


def _joined(server: Context, parts: list[UploadPartRecord], digest: hashlib._Hash) -> Iterator[bytes]:
    for part in parts:
        if not file_storage.is_inside(server.workspace, part["path"]):
            raise not_found("Part", part["id"], "part_ids")
        try:
            stream = open_to_read(part["path"])
        except NotFoundError:
            raise invalid("the upload was ended meanwhile", "upload_id") from None
        with stream:
            for piece in pieces(stream):
                digest.update(piece)
                yield piece


@router.post("/uploads/{upload_id}/cancel", response_model=Upload, response_model_exclude_unset=True)
def cancel(server: Server, project: Project, upload_id: str) -> ApiObject:
    """Cancel an upload and delete its parts."""
    row = _pending(server, project, upload_id)
    _end(server, upload_id, "cancelled")
    return api_objects.upload({**row, "status": "cancelled"})


def _end(server: Context, upload_id: str, status: str) -> None:
    with server.database.write() as tx:
        parts = _ended(tx, upload_id, status)
    _delete_files(server, parts or [])


def _ended(tx: Transaction, upload_id: str, status: str, file_id: str | None = None) -> list[UploadPartRecord] | None:
    """End an upload. Returns its parts, whose files are no longer needed; None where it had ended before."""
    if not uploads.end(tx, upload_id, status, file_id):
        return None
    parts = [*uploads.parts(tx, upload_id).values()]
    uploads.remove_parts(tx, upload_id)
    return parts


def _delete_files(server: Context, parts: Iterable[UploadPartRecord]) -> None:
    for part in parts:
        file_storage.delete(server.workspace, part["path"])


def delete_expired(server: Context) -> None:
    """Delete pending uploads and files past their expiry time."""
    with server.database.read() as tx:
        late, old = uploads.overdue(tx), files.expired(tx)
    for upload in late:
        _end(server, upload["id"], "expired")
    for file in old:
        with suppress(ConflictError):  # a job still needs it; it goes when that has ended
            file_storage.remove(server.workspace, record(StoredFile, file))


def _pending(server: Context, project: str, upload_id: str) -> UploadRecord:
    with server.database.read() as tx:
        row = uploads.get(tx, project, upload_id)
    if row is None:
        raise not_found("Upload", upload_id, "upload_id")
    if row["status"] != "pending":
        raise invalid(f"Upload {upload_id} is {row['status']}; it has to be pending", "upload_id")
    return row
