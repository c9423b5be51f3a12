"""A workspace: settings and a database. Open it once at the edge, then pass it on."""

from __future__ import annotations

import json
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

    def environment(self) -> dict[str, str]:
        """Environment variables by which another process of this user and folder opens this workspace.

        Settings that the process reads itself (as this one does now) are left out, and so are secrets.
        """
        current, known = get_settings(), self.settings.model_dump(mode="json")
        changed = {
            _variable(name): _text(known[name])
            for name in type(self.settings).model_fields
            if getattr(self.settings, name) != getattr(current, name) and not name.endswith("_key")
        }
        return changed | {
            "FINE_TUNING_HOME": str(self.settings.home.absolute()),
            "FINE_TUNING_DATABASE_URL": self.database.location,
        }


def _variable(setting: str) -> str:
    alias = Settings.model_fields[setting].validation_alias
    return alias if isinstance(alias, str) else f"FINE_TUNING_{setting.upper()}"


def _text(value: object) -> str:
    """A setting as its environment variable has it; an empty variable counts as unset."""
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return json.dumps(value)
    return "" if value is None else str(value)


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
