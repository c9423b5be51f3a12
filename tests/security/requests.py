"""Requests that wait as long as other tests keep the processors busy, and the keys that they are sent with."""

from __future__ import annotations

from typing import Any

import httpx

from fine_tuning.server import authentication
from fine_tuning.store.database import open_database

PATIENCE = 60.0


def ask(method: str, address: str, **more: Any) -> httpx.Response:
    """The answer to a request; see `httpx.request`."""
    return httpx.request(method, address, timeout=PATIENCE, **more)


def key(project: str, **more: bool) -> dict[str, str]:
    """The header of a new key of a project; see `authentication.create`."""
    return {"Authorization": f"Bearer {authentication.create(open_database(), 'app', project, **more)[0]}"}
