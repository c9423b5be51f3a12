"""The workspace of a command, opened once and passed to what the command calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fine_tuning.store.workspace import Workspace


def models_folder() -> Path:
    """The folder of base models, for commands that need no database.

    Raises:
        ConfigurationError: a setting is invalid.
    """
    from fine_tuning.settings import get_settings

    return get_settings().folder("models")


def command_workspace(*, home: Path | None = None, ray_address: str | None = None) -> Workspace:
    """Open the workspace that the environment names, with the options of the command in place of its settings.

    Args:
        home: workspace folder in place of FINE_TUNING_HOME; its own SQLite database is used.
        ray_address: Ray cluster in place of FINE_TUNING_RAY_ADDRESS.

    Raises:
        ConfigurationError: a setting or the address of the database is invalid.
    """
    from fine_tuning.settings import get_settings  # `ft-cli --help` loads neither settings nor database
    from fine_tuning.store.workspace import open_workspace

    changes: dict[str, object] = {}
    if home is not None:
        changes |= {"home": home, "database_url": None}
    if ray_address is not None:
        changes["ray_address"] = ray_address
    return open_workspace(settings=get_settings().model_copy(update=changes))
