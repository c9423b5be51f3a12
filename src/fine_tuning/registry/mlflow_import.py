"""Imports the versions of an MLflow registry, with aliases, tags and values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeVar

from fine_tuning._util import checks
from fine_tuning.errors import ProviderError, UsageError
from fine_tuning.registry import mlflow_exchange, mlflow_versions
from fine_tuning.registry.mlflow_client import (
    DEPLOYED,
    PREFIX,
    MlflowPage,
    MlflowVersion,
    from_tag,
    open_client,
    quoted,
    translated,
)
from fine_tuning.store import model_aliases, model_versions
from fine_tuning.store.column_types import now
from fine_tuning.store.database import Database, Transaction
from fine_tuning.store.records.model_versions import ModelVersion, NewModelVersion
from fine_tuning.store.records.rows import JsonColumn

MAX_PAGES = 10_000  # of a list
Value = TypeVar("Value")
KEPT = ("READY", "DEPLOYED", "ARCHIVED", "FAILED")  # statuses that an import restores


class _Imported(NamedTuple):
    """A version of an MLflow registry.

    `version` holds its values, of which those that MLflow does not know are None; exported_version is our number where
    it was exported from here.
    """

    version: NewModelVersion
    theirs: MlflowVersion
    exported_version: str | None
    aliases: list[str]


def import_versions(database: Database, uri: str, *, actor: str) -> int:
    """Register the versions of an MLflow registry that are not registered yet. Returns how many were added.

    Raises:
        MissingDependencyError, ProviderError: as `export_versions`.
    """
    added = 0
    reason = f"import from MLflow at {uri.partition('?')[0]}"
    every = _versions_at(uri)
    with database.read() as tx:
        names = _names_here(model_versions.versions(tx), every)
    for found in every:
        name = names[found.theirs.name]
        with database.write() as tx:
            number = _registered_as(model_versions.versions(tx, name), found)
            if number is None:
                number = _register(tx, {**found.version, "model_name": name}, actor=actor)
                added += 1
            for alias in found.aliases:
                if alias != DEPLOYED and _is_alias(alias):
                    model_aliases.set_alias(tx, name, alias, number, actor=actor, reason=reason)
    with database.write() as tx:
        mlflow_exchange.mark(tx, uri, now())
    return added


def _is_alias(text: str) -> bool:
    return "@" not in text and _valid(checks.name, text, None) is not None


def _names_here(known: Sequence[ModelVersion], found: Sequence[_Imported]) -> dict[str, str]:
    """The name here of each model there: its own, or that of the same versions where it was renamed there since."""
    names, by_number = {each.theirs.name: each.theirs.name for each in found}, dict[str, list[ModelVersion]]()
    here = {each["model_name"] for each in known}
    for ours in known:
        there = mlflow_versions.imported_from(ours).get("version") or str(ours["version"])
        by_number.setdefault(there, []).append(ours)
    for each in found:
        if each.theirs.name not in here:
            alike = by_number.get(str(each.theirs.version), []) + by_number.get(each.exported_version or "", [])
            same = (ours["model_name"] for ours in alike if mlflow_versions.is_same(ours, each.theirs))
            names[each.theirs.name] = next(same, names[each.theirs.name])
    return names


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
    client = open_client(uri)
    found = []
    with translated(uri):
        for model in _pages(uri, client.search_registered_models):
            query = f"name={quoted(model.name)}"
            versions = sorted(
                _pages(uri, partial(client.search_model_versions, query)), key=lambda each: int(each.version)
            )
            aliases: dict[str, list[str]] = {}
            for alias, number in model.aliases.items():
                aliases.setdefault(str(number), []).append(alias)
            try:
                found += [_imported(each, aliases.get(str(each.version), [])) for each in versions]
            except UsageError as error:
                raise ProviderError(f"MLflow at {uri.partition('?')[0]}: {error}; rename it there") from None
    return found


def _pages(uri: str, search: Callable[..., MlflowPage]) -> Iterator[Any]:
    """The entries of a list.

    Raises:
        ProviderError: it has no end.
    """
    token, seen = None, set[str]()
    while len(seen) < MAX_PAGES:
        page = search(max_results=100, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
        if token in seen:
            break
        seen.add(token)
    raise ProviderError(f"MLflow at {uri.partition('?')[0]}: a list has no end; check the address of the registry")


def _imported(found: MlflowVersion, aliases: list[str]) -> _Imported:
    own = {name.removeprefix(PREFIX): value for name, value in found.tags.items() if name.startswith(PREFIX)}
    metadata: JsonColumn = from_tag(own.get("metadata"), {})
    number = int(found.version)
    job_id = own.get("job_id") or found.run_id
    source = {
        "version": str(number),
        "source": found.source,
        "ours": own.get("version"),
        "created": found.creation_timestamp,
    }
    version: NewModelVersion = {
        "model_name": checks.name("model_name", found.name),
        "base_model": _valid(checks.name, own.get("base_model"), "unknown"),
        "job_id": _valid(checks.name, job_id, f"mlflow-{found.name}-{number}"),
        "artifact_id": None,
        "dataset_size": _valid(checks.count, from_tag(own.get("dataset_size"), 0), 0),
        "accuracy": _valid(checks.rate, from_tag(own.get("accuracy"), None), None),
        "cost": _valid(checks.amount, from_tag(own.get("cost"), None), None),
        "status": own["status"] if own.get("status") in KEPT else "READY",
        "provider": _valid(checks.name, own.get("provider"), None),
        "provider_model": _valid(checks.name, own.get("provider_model"), None),
        "metadata": {**metadata, "mlflow": source},
        "tags": {name: str(value) for name, value in found.tags.items() if not name.startswith(PREFIX)},
    }
    return _Imported(version, found, own.get("version"), aliases)


def _valid(check: Callable[[str, object], Value], value: object, default: Value) -> Value:
    """A value that passes a check; the default of one that somebody has replaced by something else."""
    try:
        return check("tag", value)
    except UsageError:
        return default


def _registered_as(versions: Sequence[ModelVersion], found: _Imported) -> int | None:
    """The version that was imported from MLflow's, or exported to it; None where it is new here."""
    there = str(found.theirs.version), found.theirs.source
    for each in versions:
        source = mlflow_versions.imported_from(each)
        if (source.get("version"), source.get("source")) == there:
            return each["version"]
        if found.exported_version == str(each["version"]) and each["job_id"] == found.version["job_id"]:
            return each["version"]
    return None
