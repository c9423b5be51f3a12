"""Choices of the forms. Only these are accepted: no path typed in a browser reaches the file system."""

from __future__ import annotations

from collections.abc import Mapping

from fine_tuning._util.model_names import version_name
from fine_tuning.base_models import catalogue
from fine_tuning.costs.prices import PriceList
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.store import datasets
from fine_tuning.store.workspace import Workspace

NEWEST = 200


def base_models(aliases: Mapping[str, str]) -> dict[str, str]:
    """Base models to train: the embedded ones and the aliases of the server, by what they resolve to."""
    return {name: name for name in catalogue.embedded_names()} | {model: name for name, model in aliases.items()}


def token_models(workspace: Workspace, aliases: Mapping[str, str]) -> dict[str, str]:
    """Models whose tokens can be counted."""
    return base_models(aliases) | {name: name for name in _hosted_models(workspace)}


def training_files(workspace: Workspace) -> dict[str, str]:
    """The files of the newest datasets by path."""
    with workspace.database.read() as tx:
        found = datasets.newest_files(tx, NEWEST)
    return {each["path"]: f"{each['name']}, {each['part']} ({each['rows']:,} rows)" for each in found}


def models(workspace: Workspace, aliases: Mapping[str, str]) -> dict[str, str]:
    """Models that can answer, by their name for `LLMService`: registered, base, and OpenAI's where a key is set."""
    versions = ModelRegistry(workspace=workspace).list_models()
    deployed = [each["model_name"] for each in versions if each["status"] == "DEPLOYED"]
    numbered = [version_name(each["model_name"], each["version"]) for each in versions[-NEWEST:]]
    hosted = _hosted_models(workspace) if workspace.settings.openai_api_key else []
    return base_models(aliases) | {name: name for name in (*deployed, *numbered, *hosted)}


def _hosted_models(workspace: Workspace) -> list[str]:
    """OpenAI's models that have a training price."""
    return sorted(PriceList(workspace.settings.prices).training_prices())
