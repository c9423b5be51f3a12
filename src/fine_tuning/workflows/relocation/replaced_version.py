"""The version that a relocation replaces, and what identifies the relocation."""

from __future__ import annotations

from fine_tuning._util.model_names import parse_version_name
from fine_tuning.errors import NotFoundError
from fine_tuning.model_registry import ModelRegistry
from fine_tuning.store import relocations
from fine_tuning.store.records.model_versions import ModelVersion
from fine_tuning.store.records.relocations import RelocationRequest
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.relocation.relocation_plan import Plan


def relocation_request(plan: Plan, provider: str, old: ModelVersion) -> RelocationRequest:
    """What identifies a relocation."""
    return {
        "model_name": old["model_name"],
        "version": old["version"],
        "base_model": plan.base_model,
        "provider": provider,
        "n_epochs": plan.n_epochs,
        "hyperparameters": dict(plan.hyperparameters or {}),
        "test_file": str(plan.test_file) if plan.test_file else None,
    }


def version_to_replace(workspace: Workspace, plan: Plan, provider: str) -> ModelVersion:
    """The version that the plan's model name refers to.

    Raises:
        NotFoundError: there is no such model.
    """
    name, registry = plan.model, ModelRegistry(workspace=workspace)
    parsed = parse_version_name(name)
    found = registry.get_model_version(*parsed) if parsed else None
    if found is None:
        current = registry.get_deployed_version(name) or _latest(registry, name)
        found = None if current is None else _original(workspace, plan, provider, current)
    if found is None:
        known = ", ".join(sorted({each["model_name"] for each in registry.list_models()})) or "none"
        raise NotFoundError(f"no model {name} is registered; registered: {known}")
    return found


def _latest(registry: ModelRegistry, name: str) -> ModelVersion | None:
    """The latest version, preferably one that no relocation made."""
    versions = registry.list_model_versions(name)
    own = [each for each in versions if _origin(each) is None]
    return next(reversed(own or versions), None)


def _original(workspace: Workspace, plan: Plan, provider: str, found: ModelVersion) -> ModelVersion:
    """The version that this relocation replaced, where an earlier run made the given one; else the given one."""
    origin = _origin(found)
    old = None
    if origin is not None:
        old = ModelRegistry(workspace=workspace).get_model_version(found["model_name"], origin)
    if old is None:
        return found
    with workspace.database.read() as tx:
        made = relocations.version_made(tx, relocation_request(plan, provider, old))
    return old if made == found["version"] else found


def _origin(version: ModelVersion) -> int | None:
    """The version that a relocation replaced by this one; None for a version that no relocation made."""
    found = version["metadata"].get("relocated_from")
    return found if isinstance(found, int) else None
