"""Find data sets again: by name, by hash, by folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fine_tuning._util.files import is_file
from fine_tuning.data_io import sources
from fine_tuning.datasets import manifest
from fine_tuning.errors import NotFoundError
from fine_tuning.store import datasets
from fine_tuning.store.database import Database


def newest(database: Database, limit: int, offset: int = 0) -> list[dict[str, Any]]:
    """The newest records first."""
    with database.read() as tx:
        return datasets.newest(tx, limit, offset)


def count(database: Database) -> int:
    """How many records there are."""
    with database.read() as tx:
        return datasets.count(tx)


def listed(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a list shows of a record."""
    shown = {name: record[name] for name in ("name", "format", "rows", "path", "created_at")}
    return {**shown, "hash": record["content_hash"]}


def described(database: Database, name: str) -> dict[str, Any]:
    """A data set's manifest; of a single file the same facts, as far as they were recorded.

    Raises:
        NotFoundError: there is no such data set.
    """
    if is_file(Path(name) / manifest.FILE):
        return manifest.read(Path(name)).as_dict()
    record = _record(database, name)
    if "parts" in record["recipe"]:
        return {"hash": record["content_hash"], "name": record["name"], **record["recipe"]}
    file = {"file": Path(record["path"]).name, "rows": record["rows"], "content_hash": record["content_hash"]}
    return {
        "hash": record["content_hash"],
        "name": record["name"],
        "recipe": {"format": record["format"], **record["recipe"]},
        "parts": {"all": {**file, "tokens": None}},
        "counts": {"read": record["rows"], "kept": record["rows"], "rejected": 0, "duplicates": 0, "left_out": 0},
        "steps": {},
        "findings": [],
        "conflicts": {"questions": 0, "rows": 0, "first": []},
        "lengths": None,
        "sources": [str(record["recipe"].get("source", "examples"))],
        "versions": {},
    }


def folder_of(database: Database, name: str) -> Path:
    """The folder of a data set that was built.

    Raises:
        NotFoundError: there is no such data set, or it is a single file.
    """
    if is_file(Path(name) / manifest.FILE):
        return Path(name)
    folder = Path(_record(database, name)["path"])
    if not is_file(folder / manifest.FILE):
        raise NotFoundError(f"{name} is no data set with a manifest ({folder}); build one with `ft-cli dataset build`")
    return folder


def files_of(database: Database, name: str) -> list[str]:
    """The files of a data set's parts, or those that a path or glob means.

    Raises:
        NotFoundError: there is neither.
    """
    folder = Path(name)
    if not is_file(folder / manifest.FILE):
        with database.read() as tx:
            record = None if folder.exists() else datasets.find(tx, name)
        if record is None:
            return sources.expand([name])
        folder = Path(record["path"])
        if is_file(folder):
            return [str(folder)]
    return [str(folder / part["file"]) for part in manifest.read(folder).parts.values()]


def _record(database: Database, name: str) -> dict[str, Any]:
    with database.read() as tx:
        record = datasets.find(tx, name)
    if record is None:
        raise NotFoundError(f"no data set {name}; `ft-cli dataset list` shows them")
    return record
