"""API keys: made once, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from typing import Any, NamedTuple

from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.server.api_errors import ApiError
from fine_tuning.store import api_keys
from fine_tuning.store.database import Database

DEFAULT_PROJECT = "default"
_PREFIX = "sk-ft-"
_SHOWN = len(_PREFIX) + 4
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def create(
    database: Database, name: str, project: str = DEFAULT_PROJECT, *, read_only: bool = False
) -> tuple[str, dict[str, Any]]:
    """Make a key for a project. Returns the key, which cannot be shown again, and its record.

    Args:
        read_only: it opens everything for looking at, and nothing for changing or for the models' time.

    Raises:
        UsageError: the name is empty, or the project is no short plain name.
    """
    if not name.strip():
        raise UsageError("a key needs a name, such as the program that will use it")
    if not _PROJECT.fullmatch(project):
        raise UsageError(f"no project name: {project!r}; use up to 64 letters, digits, dots, dashes and underscores")
    key = _PREFIX + secrets.token_urlsafe(32)
    record = {
        "id": f"key_{uuid.uuid4().hex[:24]}",
        "name": name,
        "project": project,
        "prefix": key[:_SHOWN],
        "read_only": read_only,
    }
    with database.write() as tx:
        api_keys.add(tx, {**record, "sha256": _hash(key)})
    return key, record


class Access(NamedTuple):
    """What a request's key opens: nothing where `project` is None; `key_id` is None where no valid key was given."""

    key_id: str | None
    project: str | None
    read_only: bool = False


def access(database: Database, authorization: str) -> Access:
    """What the `Authorization` header of a request opens; everything of the default project while there are no keys."""
    scheme, _, key = authorization.partition(" ")
    with database.read() as tx:
        if not api_keys.any_valid(tx):
            return Access(None, DEFAULT_PROJECT)
        found = api_keys.find(tx, sha256=_hash(key.strip())) if scheme.lower() == "bearer" else None
    return Access(None, None) if found is None else Access(found["id"], found["project"], found["read_only"])


def refusal(authorization: str) -> ApiError:
    """401, for a request whose key opens nothing."""
    told = "Incorrect API key provided" if authorization.partition(" ")[2] else "You didn't provide an API key"
    return ApiError(401, f"{told}; make one with: ft-cli keys create NAME", code="invalid_api_key")


def forbidden() -> ApiError:
    """403, for a request that a key for reading does not open."""
    return ApiError(403, "This key may only read; make another one with: ft-cli keys create NAME", code="read_only_key")


def any_valid(database: Database) -> bool:
    """Whether any key opens anything; without one the server serves the loopback address only."""
    with database.read() as tx:
        return api_keys.any_valid(tx)


def listed(database: Database) -> list[dict[str, Any]]:
    """Every key's record, newest first, without the key."""
    with database.read() as tx:
        return api_keys.newest(tx)


def find(database: Database, key_id: str) -> dict[str, Any] | None:
    """The record of a valid key of the default project; None where there is none or it was revoked."""
    with database.read() as tx:
        found = api_keys.find(tx, key_id=key_id)
    return found if found is not None and found["project"] == DEFAULT_PROJECT else None


def revoke(database: Database, key_id: str) -> None:
    """Make a key invalid at once.

    Raises:
        NotFoundError: there is no such valid key.
    """
    with database.write() as tx:
        if not api_keys.revoke(tx, key_id):
            raise NotFoundError(f"no valid key {key_id}; ft-cli keys list shows their ids")


def _hash(key: str) -> str:
    # A fast hash is enough: the key is 256 random bits, which nobody can guess from a list.
    return hashlib.sha256(key.encode()).hexdigest()
