"""Deploys versions: exactly one of a model at a time."""

from __future__ import annotations

from fine_tuning.registry import deployment_gates
from fine_tuning.registry.version_lookup import find_version, missing_version
from fine_tuning.settings import Settings
from fine_tuning.store import model_versions, named_versions
from fine_tuning.store.database import Database


def deploy(
    database: Database, name: str, version: int | None, *, actor: str, reason: str, gates: Settings | None = None
) -> int:
    """Deploy a version (the latest by default), archiving the current one, in one transaction.

    Args:
        gates: the settings whose deployment gates the version has to pass; none by default.

    Returns:
        The version.

    Raises:
        NotFoundError: there is no such version.
        ConflictError: a gate fails, or the status of the version does not allow it.
    """
    with database.read() as tx:  # reads only: comparing checksums must not block writers
        record = find_version(tx, name, version)
        if gates is not None:
            deployment_gates.check(tx, record, gates)
    name, version = record["model_name"], record["version"]
    if not set_status(database, name, version, "DEPLOYED", actor=actor, reason=reason):
        with database.read() as tx:
            raise missing_version(tx, name, version)
    return version


def set_status(database: Database, name: str, version: int | None, status: str, *, actor: str, reason: str) -> bool:
    """Change the status of a version (the latest by default); False where there is no such version.

    Raises:
        ConflictError: the current status does not allow it.
    """
    with database.write() as tx:
        name, version = named_versions.model_and_version(tx, name, version)
        found = model_versions.get(tx, name, version)
        row = model_versions.locked(tx, name, found["version"]) if found is not None else None
        if row is None:
            return False
        model_versions.move(tx, row, status, actor=actor, reason=reason)
    return True
