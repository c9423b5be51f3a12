"""What answers to a name now: the version that is deployed, or that the name says."""

from __future__ import annotations

from typing import NamedTuple

from fine_tuning._util import checks
from fine_tuning._util.model_names import version_name
from fine_tuning.serving.model_resolution import find_target
from fine_tuning.store import named_versions
from fine_tuning.store.workspace import Workspace


class Answering(NamedTuple):
    """What answers to a name.

    Attributes:
        model: the registered name, else the name itself; version: of a registered model, else None.
    """

    model: str
    version: int | None

    @property
    def pinned(self) -> str:
        """The name of exactly this version, whatever is deployed meanwhile."""
        return self.model if self.version is None else version_name(self.model, self.version)


def answering(model: str, workspace: Workspace) -> Answering:
    """The version that answers now to a name: to a registered name the deployed one, to `@<alias>` that of the alias.

    Raises:
        NotFoundError, ConflictError: the name is registered, and has no such version, alias or deployment.
    """
    with workspace.database.read() as tx:
        target = find_target(tx, checks.name("model", model))
    if target is None or target.name is None:
        return Answering(model, None)
    return Answering(target.name, target.version)


def answered(model: str, workspace: Workspace) -> Answering:
    """What answered, where the answers are there already: the version that a name says, else the model alone.

    Raises:
        NotFoundError: the name is registered, and has no such version or alias.
    """
    with workspace.database.read() as tx:
        return Answering(*named_versions.model_and_version(tx, checks.name("model", model)))
