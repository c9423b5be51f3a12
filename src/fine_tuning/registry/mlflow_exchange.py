"""Exports versions to an MLflow registry and imports them from one, with aliases, tags and values."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from fine_tuning.errors import MissingDependencyError, ProviderError
from fine_tuning.store import model_aliases, model_versions
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.model_versions import ModelVersion, NewModelVersion
from fine_tuning.store.records.rows import JsonColumn

PREFIX = "fine_tuning."  # of the tags that carry our values
KEPT = ("READY", "DEPLOYED", "ARCHIVED", "FAILED")  # statuses that an import restores
DEPLOYED = "deployed"  # the alias that MLflow's users load a model by
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
MlflowClient: TypeAlias = Any  # mlflow is not typed
MlflowVersion: TypeAlias = Any
MlflowPage: TypeAlias = Any


def export_versions(database: Database, uri: str) -> int:
    """Add the versions that a registry lacks, oldest first, and update its aliases. Returns how many were added.

    Args:
        uri: of the MLflow registry, e.g. sqlite:///mlflow.db or http://host:5000.

    Raises:
        MissingDependencyError: the `mlflow` extra is not installed.
        ProviderError: the registry refuses or cannot be reached.
    """
    with database.read() as tx:
        versions, aliases = model_versions.versions(tx), model_aliases.by_version(tx)
    client = _client(uri)
    added, refused = 0, []
    with _translated(uri):
        for name in dict.fromkeys(version["model_name"] for version in versions):
            there = _exported_versions(client, name)
            if there is None:
                refused.append(name)
                continue
            for version in (each for each in versions if each["model_name"] == name):
                if version["version"] not in there:
                    there[version["version"]] = _create(client, version)
                    added += 1
                number = there[version["version"]]
                client.set_model_version_tag(name, number, f"{PREFIX}status", version["status"])
                named = list(aliases.get((name, version["version"]), ()))
                for alias in named + ([DEPLOYED] if version["status"] == "DEPLOYED" else []):
                    client.set_registered_model_alias(name, alias, number)
    if refused:
        shown = ", ".join(map(repr, refused))
        raise ProviderError(
            f"MLflow does not accept the model names {shown}; all others are exported ({added} new versions)"
        )
    return added


def _exported_versions(client: MlflowClient, name: str) -> dict[int, str] | None:
    """MLflow's version numbers by ours; registers the model's name. None where MLflow does not accept the name."""
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == "INVALID_PARAMETER_VALUE":
            return None
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        client.create_registered_model(name)
        return {}
    found = client.search_model_versions(f"name={_quoted(name)}", max_results=10_000)
    tags = {each.version: each.tags.get(f"{PREFIX}version") for each in found}
    return {int(ours): number for number, ours in tags.items() if ours}


def _create(client: MlflowClient, version: ModelVersion) -> str:
    values = {name: value for name, value in version.items() if name in _TAGGED and value is not None}
    tags = {f"{PREFIX}{name}": _as_tag(value) for name, value in values.items()}
    tags[f"{PREFIX}version"] = str(version["version"])
    source = version["provider_model"] or f"job:{version['job_id']}"
    source = source if ":" in source or "/" not in source else f"file://{source}"
    created = client.create_model_version(version["model_name"], source, tags=tags | dict(version["tags"]))
    return str(created.version)


def _as_tag(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


class _Imported(NamedTuple):
    """A version of an MLflow registry.

    `version` holds its values, of which those that MLflow does not know are None; mlflow_version and source identify
    it there; exported_version is our number where it was exported from here.
    """

    version: NewModelVersion
    mlflow_version: str
    source: str
    exported_version: str | None
    aliases: list[str]


def import_versions(database: Database, uri: str, *, actor: str) -> int:
    """Register the versions of an MLflow registry that are not registered yet. Returns how many were added.

    Raises:
        MissingDependencyError, ProviderError: as `export_versions`.
    """
    added = 0
    reason = f"import from MLflow at {uri.partition('?')[0]}"
    for found in _versions_at(uri):
        name = found.version["model_name"]
        with database.write() as tx:
            number = _registered_as(model_versions.versions(tx, name), found)
            if number is None:
                number = _register(tx, found.version, actor=actor)
                added += 1
            for alias in found.aliases:
                if alias != DEPLOYED:
                    model_aliases.set_alias(tx, name, alias, number, actor=actor, reason=reason)
    return added


def _register(tx: Transaction, version: NewModelVersion, *, actor: str) -> int:
    """Register a version; one that is deployed in MLflow is deployed here unless another one is."""
    is_deployed = version["status"] == "DEPLOYED"
    registered = model_versions.register(
        tx, {**version, "status": "READY" if is_deployed else version["status"]}, actor=actor
    )
    name, number = registered["model_name"], registered["version"]
    if is_deployed and model_versions.deployed(tx, name) is None:
        locked = model_versions.locked(tx, name, number)
        assert locked is not None  # noqa: S101 - registered above
        model_versions.move(tx, locked, "DEPLOYED", actor=actor, reason="deployed in MLflow")
    return number


def _versions_at(uri: str) -> list[_Imported]:
    """Every version of a registry, oldest first."""
    client = _client(uri)
    found = []
    with _translated(uri):
        for model in _pages(client.search_registered_models):
            query = f"name={_quoted(model.name)}"
            versions = sorted(_pages(partial(client.search_model_versions, query)), key=lambda each: int(each.version))
            aliases: dict[str, list[str]] = {}
            for alias, number in model.aliases.items():
                aliases.setdefault(str(number), []).append(alias)
            found += [_imported(each, aliases.get(str(each.version), [])) for each in versions]
    return found


def _pages(search: Callable[..., MlflowPage]) -> Iterator[Any]:
    token = None
    while True:
        page = search(max_results=100, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _imported(found: MlflowVersion, aliases: list[str]) -> _Imported:
    own = {name.removeprefix(PREFIX): value for name, value in found.tags.items() if name.startswith(PREFIX)}
    metadata: JsonColumn = _from_tag(own.get("metadata"), {})
    source = {"version": str(found.version), "source": found.source, "ours": own.get("version")}
    version: NewModelVersion = {
        "model_name": found.name,
        "base_model": own.get("base_model", "unknown"),
        "job_id": own.get("job_id") or found.run_id or f"mlflow-{found.name}-{found.version}",
        "artifact_id": None,
        "dataset_size": _from_tag(own.get("dataset_size"), 0),
        "accuracy": _from_tag(own.get("accuracy"), None),
        "cost": _from_tag(own.get("cost"), None),
        "status": own["status"] if own.get("status") in KEPT else "READY",
        "provider": own.get("provider"),
        "provider_model": own.get("provider_model"),
        "metadata": {**metadata, "mlflow": source},
        "tags": {name: str(value) for name, value in found.tags.items() if not name.startswith(PREFIX)},
    }
    return _Imported(version, str(found.version), found.source, own.get("version"), aliases)


def _registered_as(versions: Sequence[ModelVersion], found: _Imported) -> int | None:
    """The version that was imported from MLflow's, or exported to it; None where it is new here."""
    for each in versions:
        source: JsonColumn = each["metadata"].get("mlflow") or {}
        if (source.get("version"), source.get("source")) == (found.mlflow_version, found.source):
            return each["version"]
        if found.exported_version == str(each["version"]) and each["job_id"] == found.version["job_id"]:
            return each["version"]
    return None


def _from_tag(text: str | None, default: Any) -> Any:
    """A value that was exported; the default where there is none or somebody has replaced it by something else."""
    if text is None:
        return default
    try:
        value = json.loads(text)
    except ValueError:
        return default
    kinds = dict if isinstance(default, dict) else (int, float)
    return value if isinstance(value, kinds) and not isinstance(value, bool) else default


def _client(uri: str) -> MlflowClient:
    try:
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise MissingDependencyError("mlflow", "mlflow", "exchange with an MLflow registry") from error
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # its own 7 wait for minutes where nobody answers
    with _translated(uri):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def _translated(uri: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        message = str(error).strip().splitlines()[0]
        raise ProviderError(
            f"MLflow at {uri.partition('?')[0]}: {message}; check the address of the registry"
        ) from error


def _quoted(name: str) -> str:
    """A name quoted for an MLflow filter, which has no escapes."""
    return f"'{name}'" if '"' in name else f'"{name}"'
