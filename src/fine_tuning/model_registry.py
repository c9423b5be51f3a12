"""ModelRegistry: versions of models, which one is deployed, and how to roll back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fine_tuning._util import checks
from fine_tuning._util.files import write_json
from fine_tuning.registry import (
    aliases,
    deployment,
    deployment_gates,
    expiry,
    lineage,
    mlflow_export,
    mlflow_import,
    registration,
    registry_stats,
    rollback,
    tags,
    version_lookup,
)
from fine_tuning.registry.lineage_graph import Lineage
from fine_tuning.registry.model_folder_import import import_folder
from fine_tuning.registry.registry_stats import RegistryStats, TrainingCostSummary
from fine_tuning.registry.training_run import FinetuneJobRecord, training_run
from fine_tuning.settings import Settings, acting_user, get_settings
from fine_tuning.store import costs, legacy_files, model_aliases, model_tags, model_versions, named_versions
from fine_tuning.store.database import open_database
from fine_tuning.store.records.model_versions import (
    DatedModelVersion,
    DescribedModelVersion,
    ModelVersion,
    NewModelVersion,
    RegistryChange,
)
from fine_tuning.store.tables import MODEL_STATUSES
from fine_tuning.store.workspace import Workspace

__all__ = ["FinetuneJobRecord", "ModelRegistry"]


class ModelRegistry:
    """Model versions in the workspace, or in a separate database.

    At most one version of a model is DEPLOYED. Every change is recorded with time, actor and reason (`history`).
    Methods that take a version use the latest by default, or that of the name `<name>-v<version>` or `<name>@<alias>`.
    Without one they raise NotFoundError or return None or False.

    Args:
        registry_path: a file, folder or database URL; the workspace by default. A registry file (.json) of the older
            system is imported once into a database beside it.
        workspace: an open workspace, instead of the one that the environment names.
    """

    def __init__(self, registry_path: str | Path | None = None, *, workspace: Workspace | None = None) -> None:
        self._workspace = workspace
        self._database = workspace.database if workspace and registry_path is None else open_database(registry_path)
        if registry_path is not None and "://" not in str(registry_path):
            legacy_files.import_registry(self._database, registry_path)

    def _settings(self) -> Settings:
        """As they are now, so that a gate that is set later applies to a registry that is open already."""
        return get_settings() if self._workspace is None else self._workspace.settings

    def _actor(self) -> str:
        return acting_user(self._settings())

    def register_model(
        self,
        model_name: str,
        base_model: str,
        job_id: str,
        dataset_size: int,
        accuracy: float | None = None,
        cost: float | None = 0.0,
        metadata: Mapping[str, object] | None = None,
        *,
        provider: str | None = None,
        provider_model: str | None = None,
        artifact_id: int | None = None,
        status: str = "READY",
    ) -> ModelVersion:
        """Register the next version of a model.

        Args:
            accuracy, cost: 0 to 1; training cost in US dollars; None where unknown.
            provider, provider_model: the host that answers and the model's name there: "local" and a model folder, or
                the address of an OpenAI-compatible host and its model id.

        Raises:
            UsageError: a value is out of its range, or the status is DEPLOYED.
            ConfigurationError: the provider is neither "local" nor the address of a host.
        """
        version = NewModelVersion(
            model_name=model_name,
            base_model=base_model,
            job_id=job_id,
            artifact_id=artifact_id,
            dataset_size=dataset_size,
            accuracy=accuracy,
            cost=cost,
            status=status,
            provider=provider,
            provider_model=provider_model,
            metadata=checks.mapping("metadata", metadata),
        )
        return registration.register_version(self._database, version, actor=self._actor())

    def register_job(self, model_name: str, job_id: str) -> ModelVersion:
        """Register the model of a job that has succeeded, once per name, however often it is called."""
        return registration.register_job(self._database, model_name, job_id, actor=self._actor())

    def get_model_version(self, model_name: str, version: int | None = None) -> ModelVersion | None:
        """One version; None where there is none."""
        with self._database.read() as tx:
            return version_lookup.version_or_none(tx, model_name, version)

    def get_deployed_version(self, model_name: str) -> ModelVersion | None:
        """The deployed version, or None."""
        with self._database.read() as tx:
            return model_versions.deployed(tx, named_versions.model_and_version(tx, model_name)[0])

    def list_model_versions(self, model_name: str) -> list[ModelVersion]:
        """Every version of a model, ascending; empty for an unknown model."""
        with self._database.read() as tx:
            return model_versions.versions(tx, model_name)

    def list_models(self) -> list[ModelVersion]:
        """Every version of every model, by name and version."""
        with self._database.read() as tx:
            return model_versions.versions(tx)

    def describe_models(self, model_name: str | None = None) -> list[DescribedModelVersion]:
        """Every version (of one model) with aliases, the host that answers, its shutdown date and the days left."""
        with self._database.read() as tx:
            return aliases.described(tx, version_lookup.versions_of(tx, model_name))

    def list_expiring(self, days: int | None = None, *, deployed_only: bool = False) -> list[DatedModelVersion]:
        """The versions whose base model is shut down already or within this many days (the setting `expiry_days`)."""
        limit = self._settings().expiry_days if days is None else checks.count("days", days)
        with self._database.read() as tx:
            return expiry.expiring_versions(tx, limit, deployed_only=deployed_only)

    def refresh_shutdown_dates(self, addresses: Sequence[str] | None = None) -> dict[str, int | str]:
        """Fetch shutdown dates from hosts (those in use by default): by host the number of dates, or the error."""
        return expiry.refresh(self._database, self._settings(), addresses)

    def set_model_status(
        self, model_name: str, status: str, version: int | None = None, reason: str = "set by hand"
    ) -> bool:
        """Set the status of a version; deploying one archives the current one. False where there is no such version."""
        checks.one_of("status", status, MODEL_STATUSES)
        return deployment.set_status(self._database, model_name, version, status, actor=self._actor(), reason=reason)

    def deploy_model(
        self, model_name: str, version: int | None = None, reason: str = "deployed", *, force: bool = False
    ) -> int:
        """Deploy a version and archive the current one, in one transaction. Returns the version.

        Args:
            force: skip the deployment gates of the settings (FINE_TUNING_DEPLOY_GATES).

        Raises:
            ConflictError: a gate fails, or the current status does not allow it.
        """
        gates = None if force else self._settings()
        return deployment.deploy(self._database, model_name, version, actor=self._actor(), reason=reason, gates=gates)

    def check_gates(self, model_name: str, version: int | None = None) -> dict[str, str]:
        """The reason why a version fails each deployment gate of the settings; empty where it passes."""
        return deployment_gates.failures(self._database, model_name, version, self._settings())

    def rollback_model(self, model_name: str, target_version: int | None = None) -> bool:
        """Deploy an earlier version again, without gates; by default the one deployed before the current one."""
        rollback.roll_back(self._database, model_name, target_version, actor=self._actor())
        return True

    def set_accuracy(self, model_name: str, version: int, accuracy: float, reason: str = "evaluated") -> bool:
        """Record a measured accuracy (0 to 1; nan where unknown); False where there is no such version."""
        rate = checks.rate("accuracy", accuracy)
        with self._database.write() as tx:
            return model_tags.set_accuracy(tx, model_name, version, rate, actor=self._actor(), reason=reason)

    def set_alias(self, model_name: str, alias: str, version: int | None = None, reason: str = "set by hand") -> int:
        """Point an alias such as champion at a version; `<model>@<alias>` then names it. Returns the version."""
        return aliases.set_alias(self._database, model_name, alias, version, actor=self._actor(), reason=reason)

    def remove_alias(self, model_name: str, alias: str, reason: str = "removed by hand") -> bool:
        """Remove an alias; False where the model has none of that name."""
        return aliases.remove_alias(self._database, model_name, alias, actor=self._actor(), reason=reason)

    def get_aliases(self, model_name: str) -> dict[str, int]:
        """The version that each alias of a model points at."""
        with self._database.read() as tx:
            return model_aliases.of_model(tx, model_name)

    def set_tag(
        self, model_name: str, tag: str, value: str | None, version: int | None = None, reason: str = "set by hand"
    ) -> bool:
        """Set a tag of a version, or remove it (None); False where there is no such version."""
        return tags.set_tag(self._database, model_name, version, (tag, value), actor=self._actor(), reason=reason)

    def get_deployment_status(self) -> dict[str, ModelVersion]:
        """The deployed version of every model that has one."""
        return registry_stats.deployed_versions(self.list_models())

    def history(self, model_name: str) -> list[RegistryChange]:
        """Every change of status, aliases, tags and accuracy, oldest first."""
        with self._database.read() as tx:
            return version_lookup.history(tx, model_name)

    def lineage(self, model_name: str, version: int | None = None) -> Lineage:
        """What a version (the deployed one by default, else the latest) was made from, and what was made from it."""
        with self._database.read() as tx:
            return lineage.trace(tx, version_lookup.deployed_or_latest(tx, model_name, version))

    def get_job_record(self, model_name: str, version: int | None = None) -> FinetuneJobRecord:
        """The training run behind a version."""
        with self._database.read() as tx:
            return training_run(tx, version_lookup.find_version(tx, model_name, version))

    def get_cost_summary(self, name: str | None = None) -> TrainingCostSummary:
        """Known training cost in US dollars, in total and per model; versions without a known cost are counted."""
        with self._database.read() as tx:
            return registry_stats.training_cost_summary(version_lookup.versions_of(tx, name), costs.training_jobs(tx))

    def get_registry_stats(self) -> RegistryStats:
        """Counts of models, versions and deployed models, versions by status, and the known training cost."""
        with self._database.read() as tx:
            return registry_stats.registry_stats(model_versions.versions(tx), costs.training_jobs(tx))

    def export_to_mlflow(self, uri: str) -> int:
        """Export the versions that an MLflow registry lacks (the alias `deployed` marks DEPLOYED). Returns how many."""
        return mlflow_export.export_versions(self._database, uri)

    def import_from_mlflow(self, uri: str) -> int:
        """Register the versions of an MLflow registry that are not registered yet. Returns how many."""
        return mlflow_import.import_versions(self._database, uri, actor=self._actor())

    def import_model(self, model_name: str, folder: str | Path, base_model: str | None = None) -> ModelVersion:
        """Register a Hugging Face model folder (safetensors); its model card names the base model by default."""
        version = import_folder(Workspace(self._settings(), self._database), model_name, folder, base_model)
        return registration.register_version(self._database, version, actor=self._actor())

    def export_registry(self, filepath: str | Path) -> str:
        """Write every record as JSON, model name -> versions. Returns the path."""
        write_json(Path(filepath), registry_stats.by_model(self.list_models()))
        return str(filepath)
