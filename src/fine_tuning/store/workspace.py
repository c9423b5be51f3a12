"""A workspace: settings and a database. Open it once at the edge, then pass it on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fine_tuning.settings import Settings, get_settings
from fine_tuning.store.database import Database, open_database


@dataclass(frozen=True)
class Workspace:
    """The settings and the database that belong together.

    Attributes:
        settings: read when the workspace was opened.
        database: the workspace's own, or another that a facade was given.
    """

    settings: Settings
    database: Database

    def folder(self, name: str) -> Path:
        """Path of a folder of the workspace (datasets, files, artifacts, models, logs), existing or not."""
        return self.settings.folder(name)


def open_workspace(where: str | Path | None = None, settings: Settings | None = None) -> Workspace:
    """Open the workspace of the environment, or of other settings.

    Args:
        where: path or URL of a database in place of the workspace's own; see `open_database`.
        settings: in place of the environment's, such as `get_settings().model_copy(update={"home": folder})`.

    Raises:
        ConfigurationError: a setting or the database's address is invalid.
    """
    chosen = settings or get_settings()
    if where is None:
        where = chosen.database_url or chosen.home / "fine_tuning.db"
    return Workspace(chosen, open_database(where))
