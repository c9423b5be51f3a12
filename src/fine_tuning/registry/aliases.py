"""Aliases such as champion and challenger: `<model>@<alias>` names the version that the alias points at."""

from __future__ import annotations

from collections.abc import Sequence

from fine_tuning._util import checks
from fine_tuning._util.model_names import alias_name
from fine_tuning.errors import ConflictError, UsageError
from fine_tuning.registry import expiry
from fine_tuning.registry.mlflow_client import DEPLOYED
from fine_tuning.registry.version_lookup import find_version
from fine_tuning.store import model_aliases, model_versions
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.model_versions import DescribedModelVersion, ModelVersion


def set_alias(database: Database, name: str, alias: str, version: int | None, *, actor: str, reason: str) -> int:
    """Point an alias at a version (the latest by default). Returns the version.

    Raises:
        NotFoundError: there is no such version.
        UsageError: the alias is not a valid name, or that of the status.
        ConflictError: another model has the name that the alias would give.
    """
    if "@" in checks.name("alias", alias):
        raise UsageError(f"an alias must not contain @: {alias!r}")
    if alias == DEPLOYED:
        raise UsageError(f"the alias {DEPLOYED} is reserved for the DEPLOYED version; deploy the version instead")
    with database.write() as tx:
        found = find_version(tx, name, version)
        name, number = found["model_name"], found["version"]
        if model_versions.get(tx, called := alias_name(name, alias)) is not None:
            raise ConflictError(f"a model is called {called}; choose another alias")
        model_aliases.set_alias(tx, name, alias, number, actor=actor, reason=reason)
    return number


def remove_alias(database: Database, name: str, alias: str, *, actor: str, reason: str) -> bool:
    """Remove an alias; False where the model has none of that name."""
    with database.write() as tx:
        if alias not in model_aliases.of_model(tx, name):
            return False
        model_aliases.set_alias(tx, name, alias, None, actor=actor, reason=reason)
    return True


def described(tx: Transaction, versions: Sequence[ModelVersion]) -> list[DescribedModelVersion]:
    """The versions with their shutdown dates and the aliases that point at them."""
    found, dated = model_aliases.by_version(tx), expiry.with_shutdown_dates(tx, versions)
    return [{**each, "aliases": found.get((each["model_name"], each["version"]), [])} for each in dated]
