"""A workspace: the settings in force and the database they name. Opened once at the edge, then passed on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fine_tuning.settings import Settings, get_settings
from fine_tuning.store.database import Database, open_database


@dataclass(frozen=True)
class Workspace:
    """Where things are kept, and what is recorded there.

    Attributes:
        settings: as they were when the workspace was opened.
        database: the workspace's own, or the one that a facade was pointed at.
    """

    settings: Settings
    database: Database

    def folder(self, name: str) -> Path:
        """Path of a folder of the workspace (datasets, files, artifacts, models, logs), there or not yet."""
        return self.settings.folder(name)


def open_workspace(where: str | Path | None = None, settings: Settings | None = None) -> Workspace:
    """The workspace that the environment names, or one of other settings.

    Args:
        where: path or URL of a database in place of the workspace's own; see `open_database`.
        settings: other than those of the environment, such as `get_settings().model_copy(update={"home": folder})`.

    Raises:
        ConfigurationError: a setting cannot be what it is set to, or the database's address is none.
    """
    chosen = settings or get_settings()
    if where is None:
        where = chosen.database_url or chosen.home / "fine_tuning.db"
    return Workspace(chosen, open_database(where))
