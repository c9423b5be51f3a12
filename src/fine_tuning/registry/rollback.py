"""Rolls a model back to a version that was deployed before."""

from __future__ import annotations

from fine_tuning._util import checks
from fine_tuning.errors import NotFoundError
from fine_tuning.registry.deployment import deploy
from fine_tuning.registry.version_lookup import missing_version
from fine_tuning.store import model_versions, named_versions
from fine_tuning.store.database import Database, Transaction


def roll_back(database: Database, name: str, target_version: int | None, *, actor: str) -> int:
    """Deploy an earlier version again, without gates. Returns the version.

    Args:
        target_version: by default the one that the name says (`<name>-v<version>`, `<name>@<alias>`), else the one that
            was deployed before the current one and that nobody has archived since.

    Raises:
        NotFoundError: there is no such version, or none was deployed before.
        ConflictError: its status does not allow it.
    """
    with database.read() as tx:
        name, target_version = named_versions.model_and_version(tx, name, target_version)
        if target_version is None:
            target_version = _previous(tx, name)
    version = checks.count("target_version", target_version, 1)
    return deploy(database, name, version, actor=actor, reason=model_versions.ROLLBACK)


def _previous(tx: Transaction, name: str) -> int:
    version = model_versions.deployed_before(tx, name)
    if version is None:
        if not model_versions.versions(tx, name):
            raise missing_version(tx, name)
        raise NotFoundError(f"no version of {name} was deployed before and not archived since; name the one to deploy")
    return version
