"""Finds a registered version, or raises an error that names the nearest ones."""

from __future__ import annotations

import difflib

from fine_tuning._util.model_names import parse_version_name, version_name
from fine_tuning.errors import NotFoundError
from fine_tuning.store import model_versions, registry_changes
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion, RegistryChange


def find_version(tx: Transaction, name: str, version: int | None = None) -> ModelVersion:
    """A version, the latest by default.

    Raises:
        NotFoundError: there is none.
    """
    found = model_versions.get(tx, name, version)
    if found is None:
        raise missing_version(tx, name, version)
    return found


def deployed_or_latest(tx: Transaction, name: str, version: int | None = None) -> ModelVersion:
    """A version; by default the deployed one, else the latest.

    Raises:
        NotFoundError: there is none.
    """
    if version:
        return find_version(tx, name, version)
    return model_versions.deployed(tx, name) or find_version(tx, name)


def history(tx: Transaction, name: str) -> list[RegistryChange]:
    """Every recorded change of a model, oldest first.

    Raises:
        NotFoundError: there is no such model.
    """
    if changes := registry_changes.of_model(tx, name):
        return changes
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
