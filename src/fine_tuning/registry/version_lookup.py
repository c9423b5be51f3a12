"""Finds a registered version, or raises an error that names the nearest ones."""

from __future__ import annotations

import difflib
from contextlib import suppress

from fine_tuning._util.model_names import parse_version_name, version_name
from fine_tuning.errors import NotFoundError
from fine_tuning.store import model_versions, named_versions, registry_changes
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion, RegistryChange


def find_version(tx: Transaction, name: str, version: int | None = None) -> ModelVersion:
    """A version, the latest by default; the name may be `<name>-v<version>` or `<name>@<alias>`, too.

    Raises:
        NotFoundError: there is none.
        UsageError: name and version differ.
    """
    name, version = named_versions.model_and_version(tx, name, version)
    found = model_versions.get(tx, name, version)
    if found is None:
        raise missing_version(tx, name, version)
    return found


def version_or_none(tx: Transaction, name: str, version: int | None = None) -> ModelVersion | None:
    """As `find_version`; None where there is no such version."""
    with suppress(NotFoundError):
        return find_version(tx, name, version)
    return None


def versions_of(tx: Transaction, name: str | None) -> list[ModelVersion]:
    """Every version of a model, ascending, or the one that `<name>-v<version>` or `<name>@<alias>` says; None: of all.

    Empty for an unknown model.
    """
    if name is None:
        return model_versions.versions(tx)
    model, version = named_versions.model_and_version(tx, name)
    return [each for each in model_versions.versions(tx, model) if version in (None, each["version"])]


def deployed_or_latest(tx: Transaction, name: str, version: int | None = None) -> ModelVersion:
    """A version, as `find_version`; by default the deployed one, else the latest.

    Raises:
        NotFoundError: there is none.
    """
    deployed = model_versions.deployed(tx, name) if version is None else None
    return deployed or find_version(tx, name, version)


def history(tx: Transaction, name: str) -> list[RegistryChange]:
    """Every recorded change of a model, oldest first; of `<name>-v<version>` or `<name>@<alias>`, of that version.

    Raises:
        NotFoundError: there is no such model or version.
    """
    name, version = named_versions.model_and_version(tx, name)
    if changes := registry_changes.of_model(tx, name):
        return [each for each in changes if version in (None, each["version"])]
    raise missing_version(tx, name)


def check_registered(tx: Transaction, model_id: str) -> None:
    """Raise NotFoundError, naming the nearest ids, unless `<name>-v<version>` is registered."""
    parsed = parse_version_name(model_id)
    if parsed is not None and model_versions.get(tx, *parsed) is not None:
        return
    known = [version_name(each["model_name"], each["version"]) for each in model_versions.versions(tx)]
    near = difflib.get_close_matches(model_id, known, n=3, cutoff=0.3) or known[-3:]
    raise NotFoundError(f"no registered model version {model_id}; nearest: {', '.join(near) or 'none registered yet'}")


def missing_version(tx: Transaction, name: str, version: int | None = None) -> NotFoundError:
    """The error for a version that is not registered; its message lists those that are."""
    if versions := [str(each["version"]) for each in model_versions.versions(tx, name)]:
        return NotFoundError(f"{name} has no version {version}; it has {', '.join(versions)}")
    known = model_versions.names(tx)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:5]
    return NotFoundError(f"no model {name} is registered; registered: {', '.join(near) or 'none yet'}")
