"""Files: upload, list, retrieve, content, delete."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from openai.pagination import SyncCursorPage
from openai.types import FileDeleted, FileObject
from starlette.datastructures import FormData, UploadFile
from starlette.types import Receive, Scope, Send

from fine_tuning.server import api_objects, file_storage
from fine_tuning.server.api_errors import invalid, not_found
from fine_tuning.server.api_objects import ApiObject
from fine_tuning.server.context import Context, Project, Server, context_of
from fine_tuning.server.file_storage import NewUpload
from fine_tuning.server.json_body import JsonRoute
from fine_tuning.server.pagination import known_position, listed
from fine_tuning.store import files
from fine_tuning.store.records.files import StoredFile

router = APIRouter(route_class=JsonRoute, tags=["Files"])
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data")  # the SDK's file object has no "evals"
FIELDS = {"file", "purpose", "expires_after[anchor]", "expires_after[seconds]"}
LIFETIME_SECONDS = range(3600, 2592001)  # an hour to 30 days


@router.post("/files", response_model=FileObject, response_model_exclude_unset=True)
async def create(request: Request, project: Project) -> ApiObject:
    """Upload a file."""
    async with request.form(max_files=1, max_fields=8) as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile):
            words = "Missing required parameter: 'file'; send multipart/form-data with a file of this name"
            raise invalid(words, "file", "missing_required_parameter")
        if unknown := sorted(form.keys() - FIELDS):
            raise invalid(f"Unknown parameter: '{unknown[0]}'", unknown[0], "unknown_parameter")
        if (twice := _given_twice(form)) is not None:
            raise invalid(f"'{twice}' is given twice", twice)
        purpose = _purpose(form)
        new = NewUpload(project, upload.filename or "", purpose, _lifetime_seconds(form))
        return await run_in_threadpool(
            lambda: api_objects.file(file_storage.save(context_of(request).workspace, pieces(upload.file), new))
        )


def pieces(stream: IO[bytes]) -> Iterator[bytes]:
    """A stream in pieces that fit into memory."""
    while piece := stream.read(file_storage.PIECE):
        yield piece


def _given_twice(form: FormData) -> str | None:
    names = [name for name, _ in form.multi_items()]
    return next((name for name in names if names.count(name) > 1), None)


def _purpose(form: FormData) -> str:
    purpose, known = form.get("purpose"), ", ".join(PURPOSES)
    if purpose is None:
        words = f"Missing required parameter: 'purpose'; send one of {known}"
        raise invalid(words, "purpose", "missing_required_parameter")
    if not isinstance(purpose, str) or purpose not in PURPOSES:
        got = f", but got {json.dumps(purpose)}" if isinstance(purpose, str) else ""
        raise invalid(f"Invalid 'purpose': expected one of {known}{got}", "purpose", "invalid_value")
    return purpose


def _lifetime_seconds(form: FormData) -> int | None:
    anchor, seconds = form.get("expires_after[anchor]"), form.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    if anchor != "created_at":
        raise invalid("expires_after.anchor must be 'created_at'", "expires_after.anchor")
    plain = isinstance(seconds, str) and seconds.isascii() and seconds.isdecimal() and len(seconds) < 10
    return checked_lifetime(int(str(seconds)) if plain else -1)


def checked_lifetime(seconds: int, param: str = "expires_after.seconds") -> int:
    """Seconds until a file expires, within OpenAI's limits."""
    if seconds not in LIFETIME_SECONDS:
        raise invalid(f"{param} must be between 3600 and 2592000", param)
    return seconds


@router.get("/files", response_model=SyncCursorPage[FileObject], response_model_exclude_unset=True)
def list_(
    server: Server,
    project: Project,
    purpose: str | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 10_000,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
) -> ApiObject:
    """The project's files."""
    with known_position(), server.database.read() as tx:
        page = files.page(tx, project, purpose=purpose, after=after, limit=limit, newest_first=order == "desc")
    return listed(page, api_objects.file)


@router.get("/files/{file_id}", response_model=FileObject, response_model_exclude_unset=True)
def retrieve(server: Server, project: Project, file_id: str) -> ApiObject:
    """One file."""
    return api_objects.file(find(server, project, file_id))


@router.get("/files/{file_id}/content", response_class=FileResponse)
def content(server: Server, project: Project, file_id: str) -> FileResponse:
    """A file's bytes."""
    row = find(server, project, file_id)
    return _CompleteFile(row["path"], media_type="application/octet-stream", filename=row["filename"])


class _CompleteFile(FileResponse):
    """A file without range requests, which OpenAI's API does not have."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


@router.delete("/files/{file_id}", response_model=FileDeleted)
def delete(server: Server, project: Project, file_id: str) -> ApiObject:
    """Delete a file; jobs that were trained on it keep their record of it."""
    file_storage.remove(server.workspace, find(server, project, file_id))
    return api_objects.deleted(file_id, "file")


def find(server: Context, project: str, file_id: str, param: str = "file_id") -> StoredFile:
    """A file that the project can read.

    Raises:
        ApiError: 404.
    """
    with server.database.read() as tx:
        row = files.in_project(tx, project, file_id)
    if row is None or not file_storage.is_inside(server.workspace, row["path"]):
        raise not_found("File object", file_id, param)
    return row
