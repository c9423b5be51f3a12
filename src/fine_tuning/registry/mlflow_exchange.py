"""What has changed here since the last exchange with an MLflow registry: only that is written over what is there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

from fine_tuning.registry.mlflow_client import DEPLOYED, PREFIX
from fine_tuning.store import imported_files
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import RegistryChange

_KIND = "mlflow"


class Changes:
    """The changes of a model since an exchange; before the first one, everything counts as changed."""

    def __init__(self, history: Sequence[RegistryChange], since: str | None) -> None:
        """Take the history of a model, and the time of the exchange (ISO 8601, UTC)."""
        self._is_first = since is None
        self._found = [change for change in history if since is not None and change["created_at"] > since]

    def has_alias(self, alias: str) -> bool:
        """Whether an alias was moved or removed here; `deployed` follows the status."""
        if alias == DEPLOYED and any(
            change["kind"] == "status" and "DEPLOYED" in (change["before"], change["after"]) for change in self._found
        ):
            return True
        return self._is_first or any(change["kind"] == "alias" and change["name"] == alias for change in self._found)

    def has_tag(self, version: int, tag: str) -> bool:
        """Whether a tag of a version, as MLflow has it, was changed here."""
        return self._is_first or any(change["version"] == version and tag in _tags_of(change) for change in self._found)


def _tags_of(change: RegistryChange) -> tuple[str, ...]:
    if change["kind"] == "tag":
        return change["name"], f"{PREFIX}tags"
    return (f"{PREFIX}{change['name']}",)


def last(tx: Transaction, uri: str) -> str | None:
    """The time of the last exchange with a registry; None before the first."""
    return imported_files.done_at(tx, _key(uri), _KIND)


def mark(tx: Transaction, uri: str, at: datetime) -> None:
    """Record that what there was here at a time is exchanged."""
    imported_files.mark_done_again(tx, _key(uri), _KIND, at)


def _key(uri: str) -> str:
    """A registry's address may hold a password."""
    return sha256(uri.encode()).hexdigest()
