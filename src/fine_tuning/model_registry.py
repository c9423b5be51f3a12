"""ModelRegistry: versions of models, which one is deployed, and how to go back."""

from __future__ import annotations

import difflib
import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fine_tuning import checks
from fine_tuning.errors import NotFoundError, UsageError
from fine_tuning.files import write_json
from fine_tuning.store import jobs, legacy, models
from fine_tuning.store.database import Transaction, open_database
from fine_tuning.store.tables import MODEL_STATUSES
from fine_tuning.store.types import iso

__all__ = ["FinetuneJobRecord", "ModelRegistry"]


@dataclass
class FinetuneJobRecord:
    """The training run behind a model version; what is unknown is None."""

    job_id: str
    model_name: str
    base_model: str
    dataset_size: int
    training_time_seconds: float | None
    cost: float | None
    accuracy: float | None
    status: str
    started_at: str | None
    completed_at: str | None
    notes: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


class ModelRegistry:
    """Model versions in the workspace, or in a database of their own.

    The database keeps the promise that at most one version of a model is DEPLOYED; every change of status is kept
    with time, actor and reason (`history`).

    Args:
        registry_path: a file, folder or database URL; the workspace by default. A registry file (.json) of the older
            system is imported once into a database beside it.
    """

    def __init__(self, registry_path: str | Path | None = None) -> None:
        self._database = open_database(registry_path)
        if registry_path is not None and "://" not in str(registry_path):
            legacy.import_registry(self._database, registry_path)

    def register_model(
        self,
        model_name: str,
        base_model: str,
        job_id: str,
        dataset_size: int,
        accuracy: float | None = None,
        cost: float | None = 0.0,
        metadata: Mapping[str, Any] | None = None,
        *,
        provider: str | None = None,
        provider_model: str | None = None,
        artifact_id: int | None = None,
        status: str = "READY",
    ) -> dict[str, Any]:
        """Add the next version of a model.

        Args:
            accuracy: 0 to 1; None where unknown.
            cost: what its training cost, US dollars; None where unknown.
            provider, provider_model: who answers for it and under which name: "local" and a model folder, or the
                address of an OpenAI-compatible host and its model id.

        Returns:
            The record: version, model_name, base_model, job_id, dataset_size, accuracy, cost, status, registered_at,
            deployed_at, metadata, provider, provider_model.

        Raises:
            UsageError: an empty name, a negative size or cost, an accuracy outside 0 to 1, an unknown status.
        """
        if (provider is None) != (provider_model is None):
            raise UsageError("provider and provider_model belong together; give both or neither")
        version = {
            "model_name": checks.name("model_name", model_name),
            "base_model": checks.name("base_model", base_model),
            "job_id": checks.name("job_id", job_id),
            "artifact_id": artifact_id,
            "dataset_size": checks.count("dataset_size", dataset_size),
            "accuracy": checks.rate("accuracy", accuracy),
            "cost": checks.amount("cost", cost),
            "status": checks.one_of("status", status, MODEL_STATUSES),
            "provider": None if provider is None else checks.name("provider", provider),
            "provider_model": None if provider_model is None else checks.name("provider_model", provider_model),
            "metadata": checks.mapping("metadata", metadata),
        }
        with self._database.write() as tx:
            number = models.register(tx, version, actor=_actor())
            record = models.get(tx, model_name, number)
        assert record is not None  # noqa: S101 - written in this transaction
        return record

    def get_model_version(self, model_name: str, version: int | None = None) -> dict[str, Any] | None:
        """One version's record, the latest if none is named; None where there is none."""
        with self._database.read() as tx:
            return models.get(tx, model_name, version)

    def get_deployed_version(self, model_name: str) -> dict[str, Any] | None:
        """The record of the version in production, or None."""
        with self._database.read() as tx:
            return models.deployed(tx, model_name)

    def list_model_versions(self, model_name: str) -> list[dict[str, Any]]:
        """Every version of a model, ascending; empty for an unknown model."""
        with self._database.read() as tx:
            return models.versions(tx, model_name)

    def list_models(self) -> list[dict[str, Any]]:
        """Every version of every model, by name and version."""
        with self._database.read() as tx:
            return models.versions(tx)

    def set_model_status(
        self, model_name: str, status: str, version: int | None = None, reason: str = "set by hand"
    ) -> bool:
        """Move a version (the latest by default) to a status; deploying one archives the one deployed before.

        Returns:
            False where there is no such version.

        Raises:
            UsageError: the status is not one of TRAINING, READY, DEPLOYED, ARCHIVED, FAILED.
        """
        checks.one_of("status", status, MODEL_STATUSES)
        with self._database.write() as tx:
            record = models.get(tx, model_name, version)
            if record is None:
                return False
            models.set_status(tx, model_name, record["version"], status, actor=_actor(), reason=reason)
        return True

    def set_accuracy(self, model_name: str, version: int, accuracy: float) -> bool:
        """Note a version's measured accuracy (0 to 1; nan where unknown); False where there is no such version."""
        known = checks.rate("accuracy", accuracy)
        with self._database.write() as tx:
            return models.set_accuracy(tx, model_name, version, known)

    def deploy_model(self, model_name: str, version: int | None = None, reason: str = "deployed") -> int:
        """Deploy a version (the latest by default), archiving the one in production, in one transaction.

        Returns:
            The version's number.

        Raises:
            NotFoundError: there is no such version; the message says which exist.
        """
        with self._database.write() as tx:
            record = models.get(tx, model_name, version)
            if record is None:
                raise _missing(tx, model_name, version)
            models.set_status(tx, model_name, record["version"], "DEPLOYED", actor=_actor(), reason=reason)
        return int(record["version"])

    def rollback_model(self, model_name: str, target_version: int) -> bool:
        """Deploy an earlier (or any) version again; as `deploy_model`, and the history says that it was a rollback."""
        self.deploy_model(model_name, checks.count("target_version", target_version, 1), reason="rollback")
        return True

    def get_deployment_status(self) -> dict[str, dict[str, Any]]:
        """The deployed version's record of every model that has one."""
        return {record["model_name"]: record for record in self.list_models() if record["status"] == "DEPLOYED"}

    def history(self, model_name: str) -> list[dict[str, Any]]:
        """Every change of status, oldest first: version, from_status, to_status, actor, reason, created_at.

        Raises:
            NotFoundError: no model of this name is registered.
        """
        with self._database.read() as tx:
            if changes := models.history(tx, model_name):
                return changes
            raise _missing(tx, model_name, None)

    def get_job_record(self, model_name: str, version: int | None = None) -> FinetuneJobRecord:
        """The training run behind a version (the latest by default).

        Raises:
            NotFoundError: there is no such version.
        """
        with self._database.read() as tx:
            record = models.get(tx, model_name, version)
            if record is None:
                raise _missing(tx, model_name, version)
            job = jobs.get(tx, record["job_id"])
        started, finished = (job["started_at"], job["finished_at"]) if job else (None, None)
        return FinetuneJobRecord(
            job_id=record["job_id"],
            model_name=model_name,
            base_model=record["base_model"],
            dataset_size=record["dataset_size"],
            training_time_seconds=(finished - started).total_seconds() if started and finished else None,
            cost=record["cost"],
            accuracy=record["accuracy"],
            status=job["status"] if job else record["status"],
            started_at=iso(started),
            completed_at=iso(finished),
            metadata=record["metadata"],
        )

    def get_cost_summary(self, name: str | None = None) -> dict[str, Any]:
        """Known training cost in US dollars: total, and per model with its number of versions.

        `unpriced_versions` counts the versions whose cost is not known and therefore not in the sum.
        """
        with self._database.read() as tx:
            records = models.versions(tx, name)
        summary: dict[str, Any] = {"total_cost": 0.0, "unpriced_versions": 0, "models": {}}
        for record in records:
            entry = summary["models"].setdefault(record["model_name"], {"versions": 0, "cost": 0.0})
            entry["versions"] += 1
            entry["cost"] += record["cost"] or 0.0
            summary["total_cost"] += record["cost"] or 0.0
            summary["unpriced_versions"] += record["cost"] is None
        return summary

    def get_registry_stats(self) -> dict[str, Any]:
        """Counts of models, versions and deployed models, versions by status, and the known training cost."""
        records = self.list_models()
        by_status = {status: sum(record["status"] == status for record in records) for status in MODEL_STATUSES}
        return {
            "total_models": len({record["model_name"] for record in records}),
            "total_versions": len(records),
            "deployed_models": by_status["DEPLOYED"],
            "versions_by_status": by_status,
            "total_training_cost": sum(record["cost"] or 0.0 for record in records),
        }

    def export_registry(self, filepath: str | Path) -> str:
        """Write every record as JSON, model name -> versions. Returns the path."""
        content: dict[str, list[dict[str, Any]]] = {}
        for record in self.list_models():
            content.setdefault(record["model_name"], []).append(record)
        write_json(Path(filepath), content)
        return str(filepath)


def _missing(tx: Transaction, name: str, version: int | None) -> NotFoundError:
    """The error for a version that is not registered; it names those that are."""
    if versions := [str(record["version"]) for record in models.versions(tx, name)]:
        return NotFoundError(f"{name} has no version {version}; it has {', '.join(versions)}")
    known = models.names(tx)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:5]
    return NotFoundError(f"no model {name} is registered; registered: {', '.join(near) or 'none yet'}")


def _actor() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user database
        return "unknown"
