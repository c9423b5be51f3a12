"""What answered a captured call: the model as its host names it, and the host."""

from __future__ import annotations

from typing import NamedTuple

from fine_tuning._util.model_names import version_name
from fine_tuning._util.providers import is_provider
from fine_tuning.store import jobs, model_versions, named_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.examples import Example
from fine_tuning.store.records.model_versions import ModelVersion

LOCAL = "local"  # the provider of models on this machine
UNKNOWN_HOST = "unknown"  # of a registered version, whose name says nothing about who bills it


class AnsweringHost(NamedTuple):
    """A model where it answers.

    Attributes:
        model: as the host names it.
        host: its address, or "local"; None where only the name is known.
        shown: for messages, the name that the call was captured under.
    """

    model: str
    host: str | None
    shown: str


def noted(example: Example) -> AnsweringHost:
    """What the capture of a call noted (`provider`), else only the name."""
    model, provider = example["model_used"], example["metadata"].get("provider")
    if not isinstance(provider, str) or not provider:
        return AnsweringHost(model, None, model)
    if provider == LOCAL or "://" in provider:
        return AnsweringHost(model, provider, f"{model} at {provider}" if provider != LOCAL else f"{model} (local)")
    at_provider = f"{provider}/{model}" if not is_provider(model.partition("/")[0]) else model
    return AnsweringHost(at_provider, None, at_provider)


def of_example(tx: Transaction, example: Example) -> AnsweringHost:
    """What answered a captured call: as noted; a registered name stands for the version that answered then."""
    found, name = noted(example), example["model_used"]
    version = named_versions.find(tx, name)
    if version is None:
        return found
    number = example["metadata"].get("version")
    if not isinstance(number, int):
        number = named_versions.answering(tx, name).at(example["captured_at"])
    if isinstance(number, int):
        version = model_versions.get(tx, version["model_name"], number) or version
    return of_version(tx, version)


def of_version(tx: Transaction, version: ModelVersion) -> AnsweringHost:
    """What answers for a registered version: as registered, else where it was trained."""
    shown = version_name(version["model_name"], version["version"])
    job = None if version["provider"] else jobs.get(tx, version["job_id"])
    host = version["provider"] or (None if job is None else job["provider"])
    model = version["provider_model"] or (None if job is None else job["fine_tuned_model"])
    return AnsweringHost(model or shown, host or UNKNOWN_HOST, shown)
