"""API keys: create, check, list and revoke them. A key is shown once and stored as a hash (`store.api_keys`)."""

from __future__ import annotations

import secrets
import uuid
from typing import NamedTuple, TypedDict

from starlette.types import Scope

from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.server.api_errors import ApiError
from fine_tuning.store import api_keys
from fine_tuning.store.database import Database
from fine_tuning.store.projects import DEFAULT_PROJECT, check_project
from fine_tuning.store.records.api_keys import ApiKey

_PREFIX = "sk-ft-"
_PREFIX_LENGTH = len(_PREFIX) + 4


class CreatedKey(TypedDict):
    """The record of a new key."""

    id: str
    name: str
    project: str
    prefix: str
    read_only: bool
    is_owner: bool


def create(
    database: Database,
    name: str,
    project: str = DEFAULT_PROJECT,
    *,
    read_only: bool = False,
    is_owner: bool = False,
) -> tuple[str, CreatedKey]:
    """Create a key for a project. Returns the key, which cannot be shown again, and its record.

    Args:
        read_only: allow reading requests only: no changes, and no calls of models.
        is_owner: allow every project; a request names it, or is of the default one.

    Raises:
        UsageError: the name is empty, the project's name is invalid, or an owner is given a project.
    """
    if not name.strip():
        raise UsageError("a key needs a name, such as the program that will use it")
    if check_project(project) != DEFAULT_PROJECT and is_owner:
        raise UsageError("an owner's key is of all projects; leave out --project or --owner")
    key = _PREFIX + secrets.token_urlsafe(32)
    record: CreatedKey = {
        "id": f"key_{uuid.uuid4().hex[:24]}",
        "name": name,
        "project": project,
        "prefix": key[:_PREFIX_LENGTH],
        "read_only": read_only,
        "is_owner": is_owner,
    }
    with database.write() as tx:
        api_keys.add(tx, {**record, "sha256": api_keys.hash_key(key)})
    return key, record


class Access(NamedTuple):
    """What a request may access: nothing where `project` is None; `key_id` is None without a valid key.

    A project without a key is that of a server without keys, see `caller_checks`.
    """

    key_id: str | None
    project: str | None
    read_only: bool = False
    is_owner: bool = False


def client_of(scope: Scope, found: Access) -> str:
    """Whose requests a request is counted among: those of its key or, without a valid key, of its address."""
    return found.key_id or (scope["client"][0] if scope.get("client") else "")


def access(database: Database, authorization: str) -> Access:
    """The access of an `Authorization` header; the default project if no key was ever created."""
    scheme, _, key = authorization.partition(" ")
    with database.read() as tx:
        if not api_keys.any_created(tx):
            return Access(None, DEFAULT_PROJECT)
        found = api_keys.find(tx, sha256=api_keys.hash_key(key.strip())) if scheme.lower() == "bearer" else None
    if found is None:
        return Access(None, None)
    return Access(found["id"], found["project"], found["read_only"], found["is_owner"])


def project_for(database: Database, caller: Access, named: str) -> str | None:
    """The project of a request: that of its key, whatever it names; of an owner's key the one that it names.

    Clients that moved here from OpenAI may go on to name a project of theirs, and their key decides.

    Args:
        named: the header `OpenAI-Project`; empty for the key's own.

    Raises:
        ApiError: 404, an owner names a project without keys.
    """
    if not caller.is_owner or not named:
        return caller.project
    with database.read() as tx:
        known = {DEFAULT_PROJECT, *api_keys.projects(tx)}
    if named not in known:
        raise ApiError(404, f"No project {named!r}; there are: {', '.join(sorted(known))}", code="project_not_found")
    return named


def refusal(authorization: str) -> ApiError:
    """401, for a request without a valid key."""
    problem = "Incorrect API key provided" if authorization.partition(" ")[2] else "You didn't provide an API key"
    return ApiError(401, f"{problem}; create one with: ft-cli keys create NAME", code="invalid_api_key")


def forbidden() -> ApiError:
    """403, for a request that a read-only key does not allow."""
    return ApiError(
        403, "This key is read-only; create another one with: ft-cli keys create NAME", code="read_only_key"
    )


def is_open(database: Database) -> bool:
    """Whether no key was ever created, so that no request needs one; revoking the last key does not open it again."""
    with database.read() as tx:
        return not api_keys.any_created(tx)


def listed(database: Database) -> list[ApiKey]:
    """Every key's record, newest first, without the key."""
    with database.read() as tx:
        return api_keys.newest(tx)


def find_overseer(database: Database, key_id: str) -> ApiKey | None:
    """The record of a valid key that may see all projects; None where there is none or it was revoked.

    It is an owner's, or one of the default project as long as that is the only one.
    """
    with database.read() as tx:
        found = api_keys.find(tx, key_id=key_id)
        sees_all = found is not None and (found["is_owner"] or {*api_keys.projects(tx)} == {DEFAULT_PROJECT})
    return found if sees_all else None


def check_sees_all(database: Database, authorization: str) -> None:
    """Check that a request may see all projects: that of an overseer's key, or of a server without keys.

    Raises:
        ApiError: 403, its key is of one project.
    """
    key_id = access(database, authorization).key_id
    if key_id is not None and find_overseer(database, key_id) is None:
        advice = "use an owner's key: ft-cli keys create NAME --owner --read-only"
        raise ApiError(403, f"This is of all projects, and your key is of one; {advice}", code="not_of_one_project")


def revoke(database: Database, key_id: str) -> None:
    """Revoke a key at once.

    Raises:
        NotFoundError: no valid key has this id.
    """
    with database.write() as tx:
        if not api_keys.revoke(tx, key_id):
            raise NotFoundError(f"no valid key {key_id}; ft-cli keys list shows their ids")
