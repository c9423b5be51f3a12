"""Finds a registered version, or raises an error that names the nearest ones."""

from __future__ import annotations

import difflib

from fine_tuning.errors import NotFoundError
from fine_tuning.store import model_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion


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


def missing_version(tx: Transaction, name: str, version: int | None = None) -> NotFoundError:
    """The error for a version that is not registered; its message lists those that are."""
    if versions := [str(each["version"]) for each in model_versions.versions(tx, name)]:
        return NotFoundError(f"{name} has no version {version}; it has {', '.join(versions)}")
    known = model_versions.names(tx)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:5]
    return NotFoundError(f"no model {name} is registered; registered: {', '.join(near) or 'none yet'}")
