"""Another model that a model of several parts asks, as its folder names it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fine_tuning.errors import ConflictError, DataError
from fine_tuning.serving.model_resolution import LOCAL


@dataclass(frozen=True)
class PartModel:
    """What answers: "local" and a base model's name or a model folder, or a host's address and its model id.

    A folder is kept relative to that of the whole, in the same workspace, so that both move together, and a folder that
    somebody else has written names no other file of this machine.
    """

    provider: str
    model: str

    def settings(self, folder: Path) -> dict[str, str]:
        """How the folder of the whole names it.

        Raises:
            ConflictError: it is a folder outside of the workspace.
        """
        if self.provider != LOCAL or not Path(self.model).is_absolute():
            return {"provider": self.provider, "model": self.model}
        if not Path(self.model).resolve().is_relative_to(_workspace(folder)):
            raise ConflictError(f"{self.model} is outside of the workspace; import it first (ft-cli import-model)")
        return {"provider": LOCAL, "folder": os.path.relpath(Path(self.model).resolve(), folder.resolve())}

    @classmethod
    def read(cls, settings: Mapping[str, object], folder: Path) -> PartModel:
        """What a folder names.

        Raises:
            DataError: it is outside of the workspace.
            KeyError: it names nothing.
        """
        provider = str(settings["provider"])
        if provider != LOCAL or "folder" not in settings:
            model = str(settings["model"])
            if provider == LOCAL and len(Path(model).parts) != 1:
                raise DataError(f"{folder.name} names a model by a path, which is not followed")
            return cls(provider, model)
        place = (folder / str(settings["folder"])).resolve()
        if not place.is_relative_to(_workspace(folder)):
            raise DataError(f"{folder.name} names a model outside of its workspace")
        return cls(provider, str(place))


def _workspace(folder: Path) -> Path:
    """The workspace of a model that is in its folder of artifacts."""
    return folder.resolve().parents[1]
