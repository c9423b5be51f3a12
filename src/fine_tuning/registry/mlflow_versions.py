"""The versions of a model at an MLflow registry: those that were exported to it or imported from it.

MLflow's models have no id but their name. Renaming one keeps number, source, tags and time of creation of its versions;
a copy of a version has another source and time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fine_tuning.registry.mlflow_client import PREFIX, MlflowClient, MlflowVersion, quoted
from fine_tuning.store.records.model_versions import ModelVersion
from fine_tuning.store.records.rows import JsonColumn

_IDENTITY = ("version", "job_id", "registered_at")  # exported as tags, and never changed


class VersionsThere(NamedTuple):
    """The versions of a model at MLflow: its name there, its numbers by ours, of those that were exported; the sources
    of all.
    """

    name: str
    exported: dict[int, str]
    sources: dict[str, str]

    def number_of(self, version: ModelVersion) -> str | None:
        """MLflow's number of a version that was exported to it, or imported from it."""
        imported = imported_from(version)
        number = str(imported.get("version"))
        is_imported = imported and self.sources.get(number) == imported.get("source")
        return self.exported.get(version["version"]) or (number if is_imported else None)


def find(client: MlflowClient, name: str, versions: Sequence[ModelVersion], since: str | None) -> VersionsThere | None:
    """What MLflow has of a model, which may have been renamed there; registers a name that it does not have.

    Args:
        versions: of the model here; since: the time of the last exchange (ISO 8601, UTC), if any.

    Returns:
        None where MLflow does not accept the name.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
        found = _of_name(client, name)
    except MlflowException as error:
        if error.error_code == "INVALID_PARAMETER_VALUE":
            return None
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        found = None
    if not any(is_same(ours, theirs) for ours in versions for theirs in found or ()):
        exchanged = [each for each in versions if since is not None and each["registered_at"] <= since]
        renamed = next(_other_names(client, exchanged), None)
        if renamed is not None:
            name, found = renamed, _of_name(client, renamed)
    if found is None:
        client.create_registered_model(name)
    tags = {str(each.version): each.tags.get(f"{PREFIX}version") for each in found or ()}
    exported = {int(ours): number for number, ours in tags.items() if ours}
    return VersionsThere(name, exported, {str(each.version): each.source for each in found or ()})


def is_same(ours: ModelVersion, theirs: MlflowVersion) -> bool:
    """Whether a version was exported as MLflow's or imported from it, whatever its model is called by now."""
    imported = imported_from(ours)
    if imported.get("created") is not None:
        known = imported.get("version"), imported.get("source"), imported.get("created")
        return known == (str(theirs.version), theirs.source, theirs.creation_timestamp)
    values: dict[str, object] = {**ours}
    tags = [theirs.tags.get(f"{PREFIX}{name}") for name in _IDENTITY]
    return bool(theirs.source == source_of(ours) and tags == [str(values[name]) for name in _IDENTITY])


def imported_from(version: ModelVersion) -> JsonColumn:
    """What an import from MLflow has noted of a version there: version, source, ours, created; empty of others."""
    found: JsonColumn = version["metadata"].get("mlflow") or {}
    return found


def source_of(version: ModelVersion) -> str:
    """The address of a version's model, as an export gives it."""
    source = version["provider_model"] or f"job:{version['job_id']}"
    return source if ":" in source or "/" not in source else f"file://{source}"


def _of_name(client: MlflowClient, name: str) -> list[MlflowVersion]:
    return list(client.search_model_versions(f"name={quoted(name)}", max_results=10_000))


def _other_names(client: MlflowClient, exchanged: Sequence[ModelVersion]) -> Iterator[str]:
    """The names of models that have one of these versions."""
    for ours in exchanged:
        source = imported_from(ours).get("source") or source_of(ours)
        for theirs in client.search_model_versions(f"source_path={quoted(source)}", max_results=10_000):
            if is_same(ours, theirs):
                yield theirs.name
