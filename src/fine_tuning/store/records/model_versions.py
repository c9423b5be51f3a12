"""Versions of models, their deployments and changes."""

from __future__ import annotations

from datetime import datetime
from typing import NotRequired, TypedDict

from fine_tuning.store.records.rows import JsonColumn


class RegistryChange(TypedDict):
    """A change of a model, from `registry_changes` or `deployment_events`; the time in ISO 8601.

    kind: status, alias, tag or accuracy; name: the alias's or tag's name, else the kind; version: None of an alias;
    experiment: the A/B test that decided it.
    """

    kind: str
    version: int | None
    name: str
    before: str | None
    after: str | None
    actor: str
    reason: str
    experiment: str | None
    created_at: str


class ModelVersion(TypedDict):
    """A row of `model_versions` without the keys of other tables; times in ISO 8601."""

    model_name: str
    version: int
    base_model: str
    job_id: str
    dataset_size: int
    accuracy: float | None
    cost: float | None
    status: str
    provider: str | None
    provider_model: str | None
    metadata: JsonColumn
    tags: dict[str, str]
    registered_at: str
    deployed_at: str | None


class NewModelVersion(TypedDict):
    """What `model_versions.register` stores, less the number that it gives."""

    model_name: str
    base_model: str
    job_id: str
    artifact_id: int | None
    dataset_size: int
    accuracy: float | None
    cost: float | None
    status: str
    provider: NotRequired[str | None]
    provider_model: NotRequired[str | None]
    metadata: JsonColumn
    tags: NotRequired[dict[str, str]]
    registered_at: NotRequired[datetime]


class DatedModelVersion(ModelVersion):
    """A version with the host that answers for it, and the day on which that host shuts it down.

    answered_by: "local" or a host's address, None where unknown; shutdown_date (ISO 8601) and days_left (negative
    afterwards): None where no shutdown is announced.
    """

    answered_by: str | None
    shutdown_date: str | None
    days_left: int | None


class DescribedModelVersion(DatedModelVersion):
    """As `DatedModelVersion`, with the aliases that point at the version."""

    aliases: list[str]


class Deployment(TypedDict):
    """A row of `deployment_events`."""

    id: int
    model_version_id: int
    from_status: str | None
    to_status: str
    actor: str
    reason: str
    experiment_id: str | None
    created_at: datetime
