"""What a form offers. Only these are taken: no path that somebody typed in a browser reaches the file system."""

from __future__ import annotations

from collections.abc import Mapping

from fine_tuning._util.model_names import version_name
from fine_tuning.base_models import catalogue
from fine_tuning.costs import prices
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.settings import get_settings
from fine_tuning.store import datasets
from fine_tuning.store.database import open_database

NEWEST = 200


def base_models(aliases: Mapping[str, str]) -> dict[str, str]:
    """Base models to train, by what they resolve to: the embedded ones, and those that the server has names for."""
    return {name: name for name in catalogue.embedded_names()} | {model: name for name, model in aliases.items()}


def token_models(aliases: Mapping[str, str]) -> dict[str, str]:
    """Models whose tokens can be counted."""
    return base_models(aliases) | {name: name for name in sorted(prices.training_prices())}


def training_files() -> dict[str, str]:
    """The files of the newest data sets, by path."""
    with open_database().read() as tx:
        found = datasets.newest_files(tx, NEWEST)
    return {each["path"]: f"{each['name']}, {each['part']} ({each['rows']:,} rows)" for each in found}


def models(aliases: Mapping[str, str]) -> dict[str, str]:
    """Models to ask, by what `LLMService` calls them: registered ones, base models, OpenAI's where there is a key."""
    versions = ModelRegistry().list_models()
    deployed = [each["model_name"] for each in versions if each["status"] == "DEPLOYED"]
    numbered = [version_name(each["model_name"], each["version"]) for each in versions[-NEWEST:]]
    hosted = sorted(prices.training_prices()) if get_settings().openai_api_key else []
    return base_models(aliases) | {name: name for name in (*deployed, *numbered, *hosted)}
