"""Keys of the server's clients, and what they may read."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict


class NewApiKey(TypedDict):
    """A new row of `api_keys`."""

    id: str
    name: str
    project: str
    prefix: str
    sha256: str
    read_only: bool
    is_owner: bool


class ApiKey(TypedDict):
    """A row of `api_keys`, without the hash of the key."""

    id: str
    name: str
    project: str
    prefix: str
    created_at: datetime
    revoked_at: datetime | None
    read_only: bool
    is_owner: bool


class CheckpointPermission(TypedDict):
    """A row of `checkpoint_permissions`."""

    id: str
    checkpoint: str
    project: str
    created_at: datetime
