"""Versions to and from an MLflow registry, with their aliases, tags and facts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from fine_tuning.errors import MissingDependencyError, ProviderError

PREFIX = "fine_tuning."  # of the tags that carry our facts
KEPT = ("READY", "DEPLOYED", "ARCHIVED", "FAILED")  # statuses that come back as they went
DEPLOYED = "deployed"  # the alias that MLflow's users load a model by
_FACTS = (
    "base_model", "job_id", "dataset_size", "accuracy", "cost", "status", "provider", "provider_model", "metadata",
    "registered_at",
)  # fmt: skip
Version = Mapping[str, Any]


def send(uri: str, versions: Sequence[Version], aliases: Mapping[tuple[str, int], Sequence[str]]) -> int:
    """Put versions that a registry lacks into it, oldest first, and move its aliases. Returns how many are new.

    Args:
        uri: of MLflow's registry, e.g. sqlite:///mlflow.db or http://host:5000.
        aliases: by model and number.

    Raises:
        MissingDependencyError: the `mlflow` extra is not installed.
        ProviderError: the registry refuses or cannot be reached.
    """
    client = _client(uri)
    added, refused = 0, []
    with _translated(uri):
        for name in dict.fromkeys(version["model_name"] for version in versions):
            there = _numbers(client, name)
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
        raise ProviderError(f"MLflow takes no models named {shown}; the others are there ({added} new versions)")
    return added


def _numbers(client: Any, name: str) -> dict[int, str] | None:
    """Our versions of a model that the registry has, and its numbers for them; the model is made known to it.

    None where the registry takes no model of this name.
    """
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


def _create(client: Any, version: Version) -> str:
    tags = {f"{PREFIX}{name}": _as_tag(version[name]) for name in _FACTS if version[name] is not None}
    tags[f"{PREFIX}version"] = str(version["version"])
    source = version["provider_model"] or f"job:{version['job_id']}"
    source = source if ":" in source or "/" not in source else f"file://{source}"
    made = client.create_model_version(version["model_name"], source, tags=tags | dict(version["tags"]))
    return str(made.version)


def _as_tag(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def receive(uri: str) -> list[tuple[Version, list[str]]]:
    """Every version of a registry, oldest first, as `register` takes it, with its aliases.

    What MLflow does not know of a version of another maker is None; its source is kept in the metadata.
    """
    client = _client(uri)
    found = []
    with _translated(uri):
        for model in _pages(client.search_registered_models):
            query = f"name={_quoted(model.name)}"
            versions = sorted(_pages(partial(client.search_model_versions, query)), key=lambda each: int(each.version))
            named: dict[str, list[str]] = {}
            for alias, number in model.aliases.items():
                named.setdefault(str(number), []).append(alias)
            found += [(_received(each), named.get(str(each.version), [])) for each in versions]
    return found


def _pages(ask: Any) -> Iterator[Any]:
    token = None
    while True:
        page = ask(max_results=100, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _received(version: Any) -> Version:
    own = {name.removeprefix(PREFIX): value for name, value in version.tags.items() if name.startswith(PREFIX)}
    tags = {name: str(value) for name, value in version.tags.items() if not name.startswith(PREFIX)}
    facts: dict[str, Any] = {
        "model_name": version.name, "base_model": own.get("base_model", "unknown"),
        "job_id": own.get("job_id") or version.run_id or f"mlflow-{version.name}-{version.version}",
        "provider": own.get("provider"), "provider_model": own.get("provider_model"), "tags": tags,
    }  # fmt: skip
    for name, unknown in (("dataset_size", 0), ("accuracy", None), ("cost", None), ("metadata", {})):
        facts[name] = _from_tag(own[name], unknown) if name in own else unknown
    facts["status"] = own.get("status") if own.get("status") in KEPT else "READY"
    facts["metadata"] = {**facts["metadata"], "mlflow": {
        "version": str(version.version), "source": version.source, "ours": own.get("version")}}  # fmt: skip
    return facts


def known_as(versions: Sequence[Version], facts: Version) -> int | None:
    """Which of a model's versions is the one received: what was received before, or what went there from here."""
    source = facts["metadata"]["mlflow"]
    for each in versions:
        before = each["metadata"].get("mlflow") or {}
        if all(before.get(name) == source[name] for name in ("version", "source")):
            return int(each["version"])
        if source["ours"] == str(each["version"]) and each["job_id"] == facts["job_id"]:
            return int(each["version"])
    return None


def _from_tag(text: str, unknown: Any) -> Any:
    """A fact that we wrote; what somebody has changed into something else is unknown."""
    try:
        value = json.loads(text)
    except ValueError:
        return unknown
    kinds = dict if isinstance(unknown, dict) else (int, float)
    return value if isinstance(value, kinds) and not isinstance(value, bool) else unknown


def _client(uri: str) -> Any:
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
        said = str(error).strip().splitlines()[0]
        raise ProviderError(f"MLflow at {uri.partition('?')[0]}: {said}; check the address of the registry") from error


def _quoted(name: str) -> str:
    """A name in a filter of MLflow's, which knows no escapes."""
    return f"'{name}'" if '"' in name else f'"{name}"'
