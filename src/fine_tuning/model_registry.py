"""ModelRegistry: versions of models, which one is deployed, and how to go back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fine_tuning._util import checks, hosts
from fine_tuning._util.files import sha256_file, write_json
from fine_tuning.errors import ConflictError, NotFoundError, UsageError
from fine_tuning.registry import deploy_gates, expiry, hugging_face_folder, lineage, mlflow_exchange
from fine_tuning.registry.lineage import Lineage
from fine_tuning.settings import acting_user, get_settings
from fine_tuning.store import artifacts, costs, datasets, jobs, legacy_files, model_labels, model_versions
from fine_tuning.store.column_types import iso
from fine_tuning.store.database import Transaction
from fine_tuning.store.tables import MODEL_STATUSES
from fine_tuning.store.workspace import Workspace, open_workspace

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

    def __init__(self, registry_path: str | Path | None = None, *, workspace: Workspace | None = None) -> None:
        self._database = (workspace or open_workspace(registry_path)).database
        if registry_path is not None and "://" not in str(registry_path):
            legacy_files.import_registry(self._database, registry_path)

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
            UsageError: an empty name, a negative size or cost, an accuracy outside 0 to 1, an unknown status or
                DEPLOYED.
            ConfigurationError: the provider is neither "local" nor the address of a host.
        """
        if (provider is None) != (provider_model is None):
            raise UsageError("provider and provider_model belong together; give both or neither")
        if status == "DEPLOYED":
            raise UsageError("a version is registered first and deployed then: register_model, then deploy_model")
        version = {
            "model_name": checks.name("model_name", model_name),
            "base_model": checks.name("base_model", base_model),
            "job_id": checks.name("job_id", job_id),
            "artifact_id": artifact_id,
            "dataset_size": checks.count("dataset_size", dataset_size),
            "accuracy": checks.rate("accuracy", accuracy),
            "cost": checks.amount("cost", cost),
            "status": checks.one_of("status", status, MODEL_STATUSES),
            "provider": provider if provider in (None, "local") else hosts.address(checks.name("provider", provider)),
            "provider_model": None if provider_model is None else checks.name("provider_model", provider_model),
            "metadata": checks.mapping("metadata", metadata),
        }
        actor = acting_user()
        with self._database.write() as tx:
            if artifact_id is not None and not model_versions.has_artifact(tx, artifact_id):
                raise NotFoundError(f"no artifact {artifact_id!r} is recorded")
            return model_versions.record_of(model_versions.register(tx, version, actor=actor))

    def register_job(self, model_name: str, job_id: str) -> dict[str, Any]:
        """Add the model that a finished job made as the next version, with the rows and the cost of its training.

        Returns:
            The record; see `register_model`. Of a job that is registered under this name already, that version's.

        Raises:
            NotFoundError: there is no such job.
            ConflictError: it has not succeeded.
            UsageError: an empty name.
        """
        with self._database.read() as tx:
            job = jobs.get(tx, job_id)
            if job is None:
                raise NotFoundError(f"no job {job_id} in this workspace; ft-cli jobs list shows them")
            spent = costs.training_jobs(tx, job_id=job["id"])
            data = datasets.get(tx, job["dataset_id"])
            known = model_versions.of_job(tx, job["id"], model_name)
        if job["status"] != "succeeded":
            raise ConflictError(f"job {job_id} has {job['status']}; only what has succeeded can be registered")
        if known is not None:
            return known
        is_local = job["provider"] == "local"
        return self.register_model(
            model_name,
            job["model"],
            job["id"],
            (job["result"] or {}).get("rows") or (data or {}).get("rows") or 0,
            cost=spent[0]["total_cost"] if spent else None,
            provider=None if is_local else job["provider"],
            provider_model=None if is_local else job["fine_tuned_model"],
        )

    def get_model_version(self, model_name: str, version: int | None = None) -> dict[str, Any] | None:
        """One version's record, the latest if none is named; None where there is none."""
        with self._database.read() as tx:
            return model_versions.get(tx, model_name, version)

    def get_deployed_version(self, model_name: str) -> dict[str, Any] | None:
        """The record of the version in production, or None."""
        with self._database.read() as tx:
            return model_versions.deployed(tx, model_name)

    def list_model_versions(self, model_name: str) -> list[dict[str, Any]]:
        """Every version of a model, ascending; empty for an unknown model."""
        with self._database.read() as tx:
            return model_versions.versions(tx, model_name)

    def list_models(self) -> list[dict[str, Any]]:
        """Every version of every model, by name and version."""
        with self._database.read() as tx:
            return model_versions.versions(tx)

    def list_expiring(self, days: int | None = None, *, deployed_only: bool = False) -> list[dict[str, Any]]:
        """The versions whose base its host switches off within a time, or has; records with shutdown_date, days_left.

        Args:
            days: the setting `expiry_days` (30) by default.

        Raises:
            UsageError: a negative number of days.
        """
        limit = get_settings().expiry_days if days is None else checks.count("days", days)
        with self._database.read() as tx:
            dated = expiry.with_ends(tx, model_versions.versions(tx))
        return [
            each
            for each in dated
            if each["days_left"] is not None and each["days_left"] <= limit
            and (not deployed_only or each["status"] == "DEPLOYED")
        ]  # fmt: skip

    def refresh_shutdown_dates(self, addresses: Sequence[str] | None = None) -> dict[str, int | str]:
        """Ask hosts when they switch their models off, and keep what they say.

        Args:
            addresses: those that versions use, and the one in force (OPENAI_BASE_URL, else OpenAI), by default.

        Returns:
            By host how many of its models have a date, or why it could not be asked.
        """
        if addresses is None:
            used = {each["provider"] for each in self.list_models()} - {None, "local"}
            addresses = sorted(used | {hosts.address()})
        return expiry.refresh(self._database, [hosts.address(each) for each in addresses])

    def describe_models(self, model_name: str | None = None) -> list[dict[str, Any]]:
        """As `list_models`, or of one model; with aliases, answered_by ("local" or a host's address; None if unknown),
        shutdown_date and days_left (None: no end announced).
        """
        with self._database.read() as tx:
            named = model_labels.all_aliases(tx)
            return [
                each | {"aliases": named.get((each["model_name"], each["version"]), [])}
                for each in expiry.with_ends(tx, model_versions.versions(tx, model_name))
            ]

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
            known = model_versions.get(tx, model_name, version)
            row = model_versions.locked(tx, model_name, known["version"]) if known is not None else None
            if row is None:
                return False
            model_versions.move(tx, row, status, actor=acting_user(), reason=reason)
        return True

    def deploy_model(
        self, model_name: str, version: int | None = None, reason: str = "deployed", *, force: bool = False
    ) -> int:
        """Deploy a version (the latest by default), archiving the one in production, in one transaction.

        Args:
            force: also one that does not pass the gates of the settings (FINE_TUNING_DEPLOY_GATES).

        Returns:
            The version's number.

        Raises:
            NotFoundError: there is no such version; the message says which exist.
            ConflictError: a gate is closed, or its status does not allow it; the message says which.
        """
        return self._deploy(model_name, version, reason, gated=not force)

    def check_gates(self, model_name: str, version: int | None = None) -> dict[str, str]:
        """What each gate of the settings says of a version (the latest by default): why it is closed, or nothing.

        Raises:
            NotFoundError: there is no such version.
        """
        with self._database.read() as tx:
            return dict(deploy_gates.reasons(tx, _existing(tx, model_name, version), get_settings()))

    def rollback_model(self, model_name: str, target_version: int | None = None) -> bool:
        """Deploy an earlier (or any) version again, whatever the gates say; the history says that it was a rollback.

        Args:
            target_version: the one that was deployed before the present one by default.

        Raises:
            NotFoundError: there is no such version, or none was deployed before.
            ConflictError: its status does not allow it.
        """
        if target_version is None:
            with self._database.read() as tx:
                target_version = model_versions.deployed_before(tx, model_name)
                if target_version is None:
                    if not model_versions.versions(tx, model_name):
                        raise _missing(tx, model_name, None)
                    raise NotFoundError(f"no version of {model_name} was deployed before; name the one to deploy")
        self._deploy(
            model_name, checks.count("target_version", target_version, 1), model_versions.ROLLBACK, gated=False
        )
        return True

    def _deploy(self, name: str, version: int | None, reason: str, *, gated: bool) -> int:
        if gated or version is None:
            with self._database.read() as tx:  # nobody waits while files are compared
                record = _existing(tx, name, version)
                if gated:
                    deploy_gates.check(tx, record, get_settings())
            version = int(record["version"])
        actor = acting_user()
        with self._database.write() as tx:
            row = model_versions.locked(tx, name, version)
            if row is None:
                raise _missing(tx, name, version)
            model_versions.move(tx, row, "DEPLOYED", actor=actor, reason=reason)
        return version

    def set_accuracy(self, model_name: str, version: int, accuracy: float, reason: str = "evaluated") -> bool:
        """Note a version's measured accuracy (0 to 1; nan where unknown); False where there is no such version."""
        known = checks.rate("accuracy", accuracy)
        with self._database.write() as tx:
            return model_labels.set_accuracy(tx, model_name, version, known, actor=acting_user(), reason=reason)

    def set_alias(self, model_name: str, alias: str, version: int | None = None, reason: str = "set by hand") -> int:
        """Let a name such as champion or challenger point at a version (the latest by default).

        `<model>@<alias>` is then a name that LLMService and evaluations know.

        Returns:
            The version's number.

        Raises:
            NotFoundError: there is no such version.
            UsageError: the alias is no name.
        """
        with self._database.write() as tx:
            record = _existing(tx, model_name, version)
            number = int(record["version"])
            model_labels.set_alias(tx, model_name, _label("alias", alias), number, actor=acting_user(), reason=reason)
        return number

    def remove_alias(self, model_name: str, alias: str, reason: str = "removed by hand") -> bool:
        """Take an alias away; False where the model has none of that name."""
        with self._database.write() as tx:
            if alias not in model_labels.aliases(tx, model_name):
                return False
            model_labels.set_alias(tx, model_name, alias, None, actor=acting_user(), reason=reason)
        return True

    def get_aliases(self, model_name: str) -> dict[str, int]:
        """A model's aliases, and the version that each points at."""
        with self._database.read() as tx:
            return model_labels.aliases(tx, model_name)

    def set_tag(
        self, model_name: str, tag: str, value: str | None, version: int | None = None, reason: str = "set by hand"
    ) -> bool:
        """Give a version (the latest by default) a tag, or take it away with None; False where there is no version."""
        checks.name("tag", tag)
        if value is not None and not isinstance(value, str):
            raise UsageError(f"a tag's value must be text, not {value!r}")
        with self._database.write() as tx:
            record = model_versions.get(tx, model_name, version)
            return record is not None and model_labels.set_tag(
                tx, model_name, record["version"], tag, value, actor=acting_user(), reason=reason
            )

    def get_deployment_status(self) -> dict[str, dict[str, Any]]:
        """The deployed version's record of every model that has one."""
        return {record["model_name"]: record for record in self.list_models() if record["status"] == "DEPLOYED"}

    def history(self, model_name: str) -> list[dict[str, Any]]:
        """Every change of status, aliases, tags and accuracy, oldest first; see `store.model_labels.history`.

        Raises:
            NotFoundError: no model of this name is registered.
        """
        with self._database.read() as tx:
            if changes := model_labels.history(tx, model_name):
                return changes
            raise _missing(tx, model_name, None)

    def lineage(self, model_name: str, version: int | None = None) -> Lineage:
        """Where a version (the deployed one by default, else the latest) comes from and what became of it.

        Returns:
            nodes (kind, id, label, facts; the version first) and edges (from what was before to what came of it).

        Raises:
            NotFoundError: there is no such version.
        """
        with self._database.read() as tx:
            return lineage.trace(tx, _in_force(tx, model_name, version))

    def get_job_record(self, model_name: str, version: int | None = None) -> FinetuneJobRecord:
        """The training run behind a version (the latest by default).

        Raises:
            NotFoundError: there is no such version.
        """
        with self._database.read() as tx:
            record = _existing(tx, model_name, version)
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
            records = model_versions.versions(tx, name)
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

    def export_to_mlflow(self, uri: str) -> int:
        """Put the versions that an MLflow registry lacks into it, with tags and aliases (DEPLOYED is `deployed` there).

        Args:
            uri: sqlite:///mlflow.db, http://host:5000 or another of MLflow's.

        Returns:
            How many were new to it.

        Raises:
            MissingDependencyError: the `mlflow` extra is not installed.
            ProviderError: the registry refuses or cannot be reached.
        """
        with self._database.read() as tx:
            versions, named = model_versions.versions(tx), model_labels.all_aliases(tx)
        return mlflow_exchange.send(uri, versions, named)

    def import_from_mlflow(self, uri: str) -> int:
        """Register the versions of an MLflow registry, with tags and aliases; once, however often it is asked for.

        Returns:
            How many were new here.

        Raises:
            MissingDependencyError, ProviderError: as `export_to_mlflow`.
        """
        added = 0
        for facts, aliases in mlflow_exchange.receive(uri):
            name = facts["model_name"]
            with self._database.write() as tx:
                number = mlflow_exchange.known_as(model_versions.versions(tx, name), facts)
                if number is None:
                    number = self._receive(tx, facts)
                    added += 1
                for alias in aliases:
                    if alias != mlflow_exchange.DEPLOYED:
                        reason = f"import from MLflow at {uri.partition('?')[0]}"
                        model_labels.set_alias(tx, name, alias, number, actor=acting_user(), reason=reason)
        return added

    @staticmethod
    def _receive(tx: Transaction, facts: Mapping[str, Any]) -> int:
        """Register a version of another registry; one that was deployed there is deployed where none is yet."""
        actor = acting_user()
        status = "READY" if facts["status"] == "DEPLOYED" else facts["status"]
        row = model_versions.register(tx, {**facts, "artifact_id": None, "status": status}, actor=actor)
        name, number = facts["model_name"], int(row.version)
        if facts["status"] == "DEPLOYED" and model_versions.deployed(tx, name) is None:
            locked = model_versions.locked(tx, name, number)
            assert locked is not None  # noqa: S101 - registered above
            model_versions.move(tx, locked, "DEPLOYED", actor=actor, reason="deployed in MLflow")
        return number

    def import_model(self, model_name: str, folder: str | Path, base_model: str | None = None) -> dict[str, Any]:
        """Register a Hugging Face model folder (safetensors) as the next version. Returns its record.

        Args:
            base_model: what its card says by default.

        Raises:
            DataError: it is no model folder, or one whose weights may run code.
        """
        path = hugging_face_folder.check(Path(folder))
        checksum = sha256_file(path / "model.safetensors")
        with self._database.write() as tx:
            artifact_id = artifacts.add(tx, None, "merged", str(path), checksum)
        base = base_model or hugging_face_folder.base_of(path) or "unknown"
        return self.register_model(
            model_name, base, f"folder-{path.name}"[:200], 0, cost=None, provider="local", provider_model=str(path),
            artifact_id=artifact_id, metadata={"imported_from": str(path)},
        )  # fmt: skip

    def export_registry(self, filepath: str | Path) -> str:
        """Write every record as JSON, model name -> versions. Returns the path."""
        content: dict[str, list[dict[str, Any]]] = {}
        for record in self.list_models():
            content.setdefault(record["model_name"], []).append(record)
        write_json(Path(filepath), content)
        return str(filepath)


def _in_force(tx: Transaction, name: str, version: int | None) -> dict[str, Any]:
    """A version's record; of the deployed one, else the latest, where none is named.

    Raises:
        NotFoundError: there is no such version.
    """
    record = (
        model_versions.get(tx, name, version)
        if version
        else model_versions.deployed(tx, name) or model_versions.get(tx, name)
    )
    if record is None:
        raise _missing(tx, name, version)
    return record


def _existing(tx: Transaction, name: str, version: int | None) -> dict[str, Any]:
    """A version's record, the latest if none is named.

    Raises:
        NotFoundError: there is none.
    """
    record = model_versions.get(tx, name, version)
    if record is None:
        raise _missing(tx, name, version)
    return record


def _missing(tx: Transaction, name: str, version: int | None) -> NotFoundError:
    """The error for a version that is not registered; it names those that are."""
    if versions := [str(record["version"]) for record in model_versions.versions(tx, name)]:
        return NotFoundError(f"{name} has no version {version}; it has {', '.join(versions)}")
    known = model_versions.names(tx)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or known[:5]
    return NotFoundError(f"no model {name} is registered; registered: {', '.join(near) or 'none yet'}")


def _label(what: str, value: str) -> str:
    """A name without what separates names."""
    if "@" in checks.name(what, value):
        raise UsageError(f"{what} must have no @, not {value!r}")
    return value
