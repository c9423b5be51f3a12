"""The deployment timeline of a model: from when to when each version was deployed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fine_tuning.store.records.model_versions import RegistryChange


@dataclass(frozen=True)
class DeploymentSpan:
    """A time in which a version was deployed; ISO 8601, ended_at is None while it still is."""

    version: int
    started_at: str
    ended_at: str | None


def deployment_spans(history: Sequence[RegistryChange]) -> list[DeploymentSpan]:
    """The deployments in the history of a model (`ModelRegistry.history`), in the order of their start."""
    spans: list[DeploymentSpan] = []
    for change in history:
        if change["kind"] != "status" or change["version"] is None:
            continue
        if change["after"] == "DEPLOYED":
            spans.append(DeploymentSpan(change["version"], change["created_at"], None))
        elif change["before"] == "DEPLOYED":
            place = max(place for place, span in enumerate(spans) if span.version == change["version"])
            spans[place] = DeploymentSpan(change["version"], spans[place].started_at, change["created_at"])
    return spans


def registration_times(history: Sequence[RegistryChange]) -> dict[int, str]:
    """When each version was registered, ISO 8601."""
    return {
        change["version"]: change["created_at"]
        for change in history
        if change["kind"] == "status" and change["before"] is None and change["version"] is not None
    }
