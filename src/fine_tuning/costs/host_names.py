"""Registered versions by the name that their host gives to their model, beside `<name>-v<version>`."""

from __future__ import annotations

from fine_tuning._util.same_model import is_same
from fine_tuning.costs import answering_host, hosted_model
from fine_tuning.costs.answering_host import UNKNOWN_HOST
from fine_tuning.costs.hosted_model import HostedModel
from fine_tuning.store import model_versions, named_versions
from fine_tuning.store.database import Transaction
from fine_tuning.store.records.model_versions import ModelVersion


def of_version(tx: Transaction, version: ModelVersion) -> HostedModel | None:
    """A version's model where it answers; None where that name is not its own, but its base's or a vendor's."""
    found = answering_host.of_version(tx, version)
    if found.model == found.shown:
        return None
    hosted = hosted_model.read(found.model, None if found.host == UNKNOWN_HOST else found.host)
    if hosted.is_fine_tuned:
        return hosted
    is_shared = is_same(hosted.model, version["base_model"])
    return None if is_shared or not (hosted.is_private or not hosted_model.is_vendors(hosted.model)) else hosted


def is_version(tx: Transaction, name: str, version: ModelVersion, at: str) -> bool:
    """Whether a name that is not registered was the host's own of a version at a time (ISO 8601, UTC).

    A fine-tuned model's name (`ft:...`) is never given to another one. A host that loads the next version under the
    name of the one before has answered with the newest that was registered then; before all of them, the first.
    """
    hosted, named = of_version(tx, version), hosted_model.read(name)
    if hosted is None or not hosted.is_same(named):
        return False
    if hosted.is_fine_tuned:
        return True
    alike = [each for each in model_versions.versions(tx) if _is_at(tx, each, named)]
    alike.sort(key=lambda each: each["registered_at"])
    then = [each for each in alike if each["registered_at"] <= at][-1:] or alike[:1]
    return then == [version]


def find(tx: Transaction, name: str, at: str) -> ModelVersion | None:
    """The version of a registered name (see `named_versions.find`), else the one that a host's name stood for."""
    if (registered := named_versions.find(tx, name)) is not None:
        return registered
    return of_name(tx, name, at)


def of_name(tx: Transaction, name: str, at: str) -> ModelVersion | None:
    """The version that a host's own name stood for at a time (ISO 8601, UTC); None for a name of no version."""
    return next((each for each in model_versions.versions(tx) if is_version(tx, name, each, at)), None)


def _is_at(tx: Transaction, version: ModelVersion, named: HostedModel) -> bool:
    hosted = of_version(tx, version)
    return hosted is not None and hosted.is_same(named)
