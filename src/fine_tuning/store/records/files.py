"""Files of the API, and uploads in parts."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict


class FileFacts(TypedDict):
    """What is known of a file before it is stored; `provider` is "local" or a host's address."""

    id: str
    provider: str
    purpose: str
    filename: str
    path: str
    bytes: int
    sha256: str
    dataset_id: int | None


class NewFile(FileFacts):
    """What `files.add` records; the database fills in the rest."""

    provider_file_id: NotRequired[str | None]
    project: NotRequired[str]
    status: NotRequired[str]
    expires_at: NotRequired[datetime | None]


class StoredFile(FileFacts):
    """A row of `files`."""

    provider_file_id: str | None
    created_at: datetime
    project: str
    status: str
    expires_at: datetime | None
    deleted_at: datetime | None


class Upload(TypedDict):
    """A row of `uploads`."""

    id: str
    project: str
    filename: str
    purpose: str
    mime_type: str
    bytes: int
    status: str
    file_expires_after: int | None
    file_id: str | None
    created_at: datetime
    expires_at: datetime


class UploadPart(TypedDict):
    """A row of `upload_parts`."""

    id: str
    upload_id: str
    bytes: int
    path: str
    created_at: datetime
