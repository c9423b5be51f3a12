"""What every step of a relocation needs: the plan, the workspace, the version to replace, and the recorded steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fine_tuning._util import hosts
from fine_tuning._util.model_names import version_name
from fine_tuning.errors import ConfigurationError, NotFoundError, ProviderError
from fine_tuning.store.records.model_versions import ModelVersion
from fine_tuning.store.workspace import Workspace
from fine_tuning.workflows.relocation.recorded_steps import RecordedSteps
from fine_tuning.workflows.relocation.relocation_plan import LOCAL, Plan
from fine_tuning.workflows.relocation.replaced_version import relocation_request, version_to_replace

NO_ANSWER = (ProviderError, NotFoundError, ConfigurationError)  # it fails, is retired, or the key is revoked


@dataclass(frozen=True)
class RelocationRun:
    """One run of a relocation.

    Attributes:
        provider: "local", or the address of the host that trains.
        old: the version to replace.
        on_message: called with a line about each step.
    """

    plan: Plan
    workspace: Workspace
    provider: str
    old: ModelVersion
    steps: RecordedSteps
    on_message: Callable[[str], None]

    @property
    def old_name(self) -> str:
        """`<name>-v<version>` of the version to replace."""
        return version_name(self.old["model_name"], self.old["version"])

    @property
    def is_local(self) -> bool:
        """Whether training happens on this machine."""
        return self.provider == LOCAL


def start_run(plan: Plan, workspace: Workspace, on_message: Callable[[str], None]) -> RelocationRun:
    """Start the relocation of a plan, or resume an interrupted one.

    Raises:
        NotFoundError: there is no such model.
    """
    provider = LOCAL if plan.provider == LOCAL else hosts.find_host(workspace.settings, plan.provider).url
    old = version_to_replace(workspace, plan, provider)
    steps = RecordedSteps(workspace.database, relocation_request(plan, provider, old))
    return RelocationRun(plan, workspace, provider, old, steps, on_message)
