"""Exports versions to an MLflow registry, with aliases, tags and values."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping

from fine_tuning.errors import ProviderError
from fine_tuning.registry import mlflow_exchange, mlflow_versions
from fine_tuning.registry.mlflow_client import DEPLOYED, PREFIX, MlflowClient, from_tag, open_client, translated
from fine_tuning.registry.mlflow_exchange import Changes
from fine_tuning.store import model_aliases, model_versions, registry_changes
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database
from fine_tuning.store.records.model_versions import ModelVersion

_TAGGED = (
    "base_model",
    "job_id",
    "dataset_size",
    "accuracy",
    "cost",
    "status",
    "provider",
    "provider_model",
    "metadata",
    "registered_at",
)


def export_versions(database: Database, uri: str) -> int:
    """Add the versions that a registry lacks, oldest first; update tags and aliases. Returns how many were added.

    Versions that were imported from this registry are not added to it again; of tags and aliases, those are written
    that have changed here since the last export or import, so that others' changes stay.

    Args:
        uri: of the MLflow registry, e.g. sqlite:///mlflow.db or http://host:5000.

    Raises:
        MissingDependencyError: the `mlflow` extra is not installed.
        ProviderError: the registry refuses or cannot be reached.
    """
    at = now()
    with database.read() as tx:
        versions, aliases = model_versions.versions(tx), model_aliases.by_version(tx)
        since = mlflow_exchange.last(tx, uri)
        changed = {name: Changes(registry_changes.of_model(tx, name), since) for name in model_versions.names(tx)}
    client = open_client(uri)
    writes = _Writes(client)
    with translated(uri):
        for name in dict.fromkeys(version["model_name"] for version in versions):
            own = [each for each in versions if each["model_name"] == name]
            there = mlflow_versions.find(client, name, own, since)
            if there is None:
                writes.refused.append(f"the model name {name!r}")
                continue
            numbers, expected = dict[int, str](), dict[str, str]()
            for version in own:
                number = there.number_of(version)
                if number is None:
                    number = _create(writes, version, there.name)
                elif version["version"] in there.exported:
                    _update_tags(writes, version, (there.name, number), changed[name])
                numbers[version["version"]] = number
                named = aliases.get((name, version["version"]), ())
                expected |= {alias: number for alias in named if alias != DEPLOYED}  # which the status alone says
                expected |= {DEPLOYED: number} if version["status"] == "DEPLOYED" else {}
            _update_aliases(writes, expected, set(numbers.values()), changed[name], name=there.name)
    with database.write() as tx:
        mlflow_exchange.mark(tx, uri, at)
    refused, added = ", ".join(writes.refused), len(writes.added)
    if refused:
        raise ProviderError(f"MLflow does not accept {refused}; all else is exported ({added} new versions)")
    return added


class _Writes:
    """Writes aliases and tags of any name; what MLflow does not accept is kept in `refused`, and hinders no other."""

    def __init__(self, client: MlflowClient) -> None:
        self.client = client
        self.added = set[tuple[str, str]]()  # models and MLflow's numbers
        self.refused: list[str] = []

    def set_alias(self, name: str, alias: str, number: str) -> None:
        """Point an alias at a version, by its number at MLflow."""
        self._write(f"the alias {alias!r} of {name}", self.client.set_registered_model_alias, name, alias, number)

    def set_tag(self, name: str, number: str, tag: str, value: str) -> None:
        """Set a tag of a version, by its number at MLflow."""
        self._write(f"the tag {tag!r} of {name}", self.client.set_model_version_tag, name, number, tag, value)

    def _write(self, what: str, call: Callable[..., object], *arguments: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            call(*arguments)
        except MlflowException as error:
            if error.error_code != "INVALID_PARAMETER_VALUE":
                raise
            self.refused.append(what)


def _create(writes: _Writes, version: ModelVersion, name: str) -> str:
    """Add a version to the model of a name. Returns MLflow's number."""
    values = _values(version)
    number = str(writes.client.create_model_version(name, mlflow_versions.source_of(version), tags=values).version)
    writes.added.add((name, number))
    for tag in version["tags"].keys() - values.keys():
        writes.set_tag(name, number, tag, version["tags"][tag])
    return number


def _values(version: ModelVersion) -> dict[str, str]:
    """The tags that carry our values of a version, with a list of the names of its own tags."""
    values = {name: value for name, value in version.items() if name in _TAGGED and value is not None}
    ours = {f"{PREFIX}{name}": _as_tag(value) for name, value in values.items()}
    named = {f"{PREFIX}tags": json.dumps(sorted(version["tags"]))}
    return ours | named | {f"{PREFIX}version": str(version["version"])}


def _update_tags(writes: _Writes, version: ModelVersion, at: tuple[str, str], changed: Changes) -> None:
    """Write the tags that have changed here, and remove those that were exported and are gone here.

    Args:
        at: the name of the model and the number of the version at MLflow.
    """
    (name, number), expected = at, version["tags"] | _values(version)
    there: dict[str, str] = writes.client.get_model_version(name, number).tags
    for tag, value in expected.items():
        if there.get(tag) != value and changed.has_tag(version["version"], tag):
            writes.set_tag(name, number, tag, value)
    for tag in _names(there.get(f"{PREFIX}tags")) - set(version["tags"]):
        if tag in there and changed.has_tag(version["version"], tag):
            writes.client.delete_model_version_tag(name, number, tag)


def _update_aliases(
    writes: _Writes, expected: Mapping[str, str], ours: Collection[str], changed: Changes, *, name: str
) -> None:
    """Set the aliases that have changed here, and remove those that are gone here.

    An alias is removed if an export has set it and it still points there.
    """
    client = writes.client
    model = client.get_registered_model(name)
    there = {alias: str(number) for alias, number in model.aliases.items()}
    before = from_tag(model.tags.get(f"{PREFIX}aliases"), {})
    for alias in filter(changed.has_alias, there.keys() - expected.keys()):
        if before.get(alias) == there[alias] or (alias == DEPLOYED and there[alias] in ours):
            client.delete_registered_model_alias(name, alias)
    for alias, number in expected.items():
        if there.get(alias) != number and (changed.has_alias(alias) or (name, number) in writes.added):
            writes.set_alias(name, alias, number)
    if before != expected:
        client.set_registered_model_tag(name, f"{PREFIX}aliases", json.dumps(expected))


def _names(text: str | None) -> set[str]:
    """The names of a list of tags; none where somebody has replaced it by something else."""
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return set()
    return set(map(str, value)) if isinstance(value, list) else set()


def _as_tag(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
