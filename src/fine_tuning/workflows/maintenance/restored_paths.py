"""Paths in restored rows: those into the old workspace lead into the new one, and no other leads to a file.

A backup may come from somebody else. A row that names a file elsewhere on this machine would have it trained on, served
or deleted as if it were the workspace's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from fine_tuning.store.dump import Row

FOLDER = "outside"  # of the workspace, where paths that led out of it lead now; nothing is written there
_COLUMNS = {"files": "path", "upload_parts": "path", "artifacts": "path", "datasets": "path"}
_MODELS = {"model_versions": ("provider_model",)}  # a job's base model is another's, wherever its folder is
_RESULT, _FOLDERS = "result", ("adapter_dir", "merged_dir")  # of a job
_STEPS, _DATA, _PARTS = "done", "data", ("train", "test")  # of a relocation


class RestoredPaths:
    """Changes the paths of rows; `outside` are those that led out of the old workspace.

    Args:
        homes: every path of the old workspace's folder.
        home: the new one.
    """

    def __init__(self, homes: Iterable[str], home: Path) -> None:
        longest_first = sorted(homes, key=len, reverse=True)
        self._home, self._prefixes = home, [(old, str(home)) for old in longest_first]
        self.outside: set[str] = set()

    def row(self, table: str, row: Row) -> Row:
        """A row of a table with the paths that it has here."""
        found = {name: moved(value, self._prefixes) for name, value in row.items()}
        if (column := _COLUMNS.get(table)) is not None:
            found[column] = self._inside(str(found[column]))
        if table == "relocations" and isinstance(done := found.get(_STEPS), dict):
            data = done.get(_DATA)
            self._keep_inside(data if isinstance(data, dict) else {}, _PARTS, is_path=True)
        if found.get("provider") == "local":
            self._keep_inside(found, _MODELS.get(table, ()))
            if table == "jobs" and isinstance(result := found.get(_RESULT), dict):
                self._keep_inside(result, _FOLDERS, is_path=True)
                checkpoints = result.get("checkpoints")
                for each in checkpoints if isinstance(checkpoints, list) else []:
                    self._keep_inside(each if isinstance(each, dict) else {}, ("model",))
        return found

    def _keep_inside(self, values: dict[str, object], names: Iterable[str], *, is_path: bool = False) -> None:
        """Change the paths under these names; a name of a model is none, unless it is said to be."""
        for name in names:
            value = values.get(name)
            if value is not None and (is_path or _is_path(str(value))):
                values[name] = self._inside(str(value))

    def _inside(self, path: str) -> str:
        plain = Path(os.path.normpath(path))
        if plain.is_absolute() and plain.is_relative_to(self._home):
            return path
        self.outside.add(path)
        return str(self._home / FOLDER / "/".join(part for part in plain.parts if part not in {"/", "//", ".."}))


def _is_path(name: str) -> bool:
    """Whether the name of a model is a path; those of hubs (`org/model`) have one slash, and begin with a letter."""
    path = Path(name)
    return path.is_absolute() or name.startswith(("~", ".")) or ".." in path.parts


def moved(value: object, prefixes: Sequence[tuple[str, str]]) -> object:
    """The value with paths into one folder changed to another, by the first matching prefix."""
    if isinstance(value, str):
        for old, new in prefixes:
            if value.startswith(f"{old}/"):
                return new + value[len(old) :]
        return value
    if isinstance(value, dict):
        return {name: moved(item, prefixes) for name, item in value.items()}
    return [moved(item, prefixes) for item in value] if isinstance(value, list) else value
